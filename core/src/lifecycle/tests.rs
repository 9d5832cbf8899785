mod logins;

use fno_crds::FnoBatch;
use serde_json::{Value, json};

use super::*;

mod bounded;

const NOW: &str = "2030-01-01T00:01:00Z";
const DEADLINES: Deadlines = Deadlines {
    pod_running: SignedDuration::from_mins(5),
    logged_in: SignedDuration::from_mins(5),
    heartbeat: SignedDuration::from_mins(2),
    job: SignedDuration::from_mins(3),
};

/// A batch that the operator has known for a minute, with one job.
struct Case {
    batch: FnoBatch,
    pod: PodState,
    pod_uid: Option<&'static str>,
    images_replaced: bool,
    switches: Switches,
    /// When the operator first saw the batch.
    first_seen: Timestamp,
    silent: i64,
    idle: i64,
    browser: Option<&'static str>,
    login_state_for: i64,
    jobs: Vec<JobState>,
    held: Option<Hold>,
    now: Timestamp,
}

fn case(status: Value) -> Case {
    Case {
        batch: serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch",
            "metadata": {"name": "b", "uid": "b", "creationTimestamp": "2030-01-01T00:00:00Z", "finalizers": [FINALIZER]},
            "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "d", "jobs": [{"name": "j", "uid": "u"}],
                     "ttlSecondsAfterFinished": 60},
            "status": status,
        }))
        .expect("a batch"),
        pod: PodState::Missing,
        pod_uid: None,
        images_replaced: false,
        switches: Switches::default(),
        first_seen: time("2030-01-01T00:00:00Z"),
        silent: 0,
        idle: 0,
        browser: None,
        login_state_for: 30,
        jobs: vec![JobState { at_work: true, ..JobState::settled("u".to_owned(), true) }],
        held: None,
        now: time(NOW),
    }
}

