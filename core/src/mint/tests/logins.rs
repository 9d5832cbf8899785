use super::*;

#[test]
fn permission_to_log_in_is_given_when_every_check_passes() {
    assert_eq!(may_login(&login()), LoginPermission::Granted);
    assert_eq!(
        may_login(&LoginRequest { login: 3, phase: BatchPhase::InProgress, ..login() }),
        LoginPermission::Granted
    );
    let password_only =
        LoginRequest { period: None, valkey_unreachable: true, clock: own(999_000), ..login() };
    assert_eq!(
        may_login(&password_only),
        LoginPermission::Granted,
        "without codes, clock and Valkey do not matter"
    );
}

#[test]
fn each_thing_that_forbids_a_login_ends_the_batch_with_its_reason() {
    let open = shut();
    let cases = [
        (LoginRequest { phase: BatchPhase::Failed, ..login() }, Reason::Aborted),
        (LoginRequest { stop: Stop::Abort, ..login() }, Reason::Aborted),
        (LoginRequest { stop: Stop::Drain, ..login() }, Reason::Drained),
        (LoginRequest { provider_suspended: true, ..login() }, Reason::Suspended),
        (LoginRequest { login: 4, ..login() }, Reason::SessionLost),
        (LoginRequest { gate: &open, ..login() }, Reason::BreakerOpen),
        (LoginRequest { clock: own(16_000), ..login() }, Reason::ClockSkew),
    ];
    for (request, expected) in cases {
        match may_login(&request) {
            LoginPermission::Refused { why } => assert_eq!(why.reason, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn a_login_waits_for_valkey_for_a_session_and_for_the_result_of_others() {
    let cases = [
        (LoginRequest { valkey_unreachable: true, ..login() }, Reason::ValkeyUnavailable),
        (LoginRequest { sessions: 1, ..login() }, Reason::WaitingForSession),
        (LoginRequest { undecided: 1, ..login() }, Reason::WaitingForSession),
        (
            LoginRequest { sessions: 1, undecided: 1, max_sessions: 2, ..login() },
            Reason::WaitingForSession,
        ),
        (LoginRequest { undecided: 2, max_sessions: 5, ..login() }, Reason::WaitingForSession),
        (
            LoginRequest { undecided: 1, failures: 1, max_sessions: 5, ..login() },
            Reason::WaitingForSession,
        ),
        (
            LoginRequest {
                undecided: 1,
                gate: &trial(),
                failures_to_open: 10,
                max_sessions: 5,
                ..login()
            },
            Reason::WaitingForSession,
        ),
    ];
    for (request, expected) in cases {
        match may_login(&request) {
            LoginPermission::NotYet { until, why } => {
                assert_eq!((why.reason, until), (expected, at(10_000)))
            }
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn never_more_logins_are_in_progress_than_may_fail() {
    // Three sessions start together with a wrong password; the portal locks at three refusals, the breaker opens at two.
    let granted = |failures, undecided| {
        may_login(&LoginRequest { failures, undecided, max_sessions: 3, sessions: 0, ..login() })
            == LoginPermission::Granted
    };
    assert!(granted(0, 0) && granted(0, 1) && !granted(0, 2));
    assert!(granted(1, 0) && !granted(1, 1));
    assert!(granted(2, 0), "the limit was lowered under a closed breaker: one at a time");
}
