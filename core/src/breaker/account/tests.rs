use fno_crds::{
    Duration, Reason,
    provider::Limits,
    provider_status::{AccountBreaker, BreakerState},
};
use jiff::Timestamp;

use super::{super::Change, Failure, Refusals};
use crate::gate::Gate;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time within range")
}

fn limits() -> Limits {
    Limits { login_failures_to_open: 2, open_for: Duration::from_mins(30), ..Limits::default() }
}

fn succeeded(breaker: &AccountBreaker) -> Change<AccountBreaker> {
    super::succeeded("ops", breaker, Some("k:v1"))
}

fn nobody() -> AccountBreaker {
    AccountBreaker::default()
}

fn gate(breaker: &AccountBreaker, now: Timestamp) -> Gate {
    super::gate("ops", breaker, now, Some("k:v1"), &limits())
}

fn failed(
    breaker: &AccountBreaker,
    failure: &Failure<'_>,
    limits: &Limits,
) -> Change<AccountBreaker> {
    super::failed("ops", breaker, failure, limits, &nobody())
}

fn refresh(
    breaker: &AccountBreaker,
    now: Timestamp,
    current: Option<&str>,
    resumed: Option<Timestamp>,
) -> Change<AccountBreaker> {
    super::refresh("ops", breaker, now, current, resumed, &limits(), &nobody())
}

/// A login of `batch` that failed at `seconds` with the credentials `k:v1`, which are still the current ones.
fn failure(seconds: i64, batch: &str, refused: bool) -> Failure<'_> {
    Failure {
        now: at(seconds),
        batch,
        login: 1,
        refused,
        locked: false,
        message: "Invalid login.",
        typed: Some("k:v1"),
        current: Some("k:v1"),
    }
}

fn after(breaker: &AccountBreaker, failures: &[Failure<'_>]) -> AccountBreaker {
    failures
        .iter()
        .fold(breaker.clone(), |breaker, failure| failed(&breaker, failure, &limits()).breaker)
}

/// Open after two refused logins at 0 s and 1 s.
fn refused_twice() -> AccountBreaker {
    after(&AccountBreaker::default(), &[failure(0, "b-1", true), failure(1, "b-2", true)])
}

/// Open after two logins that failed at 0 s and 1 s without a credential being refused.
fn failed_twice() -> AccountBreaker {
    after(&AccountBreaker::default(), &[failure(0, "b-1", false), failure(1, "b-2", false)])
}

#[test]
fn the_second_failed_login_opens_the_account() {
    let first = failed(&AccountBreaker::default(), &failure(0, "b-1", true), &limits());
    assert_eq!(
        (first.breaker.state, first.breaker.failures, first.event),
        (BreakerState::Closed, 1, None)
    );
    assert_eq!(gate(&first.breaker, at(0)), Gate::Open);

    let second = failed(&first.breaker, &failure(1, "b-2", true), &limits());
    assert_eq!((second.breaker.state, second.breaker.failures), (BreakerState::Open, 2));
    assert_eq!(
        (second.breaker.reason, second.breaker.opened_at.as_ref().map(|t| t.0)),
        (Some(Reason::LoginRejected), Some(at(1)))
    );
    let event = second.event.expect("an event");
    assert_eq!(event.reason, Reason::BreakerOpen);
    assert!(
        event.message.contains("ops")
            && event.message.contains("Invalid login")
            && event.message.contains("fno.dev/resume"),
        "{}",
        event.message
    );
    let Gate::Shut(blocked) = gate(&second.breaker, at(1)) else { panic!("it is open") };
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
        breaker = failed(&breaker, &failure(0, batch, true), &interleaved).breaker;
    }
    assert_eq!(breaker.failures, 2, "two batches seen in turns");
    let second_login = Failure { login: 2, ..failure(0, "b-1", true) };
    assert_eq!(
        failed(&breaker, &second_login, &interleaved).breaker.failures,
        3,
        "another login of the same batch is another"
    );
}

#[test]
fn what_was_counted_is_remembered_after_a_success_too() {
    let failed = after(&AccountBreaker::default(), &[failure(0, "b-1", true)]);
    let closed = succeeded(&failed);
    assert_eq!((closed.breaker.failures, closed.event), (0, None), "it was never open");
    assert_eq!(after(&closed.breaker, &[failure(0, "b-1", true)]).failures, 0);
}

