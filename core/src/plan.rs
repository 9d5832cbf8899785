//! Which jobs leave now, in which batches, and for every other job the reason it waits.

use std::{collections::BTreeMap, sync::Arc};

use fno_crds::{
    FnoBatchSpec, FnoProviderSpec, Reason,
    job::Action,
};
use jiff::Timestamp;

/// Namespace and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// Something that holds work back: a reason for machines and a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blocked {
    /// The reason.
    pub reason: Reason,
    /// The sentence.
    pub message: String,
}

/// A Pending job, as much of it as planning needs (kept in memory for every job, so it is small).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    /// Which job.
    pub key: Key,
    /// Its UID.
    pub uid: String,
    /// Goes into the batch's name, so that the same jobs invited again after any change make another name.
    pub resource_version: String,
    /// `spec.provider`.
    pub provider: String,
    /// `spec.action`.
    pub action: Action,
    /// Higher goes first.
    pub priority: i32,
    /// Age decides last.
    pub created_at: Timestamp,
    /// When this operator first saw the job ready to go; linger counts from here.
    pub eligible_since: Timestamp,
    /// `spec.notBefore`.
    pub not_before: Option<Timestamp>,
    /// `spec.deadline`.
    pub deadline: Option<Timestamp>,
    /// `status.retryAt`.
    pub retry_at: Option<Timestamp>,
    /// `spec.suspend`.
    pub suspend: bool,
    /// `spec.cancelRequested`, or the job is being deleted.
    pub cancel_requested: bool,
    /// `status.approval` is set.
    pub approved: bool,
    /// Why the circuit cannot be worked on now (an armed claim of another job).
    pub circuit: Option<Blocked>,
}

/// Whether an account may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Yes.
    Open,
    /// One session, as a trial.
    Trial,
    /// No.
    Shut(Blocked),
}

/// An account of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// Its name.
    pub name: String,
    /// What its breaker, its Secrets and its seed allow.
    pub gate: Gate,
    /// Seconds per TOTP step; `None` = no TOTP.
    pub totp_period: Option<i64>,
    /// The last step used.
    pub last_step: Option<i64>,
}

/// A provider and what is known about it.
#[derive(Clone, Debug)]
pub struct ProviderView {
    /// Which provider.
    pub key: Key,
    /// `metadata.generation`.
    pub generation: i64,
    /// The settings.
    pub spec: Arc<FnoProviderSpec>,
    /// SHA-256 of the flows.
    pub flows_digest: String,
    /// Why nothing can be done on it at all (flow does not lint, clock skew, Valkey away, …).
    pub blocked: Option<Blocked>,
    /// Why no cancellation can be done on it.
    pub cancellations_blocked: Option<Blocked>,
    /// The flow breaker: `Trial` lets one batch of one job through as a canary.
    pub flow_gate: Gate,
    /// The accounts in `spec.accounts`.
    pub accounts: Vec<AccountView>,
    /// Measured seconds per job; missing = not measured yet.
    pub job_seconds: BTreeMap<Action, f64>,
    /// Measured seconds per login.
    pub login_seconds: Option<f64>,
    /// A person asked for lingering batches to leave now.
    pub flush: bool,
}

/// A batch that may hold a session or a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchView {
    /// Which batch.
    pub key: Key,
    /// `spec.provider`.
    pub provider: String,
    /// `spec.account`.
    pub account: String,
    /// UIDs of the invited jobs. While the batch is not finished they are not invited again.
    pub jobs: Vec<String>,
    /// Its account session is, or may still be, alive: not finished, or finished but its Pod is not gone.
    pub holds_session: bool,
    /// Its Pod exists or is about to.
    pub holds_runner: bool,
    /// `Completed` or `Failed`.
    pub finished: bool,
}

/// Everything planning looks at.
#[derive(Clone, Debug)]
pub struct World<'a> {
    /// The time.
    pub now: Timestamp,
    /// Every provider.
    pub providers: &'a [ProviderView],
    /// Every Pending job.
    pub jobs: &'a [JobView],
    /// Every batch that is not finished, or still holds a session.
    pub batches: &'a [BatchView],
    /// Runner Pods in the whole cluster at most.
    pub max_runners: usize,
}

/// A batch to create. Nothing is left to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBatch {
    /// Namespace and (deterministic) name.
    pub key: Key,
    /// The whole spec.
    pub spec: FnoBatchSpec,
}

/// What to do now, and for every job left out the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Batches to create.
    pub create: Vec<NewBatch>,
    /// Jobs that wait.
    pub waits: BTreeMap<Key, Blocked>,
    /// Jobs that end as Failed without a try (`DeadlineExceeded`, `NoFlow`).
    pub fail: BTreeMap<Key, Blocked>,
    /// Jobs to withdraw.
    pub withdraw: Vec<Key>,
    /// When to plan again even if nothing changes.
    pub wake_at: Option<Timestamp>,
}
