use fno_crds::{
    Duration, Reason,
    provider::Limits,
    provider_status::{AccountBreaker, BreakerState, FlowBreaker},
};
use jiff::Timestamp;

use super::{
    Counted,
    account::{self, Failure},
    flow::{self, Observation, Saw},
};
use crate::gate::Gate;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time within range")
}

fn limits() -> Limits {
    Limits { login_failures_to_open: 2, open_for: Duration::from_mins(30), ..Limits::default() }
}

/// A login of `batch` that failed at `seconds` with the credentials `v1`.
fn failure(seconds: i64, batch: &str, refused: bool) -> Failure<'_> {
    Failure {
        now: at(seconds),
        batch,
        login: 1,
        refused,
        message: "Invalid login.",
        credentials_version: "v1",
    }
}

fn after(breaker: &AccountBreaker, failures: &[Failure<'_>]) -> AccountBreaker {
    failures.iter().fold(breaker.clone(), |breaker, failure| {
        account::failed("ops", &breaker, failure, &limits()).breaker
    })
}

/// Open after two refused logins at 0 s and 1 s.
fn refused_twice() -> AccountBreaker {
    after(&AccountBreaker::default(), &[failure(0, "b-1", true), failure(1, "b-2", true)])
}

/// Open after two logins that failed at 0 s and 1 s without a credential being refused.
fn failed_twice() -> AccountBreaker {
    after(&AccountBreaker::default(), &[failure(0, "b-1", false), failure(1, "b-2", false)])
}

// Accounts.

#[test]
fn the_second_failed_login_opens_the_account() {
    let first =
        account::failed("ops", &AccountBreaker::default(), &failure(0, "b-1", true), &limits());
    assert_eq!(
        (first.breaker.state, first.breaker.failures, first.event),
        (BreakerState::Closed, 1, None)
    );
    assert_eq!(account::gate("ops", &first.breaker, at(0)), Gate::Open);

    let second = account::failed("ops", &first.breaker, &failure(1, "b-2", true), &limits());
    assert_eq!((second.breaker.state, second.breaker.failures), (BreakerState::Open, 2));
    assert_eq!(
        (second.breaker.reason, second.breaker.opened_at.as_ref().map(|t| t.0)),
        (Some(Reason::LoginRejected), Some(at(1)))
    );
    let event = second.event.expect("an event");
    assert_eq!(event.reason, Reason::BreakerOpen);
    assert!(
        event.message.contains("ops")
            && event.message.contains("Invalid login.")
            && event.message.contains("fno.dev/resume"),
        "{}",
        event.message
    );
    let Gate::Shut(blocked) = account::gate("ops", &second.breaker, at(1)) else {
        panic!("it is open")
    };
    assert_eq!(blocked.reason, Reason::BreakerOpen);
}

#[test]
fn one_login_is_counted_once_however_often_it_is_seen() {
    let seen_again = after(
        &AccountBreaker::default(),
        &[failure(0, "b-1", true), failure(1, "b-1", true), failure(2, "b-1", true)],
    );
    assert_eq!((seen_again.state, seen_again.failures), (BreakerState::Closed, 1));
    let interleaved = Limits { login_failures_to_open: 10, ..limits() };
    let mut breaker = AccountBreaker::default();
    for batch in ["b-1", "b-2", "b-1", "b-2", "b-1"] {
        breaker = account::failed("ops", &breaker, &failure(0, batch, true), &interleaved).breaker;
    }
    assert_eq!(breaker.failures, 2, "two batches seen in turns");
    let second_login = Failure { login: 2, ..failure(0, "b-1", true) };
    assert_eq!(
        account::failed("ops", &breaker, &second_login, &interleaved).breaker.failures,
        3,
        "another login of the same batch is another"
    );
}

#[test]
fn what_was_counted_is_remembered_after_a_success_too() {
    let failed = after(&AccountBreaker::default(), &[failure(0, "b-1", true)]);
    let closed = account::succeeded("ops", &failed);
    assert_eq!((closed.breaker.failures, closed.event), (0, None), "it was never open");
    assert_eq!(after(&closed.breaker, &[failure(0, "b-1", true)]).failures, 0);
}

#[test]
fn the_list_of_what_was_counted_stays_within_the_schema() {
    let mut list = Vec::new();
    for i in 0..50 {
        list = Counted(&list).with(&format!("{}-{i:08x}/10", "p".repeat(40)));
    }
    let newest_first: Vec<_> =
        (30..50).rev().map(|i| format!("{}-{i:08x}/10", "p".repeat(40))).collect();
    assert_eq!(list, newest_first);
    assert!(list.iter().all(|counted| counted.len() <= 80), "maxLength of an item");
}

#[test]
fn a_refused_credential_is_never_tried_again_by_time_alone() {
    let open = refused_twice();
    assert_eq!(open.open_until, None);
    let years = at(100_000_000);
    assert!(matches!(account::gate("ops", &open, years), Gate::Shut(_)));
    assert_eq!(account::refresh("ops", &open, years, Some("v1"), None).breaker, open);
    // One refusal among failures is enough, and so is one that comes in late.
    let mixed =
        after(&AccountBreaker::default(), &[failure(0, "b-1", true), failure(1, "b-2", false)]);
    assert_eq!((mixed.state, mixed.open_until), (BreakerState::Open, None));
    let late = after(&failed_twice(), &[failure(2, "b-3", true)]);
    assert_eq!((late.state, late.open_until, late.failures), (BreakerState::Open, None, 3));
    // Not even a stored time opens it.
    let meddled = AccountBreaker { open_until: failed_twice().open_until, ..open };
    assert!(matches!(account::gate("ops", &meddled, years), Gate::Shut(_)));
}

#[test]
fn after_failures_that_judged_no_credential_one_login_is_tried_when_the_time_is_over() {
    let open = failed_twice();
    assert_eq!(
        (open.reason, open.open_until.as_ref().map(|t| t.0)),
        (Some(Reason::LoginFailed), Some(at(1801)))
    );
    assert!(matches!(account::gate("ops", &open, at(1800)), Gate::Shut(_)));
    assert_eq!(account::refresh("ops", &open, at(1800), Some("v1"), None).breaker, open);
    assert_eq!(account::gate("ops", &open, at(1801)), Gate::Trial);

    let half = account::refresh("ops", &open, at(1801), Some("v1"), None);
    assert_eq!(
        (half.breaker.state, half.event.map(|event| event.reason)),
        (BreakerState::HalfOpen, Some(Reason::Available))
    );
    assert_eq!(account::gate("ops", &half.breaker, at(1801)), Gate::Trial);

    let good = account::succeeded("ops", &half.breaker);
    assert_eq!(
        (good.breaker.state, good.breaker.failures, good.event.is_some()),
        (BreakerState::Closed, 0, true)
    );

    for trial in [&half.breaker, &open] {
        let bad = account::failed("ops", trial, &failure(2000, "b-9", false), &limits());
        assert_eq!(
            (bad.breaker.state, bad.breaker.open_until.as_ref().map(|t| t.0)),
            (BreakerState::Open, Some(at(3800))),
            "one failure is enough"
        );
        assert!(bad.event.is_some());
        let worse = account::failed("ops", trial, &failure(2000, "b-9", true), &limits());
        assert_eq!((worse.breaker.state, worse.breaker.open_until), (BreakerState::Open, None));
    }
}

#[test]
fn new_credentials_close_it_and_forget_the_failures() {
    let change = account::refresh("ops", &refused_twice(), at(10), Some("v2"), None);
    assert_eq!(
        (change.breaker.state, change.breaker.failures, change.breaker.refused),
        (BreakerState::Closed, 0, false)
    );
    assert_eq!(change.event.map(|event| event.reason), Some(Reason::Available));
    let once = after(&AccountBreaker::default(), &[failure(0, "b-1", true)]);
    let change = account::refresh("ops", &once, at(10), Some("v2"), None);
    assert_eq!(
        (change.breaker.failures, change.event),
        (0, None),
        "nothing to tell: it was not open"
    );
    for unchanged in [Some("v1"), None] {
        assert_eq!(
            account::refresh("ops", &refused_twice(), at(10), unchanged, None).breaker,
            refused_twice(),
            "a Secret that is gone mends nothing"
        );
    }
}

#[test]
fn a_person_closes_it_if_they_speak_after_it_opened() {
    let resumed = |seconds| {
        account::refresh("ops", &refused_twice(), at(50), Some("v1"), Some(at(seconds)))
            .breaker
            .state
    };
    assert_eq!(
        [resumed(0), resumed(1), resumed(2)],
        [BreakerState::Open, BreakerState::Closed, BreakerState::Closed]
    );
    let once = after(&AccountBreaker::default(), &[failure(0, "b-1", true)]);
    assert_eq!(
        account::refresh("ops", &once, at(50), Some("v1"), Some(at(40))).breaker,
        once,
        "a closed one keeps its count"
    );
}

#[test]
fn a_login_that_succeeds_after_it_opened_closes_it() {
    let change = account::succeeded("ops", &refused_twice());
    assert_eq!((change.breaker.state, change.event.is_some()), (BreakerState::Closed, true));
    let nothing = account::succeeded("ops", &AccountBreaker::default());
    assert_eq!((nothing.breaker, nothing.event), (AccountBreaker::default(), None));
}

#[test]
fn the_portal_sees_at_most_the_limit_of_refusals_whatever_happens_in_between() {
    // Any mix of time passing and restarts (the state is all there is) with logins wherever the gate lets one through.
    let mut breaker = AccountBreaker::default();
    let mut refusals = 0;
    for hour in 0..1000 {
        let now = at(hour * 3600);
        breaker = account::refresh("ops", &breaker, now, Some("v1"), None).breaker;
        if !matches!(account::gate("ops", &breaker, now), Gate::Shut(_)) {
            refusals += 1;
            let name = format!("b-{hour}");
            breaker =
                account::failed("ops", &breaker, &failure(hour * 3600, &name, true), &limits())
                    .breaker;
        }
    }
    assert_eq!(refusals, 2);
}

// Flows.

fn seen<'a>(seconds: i64, batch: &'a str, digest: &'a str, saw: Saw<'a>) -> Observation<'a> {
    Observation { now: at(seconds), batch, flows_digest: digest, saw }
}

