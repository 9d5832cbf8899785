//! Nothing lasts for ever: every phase of a batch ends by the operator's clock, no matter what the runner, a job or the API server does.

use fno_crds::FnoJob;

use super::*;

fn logged_in(run: Value) -> Case {
    let mut whole = json!({"podUid": "p1", "sessionId": "s1", "logins": 1, "job": "j", "login": login(1, "LoggedIn")});
    whole.as_object_mut().expect("object").extend(run.as_object().expect("object").clone());
    assigned(whole, &["Done"])
}

#[test]
fn a_runner_that_lives_but_makes_no_progress_is_given_up() {
    // A job's flow may take 3 min, and 5 min more are allowed for everything else.
    let idle = |seconds| logged_in(json!({})).with(|case| case.idle = seconds);
    assert_eq!(idle(470).waits().0, Some(time("2030-01-01T00:01:10Z")));
    assert_eq!(idle(480).ends(), (BatchPhase::Failed, Reason::RunnerLost, true));
    match idle(480).next() {
        NextAction::End(end) => assert!(end.why.message.contains("job j was running"), "{end:?}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn waiting_for_a_turn_to_log_in_does_not_count_as_lack_of_progress() {
    let waiting =
        assigned(json!({"podUid": "p1", "logins": 1, "login": login(2, "AskingLogin")}), &["Done"])
            .held(Reason::WaitingForSession, "2030-01-01T00:01:05Z", true)
            .with(|case| case.idle = 86_400);
    assert_eq!(waiting.waits().1, Some(Reason::WaitingForSession));
}

#[test]
fn a_heartbeat_does_not_count_as_progress_and_each_step_of_the_work_does() {
    let run = |more: Value| -> fno_crds::batch::Run {
        let mut whole = json!({"podUid": "p1", "job": "j", "login": login(1, "LoggedIn")});
        whole.as_object_mut().expect("object").extend(more.as_object().expect("object").clone());
        serde_json::from_value(whole).expect("a run")
    };
    let before = Progress::of(&run(json!({})));
    for same in [
        json!({"heartbeat": "2030-01-01T00:09:00.000000Z"}),
        json!({"login": {"n": 1, "state": "LoggedIn", "at": "2030-01-01T00:09:00.000000Z"}}),
    ] {
        assert_eq!(Progress::of(&run(same.clone())), before, "{same}");
    }
    let intent = json!({"job": "j", "step": "s", "attempt": 1, "podUid": "p", "at": NOW, "evidenceSha256": "ab"});
    for step in [
        json!({"job": "k"}),
        json!({"sessionId": "another"}),
        json!({"login": login(2, "AskingLogin")}),
        json!({"results": [result("Succeeded", "Answered")]}),
        json!({"intents": [intent]}),
        json!({"end": end("Drained", true)}),
    ] {
        assert_ne!(Progress::of(&run(step.clone())), before, "{step}");
    }
}

#[test]
fn a_deadline_that_has_passed_comes_before_a_write_that_may_never_succeed() {
    let results = json!({"results": [result("Succeeded", "Answered")]});
    let reported = || logged_in(results.clone());
    assert_eq!(reported().next(), NextAction::Mirror);
    assert_eq!(reported().with(|case| case.silent = 120).ends().1, Reason::RunnerLost);
    assert_eq!(reported().with(|case| case.idle = 480).ends().1, Reason::RunnerLost);
    let gone = reported().pod(PodState::Ended { ran: true, how: "Error".to_owned() });
    assert_eq!(gone.next(), NextAction::Mirror);
    assert_eq!(
        gone.with(|case| case.silent = 120).ends(),
        (BatchPhase::Failed, Reason::RunnerLost, true)
    );
    // Likewise for a login that cannot be counted, and after the runner has reported its end.
    let open = assigned(
        json!({"podUid": "p1", "logins": 1, "login": login(1, "LoggedIn")}),
        &["CodeReady"],
    );
    assert!(matches!(open.next(), NextAction::CloseLogin { .. }));
    assert_eq!(open.with(|case| case.silent = 120).ends().1, Reason::RunnerLost);
    let over = logged_in(
        json!({"results": [result("Succeeded", "Answered")], "end": end("Completed", true)}),
    );
    assert_eq!(over.next(), NextAction::Mirror);
    assert_eq!(
        over.with(|case| case.silent = 120).ends(),
        (BatchPhase::Completed, Reason::Completed, true),
        "its phase is stored first, the rest is tried after that"
    );
}

#[test]
fn a_pod_that_never_ran_is_replaced_no_matter_how_long_it_took_to_start() {
    let evicted = case(json!({"phase": "Assigned", "attempt": 1, "claimed": ["u"]}))
        .pod(PodState::Ended { ran: false, how: "Evicted".to_owned() })
        .with(|case| case.silent = 200);
    assert_eq!(evicted.next(), NextAction::Launch { attempt: 2 });
}

#[test]
fn a_job_whose_status_is_refused_holds_up_neither_the_batch_nor_its_end() {
    let refused = |case: Case| case.with(|case| case.jobs[0].refused = true);
    let results = || json!({"results": [result("Succeeded", "Answered")]});
    assert!(matches!(refused(logged_in(results())).next(), NextAction::Wait { .. }));
    let finished = || case(json!({"phase": "Failed", "claimed": ["u"], "finishedAt": NOW}));
    assert_eq!(finished().next(), NextAction::Settle);
    assert_eq!(refused(finished()).next(), NextAction::Clean);
    let cleaned = refused(finished())
        .at("2031-01-01T00:00:00Z")
        .with(|case| case.batch.metadata.finalizers = None);
    assert!(
        matches!(cleaned.next(), NextAction::Wait { .. }),
        "the result is stored only in the batch"
    );
}

#[test]
fn a_job_that_was_not_started_is_withdrawn_when_its_deadline_passes_or_a_person_suspends_it() {
    let job = |spec: Value, deleted: Value| -> FnoJob {
        let mut whole = json!({"provider": "p", "action": "Validation", "circuitNumber": "C1"});
        whole.as_object_mut().expect("object").extend(spec.as_object().expect("object").clone());
        serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob",
            "metadata": {"name": "j", "uid": "u", "deletionTimestamp": deleted}, "spec": whole,
        }))
        .expect("a job")
    };
    let state = |spec, deleted| JobState::at_work(&job(spec, deleted), false, time(NOW));
    let later = "2030-01-01T00:01:30Z";
    for (spec, deleted, withdrawn, deadline) in [
        (json!({}), Value::Null, false, None),
        (json!({"cancelRequested": true}), Value::Null, true, None),
        (json!({"suspend": true}), Value::Null, true, None),
        (json!({}), json!(NOW), true, None),
        (json!({"deadline": NOW}), Value::Null, true, None),
        (json!({"deadline": later}), Value::Null, false, Some(time(later))),
    ] {
        let state = state(spec.clone(), deleted);
        assert_eq!((state.withdrawn, state.deadline), (withdrawn, deadline), "{spec}");
    }
    let at_work = logged_in(json!({})).with(|case| {
        case.jobs = vec![JobState::at_work(
            &job(json!({"deadline": later}), Value::Null),
            false,
            time(NOW),
        )];
    });
    assert_eq!(at_work.waits().0, Some(time(later)), "the batch is reconciled again at that time");
}

#[test]
fn a_browser_that_ran_out_of_memory_is_reported_with_the_crash() {
    let said = "The browser's container was killed (OOMKilled; restarted 2 times).";
    let crashed = logged_in(json!({"end": end("BrowserCrashed", false)}))
        .pod(PodState::Ended { ran: true, how: String::new() })
        .with(|case| case.browser = Some(said));
    let lost = logged_in(json!({}))
        .pod(PodState::Ended { ran: true, how: "Error".to_owned() })
        .with(|case| case.browser = Some(said));
    for case in [crashed, lost] {
        match case.next() {
            NextAction::End(end) => assert!(end.why.message.contains(said), "{end:?}"),
            other => panic!("{other:?}"),
        }
    }
}
