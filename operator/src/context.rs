//! What all tasks of the operator share.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use fno_cluster::events::Publisher;
use fno_core::{credentials::VersionKey, lifecycle::Deadlines, outage::Outage};
use fno_process::liveness::Liveness;
use fno_store::Store;
use jiff::Timestamp;
use kube::Client;

use crate::{
    clock::Clock, known::Known, metrics::Metrics, rights::Rights, settings::Settings,
    used_steps::UsedSteps,
};

/// What all tasks share. Tasks share nothing else.
pub struct Context {
    /// Client of the API server.
    pub client: Client,
    /// The content of the settings file.
    pub settings: Settings,
    /// The deadlines in `settings`, in the form that decisions use.
    pub deadlines: Deadlines,
    /// Log level of the runners.
    pub runner_log_level: String,
    /// The source of time.
    pub clock: Arc<dyn Clock>,
    /// The metrics for Prometheus.
    pub metrics: Metrics,
    /// Publishes Kubernetes events.
    pub publisher: Publisher,
    /// Whether the tasks make progress.
    pub liveness: Liveness,
    /// The operator's permissions in the listed namespaces.
    pub rights: Rights,
    /// Which failures of planning are worth a log line.
    pub plan_outage: Mutex<Outage>,
    /// The key of the credentials' digests.
    pub credentials_key: VersionKey,
    /// The shared record of used TOTP steps.
    pub used_steps: Arc<dyn UsedSteps>,
    /// Whether the record of used steps answered when it was last asked.
    pub used_steps_answer: AtomicBool,
    /// The store for evidence, logs and the archive.
    pub store: Store,
    /// What the operator knows about the cluster.
    pub known: Known,
}

impl Context {
    /// The current time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Which failures of planning are worth a log line.
    pub fn plan_outage(&self) -> MutexGuard<'_, Outage> {
        self.plan_outage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the record of used steps answered when it was last asked.
    pub fn used_steps_answer(&self) -> bool {
        self.used_steps_answer.load(Ordering::Relaxed)
    }
}