#[test]
fn the_list_of_what_was_counted_stays_within_the_schema() {
    let mut breaker = AccountBreaker::default();
    for i in 0..50 {
        let name = format!("{}-{i:08x}", "p".repeat(40));
        let limits = Limits { login_failures_to_open: 100, ..limits() };
        breaker = failed(&breaker, &failure(0, &name, true), &limits).breaker;
    }
    assert_eq!((breaker.counted.len(), breaker.failures), (20, 50));
    assert!(breaker.counted[0].ends_with("00000031/1"), "the newest first");
    assert!(breaker.counted.iter().all(|counted| counted.len() <= 80));
}

#[test]
fn a_refused_credential_is_never_tried_again_by_time_alone() {
    let open = refused_twice();
    assert_eq!(open.open_until, None);
    let years = at(100_000_000);
    assert!(matches!(gate(&open, years), Gate::Shut(_)));
    assert_eq!(refresh(&open, years, Some("k:v1"), None).breaker, open);
    // One refusal among failures is enough, and so is one that is reported after the breaker opened.
    let mixed =
        after(&AccountBreaker::default(), &[failure(0, "b-1", true), failure(1, "b-2", false)]);
    assert_eq!((mixed.state, mixed.open_until), (BreakerState::Open, None));
    let late = after(&failed_twice(), &[failure(2, "b-3", true)]);
    assert_eq!((late.state, late.open_until, late.failures), (BreakerState::Open, None, 3));
    // Not even a stored `openUntil` lets a login through.
    let meddled = AccountBreaker { open_until: failed_twice().open_until, ..open };
    assert!(matches!(gate(&meddled, years), Gate::Shut(_)));
}

#[test]
fn after_logins_without_a_verdict_one_login_is_tried_when_the_time_is_over() {
    let open = failed_twice();
    assert_eq!(
        (open.reason, open.open_until.as_ref().map(|t| t.0)),
        (Some(Reason::LoginsPaused), Some(at(1801)))
    );
    assert!(matches!(gate(&open, at(1800)), Gate::Shut(_)));
    assert_eq!(refresh(&open, at(1800), Some("k:v1"), None).breaker, open);
    assert!(gate(&open, at(1801)).is_trial());

    let half = refresh(&open, at(1801), Some("k:v1"), None);
    assert_eq!(
        (half.breaker.state, half.event.map(|event| event.reason)),
        (BreakerState::HalfOpen, Some(Reason::Available))
    );
    assert!(gate(&half.breaker, at(1801)).is_trial());

    let good = succeeded(&half.breaker);
    assert_eq!(
        (good.breaker.state, good.breaker.failures, good.event.is_some()),
        (BreakerState::Closed, 0, true)
    );

    for trial in [&half.breaker, &open] {
        let bad = failed(trial, &failure(2000, "b-9", false), &limits());
        assert_eq!(
            (bad.breaker.state, bad.breaker.open_until),
            (BreakerState::Open, None),
            "one failure is enough, and time does not allow another one"
        );
        let message = bad.event.expect("an event").message;
        assert!(message.contains("fno.dev/resume"), "{message}");
        let worse = failed(trial, &failure(2000, "b-9", true), &limits());
        assert_eq!((worse.breaker.state, worse.breaker.open_until), (BreakerState::Open, None));
    }
}

#[test]
fn whatever_a_person_does_one_login_follows_and_never_a_second_by_time() {
    let open = failed_twice();
    let corrected = || refresh(&open, at(10), Some("k:v2"), None).breaker;
    let resumed = || refresh(&open, at(10), Some("k:v1"), Some(at(5))).breaker;
    for (once_more, version) in [(corrected(), "k:v2"), (resumed(), "k:v1")] {
        assert_eq!((once_more.state, once_more.trials), (BreakerState::Closed, 1));
        let login =
            Failure { typed: Some(version), current: Some(version), ..failure(20, "b-3", false) };
        let again = failed(&once_more, &login, &limits()).breaker;
        assert_eq!((again.state, &again.open_until), (BreakerState::Open, &None), "{version}");
        let years = super::gate("ops", &again, at(100_000_000), Some(version), &limits());
        assert!(matches!(years, Gate::Shut(why) if why.message.contains("fno.dev/resume")));
        let vouched = refresh(&again, at(40), Some(version), Some(at(30))).breaker;
        assert_eq!((vouched.state, vouched.trials), (BreakerState::Closed, 2));
        assert_eq!(super::succeeded("ops", &vouched, Some(version)).breaker.trials, 0);
    }
    // A trial under another name of the account counts, too.
    let there = AccountBreaker { trials: 1, ..nobody() };
    let limits = Limits { login_failures_to_open: 1, ..limits() };
    let here = super::failed("ops", &nobody(), &failure(0, "b-1", false), &limits, &there).breaker;
    assert_eq!((here.state, here.open_until), (BreakerState::Open, None));
}