const CHANGED: Saw<'_> = Saw::Changed { step: "open result", evidence: Some("file:///x.png") };
const AWAY: Saw<'_> = Saw::Unavailable { evidence: None };
const STEP: Saw<'_> = Saw::StepFailed { step: "open result", evidence: None };

fn changed() -> FlowBreaker {
    flow::observe(&FlowBreaker::default(), &seen(0, "b-1", "d1", CHANGED), &limits()).breaker
}

fn away() -> FlowBreaker {
    flow::observe(&FlowBreaker::default(), &seen(0, "b-1", "d1", AWAY), &limits()).breaker
}

#[test]
fn a_changed_portal_opens_the_flow_breaker_with_step_and_picture() {
    let change = flow::observe(&FlowBreaker::default(), &seen(0, "b-1", "d1", CHANGED), &limits());
    let breaker = &change.breaker;
    assert_eq!(
        (breaker.state, breaker.reason, breaker.step.as_deref()),
        (BreakerState::Open, Some(Reason::PortalChanged), Some("open result"))
    );
    assert_eq!(
        (breaker.evidence.as_deref(), breaker.flows_digest.as_deref(), breaker.open_until.as_ref()),
        (Some("file:///x.png"), Some("d1"), None)
    );
    assert_eq!(change.event.map(|event| event.reason), Some(Reason::PortalChanged));
    let Gate::Shut(blocked) = flow::gate(breaker, at(1_000_000)) else {
        panic!("time does not mend a flow")
    };
    assert_eq!(blocked.reason, Reason::PortalChanged);
    assert!(
        blocked.message.contains("open result") && blocked.message.contains("x.png"),
        "{}",
        blocked.message
    );
}

