//! What is known of the cluster, and how to wake who works on it. Nothing here acts, and nothing here knows who acts.

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
use fno_crds::{FnoBatch, FnoJob, FnoProvider};
use jiff::Timestamp;

use self::{
    batches::Batches,
    caches::Caches,
    evidence_keys::EvidenceKeys,
    jobs::{Changed, JobIndex},
    providers::Providers,
};

/// What is known.
pub struct Known {
    /// The watched providers, batches and Pods.
    pub caches: Caches,
    /// The jobs.
    pub jobs: JobIndex,
    /// What is known of batches beyond their objects.
    pub batches: Batches,
    /// What is known of providers beyond their objects.
    pub providers: Providers,
    /// Which access key of the evidence store the runners of each namespace use.
    pub evidence_keys: EvidenceKeys,
}

impl Known {
    /// Nothing is known yet beyond what the caches will hold.
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

    /// The provider of a batch, as watched.
    pub fn provider_of(&self, batch: &FnoBatch) -> Option<Arc<FnoProvider>> {
        self.caches.provider(&provider_key(batch))
    }

    /// A job as it is now, from the watch or from the answer to a write. Wakes whoever the change concerns.
    pub fn job_applied(&self, job: FnoJob, now: Timestamp) {
        self.wake_affected(self.jobs.apply(job, now));
    }

    /// A job is gone. Wakes whoever that concerns.
    pub fn job_deleted(&self, of: &Key, uid: &str) {
        self.wake_affected(self.jobs.delete(of, uid));
    }

    /// Wakes whoever a change of a job concerns: planning, retention, its batch, and who corrects what a batch left behind.
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
