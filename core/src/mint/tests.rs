mod clocks;
mod logins;

use fno_crds::{
    Reason,
    batch::{BatchPhase, Stop},
};
use jiff::{SignedDuration, Timestamp};

use super::{
    LoginPermission, LoginRequest, MintDecision, MintRequest, StepRecord, clock::PortalClock,
    may_login, mint, step,
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
        pinned: Some("k:v1"),
        current: Some("k:v1"),
        gate: &Gate::Open,
        period: 30,
        skew: 1,
        min_remaining: 10,
        last_step: Some(98),
        recorded_in: 30,
        doubtful: None,
        reserved: None,
        clock: own(500),
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
        pinned: Some("k:v1"),
        current: Some("k:v1"),
        gate: &Gate::Open,
        failures: 0,
        failures_to_open: 2,
        undecided: 0,
        login: 1,
        max_logins: 3,
        sessions: 0,
        max_sessions: 1,
        period: Some(30),
        clock: PortalClock::default(),
        valkey_unreachable: false,
    }
}

fn trial() -> Gate {
    Gate::Trial(Why { reason: Reason::LoginsPaused, message: "two logins failed".to_owned() })
}

/// The portal's clock is ahead of ours by that many milliseconds, measured by the batch itself.
fn own(millis: i64) -> PortalClock {
    PortalClock { own: Some(millis), earlier: None }
}

fn never(verdict: &MintDecision) -> Option<Reason> {
    match verdict {
        MintDecision::Never { why } => Some(why.reason),
        MintDecision::Mint { .. }
        | MintDecision::Deliver { .. }
        | MintDecision::Rebase { .. }
        | MintDecision::NotYet { .. } => None,
    }
}

fn not_yet(verdict: &MintDecision) -> Option<(Reason, Timestamp)> {
    match verdict {
        MintDecision::NotYet { until, why } => Some((why.reason, *until)),
        MintDecision::Mint { .. }
        | MintDecision::Deliver { .. }
        | MintDecision::Rebase { .. }
        | MintDecision::Never { .. } => None,
    }
}

#[test]
fn the_current_step_is_minted_when_every_check_passes() {
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
        mint(&MintRequest { gate: &trial(), ..request() }),
        MintDecision::Mint { step: 100 },
        "the trial's own login"
    );
}

#[test]
fn a_login_that_must_not_happen_never_gets_a_code() {
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
            "not even the code whose step is used for it"
        );
    }
}

