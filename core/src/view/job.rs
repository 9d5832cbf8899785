//! A waiting job as planning and claiming see it.

use fno_crds::{
    FnoJob, JobPhase, Reason,
    condition::{self, types},
};
use jiff::Timestamp;

use crate::{claim::JobFacts, key::Key, plan::JobView, work::size};

/// The view of a waiting job that is seen at `now` for the first time. The job lingers from its creation on, so that it does not linger
/// again after a restart of the operator; planning moves that time while the job is not ready.
#[must_use]
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
        bytes: size::of_job(spec),
    }
}

/// What the operator keeps about a waiting job in addition to its view: the reason in its status, and the reason by the last plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WaitNotes {
    /// `status.reason` as stored.
    pub reason: Option<Reason>,
    /// `status.message` as stored.
    pub message: Option<String>,
    /// When the condition `Succeeded` took its current value. None if it was never set.
    pub unknown_since: Option<Timestamp>,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// The job was in a batch before.
    pub started: bool,
    /// The reason by the last plan, and since when it has been this reason.
    pub planned: Option<(Reason, Timestamp)>,
    /// When a waiting reason was last written.
    pub written_at: Option<Timestamp>,
}

impl WaitNotes {
    /// The notes as stored in the job.
    #[must_use]
    pub fn of(job: &FnoJob) -> Self {
        let status = job.status.as_ref();
        Self {
            reason: status.and_then(|s| s.reason),
            message: status.and_then(|s| s.message.clone()),
            unknown_since: status
                .and_then(|s| condition::get(&s.conditions, types::SUCCEEDED))
                .map(|c| c.last_transition_time.0),
            generation: job.metadata.generation,
            started: status.is_some_and(|s| s.started_at.is_some()),
            planned: None,
            written_at: None,
        }
    }
}

/// What claiming needs to know of a waiting job: what the decision is based on, and what the write has to preserve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimCopy {
    /// UID of the job.
    pub uid: String,
    /// `metadata.resourceVersion`, which guards the write of the claim.
    pub resource_version: String,
    /// `spec.suspend`.
    pub suspend: bool,
    /// The job is withdrawn or being deleted.
    pub cancel_requested: bool,
    /// `spec.deadline`.
    pub deadline: Option<Timestamp>,
    /// `status.retryAt`.
    pub retry_at: Option<Timestamp>,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// When the condition `Succeeded` became `Unknown`, if it was ever set.
    pub unknown_since: Option<Timestamp>,
    /// The job was in a batch before.
    pub started: bool,
}

impl ClaimCopy {
    /// The copy of a job that was read from the API server.
    #[must_use]
    pub fn of(job: &FnoJob) -> Self {
        let nameless = Key { namespace: String::new(), name: String::new() };
        Self::from_index(&view(nameless, job, Timestamp::UNIX_EPOCH), &WaitNotes::of(job))
    }

    /// The copy of a job in the operator's index.
    #[must_use]
    pub fn from_index(view: &JobView, notes: &WaitNotes) -> Self {
        Self {
            uid: view.uid.clone(),
            resource_version: view.resource_version.clone(),
            suspend: view.suspend,
            cancel_requested: view.cancel_requested,
            deadline: view.deadline,
            retry_at: view.retry_at,
            generation: notes.generation,
            unknown_since: notes.unknown_since,
            started: notes.started,
        }
    }

    /// The facts for [`crate::claim`].
    #[must_use]
    pub fn facts(&self) -> JobFacts<'_> {
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::claim::{Claim, claim};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_893_456_000 + seconds).expect("in range")
    }

    fn job(spec: &Value, status: &Value) -> FnoJob {
        let mut all = json!({"provider": "p", "action": "Validation", "circuitNumber": "C1"});
        let fields = all.as_object_mut().expect("an object");
        fields.extend(spec.as_object().cloned().unwrap_or_default());
        serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob",
            "metadata": {"name": "j", "namespace": "n", "uid": "u", "resourceVersion": "7", "generation": 2, "creationTimestamp": "2030-01-01T00:00:00Z"},
            "spec": all, "status": status,
        }))
        .expect("a job")
    }

    fn key() -> Key {
        Key { namespace: "n".to_owned(), name: "j".to_owned() }
    }

    #[test]
    fn a_job_lingers_from_its_creation_and_never_from_a_time_in_the_future() {
        let job = job(&json!({}), &Value::Null);
        assert_eq!(view(key(), &job, at(60)).eligible_since, at(0));
        assert_eq!(
            view(key(), &job, at(-60)).eligible_since,
            at(-60),
            "this node's clock is behind"
        );
    }

    #[test]
    fn a_job_that_is_being_deleted_is_withdrawn() {
        let mut job = job(&json!({}), &Value::Null);
        assert!(!view(key(), &job, at(0)).cancel_requested);
        job.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(0)));
        assert!(view(key(), &job, at(0)).cancel_requested);
    }

    #[test]
    fn claiming_decides_the_same_from_the_index_as_from_the_object() {
        for (spec, status) in [
            (json!({}), Value::Null),
            (json!({"suspend": true}), Value::Null),
            (json!({"cancelRequested": true}), Value::Null),
            (json!({"deadline": "2030-01-01T00:00:00Z"}), Value::Null),
            (json!({}), json!({"phase": "Pending", "retryAt": "2030-01-01T01:00:00Z"})),
            (
                json!({"action": "Cancellation"}),
                json!({"phase": "Pending", "startedAt": "2030-01-01T00:00:00Z"}),
            ),
        ] {
            let job = job(&spec, &status);
            let (copy, whole) = (ClaimCopy::of(&job), JobFacts::from(&job));
            assert_eq!(
                claim(at(60), "u", "b", Some(&copy.facts())),
                claim(at(60), "u", "b", Some(&whole)),
                "{spec} {status}"
            );
            assert_eq!(copy.generation, Some(2));
        }
        let fresh = ClaimCopy::of(&job(&json!({}), &Value::Null));
        assert_eq!(
            claim(at(60), "u", "b", Some(&fresh.facts())),
            Claim::Take { resource_version: "7".to_owned() }
        );
    }
}
