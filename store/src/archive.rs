//! Records of finished jobs. A record shows a job as it was when its object was deleted.

use fno_crds::FnoJob;

use crate::{
    place,
    store::{Store, StoreError},
};

/// Whether a record was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Archived {
    /// The record is in the store now.
    Stored,
    /// A record existed, left by an operator that crashed before it deleted the job. The first
    /// record is kept.
    AlreadyThere,
}

impl Store {
    /// Stores the record of a finished job. An existing record is not replaced.
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
            return Err(content(&"the job has no namespace or no UID"));
        }
        let bytes = serde_json::to_vec(job).map_err(|error| content(&error))?;
        Ok(if self.put_new(&path, bytes, "application/json").await? {
            Archived::Stored
        } else {
            Archived::AlreadyThere
        })
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
