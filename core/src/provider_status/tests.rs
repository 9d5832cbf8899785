use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{account::AccountName, key::Key, plan::AccountView};

fn now() -> Timestamp {
    "2030-01-01T00:10:00Z".parse().expect("a time")
}

fn provider(status: Value) -> FnoProvider {
    let flow = json!({"steps": [{"type": "navigate", "url": "/"}]});
    serde_json::from_value(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoProvider", "metadata": {"name": "p", "namespace": "n"},
        "spec": {"baseUrl": "https://p.example", "allowedOrigins": ["https://p.example"], "accounts": [{"name": "a", "credentialsSecretRef": {"name": "s"}}],
                 "flows": {"login": flow, "validation": flow}},
        "status": status,
    }))
    .expect("a provider")
}

fn batch(name: &str, status: Value) -> FnoBatch {
    serde_json::from_value(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": name, "namespace": "n"},
        "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "d", "jobs": [{"name": "j", "uid": "u"}]}, "status": status,
    }))
    .expect("a batch")
}

fn result(phase: &str, reason: &str, milliseconds: i64) -> Value {
    json!({"job": "j", "uid": "u", "phase": phase, "reason": reason, "startedAt": "2030-01-01T00:00:00.000000Z", "milliseconds": milliseconds, "step": "search"})
}

fn view(blocked: Option<Why>, gates: &[Gate], flow_gate: Gate) -> ProviderView {
    ProviderView {
        key: Key { namespace: "n".to_owned(), name: "p".to_owned() },
        generation: 1,
        spec: Arc::new(provider(Value::Null).spec),
        flows_digest: "d".to_owned(),
        blocked,
        cancellations_blocked: None,
        flow_gate,
        accounts: gates
            .iter()
            .zip('a'..)
            .map(|(gate, name)| AccountView {
                name: name.to_string(),
                identity: AccountName { provider: "p".to_owned(), account: name.to_string() },
                max_sessions: 1,
                gate: gate.clone(),
                totp_period: None,
                last_step: None,
            })
            .collect(),
        job_seconds: BTreeMap::new(),
        login_seconds: None,
        flush: false,
        work_bytes: 0,
    }
}

fn trial() -> Gate {
    Gate::Trial(because(Reason::PortalChanged))
}

fn because(reason: Reason) -> Why {
    Why { reason, message: format!("{reason}.") }
}

#[test]
fn a_provider_that_can_work_is_ready_and_otherwise_the_first_obstacle_is_reported() {
    let shut = || Gate::Shut(because(Reason::BreakerOpen));
    let image = because(Reason::ImageUnavailable);
    for (view, trouble, expected) in [
        (view(None, &[Gate::Open], Gate::Open), None, Reason::Available),
        (view(None, &[Gate::Open, shut()], Gate::Open), None, Reason::Available),
        (view(None, &[shut(), shut()], Gate::Open), None, Reason::BreakerOpen),
        (
            view(None, &[Gate::Open], Gate::Shut(because(Reason::PortalChanged))),
            None,
            Reason::PortalChanged,
        ),
        (
            view(Some(because(Reason::FlowInvalid)), &[shut()], Gate::Open),
            Some(&image),
            Reason::FlowInvalid,
        ),
        (view(None, &[trial()], trial()), Some(&image), Reason::ImageUnavailable),
    ] {
        let readiness = readiness(&view, trouble);
        assert_eq!(readiness.why.reason, expected);
        assert_eq!(readiness.ready == Status::True, expected == Reason::Available);
    }
    let suspended = |blocked| {
        let view = view(blocked, &[Gate::Open], Gate::Open);
        readiness(
            &ProviderView {
                spec: Arc::new(fno_crds::FnoProviderSpec { suspend: true, ..(*view.spec).clone() }),
                ..view
            },
            None,
        )
        .why
        .reason
    };
    assert_eq!(suspended(None), Reason::Suspended);
    assert_eq!(suspended(Some(because(Reason::SecretNotFound))), Reason::SecretNotFound);
    let partly = readiness(&view(None, &[Gate::Open, shut()], Gate::Open), None);
    assert_eq!(partly.why.message, "Account b cannot be used: BreakerOpen.");
}

#[test]
fn a_provider_on_trial_is_not_ready_and_does_not_need_a_person() {
    for (accounts, flow) in [
        (vec![Gate::Open], trial()),
        (vec![trial()], Gate::Open),
        (vec![Gate::Shut(because(Reason::BreakerOpen)), trial()], Gate::Open),
    ] {
        let readiness = readiness(&view(None, &accounts, flow), None);
        assert_eq!(
            (readiness.ready, readiness.why.reason, readiness.needs_a_person()),
            (Status::Unknown, Reason::PortalChanged, false)
        );
    }
    let some_work = readiness(&view(None, &[Gate::Open, trial()], Gate::Open), None);
    assert_eq!(some_work.ready, Status::True, "one account is enough");
}

