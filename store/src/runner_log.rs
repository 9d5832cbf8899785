//! The log of a runner, stored in the folder of its batch because the Pod is deleted.

use fno_crds::job::Evidence;

use crate::{
    evidence::digest,
    place,
    store::{Store, StoreError},
};

/// File name in the folder of the batch.
const LOG: &str = "runner.log";

impl Store {
    /// Stores the log of a batch's runner; a later log replaces it. Returns the URI of the file and
    /// its digest.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn put_log(
        &self,
        namespace: &str,
        provider: &str,
        batch: &str,
        log: Vec<u8>,
    ) -> Result<Evidence, StoreError> {
        let path = place::of_batch(self.base(), namespace, provider, batch).join(LOG);
        let sha256 = digest(&log);
        self.put(&path, log, "text/plain; charset=utf-8").await?;
        Ok(Evidence { uri: self.uri(&path), sha256, files: 1 })
    }
}
