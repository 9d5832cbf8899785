//! Opening a store by its URL, and the two operations on it: put and get.

use std::sync::Arc;

use bytes::Bytes;
use object_store::{
    Attribute, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, local::LocalFileSystem,
    path::Path,
};
use url::Url;

use crate::s3::{self, S3};

/// Settings of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `file:///path` (a volume) or `s3://bucket/prefix`.
    pub url: String,
    /// Settings for an `s3:` URL.
    pub s3: S3,
}

/// The store cannot be opened because a setting is wrong.
#[derive(Debug, thiserror::Error)]
#[error("evidence store {url}: {why}")]
pub struct OpenError {
    pub(crate) url: String,
    pub(crate) why: String,
}

/// A read or write failed. The caller decides whether to retry.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A write failed.
    #[error("{uri} cannot be written: {source}")]
    Write {
        /// URI of the object.
        uri: String,
        /// The error of the store.
        source: object_store::Error,
    },
    /// A read failed.
    #[error("{uri} cannot be read: {source}")]
    Read {
        /// URI of the object.
        uri: String,
        /// The error of the store.
        source: object_store::Error,
    },
    /// The content is not a record of a job.
    #[error("{uri} is not a record of a job: {why}")]
    Content {
        /// URI of the object.
        uri: String,
        /// What is wrong with the content.
        why: String,
    },
    /// A local file that was to be uploaded cannot be read.
    #[error("{path} cannot be read: {source}")]
    Local {
        /// Path of the file.
        path: String,
        /// The error of the disk.
        source: std::io::Error,
    },
}

/// An open store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    /// Prefix of all paths in the bucket; empty for a folder.
    base: Path,
    /// The URL without a trailing slash.
    url: String,
    /// Whether objects have a media type. Files on a volume have none.
    typed: bool,
}

impl Store {
    /// Opens a store without any network request. The folder of a `file:` URL is created.
    ///
    /// # Errors
    /// [`OpenError`] says which setting is wrong and what is allowed.
    pub fn open(settings: &Settings) -> Result<Self, OpenError> {
        let refused = |why: String| OpenError { url: settings.url.clone(), why };
        let url = Url::parse(&settings.url).map_err(|error| {
            refused(format!("not a URL ({error}); file:///path or s3://bucket/prefix is expected"))
        })?;
        if url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some()
        {
            return Err(refused("only file:///path or s3://bucket/prefix is expected: no user, no password, no query".to_owned()));
        }
        let text = settings.url.trim_end_matches('/').to_owned();
        match url.scheme() {
            "file" => {
                let folder =
                    url.to_file_path().map_err(|()| refused("three slashes and an absolute path are expected: file:///var/lib/fno/evidence".to_owned()))?;
                std::fs::create_dir_all(&folder)
                    .map_err(|error| refused(format!("the folder cannot be created: {error}")))?;
                // A record that is reported as stored survives a power failure.
                let files = LocalFileSystem::new_with_prefix(&folder)
                    .map_err(|error| refused(error.to_string()))?
                    .with_fsync(true);
                Ok(Self {
                    objects: Arc::new(files),
                    base: Path::default(),
                    url: text,
                    typed: false,
                })
            }
            "s3" => {
                let bucket =
                    url.host_str().filter(|bucket| !bucket.is_empty()).ok_or_else(|| {
                        refused("the bucket is missing: s3://bucket/prefix".to_owned())
                    })?;
                let base = Path::from_url_path(url.path())
                    .map_err(|error| refused(format!("the prefix is not a path: {error}")))?;
                let objects = s3::bucket(bucket, &settings.s3).map_err(refused)?;
                Ok(Self { objects, base, url: text, typed: true })
            }
            other => Err(refused(format!(
                "{other}: is not supported; file:///path or s3://bucket/prefix is expected"
            ))),
        }
    }

    /// The URL of the store.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    pub(crate) const fn base(&self) -> &Path {
        &self.base
    }

    /// The URI of an object in the store.
    pub(crate) fn uri(&self, path: &Path) -> String {
        let below: Vec<_> = path.parts().skip(self.base.parts_count()).collect();
        below.iter().fold(self.url.clone(), |uri, part| format!("{uri}/{}", part.as_ref()))
    }

    pub(crate) async fn put(
        &self,
        path: &Path,
        bytes: impl Into<Bytes>,
        media_type: &'static str,
    ) -> Result<(), StoreError> {
        self.write(path, bytes.into(), media_type, PutMode::Overwrite)
            .await
            .map_err(|source| StoreError::Write { uri: self.uri(path), source })
    }

    /// Creates an object. Returns false if one existed; it is not replaced.
    pub(crate) async fn put_new(
        &self,
        path: &Path,
        bytes: impl Into<Bytes>,
        media_type: &'static str,
    ) -> Result<bool, StoreError> {
        match self.write(path, bytes.into(), media_type, PutMode::Create).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::AlreadyExists { .. }) => Ok(false),
            Err(source) => Err(StoreError::Write { uri: self.uri(path), source }),
        }
    }

    async fn write(
        &self,
        path: &Path,
        bytes: Bytes,
        media_type: &'static str,
        mode: PutMode,
    ) -> object_store::Result<()> {
        let mut options = PutOptions::from(mode);
        if self.typed {
            options.attributes.insert(Attribute::ContentType, media_type.into());
        }
        self.objects.put_opts(path, bytes.into(), options).await.map(drop)
    }

    pub(crate) async fn get(&self, path: &Path) -> Result<Option<Bytes>, StoreError> {
        let read = async { self.objects.get(path).await?.bytes().await };
        match read.await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(source) => Err(StoreError::Read { uri: self.uri(path), source }),
        }
    }
}
