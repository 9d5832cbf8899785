//! A folder of evidence: made on local disk, then put into the store, the manifest last.
//!
//! On disk first, because a store that is away must not fill the memory: a folder can be put as often as it takes.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use fno_crds::job::Evidence;
use sha2::{Digest as _, Sha256};

use crate::{
    manifest::{FileFacts, MANIFEST, Manifest, REPORT},
    new_file::NewFile,
    place::Place,
    report,
    store::{Store, StoreError},
};

/// A complete folder on local disk.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// In the order they are put.
    files: Vec<(String, &'static str)>,
    manifest: Vec<u8>,
}

impl Folder {
    /// Writes pictures and report into the folder `path`, which is emptied first. Blocks on the disk.
    ///
    /// # Errors
    /// The disk is full or read-only, or a file name is not one.
    pub fn write(path: &Path, mut manifest: Manifest, files: Vec<NewFile>) -> io::Result<Self> {
        match fs::remove_dir_all(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => fs::create_dir_all(path)?,
        }
        let mut names = Vec::with_capacity(files.len() + 1);
        for file in &files {
            fs::write(path.join(safe(&file.name)?), &file.bytes)?;
            names.push((file.name.clone(), file.media_type));
            manifest.files.push(FileFacts {
                step: Some(file.step.clone()),
                taken_at: Some(file.taken_at),
                url: file.url.clone(),
                ..facts(&file.name, file.media_type, &file.bytes)
            });
        }
        let page = report::page(&manifest, &files).map_err(io::Error::other)?;
        drop(files);
        fs::write(path.join(REPORT), &page)?;
        names.push((REPORT.to_owned(), "text/html; charset=utf-8"));
        manifest.files.push(facts(REPORT, "text/html", page.as_bytes()));
        let manifest = serde_json::to_vec_pretty(&manifest).map_err(io::Error::other)?;
        Ok(Self { path: path.to_owned(), files: names, manifest })
    }

    /// Removes it from local disk.
    ///
    /// # Errors
    /// The disk's.
    pub async fn remove(self) -> io::Result<()> {
        tokio::fs::remove_dir_all(&self.path).await
    }
}

impl Store {
    /// Puts a folder to its place, the manifest last: who finds a manifest finds everything it lists. May be repeated.
    ///
    /// # Errors
    /// [`StoreError`] names the file; what was put before it lies there and does no harm.
    pub async fn put_evidence(
        &self,
        place: &Place<'_>,
        folder: &Folder,
    ) -> Result<Evidence, StoreError> {
        let to = place.path(self.base());
        for (name, media_type) in &folder.files {
            let path = folder.path.join(name);
            let bytes = tokio::fs::read(&path)
                .await
                .map_err(|source| StoreError::Local { path: path.display().to_string(), source })?;
            self.put(&to.clone().join(name.as_str()), bytes, media_type).await?;
        }
        self.put(&to.clone().join(MANIFEST), folder.manifest.clone(), "application/json").await?;
        let files = i32::try_from(folder.files.len() + 1).unwrap_or(i32::MAX);
        Ok(Evidence { uri: self.uri(&to), sha256: digest(&folder.manifest), files })
    }
}

fn facts(name: &str, media_type: &str, bytes: &[u8]) -> FileFacts {
    FileFacts {
        name: name.to_owned(),
        media_type: media_type.to_owned(),
        size: bytes.len(),
        sha256: digest(bytes),
        step: None,
        taken_at: None,
        url: None,
    }
}

pub(crate) fn digest(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// A name is made from a step's name, which is the flow author's.
fn safe(name: &str) -> io::Result<&str> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty()
        || name.starts_with('.')
        || !name.chars().all(good)
        || [MANIFEST, REPORT].contains(&name)
    {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{name:?} is no name for a file of evidence"),
        ));
    }
    Ok(name)
}
