//! What stays in memory of a batch that has ended. Ended batches are kept for a day, and thousands of complete ones would take up most
//! of the memory.

use fno_crds::{FnoBatch, batch::JobResult, names::FINALIZER};

use crate::batch_status::is_work;

/// Drops the parts that the operator no longer reads, but only of a batch whose end is completely written: it has its end time and its
/// finalizer is gone. What is left says which jobs were in the batch, what was armed, how it ended and which jobs had a result.
pub fn slim(batch: &mut FnoBatch) {
    batch.metadata.managed_fields = None;
    let held = batch.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER);
    let Some(status) = batch.status.as_mut().filter(|status| status.finished_at.is_some() && !held)
    else {
        return;
    };
    status.conditions = Vec::new();
    status.withdrawn = Vec::new();
    if let Some(run) = &mut status.run {
        let worked = run.results.iter().position(is_work).unwrap_or(0);
        run.results = run.results.drain(..).skip(worked).take(1).map(without_content).collect();
    }
}

/// The result that shows whether the batch did any work, reduced to the fact that it exists and how the job ended.
fn without_content(result: JobResult) -> JobResult {
    JobResult {
        outcome: None,
        message: None,
        fields: Default::default(),
        evidence: None,
        step: None,
        drift: Vec::new(),
        ..result
    }
}

#[cfg(test)]
mod tests {
    use fno_crds::provider::Session;
    use jiff::{SignedDuration, Timestamp};
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        account::AccountName,
        key::Key,
        lifecycle::{Deadlines, PodState},
        provider_status::pause_of,
        view::batch::view,
    };

    const NOW: &str = "2030-01-01T00:10:01Z";

    fn now() -> Timestamp {
        NOW.parse().expect("a time")
    }

    /// A batch of fifty jobs with every field of its status set.
    fn batch(phase: &str, results: usize, finalizers: Value) -> FnoBatch {
        let at = "2030-01-01T00:00:10.000000Z";
        let uid = |n: usize| format!("5f0e7c1a-0000-4000-8000-{n:012}");
        let fields: std::collections::BTreeMap<_, _> =
            (0..10).map(|n| (format!("field{n}"), "a value of the portal".to_owned())).collect();
        let results: Vec<_> = (0..results)
            .map(|n| {
                json!({"job": format!("job-{n}"), "uid": uid(n), "phase": "Succeeded", "reason": "Answered", "outcome": "Active",
                    "message": "The line is active.", "fields": fields, "evidence": {"uri": "file:///e", "sha256": "ab", "files": 3},
                    "startedAt": at, "milliseconds": 4000})
            })
            .collect();
        serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch",
            "metadata": {"name": "b", "namespace": "n", "uid": "u", "finalizers": finalizers, "managedFields": [{"manager": "x"}]},
            "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "d",
                "jobs": (0..50).map(|n| json!({"name": format!("job-{n}"), "uid": uid(n)})).collect::<Vec<_>>()},
            "status": {"phase": phase, "reason": "RunnerLost", "message": "m", "startedAt": "2030-01-01T00:00:00Z",
                "finishedAt": "2030-01-01T00:10:00Z", "claimed": (0..50).map(uid).collect::<Vec<_>>(),
                "grants": [{"login": 1, "state": "Done"}],
                "conditions": [{"type": "Succeeded", "status": "False", "reason": "RunnerLost", "message": "m", "lastTransitionTime": "2030-01-01T00:10:00Z"}],
                "run": {"podUid": "p", "logins": 1, "results": results, "intents": [
                    {"job": "job-1", "step": "submit", "attempt": 1, "podUid": "p", "at": "2030-01-01T00:00:20Z", "evidenceSha256": "cd"}]}},
        }))
        .expect("a batch")
    }

    fn slimmed(batch: &FnoBatch) -> FnoBatch {
        let mut slimmed = batch.clone();
        slim(&mut slimmed);
        slimmed
    }

    #[test]
    fn planning_reads_the_same_from_what_is_left() {
        let of = Key { namespace: "n".to_owned(), name: "p".to_owned() };
        let running = PodState::Running { since: Timestamp::UNIX_EPOCH };
        let mut first_handed_back = batch("Failed", 2, json!([]));
        let results = |batch: &mut FnoBatch| {
            let run = batch.status.as_mut().and_then(|status| status.run.as_mut());
            run.map(|run| std::mem::take(&mut run.results)).unwrap_or_default()
        };
        let mut tried = results(&mut first_handed_back);
        tried[0].phase = fno_crds::JobPhase::Pending;
        tried[0].reason = fno_crds::Reason::SessionLost;
        let run = first_handed_back.status.as_mut().and_then(|status| status.run.as_mut());
        run.expect("a run").results = tried;
        for whole in [
            first_handed_back,
            batch("Failed", 0, json!([])),
            batch("Failed", 50, json!([])),
            batch("Completed", 50, json!([])),
        ] {
            let left = slimmed(&whole);
            let session = Session::default();
            let minute = SignedDuration::from_mins(1);
            let deadlines = Deadlines {
                pod_running: minute,
                logged_in: minute,
                heartbeat: minute,
                job: minute,
            };
            let seen = |batch: &FnoBatch| {
                let account = AccountName::of(batch);
                view(batch, account, Some(&running), &session, &deadlines, now())
            };
            assert_eq!(seen(&left), seen(&whole));
            assert_eq!(pause_of(&of, [&left], now()), pause_of(&of, [&whole], now()));
        }
    }

    #[test]
    fn what_was_armed_and_which_jobs_were_in_it_is_never_dropped() {
        let (whole, left) =
            (batch("Failed", 50, json!([])), slimmed(&batch("Failed", 50, json!([]))));
        let status = |batch: &FnoBatch| batch.status.clone().expect("a status");
        let intents = |batch: &FnoBatch| status(batch).run.expect("a run").intents;
        assert_eq!(
            (left.spec.clone(), status(&left).claimed),
            (whole.spec.clone(), status(&whole).claimed)
        );
        assert_eq!(intents(&left), intents(&whole));
    }

    #[test]
    fn a_finished_batch_of_fifty_takes_less_than_a_third_of_its_size() {
        let size = |batch: &FnoBatch| serde_json::to_vec(batch).expect("JSON").len();
        let whole = batch("Completed", 50, json!([]));
        assert!(
            size(&slimmed(&whole)) * 3 < size(&whole),
            "{} of {}",
            size(&slimmed(&whole)),
            size(&whole)
        );
    }

    #[test]
    fn a_batch_whose_end_is_not_written_yet_is_kept_completely() {
        let held = batch("Completed", 50, json!([FINALIZER]));
        let mut running = batch("InProgress", 50, json!([]));
        running.status.as_mut().expect("a status").finished_at = None;
        for whole in [held, running] {
            let left = slimmed(&whole);
            assert_eq!((left.spec, left.status), (whole.spec, whole.status));
            assert_eq!(left.metadata.managed_fields, None, "managed fields are never read");
        }
    }
}
