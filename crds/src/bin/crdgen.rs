//! Writes the CRDs as YAML: `crdgen DIR` makes `DIR/<plural>.yaml`.

use std::{env, error::Error, fs, path::PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(env::args_os().nth(1).ok_or("usage: crdgen DIR")?);
    for crd in fno_crds::crds() {
        let path = dir.join(format!("{}.yaml", crd.spec.names.plural));
        fs::write(&path, fno_crds::yaml(&crd)?)?;
        println!("{}", path.display());
    }
    Ok(())
}
