use fno_crds::{
    Reason,
    batch::{BatchPhase, Stop},
};
use jiff::Timestamp;

use super::{
    LoginPermission, LoginRequest, MintDecision, MintRequest, StepRecord, may_login, mint, step,
};
use crate::{gate::Gate, why::Why};

/// The first instant of step 100 with a period of 30 s.
const STEP_100: i64 = 3000;

fn at(millis_into_step_100: i64) -> Timestamp {
    Timestamp::from_millisecond(STEP_100 * 1000 + millis_into_step_100)
        .expect("a time within range")
}

fn shut() -> Gate {
    Gate::Shut(Why { reason: Reason::BreakerOpen, message: "two logins failed".to_owned() })
}

/// Everything allows a code, five seconds into step 100.
fn request() -> MintRequest<'static> {
    MintRequest {
        now: at(5000),
        phase: BatchPhase::Assigned,
        stop: Stop::None,
        provider_suspended: false,
        gate: &Gate::Open,
        period: 30,
        min_remaining: 10,
        last_step: Some(98),
        doubtful: None,
        reserved: None,
        clock_offset: Some(500),
        valkey: StepRecord::Unknown,
    }
}

/// Everything allows a login.
fn login() -> LoginRequest<'static> {
    LoginRequest {
        now: at(5000),
        phase: BatchPhase::Assigned,
        stop: Stop::None,
        provider_suspended: false,
        gate: &Gate::Open,
        failures: 0,
        failures_to_open: 2,
        undecided: 0,
        login: 1,
        max_logins: 3,
        sessions: 0,
        max_sessions: 1,
        period: Some(30),
        clock_offset: None,
        valkey_unreachable: false,
    }
}

fn never(verdict: &MintDecision) -> Option<Reason> {
    match verdict {
        MintDecision::Never { why } => Some(why.reason),
        MintDecision::Mint { .. } | MintDecision::Deliver { .. } | MintDecision::NotYet { .. } => {
            None
        }
    }
}

fn not_yet(verdict: &MintDecision) -> Option<(Reason, Timestamp)> {
    match verdict {
        MintDecision::NotYet { until, why } => Some((why.reason, *until)),
        MintDecision::Mint { .. } | MintDecision::Deliver { .. } | MintDecision::Never { .. } => {
            None
        }
    }
}

#[test]
fn the_current_step_is_minted_when_nothing_speaks_against_it() {
    assert_eq!(mint(&request()), MintDecision::Mint { step: 100 });
    for phase in [BatchPhase::Created, BatchPhase::Assigned, BatchPhase::InProgress] {
        assert_eq!(
            mint(&MintRequest { phase, ..request() }),
            MintDecision::Mint { step: 100 },
            "{phase}"
        );
    }
    assert_eq!(
        mint(&MintRequest { last_step: None, ..request() }),
        MintDecision::Mint { step: 100 },
        "the account's first code"
    );
    assert_eq!(
        mint(&MintRequest { gate: &Gate::Trial, ..request() }),
        MintDecision::Mint { step: 100 },
        "the trial's own login"
    );
}

#[test]
fn a_login_that_must_not_happen_gets_no_code_ever() {
    let open = shut();
    let cases = [
        (MintRequest { phase: BatchPhase::Completed, ..request() }, Reason::Aborted),
        (MintRequest { phase: BatchPhase::Failed, ..request() }, Reason::Aborted),
        (MintRequest { stop: Stop::Abort, ..request() }, Reason::Aborted),
        (MintRequest { stop: Stop::Drain, ..request() }, Reason::Drained),
        (MintRequest { provider_suspended: true, ..request() }, Reason::Suspended),
        (MintRequest { gate: &open, ..request() }, Reason::BreakerOpen),
    ];
    for (request, reason) in cases {
        assert_eq!(never(&mint(&request)), Some(reason));
        assert_eq!(
            never(&mint(&MintRequest { reserved: Some(100), last_step: Some(100), ..request })),
            Some(reason),
            "not even the code that is burnt for it"
        );
    }
}

