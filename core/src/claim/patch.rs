//! What a claim writes into the job.

use fno_crds::{
    JobPhase, Reason,
    condition::{self, types},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use crate::{view::job::ClaimCopy, why::Why};

/// What a job shows while its batch does not wait for anything.
#[must_use]
pub fn in_batch(batch: &str) -> Why {
    let message = format!("The job is in batch {batch}, which shows how far it is.");
    Why { reason: Reason::Batched, message }
}

/// The patch that claims a job. It is made without the full job, so it explicitly clears what an earlier wait or try left behind: the
/// reason and the conditions.
#[must_use]
pub fn claim_patch(batch: &str, facts: &ClaimCopy, now: Timestamp) -> Value {
    let (mut conditions, why) = (Vec::new(), in_batch(batch));
    let since = facts.unknown_since.unwrap_or(now);
    condition::set(
        &mut conditions,
        since,
        facts.generation,
        types::SUCCEEDED,
        condition::Status::Unknown,
        why.reason,
        &why.message,
    );
    let mut status = json!({
        "phase": JobPhase::Batched, "batch": batch, "reason": why.reason, "message": why.message, "retryAt": null,
        "observedGeneration": facts.generation, "conditions": conditions,
    });
    if !facts.started {
        status["startedAt"] = json!(Time(now));
    }
    json!({"metadata": {"resourceVersion": facts.resource_version}, "status": status})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_is_guarded_and_clears_what_the_job_waited_for() {
        let facts = ClaimCopy {
            uid: "u".to_owned(),
            resource_version: "7".to_owned(),
            suspend: false,
            cancel_requested: false,
            deadline: None,
            retry_at: None,
            generation: Some(1),
            unknown_since: None,
            started: false,
        };
        let now: Timestamp = "2030-01-01T00:00:00Z".parse().expect("a time");
        assert_eq!(
            claim_patch("b", &facts, now),
            json!({
                "metadata": {"resourceVersion": "7"},
                "status": {
                    "phase": "Batched", "batch": "b", "reason": "Batched", "message": "The job is in batch b, which shows how far it is.", "retryAt": null, "observedGeneration": 1,
                    "startedAt": "2030-01-01T00:00:00Z",
                    "conditions": [{"type": "Succeeded", "status": "Unknown", "reason": "Batched", "message": "The job is in batch b, which shows how far it is.",
                                    "lastTransitionTime": "2030-01-01T00:00:00Z", "observedGeneration": 1}],
                },
            })
        );
        let again = ClaimCopy { started: true, unknown_since: Some(now), ..facts };
        assert_eq!(
            claim_patch("b", &again, Timestamp::MAX)["status"]["startedAt"],
            Value::Null,
            "the time of the first start is kept"
        );
    }
}
