use fno_crds::{
    Duration, Reason,
    provider::Limits,
    provider_status::{BreakerState, FlowBreaker},
};
use jiff::Timestamp;

use super::{Observation, Saw, Shown};
use crate::gate::Gate;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time within range")
}

fn limits() -> Limits {
    Limits { login_failures_to_open: 2, open_for: Duration::from_mins(30), ..Limits::default() }
}

fn seen<'a>(seconds: i64, batch: &'a str, digest: &'a str, saw: Saw<'a>) -> Observation<'a> {
    Observation { now: at(seconds), batch, flows_digest: digest, saw, row: None }
}

const CHANGED: Saw<'_> = Saw::Changed {
    step: "open result",
    shown: Shown {
        message: Some("The table has no column \"Status\"."),
        evidence: Some("file:///x.png"),
    },
};
const AWAY: Saw<'_> = Saw::Unavailable { shown: Shown { message: None, evidence: None } };
const STEP: Saw<'_> =
    Saw::StepFailed { step: "open result", shown: Shown { message: None, evidence: None } };

fn changed() -> FlowBreaker {
    super::observe(&FlowBreaker::default(), &seen(0, "b-1", "d1", CHANGED), &limits()).breaker
}

fn away() -> FlowBreaker {
    super::observe(&FlowBreaker::default(), &seen(0, "b-1", "d1", AWAY), &limits()).breaker
}

#[test]
fn a_changed_portal_opens_the_flow_breaker_with_step_and_picture() {
    let change = super::observe(&FlowBreaker::default(), &seen(0, "b-1", "d1", CHANGED), &limits());
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
    let Gate::Shut(blocked) = super::gate(breaker, at(1_000_000)) else {
        panic!("time does not fix a flow")
    };
    assert_eq!(blocked.reason, Reason::PortalChanged);
    assert!(
        ["open result", "no column \"Status\"", "x.png"]
            .iter()
            .all(|part| blocked.message.contains(part)),
        "{}",
        blocked.message
    );
}

#[test]
fn a_single_failed_step_or_an_answer_says_nothing_while_it_is_closed() {
    for saw in [STEP, Saw::Answer] {
        let change = super::observe(&FlowBreaker::default(), &seen(0, "b-1", "d1", saw), &limits());
        assert_eq!((change.breaker, change.event), (FlowBreaker::default(), None));
    }
}

#[test]
fn other_batches_with_the_same_fault_publish_no_further_event() {
    let again = super::observe(&changed(), &seen(5, "b-2", "d1", CHANGED), &limits());
    assert_eq!((again.breaker.opened_at, again.event), (changed().opened_at, None));
    let twice = super::observe(&changed(), &seen(5, "b-1", "d1", CHANGED), &limits());
    assert_eq!(twice.breaker, changed());
    let away_too = super::observe(&changed(), &seen(5, "b-2", "d1", AWAY), &limits());
    assert_eq!(
        (away_too.breaker.reason, away_too.breaker.open_until),
        (Some(Reason::PortalChanged), None),
        "only a person or other flows close it"
    );
    let worse = super::observe(&away(), &seen(5, "b-2", "d1", CHANGED), &limits());
    assert_eq!(
        (worse.breaker.reason, worse.breaker.open_until),
        (Some(Reason::PortalChanged), None)
    );
}

#[test]
fn corrected_flows_or_a_person_let_a_canary_through() {
    let breaker = changed();
    assert_eq!(
        super::refresh(&breaker, at(99_999), "d1", None).breaker,
        breaker,
        "time alone does not"
    );
    assert_eq!(
        super::refresh(&breaker, at(99_999), "d1", Some(at(-1))).breaker,
        breaker,
        "nor a resume from before"
    );
    let corrected = super::refresh(&breaker, at(10), "d2", None);
    assert_eq!(
        (corrected.breaker.state, corrected.breaker.flows_digest.as_deref()),
        (BreakerState::HalfOpen, Some("d2"))
    );
    assert!(
        corrected.event.is_some_and(
            |event| event.reason == Reason::Available && event.message.contains("canary")
        )
    );
    assert!(super::gate(&corrected.breaker, at(10)).is_trial());
    let resumed = super::refresh(&breaker, at(10), "d1", Some(at(5)));
    assert_eq!(
        (resumed.breaker.state, resumed.breaker.flows_digest.as_deref()),
        (BreakerState::HalfOpen, Some("d1"))
    );
    let edited_again = super::refresh(&corrected.breaker, at(20), "d3", None);
    assert_eq!(
        (edited_again.breaker.flows_digest.as_deref(), edited_again.event),
        (Some("d3"), None),
        "the newest flows are on trial"
    );
}

