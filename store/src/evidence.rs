//! A folder of evidence: written to local disk, then uploaded to the store, the manifest last.
//!
//! On disk first, because evidence must not fill the memory while the store is unavailable. A
//! folder can be uploaded as often as needed.

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
    /// Names and media types in the order of upload.
    files: Vec<(String, &'static str)>,
    manifest: Vec<u8>,
}

impl Folder {
    /// Writes pictures and report into the folder `path`, which is emptied first. Blocks the thread
    /// on disk I/O.
    ///
    /// # Errors
    /// The disk is full or read-only, or a file name is not allowed.
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

    /// Removes the folder from local disk.
    ///
    /// # Errors
    /// The error of the disk.
    pub async fn remove(self) -> io::Result<()> {
        tokio::fs::remove_dir_all(&self.path).await
    }
}

impl Store {
    /// Uploads a folder, the manifest last: if a manifest exists, every file that it lists exists.
    /// The upload can be repeated.
    ///
    /// # Errors
    /// [`StoreError`] names the file. Files uploaded before it stay in the store and do no harm.
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

/// File names contain step names, which flow authors choose: only harmless characters are accepted.
fn safe(name: &str) -> io::Result<&str> {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if name.is_empty()
        || name.starts_with('.')
        || !name.chars().all(good)
        || [MANIFEST, REPORT].contains(&name)
    {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{name:?} is not allowed as the name of an evidence file"),
        ));
    }
    Ok(name)
}