#[test]
fn a_step_that_anything_may_have_used_is_not_minted_again() {
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
    // The next step is used already: a person typed its code into the portal.
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
fn a_code_with_too_little_time_left_waits_for_the_next_step() {
    for (millis, min_remaining, minted) in [
        (20_000, 10, true),
        (20_001, 10, false),
        (29_999, 0, true),
        (0, 29, true),
        (1000, 29, true),
        (1001, 29, false),
        // The schema forbids these; a whole period never remains, so they count as one second less.
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
fn credentials_that_changed_since_the_batch_started_end_it() {
    for current in [Some("k:v2"), Some("other:v1"), None] {
        assert_eq!(
            never(&mint(&MintRequest { current, ..request() })),
            Some(Reason::Drained),
            "{current:?}"
        );
        assert!(
            matches!(may_login(&LoginRequest { current, ..login() }), LoginPermission::Refused { why } if why.reason == Reason::Drained),
            "{current:?}"
        );
    }
    let unknown = MintRequest { pinned: None, current: None, ..request() };
    assert!(
        matches!(mint(&unknown), MintDecision::Never { why } if why.reason == Reason::Drained && why.message.contains("does not record")),
        "the operator cannot tell what was typed"
    );
}

#[test]
fn a_last_step_in_the_future_is_set_back_where_the_portal_confirms_our_clock() {
    // About 57 years ahead, as after an edit of the period.
    let far = MintRequest { last_step: Some(60_000_000), ..request() };
    assert_eq!(
        mint(&far),
        MintDecision::Rebase { step: 102 },
        "the portal cannot have accepted a later one yet"
    );
    let rebased = MintRequest { last_step: Some(102), ..far.clone() };
    assert_eq!(not_yet(&mint(&rebased)), Some((Reason::WaitingForCode, at(90_000))));
    assert_eq!(mint(&MintRequest { now: at(90_000), ..rebased }), MintDecision::Mint { step: 103 });
    let silent = MintRequest { clock: PortalClock::default(), ..far };
    let MintDecision::NotYet { why, until } = mint(&silent) else { panic!("a code") };
    assert_eq!((why.reason, until), (Reason::ClockSkew, at(10_000)));
    assert!(why.message.contains("fno.dev/resume"), "{}", why.message);
    // Only a little ahead: the operator waits for it.
    for last_step in [101, 102] {
        let soon = MintRequest { last_step: Some(last_step), ..silent.clone() };
        assert_eq!(not_yet(&mint(&soon)).map(|(reason, _)| reason), Some(Reason::WaitingForCode));
    }
    assert!(
        not_yet(&mint(&MintRequest { last_step: Some(i64::MAX), ..silent })).is_some(),
        "no overflow"
    );
}

#[test]
fn a_step_of_a_longer_period_is_not_from_the_future_before_it_ends() {
    // Step 50 of 60 s is the current one, and ends with step 101 of 30 s or step 305 of 10 s.
    let (recorded_in, period) = (60, 10);
    let last_step = Some(step::rebased(50, recorded_in, period));
    let edited = MintRequest { period, last_step, recorded_in, min_remaining: 3, ..request() };
    assert_eq!(
        not_yet(&mint(&edited)),
        Some((Reason::WaitingForCode, step::ends(50, recorded_in)))
    );
    let wrong = MintRequest { last_step: Some(100_000), ..edited };
    let newest = step::newest_recorded(wrong.now, period, recorded_in, wrong.skew);
    assert_eq!(mint(&wrong), MintDecision::Rebase { step: newest });
}

#[test]
fn a_used_step_covers_the_same_time_when_it_is_counted_in_another_period() {
    // Step 100 of 30 s is used until 3030 s: step 50 of 60 s begins at 3000 s and is used with it, as are 300 to 302 of 10 s.
    for (to, expected) in [(30, 100), (60, 50), (10, 302), (7, 432), (300, 10), (1, 3029)] {
        let rebased = step::rebased(100, 30, to);
        assert_eq!(rebased, expected, "30 s -> {to} s");
        let used_until = step::ends(100, 30);
        assert!(step::begins(rebased, to) < used_until, "no more than needed");
        assert!(step::begins(rebased + 1, to) >= used_until, "never earlier in time");
    }
    assert_eq!(step::rebased(i64::MAX, 30, 60), (i64::MAX - 1).div_euclid(60), "no overflow");
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
fn a_step_used_for_this_login_is_delivered_while_its_code_is_valid() {
    let used = MintRequest { reserved: Some(100), last_step: Some(100), ..request() };
    assert_eq!(mint(&used), MintDecision::Deliver { step: 100 });
    assert_eq!(
        mint(&MintRequest { valkey: StepRecord::Unreachable, ..used.clone() }),
        MintDecision::Deliver { step: 100 },
        "it has passed that guard already"
    );
    assert_eq!(
        not_yet(&mint(&MintRequest { now: at(21_000), ..used.clone() })),
        Some((Reason::WaitingForCode, at(30_000))),
        "too little time left: a new one"
    );
    assert_eq!(
        mint(&MintRequest { now: at(31_000), ..used.clone() }),
        MintDecision::Mint { step: 101 }
    );
    assert_eq!(
        never(&mint(&MintRequest { clock: own(60_000), ..used.clone() })),
        Some(Reason::ClockSkew)
    );
    for last_step in [None, Some(99)] {
        let uncovered = MintRequest { last_step, ..used.clone() };
        assert_eq!(
            not_yet(&mint(&uncovered)),
            Some((Reason::WaitingForCode, at(30_000))),
            "lastStep {last_step:?} no longer keeps others from using it"
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
fn a_used_step_is_remembered_longer_than_any_portal_accepts_its_code() {
    for (period, skew, ttl) in
        [(30, 1, 120), (60, 1, 180), (30, 10, 360), (300, 2, 1200), (1, 0, 120)]
    {
        assert_eq!(step::key_ttl(period, skew), ttl, "period {period}, skew {skew}");
        assert!(
            step::key_ttl(period, skew) >= u64::try_from(period * (2 + skew)).expect("positive")
        );
    }
}