#[test]
fn a_locked_account_opens_it_at_once_and_the_remedy_is_to_unlock_it() {
    let locked = Failure { locked: true, message: "Account locked.", ..failure(0, "b-1", true) };
    let change = failed(&nobody(), &locked, &limits());
    assert_eq!(
        (change.breaker.state, change.breaker.reason, change.breaker.failures),
        (BreakerState::Open, Some(Reason::AccountLocked), 1)
    );
    let event = change.event.expect("an event");
    assert_eq!(event.reason, Reason::BreakerOpen);
    assert!(event.message.contains("Unlock the account on the portal"), "{}", event.message);
    assert!(
        matches!(gate(&change.breaker, at(9_999_999)), Gate::Shut(_)),
        "time does not close it"
    );
    let late = failed(&change.breaker, &failure(1, "b-2", true), &limits()).breaker;
    assert_eq!(late.reason, Some(Reason::AccountLocked), "a login that was in progress");
    let late = failed(&failed_twice(), &Failure { batch: "b-3", ..locked }, &limits()).breaker;
    assert_eq!((late.reason, late.open_until), (Some(Reason::AccountLocked), None));
    let resumed = refresh(&change.breaker, at(50), Some("k:v1"), Some(at(40))).breaker;
    assert_eq!((resumed.state, resumed.reason), (BreakerState::Closed, None));
}

#[test]
fn new_credentials_close_it_and_leave_one_try() {
    let change = refresh(&refused_twice(), at(10), Some("k:v2"), None);
    assert_eq!(
        (change.breaker.state, change.breaker.failures, change.breaker.refused),
        (BreakerState::Closed, 1, false)
    );
    assert_eq!(change.event.map(|event| event.reason), Some(Reason::Available));
    let wrong = Failure { typed: Some("k:v2"), current: Some("k:v2"), ..failure(11, "b-3", true) };
    let wrong = failed(&change.breaker, &wrong, &limits()).breaker;
    assert_eq!(
        (wrong.state, super::refusals(&wrong, Some("k:v2"))),
        (BreakerState::Open, 1),
        "the portal counts in a row, whatever is typed"
    );
    let once = after(&AccountBreaker::default(), &[failure(0, "b-1", true)]);
    let change = refresh(&once, at(10), Some("k:v2"), None);
    assert_eq!((change.breaker.failures, change.event), (1, None), "no event: it was not open");
    for unchanged in [Some("k:v1"), None] {
        assert_eq!(
            refresh(&refused_twice(), at(10), unchanged, None).breaker,
            refused_twice(),
            "a Secret that is gone does not close it"
        );
    }
}

#[test]
fn a_person_closes_it_only_after_it_opened() {
    let resumed =
        |seconds| refresh(&refused_twice(), at(50), Some("k:v1"), Some(at(seconds))).breaker.state;
    assert_eq!(
        [resumed(0), resumed(1), resumed(2)],
        [BreakerState::Open, BreakerState::Closed, BreakerState::Closed]
    );
    let once = after(&AccountBreaker::default(), &[failure(0, "b-1", true)]);
    assert_eq!(
        refresh(&once, at(50), Some("k:v1"), Some(at(40))).breaker,
        once,
        "a closed one keeps its count"
    );
}

#[test]
fn after_a_resume_one_more_refusal_opens_it_again() {
    let resumed = refresh(&refused_twice(), at(50), Some("k:v1"), Some(at(40))).breaker;
    assert_eq!((gate(&resumed, at(50)), resumed.failures), (Gate::Open, 1));
    let again = failed(&resumed, &failure(60, "b-3", true), &limits());
    assert_eq!((again.breaker.state, again.event.is_some()), (BreakerState::Open, true));
}

