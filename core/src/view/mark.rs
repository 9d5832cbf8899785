//! Whether a change of an object matters to planning. Most changes are heartbeats and progress, which do not.

use std::hash::{DefaultHasher, Hasher as _};

use fno_crds::FnoBatch;

use crate::lifecycle::PodState;

/// A hash of what planning reads of an object: if it is unchanged, no new plan is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(u64);

impl Mark {
    /// The mark of a batch: its identity, its phase and what it still holds. Heartbeat, progress and which jobs have results are not
    /// included: a job wakes planning itself when it waits again.
    #[must_use]
    pub fn of_batch(batch: &FnoBatch) -> Self {
        let status = batch.status.as_ref();
        let run = status.and_then(|status| status.run.as_ref());
        let ended = status.filter(|_| batch.phase().is_finished());
        Self::of((
            &batch.metadata.uid,
            batch.phase(),
            status.map(|status| status.claimed.len()),
            status.and_then(|status| status.started_at.as_ref()).map(|at| at.0),
            status.and_then(|status| status.finished_at.as_ref()).map(|at| at.0),
            ended.map(|status| (status.reason, &status.message)),
            run.map(|run| (run.results.is_empty(), run.end.as_ref().map(|end| end.logged_out))),
        ))
    }

    /// The mark of a Pod: its UID, if it exists, and whether it is over.
    #[must_use]
    pub fn of_pod(uid: Option<&str>, state: &PodState) -> Self {
        Self::of((uid, state.is_over()))
    }

    fn of(value: impl std::hash::Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        Self(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::{Value, json};

    use super::*;

    fn mark(status: &Value) -> Mark {
        let batch: FnoBatch = serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch",
            "metadata": {"name": "b", "namespace": "n", "uid": "u"},
            "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "d", "jobs": [{"name": "j", "uid": "1"}]},
            "status": status,
        }))
        .expect("a batch");
        Mark::of_batch(&batch)
    }

    fn result() -> Value {
        json!({"job": "j", "uid": "1", "phase": "Succeeded", "reason": "Answered", "startedAt": "2030-01-01T00:00:00.000000Z", "milliseconds": 1})
    }

    #[test]
    fn heartbeats_progress_and_logins_need_no_new_plan() {
        let status = json!({"phase": "InProgress", "claimed": ["1"], "startedAt": "2030-01-01T00:00:00Z",
            "run": {"heartbeat": "2030-01-01T00:00:30.000000Z", "results": [result()]}});
        let change = |path: &str, value: Value| {
            let mut changed = status.clone();
            *changed.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
            changed
        };
        for same in [
            change("/run/heartbeat", json!("2030-01-01T00:01:00.000000Z")),
            change("/run/results", json!([result(), result()])),
            json!({"progress": "1/2", "message": "m", "reason": "Running", "logins": 2, "phase": "InProgress", "claimed": ["1"],
                "startedAt": "2030-01-01T00:00:00Z", "run": {"results": [result()], "login": {"n": 2, "state": "AskingLogin", "at": "2030-01-01T00:01:00.000000Z"}}}),
        ] {
            assert_eq!(mark(&same), mark(&status), "{same}");
        }
    }

    #[test]
    fn everything_that_frees_a_job_a_session_or_a_name_needs_a_new_plan() {
        let steps = [
            Value::Null,
            json!({"phase": "Assigned", "claimed": ["1"]}),
            json!({"phase": "InProgress", "claimed": ["1"], "startedAt": "2030-01-01T00:00:00Z"}),
            json!({"phase": "Failed", "claimed": ["1"], "startedAt": "2030-01-01T00:00:00Z", "reason": "RunnerLost"}),
            json!({"phase": "Failed", "claimed": ["1"], "startedAt": "2030-01-01T00:00:00Z", "reason": "RunnerLost", "finishedAt": "2030-01-01T00:01:00Z"}),
        ];
        for pair in steps.windows(2) {
            assert_ne!(mark(&pair[0]), mark(&pair[1]), "{pair:?}");
        }
        let ended = |logged_out: bool| {
            mark(
                &json!({"phase": "InProgress", "run": {"end": {"reason": "Completed", "loggedOut": logged_out, "at": "2030-01-01T00:01:00.000000Z"}}}),
            )
        };
        assert_ne!(ended(true), ended(false));
    }

    #[test]
    fn a_pod_that_ends_or_is_replaced_needs_a_new_plan_and_one_that_starts_does_not() {
        let running = PodState::Running { since: Timestamp::UNIX_EPOCH };
        let over = PodState::Ended { ran: true, how: String::new() };
        let starting = PodState::Starting(None);
        assert_eq!(Mark::of_pod(Some("u"), &starting), Mark::of_pod(Some("u"), &running));
        assert_ne!(Mark::of_pod(Some("u"), &running), Mark::of_pod(Some("u"), &over));
        assert_ne!(Mark::of_pod(Some("u"), &running), Mark::of_pod(Some("v"), &running));
    }
}