#[test]
fn a_step_is_not_minted_twice_whoever_may_have_used_it() {
    let next = Some((Reason::WaitingForCode, at(30_000)));
    for used in [
        MintRequest { last_step: Some(100), ..request() },
        MintRequest { doubtful: Some(100), ..request() },
        MintRequest { valkey: StepRecord::Taken { step: 100 }, ..request() },
        MintRequest { reserved: Some(100), last_step: Some(98), ..request() },
    ] {
        assert_eq!(not_yet(&mint(&used)), next, "{used:?}");
        assert_eq!(
            mint(&MintRequest { now: at(30_000), ..used }),
            MintDecision::Mint { step: 101 },
            "at the next step's first instant"
        );
    }
    // Something burnt a step ahead: a portal that was given the next step's code by hand.
    assert_eq!(
        not_yet(&mint(&MintRequest { valkey: StepRecord::Taken { step: 101 }, ..request() })),
        Some((Reason::WaitingForCode, at(60_000)))
    );
    assert_eq!(
        mint(&MintRequest { valkey: StepRecord::Free { step: 100 }, ..request() }),
        MintDecision::Mint { step: 100 }
    );
    assert_eq!(
        mint(&MintRequest { valkey: StepRecord::Taken { step: 99 }, ..request() }),
        MintDecision::Mint { step: 100 }
    );
}

#[test]
fn a_code_has_enough_time_left_or_the_next_one_is_waited_for() {
    for (millis, min_remaining, minted) in [
        (20_000, 10, true),
        (20_001, 10, false),
        (29_999, 0, true),
        (0, 29, true),
        (1000, 29, true),
        (1001, 29, false),
        // The schema forbids it; a whole period is never left, so it counts as one second less.
        (500, 30, true),
        (500, 300, true),
        (5000, -5, true),
    ] {
        let verdict = mint(&MintRequest { now: at(millis), min_remaining, ..request() });
        let expected = if minted { MintDecision::Mint { step: 100 } } else { verdict.clone() };
        assert_eq!(verdict, expected, "{millis} ms into the step, {min_remaining} s wanted");
        assert_eq!(
            not_yet(&verdict),
            (!minted).then(|| (Reason::WaitingForCode, at(30_000))),
            "{millis} ms, {min_remaining} s"
        );
    }
}

#[test]
fn clocks_that_differ_by_more_than_half_a_step_stop_minting() {
    for (offset, skewed) in [
        (None, false),
        (Some(15_000), false),
        (Some(-15_000), false),
        (Some(15_001), true),
        (Some(-15_001), true),
        (Some(i64::MIN), true),
    ] {
        let verdict = mint(&MintRequest { clock_offset: offset, ..request() });
        assert_eq!(
            not_yet(&verdict).map(|(reason, _)| reason),
            skewed.then_some(Reason::ClockSkew),
            "{offset:?}"
        );
    }
    assert_eq!(
        not_yet(&mint(&MintRequest {
            clock_offset: Some(3000),
            period: 5,
            min_remaining: 0,
            ..request()
        }))
        .map(|(reason, _)| reason),
        Some(Reason::ClockSkew)
    );
}

#[test]
fn a_last_step_in_the_future_means_a_wrong_clock_not_a_long_silence() {
    assert_eq!(
        not_yet(&mint(&MintRequest { last_step: Some(101), ..request() })),
        Some((Reason::WaitingForCode, at(60_000))),
        "a clock may be a little behind"
    );
    let (reason, until) =
        not_yet(&mint(&MintRequest { last_step: Some(102), ..request() })).expect("no code");
    assert_eq!((reason, until), (Reason::ClockSkew, at(10_000)));
    assert!(
        not_yet(&mint(&MintRequest { last_step: Some(i64::MAX), ..request() })).is_some(),
        "no overflow"
    );
}

#[test]
fn without_valkey_no_code_is_minted() {
    let verdict = mint(&MintRequest { valkey: StepRecord::Unreachable, ..request() });
    assert_eq!(
        not_yet(&verdict),
        Some((Reason::ValkeyUnavailable, at(10_000))),
        "asked again in 5 s"
    );
}

