//! What every task shares.

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

/// What every task shares. Tasks meet here and nowhere else.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// The settings file.
    pub settings: Settings,
    /// The deadlines of `settings`, for decisions.
    pub deadlines: Deadlines,
    /// What runners log.
    pub runner_log_level: String,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// What Prometheus is told.
    pub metrics: Metrics,
    /// What people are told.
    pub publisher: Publisher,
    /// Whether the tasks make progress.
    pub liveness: Liveness,
    /// The operator's rights in the listed namespaces.
    pub rights: Rights,
    /// Which failures of planning are worth a log line.
    pub plan_outage: Mutex<Outage>,
    /// What credentials are digested with.
    pub credentials_key: VersionKey,
    /// Used TOTP steps.
    pub used_steps: Arc<dyn UsedSteps>,
    /// Whether the record of used steps answered when it was last asked.
    pub used_steps_answer: AtomicBool,
    /// Evidence, logs and the archive.
    pub store: Store,
    /// What is known of the cluster.
    pub known: Known,
}

impl Context {
    /// The time of day.
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
