use fno_crds::condition::get;
use serde_json::json;

use super::*;

fn now() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().expect("a time")
}

fn job(spec: serde_json::Value, status: serde_json::Value) -> FnoJob {
    let mut whole = json!({"provider": "octotel", "action": "Validation", "circuitNumber": "C1"});
    whole.as_object_mut().expect("object").extend(spec.as_object().expect("object").clone());
    serde_json::from_value(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob", "metadata": {"name": "j", "namespace": "n", "uid": "u", "generation": 2},
        "spec": whole, "status": status,
    }))
    .expect("a job")
}

fn at_work(spec: serde_json::Value) -> FnoJob {
    job(
        spec,
        json!({"phase": "Batched", "batch": "b", "attempts": 0, "startedAt": "2029-12-31T23:59:00Z"}),
    )
}

fn result(phase: JobPhase, reason: Reason) -> JobResult {
    serde_json::from_value(json!({
        "job": "j", "uid": "u", "phase": phase, "reason": reason, "message": "m", "outcome": "Active", "fields": {"status": "active"},
        "evidence": {"uri": "file:///e", "sha256": "ab", "files": 2}, "startedAt": "2029-12-31T23:59:00.000000Z", "milliseconds": 1500,
    }))
    .expect("a result")
}

fn intent() -> Intent {
    serde_json::from_value(json!({"job": "j", "step": "submit", "attempt": 1, "podUid": "p", "at": "2029-12-31T23:59:00Z", "evidenceSha256": "cd"}))
        .expect("an intent")
}

#[test]
fn each_result_gives_the_job_its_phase_reason_and_tries() {
    use JobPhase::{Cancelled, Failed, OutcomeUnknown, Pending, Succeeded};
    let unknown = Reason::read("MoonFull");
    // (spec, what the runner reports, armed) -> (phase, reason, tries used up)
    let table = [
        (json!({}), Succeeded, Reason::Answered, false, Succeeded, Reason::Answered, 1),
        (
            json!({"cancelRequested": true}),
            Succeeded,
            Reason::Answered,
            false,
            Succeeded,
            Reason::Answered,
            1,
        ),
        (json!({}), Failed, Reason::StepFailed, false, Pending, Reason::StepFailed, 1),
        (
            json!({"backoffLimit": 0}),
            Failed,
            Reason::StepFailed,
            false,
            Failed,
            Reason::TriesExhausted,
            1,
        ),
        (json!({}), Failed, Reason::ExpectMismatch, false, Failed, Reason::ExpectMismatch, 1),
        (json!({}), Failed, Reason::SessionLost, false, Pending, Reason::SessionLost, 0),
        (json!({}), Pending, Reason::Drained, false, Pending, Reason::Drained, 0),
        (
            json!({}),
            Pending,
            Reason::EvidenceUnavailable,
            false,
            Pending,
            Reason::EvidenceUnavailable,
            0,
        ),
        (
            json!({"cancelRequested": true}),
            Pending,
            Reason::Withdrawn,
            false,
            Cancelled,
            Reason::Withdrawn,
            0,
        ),
        (
            json!({"cancelRequested": true}),
            Failed,
            Reason::StepFailed,
            false,
            Cancelled,
            Reason::Withdrawn,
            0,
        ),
        // A reason of a newer runner: neither final nor free.
        (json!({}), Failed, unknown, false, Pending, unknown, 1),
        (json!({}), Pending, unknown, false, Pending, unknown, 1),
        (json!({"backoffLimit": 0}), Pending, unknown, false, Failed, Reason::TriesExhausted, 1),
        (json!({}), Succeeded, unknown, false, Succeeded, unknown, 1),
        (json!({}), OutcomeUnknown, Reason::Unproven, true, OutcomeUnknown, Reason::Unproven, 1),
        (json!({}), Failed, Reason::Refused, true, Failed, Reason::Refused, 1),
        (json!({}), Failed, Reason::StepFailed, true, Failed, Reason::StepFailed, 1),
        (
            json!({"cancelRequested": true}),
            Pending,
            Reason::Aborted,
            true,
            OutcomeUnknown,
            Reason::Unproven,
            1,
        ),
    ];
    for (spec, said, because, armed, phase, reason, tries) in table {
        let case = format!("{spec} {said} {because} armed={armed}");
        let status =
            settled(&at_work(spec), &result(said, because), armed.then(intent).as_ref(), now());
        assert_eq!(
            (status.phase, status.reason, status.attempts.unwrap_or(0)),
            (Some(phase), Some(reason), tries),
            "{case}"
        );
        let succeeded = get(&status.conditions, types::SUCCEEDED).expect("Succeeded");
        let expected = match phase {
            Succeeded => "True",
            Failed | Cancelled => "False",
            _ => "Unknown",
        };
        assert_eq!(succeeded.status, expected, "{case}");
        assert_eq!(status.finished_at.is_some(), phase.is_finished(), "{case}");
        assert_eq!(status.batch.is_none(), phase == Pending, "{case}");
        assert_eq!(status.intent.is_some(), armed, "{case}");
        let lost = because == Reason::SessionLost;
        assert_eq!(status.retry_at.is_some(), phase == Pending && (tries == 1 || lost), "{case}");
    }
}