#[test]
fn the_canary_decides() {
    let trial = super::refresh(&changed(), at(10), "d2", None).breaker;
    let closed = super::observe(&trial, &seen(20, "b-2", "d2", Saw::Answer), &limits());
    assert_eq!((closed.breaker.state, closed.event.is_some()), (BreakerState::Closed, true));
    assert_eq!(super::gate(&closed.breaker, at(20)), Gate::Open);
    for saw in [STEP, CHANGED] {
        let open = super::observe(&trial, &seen(20, "b-2", "d2", saw), &limits());
        assert_eq!(
            (open.breaker.state, open.breaker.flows_digest.as_deref()),
            (BreakerState::Open, Some("d2")),
            "{saw:?}"
        );
        assert!(open.event.is_some());
        assert!(
            super::refresh(&open.breaker, at(21), "d2", None).event.is_none(),
            "these flows have failed"
        );
    }
}

#[test]
fn a_batch_with_other_flows_than_those_on_trial_decides_nothing() {
    let trial = super::refresh(&changed(), at(10), "d2", None).breaker;
    for saw in [Saw::Answer, STEP] {
        assert_eq!(
            super::observe(&trial, &seen(20, "b-old", "d1", saw), &limits()).breaker,
            trial,
            "{saw:?}"
        );
    }
}

#[test]
fn a_portal_that_is_down_is_probed_after_pauses_that_double() {
    let mut breaker = away();
    let mut now = 0;
    for pause in [60, 120, 240, 480, 960, 1800, 1800] {
        assert_eq!(breaker.open_until.as_ref().map(|t| t.0), Some(at(now + pause)));
        assert!(
            matches!(super::gate(&breaker, at(now + pause - 1)), Gate::Shut(ref blocked) if blocked.reason == Reason::PortalUnavailable)
        );
        now += pause;
        assert!(super::gate(&breaker, at(now)).is_trial());
        breaker = super::refresh(&breaker, at(now), "d1", None).breaker;
        assert_eq!(breaker.state, BreakerState::HalfOpen);
        let name = format!("probe-{now}");
        breaker = super::observe(&breaker, &seen(now, &name, "d1", AWAY), &limits()).breaker;
    }
    let back = super::observe(
        &super::refresh(&breaker, at(now + 1800), "d1", None).breaker,
        &seen(now + 1810, "b-9", "d1", Saw::Answer),
        &limits(),
    );
    assert_eq!(back.breaker.state, BreakerState::Closed);
}

const LOGIN: Saw<'_> = Saw::LoginFailed {
    step: "code",
    shown: Shown { message: None, evidence: Some("file:///l.png") },
};

#[test]
fn a_login_that_fails_in_a_step_twice_in_a_row_is_a_changed_portal() {
    let first = super::observe(&FlowBreaker::default(), &seen(0, "b-1", "d1", LOGIN), &limits());
    assert_eq!((first.breaker.state, first.event), (BreakerState::Closed, None));
    let again = super::observe(&first.breaker, &seen(1, "b-1", "d1", LOGIN), &limits());
    assert_eq!(again.breaker, first.breaker, "one batch is counted once");
    let second = super::observe(&first.breaker, &seen(2, "b-2", "d1", LOGIN), &limits());
    assert_eq!(
        (second.breaker.state, second.breaker.reason, second.breaker.step.as_deref()),
        (BreakerState::Open, Some(Reason::PortalChanged), Some("code"))
    );
    let Gate::Shut(why) = super::gate(&second.breaker, at(1_000_000)) else { panic!("open") };
    assert!(why.message.contains("login flow") && why.message.contains("l.png"), "{}", why.message);
    assert!(!why.message.contains("Secret"), "{}", why.message);

    // Changed flows half open it at once, with a canary.
    let trial = super::refresh(&second.breaker, at(3), "d2", None).breaker;
    assert!(super::gate(&trial, at(3)).is_trial());
    let failed = super::observe(&trial, &seen(4, "b-3", "d2", LOGIN), &limits());
    assert_eq!((failed.breaker.state, failed.event.is_some()), (BreakerState::Open, true));
    let old = super::observe(&trial, &seen(4, "b-old", "d1", LOGIN), &limits());
    assert_eq!(old.breaker, trial, "flows that are not on trial decide nothing");
    let good = super::observe(&trial, &seen(4, "b-3", "d2", Saw::Answer), &limits());
    assert_eq!((good.breaker.state, good.breaker.login_failures), (BreakerState::Closed, 0));
}

#[test]
fn a_successful_login_resets_the_failures_of_the_login_flow() {
    let first = super::observe(&FlowBreaker::default(), &seen(0, "b-1", "d1", LOGIN), &limits());
    let between = super::logged_in(&first.breaker);
    let next = super::observe(&between, &seen(2, "b-3", "d1", LOGIN), &limits());
    assert_eq!((next.breaker.state, next.breaker.login_failures), (BreakerState::Closed, 1));
}

#[test]
fn a_trial_carries_the_reason_it_is_on_trial_for() {
    let trial = super::refresh(&away(), at(60), "d1", None).breaker;
    let Gate::Trial(why) = super::gate(&trial, at(60)) else { panic!("half open") };
    assert_eq!(why.reason, Reason::PortalUnavailable);
}
