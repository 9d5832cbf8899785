//! What a runner logged: kept beside the evidence of its batch, because the Pod goes.

use fno_crds::job::Evidence;

use crate::{
    evidence::digest,
    place::Place,
    store::{Store, StoreError},
};

/// Its name in the batch's folder.
const LOG: &str = "runner.log";

impl Store {
    /// Puts the log of a batch's runner. A later one replaces it. The answer names the file itself and its digest.
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
        let path = Place::Batch { namespace, provider, batch }.path(self.base()).join(LOG);
        let sha256 = digest(&log);
        self.put(&path, log, "text/plain; charset=utf-8").await?;
        Ok(Evidence { uri: self.uri(&path), sha256, files: 1 })
    }
}