#[test]
fn a_job_that_returns_to_pending_shows_no_outcome_of_the_failed_try() {
    let status =
        settled(&at_work(json!({})), &result(JobPhase::Failed, Reason::StepFailed), None, now());
    assert_eq!((status.outcome, status.result.len()), (None, 0));
    assert!(status.evidence.is_some(), "the pictures of the failure are kept");
}

#[test]
fn success_without_evidence_says_so() {
    let mut without = result(JobPhase::Succeeded, Reason::Answered);
    without.evidence = None;
    let status = settled(&at_work(json!({})), &without, None, now());
    assert_eq!(get(&status.conditions, types::EVIDENCE_STORED).expect("set").status, "False");
}

#[test]
fn pauses_double_up_to_ten_minutes() {
    let seconds: Vec<_> = (1..=7).map(|n| pause(n).as_secs()).collect();
    assert_eq!(seconds, [30, 60, 120, 240, 480, 600, 600]);
    assert_eq!(pause(i32::MAX).as_secs(), 600);
}

#[test]
fn three_tries_end_as_tries_exhausted_and_name_the_last_reason() {
    let mut job = at_work(json!({"backoffLimit": 2}));
    for tries in 1..=3 {
        let status = settled(&job, &result(JobPhase::Failed, Reason::Timeout), None, now());
        assert_eq!(status.attempts, Some(tries));
        assert_eq!(
            status.phase,
            Some(if tries == 3 { JobPhase::Failed } else { JobPhase::Pending }),
            "{tries}"
        );
        job.status = Some(FnoJobStatus {
            phase: Some(JobPhase::Batched),
            batch: Some("b".to_owned()),
            ..status
        });
    }
    let status = job.status.expect("status");
    assert_eq!(status.reason, Some(Reason::TriesExhausted));
    assert!(status.message.expect("a message").contains("Timeout"));
}

#[test]
fn an_untouched_job_returns_to_pending_without_losing_a_try() {
    let why = Why { reason: Reason::RunnerLost, message: "gone".to_owned() };
    let status = handed_back(&at_work(json!({})), &why, now());
    assert_eq!(
        (status.phase, status.reason, status.attempts, status.retry_at),
        (Some(JobPhase::Pending), Some(Reason::RunnerLost), Some(0), None)
    );
    let status = handed_back(&at_work(json!({"cancelRequested": true})), &why, now());
    assert_eq!(status.phase, Some(JobPhase::Cancelled));
}

fn run(more: serde_json::Value) -> Run {
    serde_json::from_value(more).expect("a run")
}

fn lost() -> Why {
    Why { reason: Reason::RunnerLost, message: "The runner was lost.".to_owned() }
}

#[test]
fn the_running_job_pauses_after_each_loss_and_uses_up_a_try_from_the_third_on() {
    let run = run(json!({"job": "j"}));
    let mut job = at_work(json!({"backoffLimit": 2}));
    let mut seen = Vec::new();
    for _ in 0..5 {
        let status = without_result(&job, Some(&run), &lost(), now());
        let pause = status.retry_at.as_ref().map(|at| at.0.duration_since(now()).as_secs());
        seen.push((status.lost_runs, status.attempts.unwrap_or(0), pause));
        job.status = Some(FnoJobStatus {
            phase: Some(JobPhase::Batched),
            batch: Some("b".to_owned()),
            ..status
        });
    }
    let expected = [
        (Some(1), 0, Some(30)),
        (Some(2), 0, Some(60)),
        (Some(3), 1, Some(120)),
        (Some(4), 2, Some(240)),
        (Some(5), 3, None),
    ];
    assert_eq!(seen, expected);
    let status = job.status.expect("a status");
    assert_eq!(status.reason, Some(Reason::TriesExhausted), "free retries are not endless");
    assert!(status.message.expect("a message").contains("The runner was lost. This was loss 5"));
}

#[test]
fn a_loss_does_not_count_for_jobs_that_were_not_running() {
    for run in [None, Some(run(json!({"job": "another"}))), Some(run(json!({})))] {
        let status = without_result(&at_work(json!({})), run.as_ref(), &lost(), now());
        assert_eq!((status.phase, status.lost_runs), (Some(JobPhase::Pending), None));
        assert!(status.retry_at.is_none());
    }
    let drained = Why { reason: Reason::Drained, message: String::new() };
    let status =
        without_result(&at_work(json!({})), Some(&run(json!({"job": "j"}))), &drained, now());
    assert_eq!((status.lost_runs, status.retry_at), (None, None), "a drain is not a loss");
}

#[test]
fn a_session_that_a_job_lost_counts_as_a_loss_when_the_runner_reports_it_too() {
    let mut job = at_work(json!({"backoffLimit": 0}));
    for expected in [JobPhase::Pending, JobPhase::Pending, JobPhase::Failed] {
        let status = settled(&job, &result(JobPhase::Pending, Reason::SessionLost), None, now());
        assert_eq!(status.phase, Some(expected));
        job.status = Some(FnoJobStatus { phase: Some(JobPhase::Batched), ..status });
    }
}

