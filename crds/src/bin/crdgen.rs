//! Writes what is generated from the types: `crdgen ROOT` writes `ROOT/crds/<plural>.yaml`, the chart's copies of them,
//! `ROOT/docs/reasons.md` and `ROOT/docs/api.md`.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::args_os().nth(1).ok_or("usage: crdgen ROOT")?);
    for (path, text) in fno_crds::generated()? {
        let path = root.join(path);
        fs::write(&path, text)?;
        println!("{}", path.display());
    }
    Ok(())
}
