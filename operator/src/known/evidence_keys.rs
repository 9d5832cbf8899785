//! Which access key of the evidence store the runners of each namespace use. A restart forgets this, and the first launch in each namespace
//! finds it out again.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use fno_core::{
    objects::{KeysInUse, evidence_key},
    why::Why,
};
use k8s_openapi::api::core::v1::Secret;

/// IDs of access keys by namespace.
#[derive(Default)]
pub struct EvidenceKeys(Mutex<BTreeMap<String, String>>);

impl EvidenceKeys {
    /// Accepts the access key of a namespace's Secret and remembers it, unless it is the operator's or another namespace's.
    ///
    /// # Errors
    /// Why no runner may start in the namespace.
    pub fn accept(
        &self,
        namespace: &str,
        name: &str,
        secret: Option<&Secret>,
        operator: &str,
    ) -> Result<(), Why> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let in_use = KeysInUse { operator, namespaces: &known };
        let id = evidence_key(namespace, name, secret, in_use)?;
        known.insert(namespace.to_owned(), id);
        Ok(())
    }
}