#[test]
fn a_single_failed_step_or_an_answer_says_nothing_while_it_is_closed() {
    for saw in [STEP, Saw::Answer] {
        let change = flow::observe(&FlowBreaker::default(), &seen(0, "b-1", "d1", saw), &limits());
        assert_eq!((change.breaker, change.event), (FlowBreaker::default(), None));
    }
}

#[test]
fn other_batches_that_run_into_the_same_thing_are_not_told_again() {
    let again = flow::observe(&changed(), &seen(5, "b-2", "d1", CHANGED), &limits());
    assert_eq!((again.breaker.opened_at, again.event), (changed().opened_at, None));
    let twice = flow::observe(&changed(), &seen(5, "b-1", "d1", CHANGED), &limits());
    assert_eq!(twice.breaker, changed());
    let away_too = flow::observe(&changed(), &seen(5, "b-2", "d1", AWAY), &limits());
    assert_eq!(
        (away_too.breaker.reason, away_too.breaker.open_until),
        (Some(Reason::PortalChanged), None),
        "it stays for a person"
    );
    let worse = flow::observe(&away(), &seen(5, "b-2", "d1", CHANGED), &limits());
    assert_eq!(
        (worse.breaker.reason, worse.breaker.open_until),
        (Some(Reason::PortalChanged), None)
    );
}