impl Case {
    fn pod(mut self, pod: PodState) -> Self {
        self.pod_uid = (!matches!(pod, PodState::Missing)).then_some("p1");
        self.pod = pod;
        self
    }
    fn running(self) -> Self {
        self.pod(PodState::Running { since: time("2030-01-01T00:00:10Z") })
    }
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
    fn held(self, reason: Reason, until: &str, in_turn: bool) -> Self {
        let held =
            Hold { why: Why { reason, message: "held".to_owned() }, until: time(until), in_turn };
        self.with(|case| case.held = Some(held))
    }
    fn at(self, now: &str) -> Self {
        let now = time(now);
        self.with(|case| case.now = now)
    }
    fn next(&self) -> NextAction {
        next(&BatchFacts {
            now: self.now,
            batch: &self.batch,
            pod: &self.pod,
            pod_uid: self.pod_uid,
            images_replaced: self.images_replaced,
            switches: self.switches,
            exists_for: self.now.duration_since(self.first_seen),
            silent_for: SignedDuration::from_secs(self.silent),
            idle_for: SignedDuration::from_secs(self.idle),
            browser: self.browser,
            login_state_for: SignedDuration::from_secs(self.login_state_for),
            jobs: &self.jobs,
            held: self.held.as_ref(),
            deadlines: &DEADLINES,
        })
    }
    fn ends(&self) -> (BatchPhase, Reason, bool) {
        match self.next() {
            NextAction::End(end) => (end.phase, end.why.reason, end.fence),
            other => panic!("{other:?}"),
        }
    }
    fn waits(&self) -> (Option<Timestamp>, Option<Reason>) {
        match self.next() {
            NextAction::Wait { until, shown } => (until, shown.map(|b| b.reason)),
            other => panic!("{other:?}"),
        }
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn login(n: i32, state: &str) -> Value {
    json!({"n": n, "state": state, "at": "2030-01-01T00:00:30.000000Z"})
}

fn grants(states: &[&str]) -> Value {
    states.iter().zip(1..).map(|(state, login)| json!({"login": login, "state": state, "at": "2030-01-01T00:00:40.000000Z"})).collect()
}

fn assigned(run: Value, given: &[&str]) -> Case {
    case(json!({"phase": "Assigned", "attempt": 1, "claimed": ["u"], "run": run, "grants": grants(given)})).running()
}

fn result(phase: &str, reason: &str) -> Value {
    json!({"job": "j", "uid": "u", "phase": phase, "reason": reason, "startedAt": "2030-01-01T00:00:30.000000Z", "milliseconds": 1000})
}

fn end(reason: &str, logged_out: bool) -> Value {
    json!({"reason": reason, "loggedOut": logged_out, "at": "2030-01-01T00:00:50.000000Z"})
}

#[test]
fn a_new_batch_claims_and_then_launches() {
    assert_eq!(case(Value::Null).next(), NextAction::Claim);
    assert_eq!(case(json!({"claimed": ["u"]})).next(), NextAction::Launch { attempt: 1 });
}

#[test]
fn a_refused_launch_is_retried_until_the_deadline_and_then_fails_with_its_reason() {
    let refused =
        || case(json!({"claimed": ["u"]})).held(Reason::PodRejected, "2030-01-01T00:01:05Z", false);
    assert_eq!(refused().waits(), (Some(time("2030-01-01T00:01:05Z")), Some(Reason::PodRejected)));
    assert_eq!(refused().at("2030-01-01T00:01:05Z").next(), NextAction::Launch { attempt: 1 });
    assert_eq!(
        refused().at("2030-01-01T00:05:00Z").ends(),
        (BatchPhase::Failed, Reason::PodRejected, true)
    );
}

#[test]
fn a_pod_that_does_not_start_shows_the_reason_and_is_given_up_at_the_deadline() {
    let stuck = || {
        case(json!({"phase": "Assigned", "attempt": 1, "claimed": ["u"]})).pod(PodState::Starting(
            Some(Why { reason: Reason::ImageUnavailable, message: String::new() }),
        ))
    };
    assert_eq!(
        stuck().waits(),
        (Some(time("2030-01-01T00:05:00Z")), Some(Reason::ImageUnavailable))
    );
    assert_eq!(
        stuck().at("2030-01-01T00:05:00Z").ends(),
        (BatchPhase::Failed, Reason::ImageUnavailable, true)
    );
    let corrected = stuck().with(|case| case.images_replaced = true);
    assert_eq!(
        corrected.ends(),
        (BatchPhase::Failed, Reason::ImageUnavailable, true),
        "the next batch's Pod has the right image"
    );
    let slow = case(json!({"phase": "Assigned", "attempt": 1, "claimed": ["u"]}))
        .pod(PodState::Starting(None))
        .with(|case| case.images_replaced = true);
    assert_eq!(
        slow.waits(),
        (Some(time("2030-01-01T00:05:00Z")), None),
        "a Pod that can start is left alone"
    );
    let silent = case(json!({"phase": "Assigned", "attempt": 1, "claimed": ["u"]}))
        .pod(PodState::Starting(None));
    assert_eq!(
        silent.at("2030-01-01T00:05:00Z").ends(),
        (BatchPhase::Failed, Reason::RunnerLost, true)
    );
}

#[test]
fn the_api_servers_clock_does_not_move_the_deadline_of_the_pod() {
    for created in ["2029-12-31T23:00:00Z", "2030-01-01T01:00:00Z"] {
        let clocked = |status: Value| {
            case(status).with(|case| {
                case.batch.metadata.creation_timestamp =
                    Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(time(created)));
            })
        };
        assert_eq!(clocked(Value::Null).next(), NextAction::Claim, "{created}");
        let starting = || {
            clocked(json!({"phase": "Assigned", "attempt": 1, "claimed": ["u"]}))
                .pod(PodState::Starting(None))
        };
        assert_eq!(starting().waits().0, Some(time("2030-01-01T00:05:00Z")), "{created}");
        assert_eq!(starting().at("2030-01-01T00:05:00Z").ends().1, Reason::RunnerLost, "{created}");
    }
}

#[test]
fn after_a_restart_the_deadline_of_the_pod_counts_from_its_recorded_creation() {
    let second = SignedDuration::from_secs;
    let assigned = case(json!({"phase": "Assigned", "assignedAt": "2030-01-01T00:00:20Z"})).batch;
    assert_eq!(exists_for(&assigned, second(3), time(NOW)), second(40));
    assert_eq!(exists_for(&assigned, second(50), time(NOW)), second(50), "the claim comes first");
    assert_eq!(exists_for(&case(Value::Null).batch, second(3), time(NOW)), second(3));
}

#[test]
fn only_a_pod_that_never_ran_is_replaced() {
    let over = |ran: bool| PodState::Ended { ran, how: "Evicted".to_owned() };
    let with = |status: Value, pod| case(status).pod(pod).next();
    let fresh = || json!({"phase": "Assigned", "attempt": 1, "claimed": ["u"]});
    assert_eq!(with(fresh(), over(false)), NextAction::Launch { attempt: 2 });
    assert_eq!(with(fresh(), PodState::Missing), NextAction::Launch { attempt: 2 });
    assert!(matches!(with(fresh(), over(true)), NextAction::End(_)));
    // The Pod is gone, but its runner has reported, so it may have used the portal.
    assert!(matches!(
        with(
            json!({"phase": "Assigned", "attempt": 1, "claimed": ["u"], "run": {"podUid": "p1"}}),
            PodState::Missing
        ),
        NextAction::End(_)
    ));
    assert!(matches!(
        with(json!({"phase": "Assigned", "attempt": 3, "claimed": ["u"]}), over(false)),
        NextAction::End(_)
    ));
    assert!(matches!(
        case(fresh()).pod(over(false)).at("2030-01-01T00:05:00Z").next(),
        NextAction::End(_)
    ));
}

#[test]
fn a_silent_runner_is_given_up() {
    let silent = |seconds| {
        assigned(json!({"podUid": "p1", "logins": 1, "login": login(1, "LoggedIn")}), &["Done"])
            .with(|case| case.silent = seconds)
    };
    assert_eq!(silent(119).waits().0, Some(time("2030-01-01T00:01:01Z")));
    assert_eq!(silent(120).ends(), (BatchPhase::Failed, Reason::RunnerLost, true));
}

#[test]
fn results_are_mirrored_before_anything_else_happens_with_the_batch() {
    let run = |end: Value| json!({"podUid": "p1", "logins": 1, "login": login(1, "LoggedIn"), "results": [result("Succeeded", "Answered")], "end": end});
    assert_eq!(assigned(run(end("Completed", true)), &["Done"]).next(), NextAction::Mirror);
    let mirrored = assigned(run(end("Completed", true)), &["Done"])
        .at("2030-01-01T00:00:55Z")
        .with(|case| case.jobs[0].at_work = false);
    assert!(
        matches!(mirrored.next(), NextAction::Wait { .. }),
        "the container has 10 s to exit, so that its log is complete"
    );
    assert_eq!(
        mirrored.pod(PodState::Ended { ran: true, how: String::new() }).ends(),
        (BatchPhase::Completed, Reason::Completed, false)
    );
}

#[test]
fn a_run_is_completed_only_if_every_job_was_settled() {
    let ended = |reason: &str, logged_out, results: Value| {
        assigned(json!({"podUid": "p1", "logins": 1, "login": login(1, "LoggedIn"), "results": results, "end": end(reason, logged_out)}), &["Done"])
            .with(|case| case.jobs[0].at_work = false)
            .pod(PodState::Ended { ran: true, how: String::new() })
            .ends()
    };
    let (all, none) = (json!([result("Failed", "StepFailed")]), json!([]));
    assert_eq!(
        ended("Completed", true, all.clone()),
        (BatchPhase::Completed, Reason::Completed, false)
    );
    assert_eq!(
        ended("Completed", true, none.clone()),
        (BatchPhase::Failed, Reason::Drained, false)
    );
    assert_eq!(
        ended("Drained", true, all.clone()),
        (BatchPhase::Completed, Reason::Completed, false)
    );
    assert_eq!(ended("Drained", true, none), (BatchPhase::Failed, Reason::Drained, false));
    assert_eq!(
        ended("PortalChanged", true, all),
        (BatchPhase::Failed, Reason::PortalChanged, false)
    );
}

#[test]
fn the_log_is_not_waited_for_forever() {
    let run = json!({"podUid": "p1", "logins": 1, "login": login(1, "LoggedIn"), "end": end("Drained", true)});
    let waiting = assigned(run, &["Done"]).at("2030-01-01T00:00:59Z");
    assert_eq!(waiting.waits().0, Some(time("2030-01-01T00:01:00Z")));
    assert!(matches!(waiting.at("2030-01-01T00:01:00Z").next(), NextAction::End(_)));
}

#[test]
fn a_lost_runner_is_fenced_before_anything_else() {
    let lost =
        assigned(json!({"podUid": "p1", "logins": 1, "login": login(1, "LoggedIn")}), &["Done"]);
    assert_eq!(
        lost.pod(PodState::Ended { ran: true, how: "OOMKilled".to_owned() }).ends(),
        (BatchPhase::Failed, Reason::RunnerLost, true)
    );
}

#[test]
fn stopping_drains_or_aborts() {
    let at_work =
        || assigned(json!({"podUid": "p1", "logins": 1, "login": login(1, "LoggedIn")}), &["Done"]);
    let suspended = Switches { suspend: true, suspend_cancellations: false };
    assert_eq!(at_work().with(|case| case.switches = suspended).next(), NextAction::Drain);
    assert!(matches!(
        at_work()
            .with(|case| (case.switches, case.batch.spec.stop) = (suspended, Stop::Drain))
            .next(),
        NextAction::Wait { .. }
    ));
    assert_eq!(
        at_work().with(|case| case.batch.spec.stop = Stop::Abort).ends(),
        (BatchPhase::Failed, Reason::Aborted, true)
    );
    assert_eq!(
        case(Value::Null).with(|case| case.switches = suspended).ends(),
        (BatchPhase::Failed, Reason::Drained, true)
    );
    let starting = case(json!({"phase": "Assigned", "attempt": 1, "claimed": ["u"]}))
        .pod(PodState::Starting(None));
    assert_eq!(starting.with(|case| case.switches = suspended).ends().1, Reason::Drained);
    let deleted = at_work().with(|case| {
        case.batch.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(time(NOW)))
    });
    assert_eq!(deleted.ends(), (BatchPhase::Failed, Reason::Aborted, true));
}

#[test]
fn after_the_fence_everything_is_settled_then_cleaned_then_forgotten() {
    let fenced = case(json!({"phase": "Failed", "claimed": ["u"]}));
    assert_eq!(fenced.next(), NextAction::Settle);
    let half = case(json!({"phase": "Failed", "claimed": ["u"], "finishedAt": NOW}));
    assert_eq!(half.next(), NextAction::Settle, "a job is still Batched in it");
    let settled = |finalizers: &[&str]| {
        let finalizers = finalizers.iter().map(|f| (*f).to_owned()).collect();
        case(json!({"phase": "Completed", "claimed": ["u"], "finishedAt": NOW})).with(|case| {
            case.jobs[0].at_work = false;
            case.batch.metadata.finalizers = Some(finalizers);
        })
    };
    assert_eq!(settled(&[FINALIZER]).next(), NextAction::Clean);
    assert_eq!(settled(&[]).waits().0, Some(time("2030-01-01T00:02:00Z")));
    assert_eq!(settled(&[]).at("2030-01-01T00:02:00Z").next(), NextAction::Forget);
}