#[test]
fn a_job_that_was_not_started_ends_by_its_deadline_and_waits_while_it_is_suspended() {
    let withdrawn = result(JobPhase::Cancelled, Reason::Withdrawn);
    for (spec, phase, reason) in [
        (json!({"cancelRequested": true}), JobPhase::Cancelled, Reason::Withdrawn),
        (json!({"deadline": "2030-01-01T00:00:00Z"}), JobPhase::Failed, Reason::DeadlineExceeded),
        (json!({"deadline": "2029-12-31T00:00:00Z"}), JobPhase::Failed, Reason::DeadlineExceeded),
        (json!({"suspend": true}), JobPhase::Pending, Reason::Suspended),
        // Suspended and resumed before the runner reached the job.
        (json!({}), JobPhase::Pending, Reason::Drained),
    ] {
        let job = at_work(spec.clone());
        let back = handed_back(&job, &lost(), now());
        let reported = settled(&job, &withdrawn, None, now());
        assert_eq!((reported.phase, reported.reason), (Some(phase), Some(reason)), "{spec}");
        assert_eq!(reported.attempts, Some(0), "{spec}: no try is used up");
        assert_eq!(back.phase, Some(phase), "{spec}");
    }
    let late = result(JobPhase::Failed, Reason::DeadlineExceeded);
    let status = settled(&at_work(json!({})), &late, None, now());
    assert_eq!((status.phase, status.attempts), (Some(JobPhase::Failed), Some(0)));
}

#[test]
fn a_job_never_returns_to_pending_with_the_reason_of_a_completed_batch() {
    let completed = Why { reason: Reason::Completed, message: String::new() };
    assert_eq!(handed_back(&at_work(json!({})), &completed, now()).reason, Some(Reason::Drained));
}

#[test]
fn an_armed_job_never_returns_to_pending_when_its_batch_is_lost() {
    let mut job = at_work(json!({"action": "Cancellation", "cancelRequested": true}));
    job.status.as_mut().expect("a status").intent = Some(intent());
    for status in [
        handed_back(&job, &lost(), now()),
        without_result(&job, Some(&run(json!({"job": "j"}))), &lost(), now()),
        settled(&job, &result(JobPhase::Pending, Reason::SessionLost), None, now()),
    ] {
        assert_eq!(status.phase, Some(JobPhase::OutcomeUnknown));
    }
}

#[test]
fn a_rejected_status_is_written_without_its_optional_parts() {
    let status =
        settled(&at_work(json!({})), &result(JobPhase::Succeeded, Reason::Answered), None, now());
    let bare = bare(status, "too large");
    assert_eq!((bare.phase, bare.outcome.as_deref()), (Some(JobPhase::Succeeded), Some("Active")));
    assert!(bare.result.is_empty() && bare.evidence.is_some());
    assert!(bare.message.expect("a message").contains("too large"));
}

#[test]
fn an_armed_job_without_a_result_waits_for_a_person() {
    let status = outcome_unknown(
        &at_work(json!({"action": "Cancellation"})),
        &intent(),
        &Why { reason: Reason::RunnerLost, message: "gone".to_owned() },
        now(),
    );
    assert_eq!(
        (status.phase, status.reason),
        (Some(JobPhase::OutcomeUnknown), Some(Reason::Unproven))
    );
    assert_eq!(get(&status.conditions, types::STALLED).expect("set").status, "True");
    assert!(status.message.expect("a message").contains("RunnerLost"));
}

#[test]
fn the_rules_of_the_schema_accept_every_step_of_a_job() {
    let old = at_work(json!({"action": "Cancellation"}));
    for (phase, reason, armed) in [
        (JobPhase::Succeeded, Reason::Answered, true),
        (JobPhase::Failed, Reason::Refused, true),
        (JobPhase::Pending, Reason::Drained, true),
        (JobPhase::Pending, Reason::Drained, false),
        (JobPhase::OutcomeUnknown, Reason::Unproven, true),
    ] {
        let new = FnoJob {
            status: Some(settled(&old, &result(phase, reason), armed.then(intent).as_ref(), now())),
            ..old.clone()
        };
        new.validate_cel_update(&old).unwrap_or_else(|error| panic!("{phase} {reason}: {error:?}"));
    }
}

#[test]
fn a_waiting_reason_changes_nothing_else() {
    let job = job(json!({}), json!({"attempts": 1, "retryAt": "2030-01-01T00:01:00Z"}));
    let status = waiting(
        &job,
        &Why { reason: Reason::WaitingForSession, message: "busy".to_owned() },
        now(),
    );
    assert_eq!(
        (status.phase, status.reason, status.attempts),
        (Some(JobPhase::Pending), Some(Reason::WaitingForSession), Some(1))
    );
    assert!(status.retry_at.is_some());
}