#[test]
fn credentials_that_were_refused_stay_refused_when_the_secret_is_set_back_to_them() {
    let other = refresh(&refused_twice(), at(10), Some("k:v2"), None).breaker;
    assert_eq!(other.state, BreakerState::Closed);
    // This holds even before a refresh has seen the change back.
    let Gate::Shut(why) = gate(&other, at(20)) else { panic!("a third time") };
    assert_eq!(why.reason, Reason::BreakerOpen);
    assert_eq!(super::gate("ops", &other, at(20), Some("k:v2"), &limits()), Gate::Open);
    let back = refresh(&other, at(20), Some("k:v1"), None);
    assert_eq!((back.breaker.state, back.breaker.refused), (BreakerState::Open, true));
    assert_eq!(back.event.map(|event| event.reason), Some(Reason::BreakerOpen));
    // Refused once, then set back: one more refusal is allowed, not two.
    let once = after(&AccountBreaker::default(), &[failure(0, "b-1", true)]);
    let there = refresh(&once, at(10), Some("k:v2"), None).breaker;
    let tried = Failure { typed: Some("k:v2"), current: Some("k:v2"), ..failure(11, "b-2", true) };
    let there = failed(&there, &tried, &limits()).breaker;
    let back = refresh(&there, at(12), Some("k:v1"), None).breaker;
    assert_eq!((back.state, back.failures), (BreakerState::Closed, 1));
    assert_eq!(after(&back, &[failure(13, "b-3", true)]).state, BreakerState::Open);
}

#[test]
fn a_refusal_is_booked_against_the_credentials_that_were_typed() {
    let late = Failure { current: Some("k:v2"), ..failure(5, "b-1", true) };
    let booked = failed(&AccountBreaker::default(), &late, &limits()).breaker;
    assert_eq!((booked.state, booked.failures), (BreakerState::Closed, 0), "v2 is not to blame");
    assert_eq!(
        booked.refusals,
        [Refusals { credentials_version: "k:v1".to_owned(), count: 1 }],
        "but v1 is"
    );
    let twice = failed(&booked, &Failure { batch: "b-2", ..late }, &limits()).breaker;
    assert_eq!(super::gate("ops", &twice, at(9), Some("k:v2"), &limits()), Gate::Open);
    assert!(matches!(gate(&twice, at(9)), Gate::Shut(_)), "v1 was refused twice");
}

#[test]
fn a_success_with_older_credentials_does_not_clear_the_newer_ones() {
    let tried =
        |batch| Failure { typed: Some("k:v2"), current: Some("k:v2"), ..failure(1, batch, true) };
    let open = after(&AccountBreaker::default(), &[tried("b-1"), tried("b-2")]);
    let after_v1 = succeeded(&open).breaker;
    assert_eq!((after_v1.state, &after_v1.refusals), (BreakerState::Open, &open.refusals));
    let taken = super::succeeded("ops", &open, Some("k:v2")).breaker;
    assert_eq!((taken.state, taken.refusals.len()), (BreakerState::Closed, 0));
}

#[test]
fn a_secret_set_back_to_refused_credentials_and_then_corrected_closes_it() {
    // Both refusals came after the Secret had changed, so they did not open the breaker.
    let late = |batch| Failure { current: Some("k:v2"), ..failure(0, batch, true) };
    let booked = after(&AccountBreaker::default(), &[late("b-1"), late("b-2")]);
    assert_eq!((booked.state, &booked.credentials_version), (BreakerState::Closed, &None));
    let back = refresh(&booked, at(10), Some("k:v1"), None).breaker;
    assert_eq!(back.state, BreakerState::Open);
    let corrected = refresh(&back, at(20), Some("k:v3"), None).breaker;
    assert_eq!((corrected.state, corrected.failures), (BreakerState::Closed, 1));
}

