use fno_crds::FnoBatchStatus;

use super::*;

#[test]
fn a_login_goes_from_permission_through_the_code_to_its_closing() {
    assert_eq!(
        assigned(json!({"podUid": "p1", "login": login(1, "AskingLogin")}), &[]).next(),
        NextAction::Grant { login: 1 }
    );
    assert!(matches!(
        assigned(json!({"podUid": "p1", "login": login(1, "AskingLogin")}), &["Granted"]).next(),
        NextAction::Wait { .. }
    ));
    assert_eq!(
        assigned(json!({"podUid": "p1", "login": login(1, "AwaitingCode")}), &["Granted"]).next(),
        NextAction::Mint { login: 1 }
    );
    assert!(matches!(
        assigned(json!({"podUid": "p1", "login": login(1, "AwaitingCode")}), &["CodeReady"]).next(),
        NextAction::Wait { .. }
    ));
    let closing = assigned(
        json!({"podUid": "p1", "logins": 1, "login": login(1, "LoggedIn")}),
        &["CodeReady"],
    )
    .next();
    assert_eq!(closing, NextAction::CloseLogin { login: 1, ended: LoginEnded::LoggedIn });
    assert!(matches!(
        assigned(json!({"podUid": "p1", "logins": 1, "login": login(1, "LoggedIn")}), &["Done"])
            .next(),
        NextAction::Wait { .. }
    ));
    assert_eq!(
        assigned(json!({"podUid": "p1", "logins": 1, "login": login(2, "AskingLogin")}), &["Done"])
            .next(),
        NextAction::Grant { login: 2 }
    );
}

#[test]
fn permission_is_given_to_the_current_pod_only() {
    assert!(matches!(
        assigned(json!({"podUid": "p0", "login": login(1, "AskingLogin")}), &[]).next(),
        NextAction::Wait { .. }
    ));
}

#[test]
fn a_refused_login_asks_for_nothing_more_and_keeps_reporting_why() {
    let refused = assigned(json!({"podUid": "p1", "login": login(1, "AskingLogin")}), &["Refused"])
        .with(|case| {
            let status = case.batch.status.as_mut().expect("a status");
            (status.reason, status.message) =
                (Some(Reason::BreakerOpen), Some("two refused".to_owned()));
        });
    assert_eq!(refused.waits().1, Some(Reason::BreakerOpen));
}

fn ended(run: Value, given: &str) -> LoginEnded {
    match assigned(run, &[given]).next() {
        NextAction::CloseLogin { login: 1, ended } => ended,
        other => panic!("{other:?}"),
    }
}

fn login_failed(reason: &str) -> Value {
    json!({"n": 1, "state": "Failed", "reason": reason, "at": "2030-01-01T00:00:30.000000Z"})
}

#[test]
fn a_reported_login_is_counted_by_its_reason() {
    assert!(
        matches!(ended(json!({"podUid": "p1", "login": login(1, "Rejected")}), "CodeReady"), LoginEnded::Rejected(b) if b.reason == Reason::LoginRejected)
    );
    let reported =
        |reason| ended(json!({"podUid": "p1", "login": login_failed(reason)}), "CodeReady");
    for reason in ["LoginFailed", "PortalUnavailable", "PortalChanged", "Timeout"] {
        let ended = reported(reason);
        assert!(matches!(ended, LoginEnded::Failed(_)), "{reason}: a matter of the flow");
        assert_eq!(ended.counts(), None, "{reason}");
    }
    for reason in ["BrowserCrashed", "Drained", "Aborted"] {
        let ended = reported(reason);
        assert!(matches!(ended, LoginEnded::Unclear(_)), "{reason}: cut short");
        assert_eq!(ended.counts(), Some(false), "{reason}: a failure, not a refusal");
    }
    for reason in ["ClockSkew", "ValkeyUnavailable", "WaitingForCode", "BreakerOpen"] {
        let ended = reported(reason);
        assert!(matches!(ended, LoginEnded::NotJudged(_)), "{reason}: the operator gave no code");
        assert_eq!(ended.counts(), None, "{reason}");
    }
}

