//! Whether the batch that a Batched job names still takes care of it.
//!
//! A batch settles its own jobs. That is not possible if the batch is gone (its finalizer was removed by hand, a restore brought back
//! only the job, the claim arrived after the deletion) or does not list the job. The operator returns such a job to Pending when it
//! notices it.

use fno_crds::{FnoBatch, FnoJob, JobPhase, Reason};

use crate::why::Why;

/// What is known about the batch in `status.batch`.
#[derive(Clone, Copy, Debug)]
pub enum NamedBatch<'a> {
    /// The batch as it is now.
    Readable(&'a FnoBatch),
    /// A newer version wrote the batch. It may be active, so its jobs are not touched.
    Unreadable,
    /// The API server reported, after the job was seen to name the batch, that it does not exist. A watch that does not show it would prove
    /// nothing.
    Absent,
}

/// Why the job has to return to Pending. None if its batch takes care of it, or may do so.
#[must_use]
pub fn orphaned(job: &FnoJob, batch: NamedBatch<'_>) -> Option<Why> {
    if job.phase() != JobPhase::Batched {
        return None;
    }
    let lost = |message: String| Some(Why { reason: Reason::RunnerLost, message });
    let Some(name) = job.status.as_ref().and_then(|status| status.batch.as_deref()) else {
        return lost("The job was Batched without naming a batch.".to_owned());
    };
    let batch = match batch {
        NamedBatch::Unreadable => return None,
        NamedBatch::Absent => return lost(format!("The batch {name} does not exist any more.")),
        NamedBatch::Readable(batch) => batch,
    };
    let uid = job.metadata.uid.as_deref().unwrap_or_default();
    if !batch.spec.jobs.iter().any(|invited| invited.uid == uid) {
        return lost(format!("The batch {name} does not list the job."));
    }
    let status = batch.status.as_ref();
    let settled = status.is_some_and(|status| status.finished_at.is_some());
    let reported = status.and_then(|status| status.run.as_ref()).is_some_and(|run| {
        run.results.iter().any(|result| result.uid == uid)
            || run.intents.iter().any(|intent| Some(&intent.job) == job.metadata.name.as_ref())
    });
    // A reported result is written by the batch that holds it.
    if settled && !reported {
        return lost(format!("The batch {name} ended without the job."));
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn job(phase: &str, batch: Value) -> FnoJob {
        serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob", "metadata": {"name": "j", "uid": "u"},
            "spec": {"provider": "p", "action": "Cancellation", "circuitNumber": "C1"},
            "status": {"phase": phase, "batch": batch},
        }))
        .expect("a job")
    }

    fn batch(uid: &str, status: Value) -> FnoBatch {
        serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": "b", "uid": "b"},
            "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "d", "jobs": [{"name": "j", "uid": uid}]},
            "status": status,
        }))
        .expect("a batch")
    }

    #[test]
    fn a_batched_job_whose_batch_is_gone_or_does_not_list_it_returns_to_pending() {
        let ours = job("Batched", json!("b"));
        let why = orphaned(&ours, NamedBatch::Absent).expect("an orphan");
        assert_eq!(why.reason, Reason::RunnerLost);
        assert!(why.message.contains('b'), "{}", why.message);
        let namesake = batch("another", json!({"phase": "InProgress"}));
        assert!(orphaned(&ours, NamedBatch::Readable(&namesake)).is_some());
        let over = batch("u", json!({"phase": "Failed", "finishedAt": "2030-01-01T00:00:00Z"}));
        assert!(orphaned(&ours, NamedBatch::Readable(&over)).is_some(), "claimed after its end");
        assert!(orphaned(&job("Batched", json!(null)), NamedBatch::Absent).is_some());
    }

    #[test]
    fn a_job_whose_batch_is_active_or_cannot_be_read_is_not_touched() {
        let ours = job("Batched", json!("b"));
        assert_eq!(orphaned(&ours, NamedBatch::Unreadable), None);
        for phase in ["Created", "Assigned", "InProgress", "Failed"] {
            let living = batch("u", json!({"phase": phase}));
            assert_eq!(orphaned(&ours, NamedBatch::Readable(&living)), None, "{phase}");
        }
        for phase in ["Pending", "Succeeded", "OutcomeUnknown"] {
            assert_eq!(orphaned(&job(phase, json!("b")), NamedBatch::Absent), None, "{phase}");
        }
    }

    #[test]
    fn a_reported_result_is_written_by_its_batch() {
        let ours = job("Batched", json!("b"));
        for run in [
            json!({"results": [{"job": "j", "uid": "u", "phase": "Succeeded", "reason": "Answered", "startedAt": "2030-01-01T00:00:00.000000Z", "milliseconds": 1000}]}),
            json!({"intents": [{"job": "j", "step": "s", "attempt": 1, "podUid": "p", "at": "2030-01-01T00:00:00Z", "evidenceSha256": "ab"}]}),
        ] {
            let over = batch(
                "u",
                json!({"phase": "Failed", "finishedAt": "2030-01-01T00:00:00Z", "run": run}),
            );
            assert_eq!(orphaned(&ours, NamedBatch::Readable(&over)), None);
        }
    }
}
