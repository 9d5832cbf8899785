use fno_crds::{FnoBatch, condition::get};
use serde_json::{Value, json};

use super::*;
use crate::lifecycle::{Deadlines, JobState, Switches};

const DEADLINES: Deadlines = Deadlines {
    pod_running: SignedDuration::from_mins(5),
    logged_in: SignedDuration::from_mins(5),
    heartbeat: SignedDuration::from_mins(2),
    job: SignedDuration::from_mins(3),
};

fn now() -> Timestamp {
    "2030-01-01T00:01:00Z".parse().expect("a time")
}

fn batch(status: Value) -> FnoBatch {
    serde_json::from_value(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": "b", "uid": "b", "generation": 1},
        "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "d", "jobs": [{"name": "j", "uid": "u"}]}, "status": status,
    }))
    .expect("a batch")
}

fn result(phase: &str, reason: &str) -> Value {
    json!({"job": "j", "uid": "u", "phase": phase, "reason": reason, "startedAt": "2030-01-01T00:00:30.000000Z", "milliseconds": 1000})
}

fn seen<'a>(batch: &'a FnoBatch, pod: &'a PodState, jobs: &'a [JobState]) -> BatchFacts<'a> {
    BatchFacts {
        now: now(),
        batch,
        pod,
        pod_uid: Some("p1"),
        images_replaced: false,
        switches: Switches::default(),
        exists_for: SignedDuration::ZERO,
        silent_for: SignedDuration::ZERO,
        idle_for: SignedDuration::ZERO,
        browser: None,
        login_state_for: SignedDuration::ZERO,
        jobs,
        held: None,
        deadlines: &DEADLINES,
    }
}

fn running() -> PodState {
    PodState::Running { since: Timestamp::UNIX_EPOCH }
}

#[test]
fn logging_in_starts_the_batch_and_sets_the_condition() {
    let batch = batch(
        json!({"phase": "Assigned", "claimed": ["u", "v"], "run": {"podUid": "p1", "logins": 1,
        "login": {"n": 1, "state": "LoggedIn", "at": "2030-01-01T00:00:50.000000Z"}, "results": [result("Succeeded", "Answered")]}}),
    );
    let pod = running();
    let status = derive(&seen(&batch, &pod, &[]), batch.status.clone().expect("status"), None);
    assert_eq!(
        (status.phase, status.reason, status.logins),
        (Some(BatchPhase::InProgress), Some(Reason::Running), Some(1))
    );
    assert_eq!(
        (status.progress.as_deref(), status.jobs_completed, status.jobs_total),
        (Some("1/2"), Some(1), Some(2))
    );
    assert_eq!(status.started_at, Some(Time(now())));
    for (type_, value) in
        [(types::POD_READY, "True"), (types::LOGGED_IN, "True"), (types::SUCCEEDED, "Unknown")]
    {
        assert_eq!(get(&status.conditions, type_).expect(type_).status, value, "{type_}");
    }
}

#[test]
fn a_pod_is_recorded_once_and_another_one_never_takes_its_place() {
    let recorded = |status: Value| {
        let batch = batch(status);
        let pod = running();
        derive(&seen(&batch, &pod, &[]), batch.status.clone().expect("status"), None).pod_uid
    };
    assert_eq!(recorded(json!({"phase": "Assigned"})).as_deref(), Some("p1"));
    assert_eq!(recorded(json!({"phase": "InProgress"})).as_deref(), Some("p1"));
    assert_eq!(recorded(json!({"phase": "Assigned", "podUid": "p0"})).as_deref(), Some("p0"));
    assert_eq!(recorded(json!({"phase": "Failed"})), None);
}

#[test]
fn a_report_of_an_earlier_pod_is_ignored() {
    let batch =
        batch(json!({"phase": "Assigned", "claimed": ["u"], "run": {"podUid": "p0", "logins": 1}}));
    let pod = running();
    let status = derive(&seen(&batch, &pod, &[]), batch.status.clone().expect("status"), None);
    assert_eq!(status.phase, Some(BatchPhase::Assigned));
}