#[test]
fn a_step_burnt_for_this_login_is_delivered_while_it_is_good() {
    let burnt = MintRequest { reserved: Some(100), last_step: Some(100), ..request() };
    assert_eq!(mint(&burnt), MintDecision::Deliver { step: 100 });
    assert_eq!(
        mint(&MintRequest { valkey: StepRecord::Unreachable, ..burnt.clone() }),
        MintDecision::Deliver { step: 100 },
        "it has passed that guard already"
    );
    assert_eq!(
        not_yet(&mint(&MintRequest { now: at(21_000), ..burnt.clone() })),
        Some((Reason::WaitingForCode, at(30_000))),
        "too little time left: a new one"
    );
    assert_eq!(
        mint(&MintRequest { now: at(31_000), ..burnt.clone() }),
        MintDecision::Mint { step: 101 }
    );
    assert_eq!(
        not_yet(&mint(&MintRequest { clock_offset: Some(60_000), ..burnt.clone() }))
            .map(|(reason, _)| reason),
        Some(Reason::ClockSkew)
    );
    for last_step in [None, Some(99)] {
        let uncovered = MintRequest { last_step, ..burnt.clone() };
        assert_eq!(
            not_yet(&mint(&uncovered)),
            Some((Reason::WaitingForCode, at(30_000))),
            "lastStep {last_step:?} no longer keeps others off it"
        );
    }
}

#[test]
fn steps_are_counted_as_rfc_6238_says() {
    // Appendix B: 59 s is step 1, 1111111109 s is 0x23523EC, 20000000000 s is 0x27BC86AA.
    for (seconds, expected) in [
        (59, 1),
        (1_111_111_109, 0x0235_23EC),
        (1_111_111_111, 0x0235_23ED),
        (20_000_000_000, 0x27BC_86AA),
    ] {
        assert_eq!(step::at(Timestamp::from_second(seconds).expect("a time"), 30), expected);
    }
    assert_eq!(step::begins(100, 30), at(0));
    assert_eq!(step::ends(100, 30), at(30_000));
    assert_eq!(step::at(at(-1), 30), 99);
    assert_eq!(step::at(Timestamp::from_millisecond(-1).expect("a time"), 30), -1);
    assert_eq!(step::begins(i64::MAX, 300), Timestamp::MAX);
    assert_eq!(step::at(at(0), 0), 3000, "a period of 0 does not divide");
}

#[test]
fn a_used_step_is_remembered_longer_than_any_portal_takes_its_code() {
    for (period, skew, ttl) in
        [(30, 1, 120), (60, 1, 180), (30, 10, 360), (300, 2, 1200), (1, 0, 120)]
    {
        assert_eq!(step::key_ttl(period, skew), ttl, "period {period}, skew {skew}");
        assert!(
            step::key_ttl(period, skew) >= u64::try_from(period * (2 + skew)).expect("positive")
        );
    }
}

#[test]
fn leave_to_log_in_is_given_when_nothing_speaks_against_it() {
    assert_eq!(may_login(&login()), LoginPermission::Granted);
    assert_eq!(
        may_login(&LoginRequest { login: 3, phase: BatchPhase::InProgress, ..login() }),
        LoginPermission::Granted
    );
    let password_only = LoginRequest {
        period: None,
        valkey_unreachable: true,
        clock_offset: Some(999_000),
        ..login()
    };
    assert_eq!(
        may_login(&password_only),
        LoginPermission::Granted,
        "what only codes need does not matter"
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
    ];
    for (request, expected) in cases {
        match may_login(&request) {
            LoginPermission::Refused { why } => assert_eq!(why.reason, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn a_login_waits_for_clocks_valkey_a_session_and_the_verdict_on_others() {
    let cases = [
        (LoginRequest { clock_offset: Some(16_000), ..login() }, Reason::ClockSkew),
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
                gate: &Gate::Trial,
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
fn never_more_logins_are_on_their_way_than_may_fail() {
    // Three sessions start together with a wrong password; the portal locks at three refusals, the breaker opens at two.
    let granted = |failures, undecided| {
        may_login(&LoginRequest { failures, undecided, max_sessions: 3, sessions: 0, ..login() })
            == LoginPermission::Granted
    };
    assert!(granted(0, 0) && granted(0, 1) && !granted(0, 2));
    assert!(granted(1, 0) && !granted(1, 1));
    assert!(granted(2, 0), "the limit was lowered under a closed breaker: one at a time");
}