#[test]
fn what_cannot_be_compared_is_not_a_change() {
    // The key of the digests was lost and created again, or the status was written by an older version.
    for failed_with in ["other-key:v1", "3f2a-uid:4711", "unknown"] {
        let tried = |batch| Failure { typed: Some(failed_with), ..failure(0, batch, true) };
        let open = after(&AccountBreaker::default(), &[tried("b-1"), tried("b-2")]);
        let later = refresh(&open, at(10), Some("k:v1"), None);
        assert_eq!((&later.breaker, later.event), (&open, None), "{failed_with}");
        let Gate::Shut(why) = gate(&open, at(10)) else { panic!("{failed_with}") };
        assert!(why.message.contains("must annotate"), "{}", why.message);
        let older = AccountBreaker { refusals: Vec::new(), ..open.clone() };
        let Gate::Shut(why) = gate(&older, at(10)) else { panic!("{failed_with}") };
        assert!(why.message.contains("must annotate"), "{}", why.message);
        let resumed = refresh(&open, at(10), Some("k:v1"), Some(at(5))).breaker;
        assert_eq!((resumed.state, gate(&resumed, at(10))), (BreakerState::Closed, Gate::Open));
    }
}

#[test]
fn only_a_refusal_speaks_of_the_secret() {
    let Gate::Shut(paused) = gate(&failed_twice(), at(10)) else { panic!("it is open") };
    assert_eq!(paused.reason, Reason::LoginsPaused);
    assert!(
        !paused.message.contains("Secret") && !paused.message.contains("password"),
        "{}",
        paused.message
    );
    let Gate::Shut(refused) = gate(&refused_twice(), at(10)) else { panic!("it is open") };
    assert_eq!(refused.reason, Reason::BreakerOpen);
    assert!(
        refused.message.contains("Secret") && refused.message.contains("Invalid login"),
        "the portal's words and the remedy in one sentence: {}",
        refused.message
    );
}

#[test]
fn two_names_of_one_account_count_together() {
    let once = |batch| after(&AccountBreaker::default(), &[failure(0, batch, true)]);
    let (here, there) = (once("b-1"), once("b-2"));
    assert_eq!((gate(&here, at(1)), gate(&there, at(1))), (Gate::Open, Gate::Open));
    let both = super::together(&here, &there);
    assert!(matches!(gate(&both, at(1)), Gate::Shut(_)));
    assert_eq!((both.failures, both.counted.len()), (2, 2));
    let second = super::failed("ops", &here, &failure(1, "b-3", true), &limits(), &there).breaker;
    assert_eq!(second.state, BreakerState::Open);
    // The strictest of both holds.
    for (one, other) in [(refused_twice(), failed_twice()), (failed_twice(), refused_twice())] {
        assert!(matches!(gate(&super::together(&one, &other), at(9_999_999)), Gate::Shut(_)));
    }
    let trial = super::together(&refresh(&failed_twice(), at(1801), None, None).breaker, &nobody());
    assert!(gate(&trial, at(1801)).is_trial());
}

#[test]
fn a_login_that_succeeds_after_it_opened_closes_it() {
    let change = succeeded(&refused_twice());
    assert_eq!((change.breaker.state, change.event.is_some()), (BreakerState::Closed, true));
    let nothing = succeeded(&AccountBreaker::default());
    assert_eq!((nothing.breaker, nothing.event), (AccountBreaker::default(), None));
}

#[test]
fn logins_without_a_verdict_are_tried_again_once() {
    let mut breaker = AccountBreaker::default();
    let mut typed = 0;
    for hour in 0..1000 {
        let now = at(hour * 3600);
        breaker = refresh(&breaker, now, Some("k:v1"), None).breaker;
        if !matches!(gate(&breaker, now), Gate::Shut(_)) {
            typed += 1;
            let name = format!("b-{hour}");
            breaker = failed(&breaker, &failure(hour * 3600, &name, false), &limits()).breaker;
        }
    }
    assert_eq!(typed, 3, "a portal that locks after 4 refusals has not locked the account");
}

#[test]
fn the_portal_never_sees_more_refusals_than_the_limit() {
    // Time passes and the operator restarts (only the stored state survives), with a login wherever the gate lets one through.
    let mut breaker = AccountBreaker::default();
    let mut refusals = 0;
    for hour in 0..1000 {
        let now = at(hour * 3600);
        breaker = refresh(&breaker, now, Some("k:v1"), None).breaker;
        if !matches!(gate(&breaker, now), Gate::Shut(_)) {
            refusals += 1;
            let name = format!("b-{hour}");
            breaker = failed(&breaker, &failure(hour * 3600, &name, true), &limits()).breaker;
        }
    }
    assert_eq!(refusals, 2);
}