#[test]
fn what_a_batch_waits_for_is_shown_and_removed_again() {
    let batch = batch(json!({"phase": "Assigned", "claimed": ["u"]}));
    let pod = PodState::Starting(None);
    let why = Why { reason: Reason::ImageUnavailable, message: "no such image".to_owned() };
    let held = derive(&seen(&batch, &pod, &[]), batch.status.clone().expect("status"), Some(&why));
    assert_eq!(
        (held.reason, held.message.as_deref()),
        (Some(Reason::ImageUnavailable), Some("no such image"))
    );
    assert_eq!(get(&held.conditions, types::POD_READY).expect("set").reason, "ImageUnavailable");
    let recovered = derive(&seen(&batch, &pod, &[]), held, None);
    assert_eq!((recovered.reason, recovered.message), (Some(Reason::Starting), None));
}

#[test]
fn withdrawn_jobs_and_the_kill_switch_reach_the_runner_through_the_status() {
    let batch = batch(json!({"phase": "InProgress", "claimed": ["u", "v"], "withdrawn": ["v"]}));
    let pod = running();
    let jobs = ["u", "v"].map(|uid| JobState {
        at_work: true,
        withdrawn: true,
        ..JobState::settled(uid.to_owned(), true)
    });
    let mut seen = seen(&batch, &pod, &jobs);
    seen.switches.suspend_cancellations = true;
    let status = derive(&seen, batch.status.clone().expect("status"), None);
    assert_eq!(status.withdrawn, ["v", "u"]);
    assert!(status.cancellations_held);
}

#[test]
fn progress_is_written_by_tenths_and_everything_else_at_once() {
    let status = |completed: i32| FnoBatchStatus {
        phase: Some(BatchPhase::InProgress),
        jobs_total: Some(50),
        jobs_completed: Some(completed),
        progress: Some(format!("{completed}/50")),
        ..FnoBatchStatus::default()
    };
    let seconds = |n: i64| now() - SignedDuration::from_secs(n);
    for (new, written, due) in [
        (status(10), None, false),
        (status(14), None, false),
        (status(15), Some(seconds(4)), false),
        (status(15), Some(seconds(5)), true),
        (FnoBatchStatus { jobs_unknown: Some(1), ..status(10) }, Some(seconds(0)), true),
        (
            FnoBatchStatus { reason: Some(Reason::ValkeyUnavailable), ..status(10) },
            Some(seconds(0)),
            true,
        ),
        (
            FnoBatchStatus { message: Some("other words".to_owned()), ..status(10) },
            Some(seconds(0)),
            false,
        ),
    ] {
        assert_eq!(is_due(&status(10), &new, written, now()), due, "{new:?}");
    }
}

#[test]
fn the_running_pod_is_written_a_little_later_with_other_changes() {
    let mut old = FnoBatchStatus { phase: Some(BatchPhase::Assigned), ..FnoBatchStatus::default() };
    condition::set(&mut old.conditions, now(), None, types::POD_READY, false, Reason::Starting, "");
    let mut new = old.clone();
    condition::set(&mut new.conditions, now(), None, types::POD_READY, true, Reason::Running, "");
    assert!(!is_due(&old, &new, Some(now() - SignedDuration::from_secs(4)), now()));
    assert!(is_due(&old, &new, Some(now() - SignedDuration::from_secs(5)), now()));
}

#[test]
fn the_end_keeps_the_counts_and_the_fence_comes_without_a_finishing_time() {
    let batch = batch(
        json!({"phase": "InProgress", "claimed": ["u", "v", "w"], "run": {"podUid": "p1", "logins": 2,
        "results": [result("Succeeded", "Answered"), result("Pending", "StepFailed"), result("Pending", "Drained")]}}),
    );
    let pod = running();
    let why = Why { reason: Reason::RunnerLost, message: "gone".to_owned() };
    let fence = end(
        &seen(&batch, &pod, &[]),
        batch.status.clone().expect("status"),
        BatchPhase::Failed,
        &why,
        false,
    );
    assert_eq!(
        (fence.finished_at.is_none(), fence.progress.as_deref(), fence.jobs_failed, fence.logins),
        (true, Some("2/3"), Some(1), Some(2))
    );
    let done = end(&seen(&batch, &pod, &[]), fence, BatchPhase::Failed, &why, true);
    assert_eq!(done.finished_at, Some(Time(now())));
    assert_eq!(get(&done.conditions, types::SUCCEEDED).expect("set").status, "False");
    let late = derive(&seen(&batch, &pod, &[]), done.clone(), None);
    assert_eq!(late, done, "nothing is derived after the end");
}
