//! What planning and claiming need of a job.

use fno_core::{claim::JobFacts, key::Key, plan::JobView};
use fno_crds::{FnoJob, JobPhase, job::Action};
use jiff::Timestamp;

use super::Pending;

/// The view of a waiting job that is seen at `now` for the first time. It lingers from its creation on, so that a restart of the operator does not
/// make it linger again; planning moves that time while the job is not ready to go.
pub fn view(key: Key, job: &FnoJob, now: Timestamp) -> JobView {
    let (spec, status) = (&job.spec, job.status.as_ref());
    let created_at = job.metadata.creation_timestamp.as_ref().map_or(now, |t| t.0.min(now));
    JobView {
        key,
        uid: job.metadata.uid.clone().unwrap_or_default(),
        resource_version: job.metadata.resource_version.clone().unwrap_or_default(),
        provider: spec.provider.clone(),
        action: spec.action,
        priority: spec.priority,
        created_at,
        eligible_since: created_at,
        not_before: spec.not_before.as_ref().map(|t| t.0),
        deadline: spec.deadline.as_ref().map(|t| t.0),
        retry_at: status.and_then(|s| s.retry_at.as_ref()).map(|t| t.0),
        suspend: spec.suspend,
        cancel_requested: spec.cancel_requested || job.metadata.deletion_timestamp.is_some(),
        approved: status.is_some_and(|s| s.approval.is_some()),
        circuit: None,
    }
}

/// What claiming needs of a waiting job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its UID.
    pub uid: String,
    /// The version the claim is guarded by.
    pub resource_version: String,
    /// What to do.
    pub action: Action,
    /// `spec.suspend`.
    pub suspend: bool,
    /// Withdrawn or being deleted.
    pub cancel_requested: bool,
    /// `spec.deadline`.
    pub deadline: Option<Timestamp>,
    /// `status.retryAt`.
    pub retry_at: Option<Timestamp>,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// When the condition `Succeeded` became `Unknown`, if it was ever set.
    pub unknown_since: Option<Timestamp>,
    /// It was in a batch before.
    pub started: bool,
}

impl Waiting {
    /// As read from the API server.
    pub fn of(job: &FnoJob) -> Self {
        let view =
            view(Key { namespace: String::new(), name: String::new() }, job, Timestamp::UNIX_EPOCH);
        Self::from_index(&view, &Pending::of(job))
    }

    /// As the index knows it.
    pub fn from_index(view: &JobView, beside: &Pending) -> Self {
        Self {
            uid: view.uid.clone(),
            resource_version: view.resource_version.clone(),
            action: view.action,
            suspend: view.suspend,
            cancel_requested: view.cancel_requested,
            deadline: view.deadline,
            retry_at: view.retry_at,
            generation: beside.generation,
            unknown_since: beside.unknown_since,
            started: beside.started,
        }
    }

    /// As the decision takes it.
    pub fn seen(&self) -> JobFacts<'_> {
        JobFacts {
            uid: &self.uid,
            resource_version: &self.resource_version,
            phase: JobPhase::Pending,
            batch: None,
            suspend: self.suspend,
            cancel_requested: self.cancel_requested,
            deadline: self.deadline,
            retry_at: self.retry_at,
        }
    }
}