#[test]
fn conditions_say_whether_a_person_is_needed_or_the_operator_continues_by_itself() {
    let mut status = FnoProviderStatus::default();
    for (reason, ready, stalled, reconciling) in [
        (Reason::Available, "True", "False", "False"),
        (Reason::SecretNotFound, "False", "True", "False"),
        (Reason::ValkeyUnavailable, "False", "False", "True"),
        (Reason::Suspended, "False", "False", "False"),
    ] {
        let readiness =
            Readiness { ready: Status::from(reason == Reason::Available), why: because(reason) };
        conditions(&mut status, Some(3), &readiness, Some("A remark."), now());
        let value = |type_| condition::get(&status.conditions, type_).expect(type_).status.clone();
        assert_eq!(
            (
                value(types::READY).as_str(),
                value(types::STALLED).as_str(),
                value(types::RECONCILING).as_str()
            ),
            (ready, stalled, reconciling),
            "{reason}"
        );
    }
    assert_eq!(status.observed_generation, Some(3));
    let ready = condition::get(&status.conditions, types::READY).expect("Ready");
    assert!(ready.message.ends_with("A remark."), "{}", ready.message);
}

#[test]
fn only_answered_jobs_of_a_batch_measure_how_long_things_take() {
    let batch = batch(
        "b",
        json!({"run": {"results": [result("Succeeded", "Answered", 2000), result("Pending", "Timeout", 180_000)], "loginMilliseconds": 8000, "clockOffsetMilliseconds": 1250}}),
    );
    let (status, change) =
        after_batch(&provider(Value::Null), &batch, |_| Some(Action::Validation), now());
    assert_eq!(
        status.job_milliseconds,
        [JobMilliseconds { action: Action::Validation, mean: 2000 }]
    );
    assert_eq!(
        (status.login_milliseconds, status.clock_offset_milliseconds),
        (Some(8000), Some(1250))
    );
    let breaker = status.flow_breaker.expect("the failed step is remembered");
    assert_eq!(
        (breaker.state, change.event),
        (fno_crds::provider_status::BreakerState::Closed, None)
    );
    let known = provider(
        json!({"jobMilliseconds": [{"action": "Validation", "mean": 4000}, {"action": "Cancellation", "mean": 9000}]}),
    );
    let (status, _) = after_batch(&known, &batch, |_| Some(Action::Validation), now());
    let of = |action| {
        status.job_milliseconds.iter().find(|known| known.action == action).map(|known| known.mean)
    };
    assert_eq!((of(Action::Validation), of(Action::Cancellation)), (Some(3600), Some(9000)));
}

#[test]
fn a_changed_portal_opens_the_flow_breaker_and_names_the_step() {
    let batch = batch(
        "b",
        json!({"run": {"results": [], "end": {"reason": "PortalChanged", "step": "search", "evidence": "file:///e", "at": "2030-01-01T00:00:00.000000Z"}}}),
    );
    let (status, change) = after_batch(&provider(Value::Null), &batch, |_| None, now());
    let breaker = status.flow_breaker.expect("a breaker");
    assert_eq!(
        (breaker.reason, breaker.step.as_deref()),
        (Some(Reason::PortalChanged), Some("search"))
    );
    assert!(change.event.is_some());
}

#[test]
fn a_changed_portal_shows_what_the_last_failed_job_says() {
    let result = |job: &str, message: &str| {
        json!({"job": job, "uid": job, "phase": "Pending", "reason": "StepFailed", "step": "row", "message": message,
            "startedAt": "2030-01-01T00:00:00.000000Z", "milliseconds": 1})
    };
    let columns = "The table has no column \"Status\"; its columns are: Circuit, State.";
    let batch = batch(
        "b",
        json!({"run": {"results": [result("1", "another"), result("2", columns)],
            "end": {"reason": "PortalChanged", "message": "Step row failed.", "step": "row", "at": "2030-01-01T00:00:00.000000Z"}}}),
    );
    let (status, change) = after_batch(&provider(Value::Null), &batch, |_| None, now());
    assert_eq!(status.flow_breaker.expect("a breaker").message.as_deref(), Some(columns));
    let message = change.event.expect("it opens").message;
    assert!(message.contains("its columns are: Circuit, State"), "{message}");
}

#[test]
fn batches_that_do_no_work_follow_after_growing_pauses() {
    let failed = |reason: &str, results: Value| {
        batch(
            "b",
            json!({"phase": "Failed", "reason": reason, "finishedAt": "2030-01-01T00:10:00Z", "run": {"results": results}}),
        )
    };
    let idle = failed("RunnerLost", json!([]));
    let until = |batches: &[&FnoBatch]| {
        pause_after(batches.iter().copied(), now())
            .map(|(until, _)| until.duration_since(now()).as_secs())
    };
    assert_eq!(until(&[]), None);
    assert_eq!(until(&[&idle]), Some(5));
    assert_eq!(until(&[&idle, &idle, &idle]), Some(20));
    assert_eq!(until(&[&idle; 30]), Some(120));
    let unfinished = failed("SessionLost", json!([result("Pending", "SessionLost", 1000)]));
    assert_eq!(until(&[&unfinished, &idle]), Some(10), "it handed the job back");
    let worked = failed("RunnerLost", json!([result("Succeeded", "Answered", 1000)]));
    assert_eq!(until(&[&worked, &idle]), None);
    assert_eq!(until(&[&idle, &worked, &idle]), Some(5));
    assert_eq!(until(&[&failed("Drained", json!([]))]), None);
    let (_, blocked) =
        pause_after([&failed("ImageUnavailable", json!([]))], now()).expect("a pause");
    assert_eq!(blocked.reason, Reason::ImageUnavailable);
}

