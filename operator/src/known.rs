//! What the operator knows about the cluster, and how a change wakes the tasks that act on it. Nothing here acts itself or depends on those
//! tasks.

pub mod accounts;
pub mod batches;
pub mod caches;
pub mod evidence_keys;
pub mod jobs;
pub mod parsed;
pub mod providers;
pub mod service;
pub mod sessions;

use std::sync::Arc;

use fno_core::key::Key;
use fno_crds::{FnoBatch, FnoJob, FnoProvider, names::FINALIZER};
use jiff::Timestamp;
use kube::ResourceExt as _;

use self::{
    batches::Batches,
    caches::Caches,
    evidence_keys::EvidenceKeys,
    jobs::{Changed, JobIndex},
    providers::Providers,
};

/// What the operator knows about the cluster.
pub struct Known {
    /// The watched providers, batches and Pods.
    pub caches: Caches,
    /// The watched jobs.
    pub jobs: JobIndex,
    /// What is remembered about batches in addition to their objects.
    pub batches: Batches,
    /// What is remembered about providers in addition to their objects.
    pub providers: Providers,
    /// Which access key of the evidence store the runners of each namespace use.
    pub evidence_keys: EvidenceKeys,
}

impl Known {
    /// Has a provider inspected again at once: something was found that the last inspection did not see.
    pub fn inspect_again(&self, provider: &Key) {
        self.providers.with(provider, |memory| memory.inspected_at = None);
        self.caches.wake_provider(provider);
    }

    /// Nothing is known yet except what the caches will hold.
    #[must_use]
    pub fn new(caches: Caches) -> Self {
        Self {
            caches,
            jobs: JobIndex::default(),
            batches: Batches::default(),
            providers: Providers::default(),
            evidence_keys: EvidenceKeys::default(),
        }
    }

    /// The provider of a batch, as last watched.
    pub fn provider_of(&self, batch: &FnoBatch) -> Option<Arc<FnoProvider>> {
        self.caches.provider(&provider_key(batch))
    }

    /// Whether a batch or a job in that namespace has, or may have, the operator's finalizer.
    pub fn has_finalizers(&self, namespace: &str) -> bool {
        let batches = self.newest_batches();
        let readable = batches.readable.iter().any(|batch| {
            batch.metadata.namespace.as_deref() == Some(namespace)
                && batch.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
        });
        readable
            || batches.unreadable.iter().any(|batch| batch.key().namespace == namespace)
            || self.jobs.active().keys().any(|of| of.namespace == namespace)
            || self.jobs.misheld().iter().any(|(of, _)| of.namespace == namespace)
    }

    /// Stores a job as it is now, from the watch or from the answer to a write, and wakes the tasks that the change affects.
    pub fn job_applied(&self, job: FnoJob, now: Timestamp) {
        self.wake_affected(self.jobs.apply(job, now));
    }

    /// Removes a job that is gone, and wakes the tasks that this affects.
    pub fn job_deleted(&self, of: &Key, uid: &str) {
        self.wake_affected(self.jobs.delete(of, uid));
    }

    /// Wakes the tasks that a change of a job affects: planning, retention, the job's batch, and those that correct finalizers and orphans.
    pub fn wake_affected(&self, changed: Changed) {
        if changed.queue {
            self.caches.plan.notify_one();
        }
        if changed.finished {
            self.caches.finished.notify_one();
        }
        if changed.misheld {
            self.caches.misheld.notify_one();
        }
        if let Some(batch) = changed.batch {
            if self.caches.batch(&batch).is_none() {
                self.caches.orphans.notify_one();
            }
            self.caches.wake_batch(&batch);
        }
    }
}

/// Namespace and name of an object.
pub fn key<K: kube::Resource>(object: &K) -> Key {
    let meta = object.meta();
    Key {
        namespace: meta.namespace.clone().unwrap_or_default(),
        name: meta.name.clone().unwrap_or_default(),
    }
}

/// Namespace and name of a batch's provider.
pub fn provider_key(batch: &FnoBatch) -> Key {
    Key {
        namespace: batch.metadata.namespace.clone().unwrap_or_default(),
        name: batch.spec.provider.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn known(finalizers: &Value) -> Known {
        let (caches, _inputs) = Caches::new(&["isp".to_owned(), "other".to_owned()]);
        let known = Known::new(caches);
        let batch: FnoBatch = serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch",
            "metadata": {"name": "b", "namespace": "isp", "uid": "u", "resourceVersion": "1", "finalizers": finalizers},
            "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "d", "jobs": []},
        }))
        .expect("a batch");
        known.batches.wrote(&key(&batch), &Arc::new(batch));
        known
    }

    #[test]
    fn the_rights_are_needed_where_a_batch_carries_the_finalizer() {
        let running = known(&json!([FINALIZER]));
        assert!(running.has_finalizers("isp") && !running.has_finalizers("other"));
        assert!(!known(&json!(["example.com/other"])).has_finalizers("isp"));
    }

    #[test]
    fn the_rights_are_needed_where_a_job_is_in_a_batch() {
        let known = known(&json!([]));
        let job = serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob",
            "metadata": {"name": "j", "namespace": "other", "uid": "j", "resourceVersion": "1"},
            "spec": {"provider": "p", "action": "Validation", "circuitNumber": "c"},
            "status": {"phase": "Batched", "batch": "b"},
        }))
        .expect("a job");
        known.job_applied(job, Timestamp::UNIX_EPOCH);
        assert!(known.has_finalizers("other") && !known.has_finalizers("isp"));
    }
}