#[test]
fn a_login_whose_report_was_overwritten_counts_as_refused() {
    assert!(matches!(
        ended(json!({"podUid": "p1", "login": login(2, "AskingLogin")}), "CodeReady"),
        LoginEnded::Rejected(_)
    ));
    assert_eq!(
        ended(json!({"podUid": "p1", "logins": 1, "login": login(2, "AskingLogin")}), "CodeReady"),
        LoginEnded::LoggedIn
    );
}

#[test]
fn a_run_that_ends_within_a_login_decides_how_the_login_counts() {
    let with_end = |reason: &str| {
        let run =
            json!({"podUid": "p1", "login": login(1, "AwaitingCode"), "end": end(reason, false)});
        ended(run, "CodeReady")
    };
    assert!(matches!(with_end("LoginRejected"), LoginEnded::Rejected(_)));
    for reason in ["Drained", "RunnerLost", "SessionLost", "BrowserCrashed"] {
        assert!(matches!(with_end(reason), LoginEnded::Unclear(_)), "{reason}");
    }
    assert!(matches!(with_end("ClockSkew"), LoginEnded::NotJudged(_)));
}

#[test]
fn an_abort_or_a_lost_pod_while_a_code_is_out_does_not_count_as_a_refusal() {
    let grant =
        |state: &str| serde_json::from_value(json!({"login": 1, "state": state})).expect("a grant");
    let report = |value: Value| serde_json::from_value(value).expect("a login");
    let with = |state, said: Value| lost(&grant(state), Some(&report(said)));
    for (state, said) in
        [("CodeReady", login(1, "AwaitingCode")), ("Granted", login(1, "AskingLogin"))]
    {
        let ended = with(state, said);
        assert_eq!(ended.counts(), Some(false), "{state}: a failure, not a refusal: {ended:?}");
    }
    assert_eq!(lost(&grant("CodeReady"), None).counts(), Some(false));
    assert!(
        matches!(with("Granted", login(1, "AwaitingCode")), LoginEnded::NotJudged(_)),
        "the code was never out"
    );
    // What the runner did report is kept.
    assert!(matches!(with("CodeReady", login(1, "Rejected")), LoginEnded::Rejected(_)));
    assert_eq!(with("CodeReady", login(1, "LoggedIn")), LoginEnded::LoggedIn);
    assert!(matches!(with("CodeReady", login_failed("LoginFailed")), LoginEnded::Failed(_)));
}

#[test]
fn waiting_for_a_turn_may_take_longer_than_waiting_for_valkey() {
    let asking = || {
        assigned(json!({"podUid": "p1", "login": login(1, "AskingLogin")}), &[])
            .at("2030-01-01T00:10:00Z")
            .with(|case| case.login_state_for = 400)
    };
    assert_eq!(
        asking().held(Reason::WaitingForSession, "2030-01-01T00:10:05Z", true).waits().1,
        Some(Reason::WaitingForSession)
    );
    assert_eq!(
        asking().held(Reason::ValkeyUnavailable, "2030-01-01T00:10:05Z", false).ends(),
        (BatchPhase::Failed, Reason::ValkeyUnavailable, true)
    );
    // The deadline runs from the permission on, no matter how long the wait for the turn was.
    let granted = |now| {
        assigned(json!({"podUid": "p1", "login": login(1, "AwaitingCode")}), &["CodeReady"]).at(now)
    };
    assert_eq!(granted("2030-01-01T00:05:00Z").waits().0, Some(time("2030-01-01T00:05:40Z")));
    assert_eq!(
        granted("2030-01-01T00:05:40Z").ends(),
        (BatchPhase::Failed, Reason::LoginFailed, true)
    );
    let mute = |seconds| {
        assigned(json!({"podUid": "p1"}), &[]).with(|case| case.login_state_for = seconds)
    };
    assert_eq!(mute(300).ends().1, Reason::LoginFailed);
    assert_eq!(mute(299).waits().0, Some(time("2030-01-01T00:01:01Z")));
}

