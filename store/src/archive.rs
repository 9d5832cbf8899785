//! Records of finished jobs. A record shows a job as it was when its object was deleted.

use fno_crds::FnoJob;

use crate::{
    place,
    store::{Store, StoreError},
};

const MEDIA_TYPE: &str = "application/json";

/// Whether a record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archived {
    /// The record is in the store now.
    Stored,
    /// The record is in the store now and replaced an older or damaged one.
    Replaced,
    /// This record or a newer one existed: an operator crashed before it deleted the job.
    AlreadyThere,
}

impl Store {
    /// Stores the record of a finished job. The newest version is kept: a job that changed after it was archived, and before it was
    /// deleted, is archived again.
    ///
    /// # Errors
    /// [`StoreError`]. The job must not be deleted then.
    pub async fn archive(&self, job: &FnoJob) -> Result<Archived, StoreError> {
        let (namespace, uid) = (
            job.metadata.namespace.as_deref().unwrap_or_default(),
            job.metadata.uid.as_deref().unwrap_or_default(),
        );
        let path = place::record(self.base(), namespace, uid);
        let content = |why: &dyn std::fmt::Display| StoreError::Content {
            uri: self.uri(&path),
            why: why.to_string(),
        };
        if namespace.is_empty() || uid.is_empty() {
            return Err(content(&"it has no namespace or no UID"));
        }
        let bytes = serde_json::to_vec(job).map_err(|error| content(&error))?;
        if self.put_new(&path, bytes.clone(), MEDIA_TYPE).await? {
            return Ok(Archived::Stored);
        }
        let kept = match self.archived(namespace, uid).await {
            Ok(kept) => kept,
            Err(StoreError::Content { .. }) => None,
            Err(error) => return Err(error),
        };
        if kept.is_some_and(|kept| version(&kept) >= version(job)) {
            return Ok(Archived::AlreadyThere);
        }
        self.put(&path, bytes, MEDIA_TYPE).await?;
        Ok(Archived::Replaced)
    }

    /// The record of a job, if it was archived.
    ///
    /// # Errors
    /// [`StoreError`]: the store does not answer, or the record is damaged.
    pub async fn archived(&self, namespace: &str, uid: &str) -> Result<Option<FnoJob>, StoreError> {
        let path = place::record(self.base(), namespace, uid);
        let Some(bytes) = self.get(&path).await? else { return Ok(None) };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| StoreError::Content { uri: self.uri(&path), why: error.to_string() })
    }
}

/// Resource versions are compared as numbers. A job without one replaces nothing.
fn version(job: &FnoJob) -> u64 {
    job.metadata.resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}
