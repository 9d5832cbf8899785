//! Where things lie in a store.

use object_store::path::Path;

/// A folder of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// One try of a job.
    Job {
        /// Namespace of the job.
        namespace: &'a str,
        /// Name of its provider.
        provider: &'a str,
        /// UID of the job, because a later job may have the same name.
        uid: &'a str,
        /// Number of the try, from 1.
        attempt: i32,
    },
    /// The session of a batch.
    Batch {
        /// Namespace of the batch.
        namespace: &'a str,
        /// Name of its provider.
        provider: &'a str,
        /// Name of the batch.
        batch: &'a str,
    },
}

impl Place<'_> {
    /// Path of the folder below `base`.
    pub(crate) fn path(&self, base: &Path) -> Path {
        match *self {
            Self::Job { namespace, provider, uid, attempt } => {
                base.clone().join(namespace).join(provider).join(uid).join(attempt.to_string())
            }
            Self::Batch { namespace, provider, batch } => {
                base.clone().join(namespace).join(provider).join("batches").join(batch)
            }
        }
    }
}

/// Path of the record of a finished job.
pub(crate) fn record(base: &Path, namespace: &str, uid: &str) -> Path {
    base.clone().join("archive").join(namespace).join(format!("{uid}.json"))
}
