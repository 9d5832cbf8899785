//! Paths in a store.

use object_store::path::Path;

/// A folder of evidence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// One run of a try of a job.
    Job {
        /// Namespace of the job.
        namespace: &'a str,
        /// Name of the job's provider.
        provider: &'a str,
        /// UID of the job, because a later job may have the same name.
        uid: &'a str,
        /// Number of the try, from 1.
        attempt: i32,
        /// Name of the runner's Pod. Each Pod has its own folder: a free retry repeats the number of the try in another batch, and a
        /// runner that was given up may still write.
        pod: &'a str,
    },
    /// The session of a batch.
    Session {
        /// Namespace of the batch.
        namespace: &'a str,
        /// Name of the batch's provider.
        provider: &'a str,
        /// Name of the batch.
        batch: &'a str,
        /// Name of the runner's Pod.
        pod: &'a str,
    },
}

impl Place<'_> {
    /// Path of the folder below `base`.
    pub(crate) fn path(&self, base: &Path) -> Path {
        match *self {
            Self::Job { namespace, provider, uid, attempt, pod } => base
                .clone()
                .join(namespace)
                .join(provider)
                .join(uid)
                .join(attempt.to_string())
                .join(pod),
            Self::Session { namespace, provider, batch, pod } => {
                of_batch(base, namespace, provider, batch).join(pod)
            }
        }
    }
}

/// The folder of a batch: the runner's log, and a folder for the session of each Pod.
pub(crate) fn of_batch(base: &Path, namespace: &str, provider: &str, batch: &str) -> Path {
    base.clone().join(namespace).join(provider).join("batches").join(batch)
}

/// Folder of the records. No namespace can have this name, so credentials for the evidence of one namespace cannot reach any record.
const ARCHIVE: &str = "_archive";

/// Path of the record of a finished job.
pub(crate) fn record(base: &Path, namespace: &str, uid: &str) -> Path {
    base.clone().join(ARCHIVE).join(namespace).join(format!("{uid}.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_namespace_reaches_the_records_of_others_by_its_name() {
        let base = Path::from("prefix");
        let evidence = of_batch(&base, "archive", "lines", "b").to_string();
        assert!(evidence.starts_with("prefix/archive/"), "{evidence}");
        let record = record(&base, "lines", "uid").to_string();
        assert!(record.starts_with("prefix/_archive/"), "{record}");
    }
}