#[test]
fn a_login_whose_turn_never_comes_returns_its_jobs_and_its_runner() {
    // Another session may last 30 min, and the login itself may take 5 min.
    for (lifetime, limit) in [(None, 35 * 60), (Some(10), 15 * 60)] {
        let waiting = |seconds| {
            assigned(
                json!({"podUid": "p1", "logins": 1, "job": "j", "login": login(2, "AskingLogin")}),
                &["Done"],
            )
            .held(Reason::WaitingForSession, "2030-01-01T00:01:05Z", true)
            .with(|case| {
                case.login_state_for = seconds;
                case.batch.spec.limits = lifetime.map(|minutes| fno_crds::batch::PinnedLimits {
                    max_logins: 3,
                    login_failures_to_open: 2,
                    max_lifetime: fno_crds::Duration::from_mins(minutes),
                });
            })
        };
        assert_eq!(waiting(limit - 1).waits().0, Some(time("2030-01-01T00:01:01Z")));
        assert_eq!(waiting(limit).ends(), (BatchPhase::Failed, Reason::Drained, true));
    }
}

#[test]
fn a_batch_that_asks_to_log_in_again_holds_no_session_until_it_is_answered() {
    let holds = |logins, state: &str, grants: Value| {
        let status = json!({"phase": "InProgress", "grants": grants,
            "run": {"podUid": "p1", "logins": logins, "login": login(2, state)}});
        may_hold_session(&serde_json::from_value(status).expect("a status"))
    };
    let first = json!([{"login": 1, "state": "Done"}]);
    assert!(holds(2, "LoggedIn", first.clone()));
    assert!(!holds(1, "AskingLogin", first.clone()), "its session is lost, and it does nothing");
    assert!(!holds(0, "AskingLogin", json!([])));
    let granted = json!([{"login": 1, "state": "Done"}, {"login": 2, "state": "Granted"}]);
    for state in ["AskingLogin", "AwaitingCode"] {
        assert!(
            holds(1, state, granted.clone()),
            "{state}: the portal may still keep the lost one"
        );
    }
    assert!(holds(1, "Failed", first), "the login may have succeeded all the same");
    assert!(!may_hold_session(&FnoBatchStatus::default()));
}

#[test]
fn a_nodes_clock_does_not_move_the_deadlines_of_a_login() {
    for node in ["2029-12-31T23:00:00.000000Z", "2030-01-01T01:00:00.000000Z"] {
        for (state, given) in [
            ("AskingLogin", &[][..]),
            ("AskingLogin", &["Granted"]),
            ("AwaitingCode", &["CodeReady"]),
            ("Rejected", &["Done"]),
            ("Failed", &["Done"]),
        ] {
            let run = json!({"podUid": "p1", "login": {"n": 1, "state": state, "at": node}});
            let case = assigned(run, given).with(|case| {
                case.pod = PodState::Running { since: time(node) };
            });
            let decided = case.next();
            assert!(
                matches!(decided, NextAction::Wait { .. } | NextAction::Grant { .. }),
                "{state} by a clock at {node}: {decided:?}"
            );
            let late = case.at("2030-01-01T00:06:00Z").with(|case| case.login_state_for = 330);
            assert!(matches!(late.next(), NextAction::End(_)), "{state} by a clock at {node}");
        }
    }
}

#[test]
fn a_login_without_a_grant_ends_as_the_runner_last_reported_it() {
    let ended = |grants: Value, run: Value| {
        let status =
            serde_json::from_value(json!({"grants": grants, "run": run})).expect("a status");
        ended_without_grant(&status, 2).map(|ended| ended.counts())
    };
    let none = json!([]);
    for (state, counts) in [
        ("LoggedIn", None),
        ("Rejected", Some(true)),
        ("AskingLogin", Some(false)),
        ("AwaitingCode", Some(false)),
    ] {
        assert_eq!(ended(none.clone(), json!({"login": login(2, state)})), Some(counts), "{state}");
    }
    assert_eq!(ended(none.clone(), json!({"login": login(1, "Rejected")})), Some(Some(false)));
    assert_eq!(ended(none, json!({})), Some(Some(false)), "nothing is known");
    let known = json!([{"login": 2, "state": "Granted"}]);
    assert_eq!(ended(known, json!({"login": login(2, "Rejected")})), None);
    let refused = || json!([{"login": 2, "state": "Refused"}]);
    for (state, counts) in
        [("Rejected", Some(true)), ("AskingLogin", Some(false)), ("AwaitingCode", None)]
    {
        let ended = ended(refused(), json!({"login": login(2, state)}));
        assert_eq!(ended, Some(counts), "a lost permission was asked for again: {state}");
    }
}