/// A batch that logged in, as it ended. `change` changes its status.
fn logged_in_batch(name: &str, reason: &str, change: Value) -> FnoBatch {
    let mut status = json!({"phase": "Failed", "reason": reason, "finishedAt": "2030-01-01T00:10:00Z",
        "run": {"logins": 3, "results": [], "job": "j",
            "end": {"reason": reason, "at": "2030-01-01T00:10:00.000000Z", "step": "sessionProbe", "evidence": "file:///e"}}});
    for (field, value) in change.as_object().into_iter().flatten() {
        *status.pointer_mut(field).expect(field) = value.clone();
    }
    batch(name, status)
}

#[test]
fn batches_that_log_in_and_finish_no_job_follow_after_growing_pauses_however_they_end() {
    let until = |batch: &FnoBatch, times: usize| {
        pause_after(std::iter::repeat_n(batch, times), now())
            .map(|(until, _)| until.duration_since(now()).as_secs())
    };
    let completed = json!({"/phase": "Completed", "/run/results": [result("Pending", "EvidenceUnavailable", 1)]});
    for (reason, change) in [
        ("SessionLost", json!({})),
        ("BrowserCrashed", json!({})),
        ("RunnerLost", json!({"/run/end": null})),
        ("LoginFailed", json!({})),
        ("CircuitClaimed", json!({})),
        // The node told the runner to end.
        ("Drained", json!({})),
        ("Completed", completed),
    ] {
        let batch = logged_in_batch("b", reason, change);
        assert_eq!((until(&batch, 1), until(&batch, 3)), (Some(5), Some(20)), "{reason}");
        assert_eq!(until(&batch, 30), Some(600), "{reason}");
    }
    let withdrawn =
        json!({"/phase": "Completed", "/run/results": [result("Pending", "Withdrawn", 0)]});
    assert_eq!(until(&logged_in_batch("b", "Completed", withdrawn), 1), None);
    let mut drained = logged_in_batch("b", "Drained", json!({}));
    drained.spec.stop = Stop::Drain;
    assert_eq!(until(&drained, 1), None, "a person drained it");
}

#[test]
fn batches_that_log_in_and_reach_no_job_open_the_flow_breaker() {
    for reason in ["SessionLost", "BrowserCrashed", "LoginFailed"] {
        let first = logged_in_batch("b-1", reason, json!({}));
        let (status, change) = after_batch(&provider(Value::Null), &first, |_| None, now());
        assert_eq!(change.event, None, "{reason}");
        let known = provider(serde_json::to_value(status).expect("JSON"));
        let second = logged_in_batch("b-2", reason, json!({}));
        let (status, change) = after_batch(&known, &second, |_| None, now());
        let breaker = status.flow_breaker.expect("a breaker");
        assert_eq!(breaker.step.as_deref(), Some("sessionProbe"), "{reason}");
        assert_eq!(change.event.expect("it opens").reason, Reason::PortalChanged, "{reason}");
        // A canary that gets no further opens it again.
        let tried = crate::breaker::flow::refresh(&breaker, now(), "d", Some(now())).breaker;
        let known = provider(json!({"flowBreaker": tried}));
        let canary = logged_in_batch("b-3", reason, json!({}));
        assert!(after_batch(&known, &canary, |_| None, now()).1.event.is_some(), "{reason}");
    }
}

#[test]
fn a_session_that_a_job_loses_is_no_matter_of_the_login_flow() {
    let by_a_job = json!({"/run/end/step": null});
    let with_results = json!({"/run/results": [result("Pending", "SessionLost", 1)]});
    for change in [by_a_job, with_results] {
        let mut known = provider(Value::Null);
        for name in ["b-1", "b-2", "b-3"] {
            let batch = logged_in_batch(name, "SessionLost", change.clone());
            let (status, change) = after_batch(&known, &batch, |_| None, now());
            assert_eq!(change.event, None);
            known = provider(serde_json::to_value(status).expect("JSON"));
        }
    }
}

#[test]
fn logins_cut_short_and_logins_that_failed_in_a_step_share_one_limit() {
    let failed = logged_in_batch(
        "b-1",
        "LoginFailed",
        json!({"/run/logins": null, "/run/end/step": "password"}),
    );
    let (status, change) = after_batch(&provider(Value::Null), &failed, |_| None, now());
    assert_eq!((change.event, login_flow_failures(&status)), (None, 1), "one of two");
    let unclear =
        json!({"accounts": [{"name": "a", "breaker": {"state": "Closed", "failures": 1}}]});
    let change = after_batch(&provider(unclear), &failed, |_| None, now()).1;
    assert_eq!(change.event.expect("it opens").reason, Reason::PortalChanged);
}