#[test]
fn mended_flows_or_a_person_let_a_canary_through() {
    let breaker = changed();
    assert_eq!(
        flow::refresh(&breaker, at(99_999), "d1", None).breaker,
        breaker,
        "time alone does not"
    );
    assert_eq!(
        flow::refresh(&breaker, at(99_999), "d1", Some(at(-1))).breaker,
        breaker,
        "nor a resume from before"
    );
    let mended = flow::refresh(&breaker, at(10), "d2", None);
    assert_eq!(
        (mended.breaker.state, mended.breaker.flows_digest.as_deref()),
        (BreakerState::HalfOpen, Some("d2"))
    );
    assert!(
        mended.event.is_some_and(
            |event| event.reason == Reason::Available && event.message.contains("canary")
        )
    );
    assert_eq!(flow::gate(&mended.breaker, at(10)), Gate::Trial);
    let resumed = flow::refresh(&breaker, at(10), "d1", Some(at(5)));
    assert_eq!(
        (resumed.breaker.state, resumed.breaker.flows_digest.as_deref()),
        (BreakerState::HalfOpen, Some("d1"))
    );
    let edited_again = flow::refresh(&mended.breaker, at(20), "d3", None);
    assert_eq!(
        (edited_again.breaker.flows_digest.as_deref(), edited_again.event),
        (Some("d3"), None),
        "the newest flows are on trial"
    );
}

#[test]
fn the_canary_decides() {
    let trial = flow::refresh(&changed(), at(10), "d2", None).breaker;
    let closed = flow::observe(&trial, &seen(20, "b-2", "d2", Saw::Answer), &limits());
    assert_eq!((closed.breaker.state, closed.event.is_some()), (BreakerState::Closed, true));
    assert_eq!(flow::gate(&closed.breaker, at(20)), Gate::Open);
    for saw in [STEP, CHANGED] {
        let open = flow::observe(&trial, &seen(20, "b-2", "d2", saw), &limits());
        assert_eq!(
            (open.breaker.state, open.breaker.flows_digest.as_deref()),
            (BreakerState::Open, Some("d2")),
            "{saw:?}"
        );
        assert!(open.event.is_some());
        assert!(
            flow::refresh(&open.breaker, at(21), "d2", None).event.is_none(),
            "these flows have failed"
        );
    }
}

#[test]
fn a_batch_with_other_flows_than_those_on_trial_decides_nothing() {
    let trial = flow::refresh(&changed(), at(10), "d2", None).breaker;
    for saw in [Saw::Answer, STEP] {
        assert_eq!(
            flow::observe(&trial, &seen(20, "b-old", "d1", saw), &limits()).breaker,
            trial,
            "{saw:?}"
        );
    }
}

#[test]
fn a_portal_that_is_away_is_probed_after_pauses_that_double() {
    let mut breaker = away();
    let mut now = 0;
    for pause in [60, 120, 240, 480, 960, 1800, 1800] {
        assert_eq!(breaker.open_until.as_ref().map(|t| t.0), Some(at(now + pause)));
        assert!(
            matches!(flow::gate(&breaker, at(now + pause - 1)), Gate::Shut(ref blocked) if blocked.reason == Reason::PortalUnavailable)
        );
        now += pause;
        assert_eq!(flow::gate(&breaker, at(now)), Gate::Trial);
        breaker = flow::refresh(&breaker, at(now), "d1", None).breaker;
        assert_eq!(breaker.state, BreakerState::HalfOpen);
        let name = format!("probe-{now}");
        breaker = flow::observe(&breaker, &seen(now, &name, "d1", AWAY), &limits()).breaker;
    }
    let back = flow::observe(
        &flow::refresh(&breaker, at(now + 1800), "d1", None).breaker,
        &seen(now + 1810, "b-9", "d1", Saw::Answer),
        &limits(),
    );
    assert_eq!(back.breaker.state, BreakerState::Closed);
}
