//! Which jobs may leave.

use fno_core::gate::Gate;
use fno_crds::{Action, Reason, provider::Approval};

use crate::world::{
    Scene, account, at, batch, blocked, job, jobs, key, names, provider, sizes, waits_for,
};

#[test]
fn each_thing_that_holds_a_job_back_has_its_reason() {
    type Change = fn(&mut Scene);
    let cases: [(&str, Reason, Change); 17] = [
        ("a suspended job", Reason::Suspended, |s| s.jobs[0].suspend = true),
        ("a suspended provider", Reason::Suspended, |s| *s = s.clone().with(|p| p.suspend = true)),
        ("a job of tomorrow", Reason::NotBefore, |s| s.jobs[0].not_before = Some(at(1000))),
        ("a job in its pause", Reason::RetryBackoff, |s| s.jobs[0].retry_at = Some(at(1000))),
        ("a cancellation nobody approved", Reason::AwaitingApproval, |s| {
            s.jobs[0].action = Action::Cancellation;
            *s = s.clone().with(|p| p.approval = Approval::Cancellations);
        }),
        ("a provider that does not exist", Reason::ProviderNotFound, |s| {
            s.jobs[0].provider = "nobody".to_owned()
        }),
        ("a provider of that name elsewhere", Reason::ProviderNotFound, |s| {
            s.providers[0].key.namespace = "other".to_owned()
        }),
        ("a provider that cannot be used", Reason::FlowInvalid, |s| {
            s.providers[0].blocked = Some(blocked(Reason::FlowInvalid))
        }),
        ("the kill switch", Reason::CancellationsHeld, |s| {
            s.jobs[0].action = Action::Cancellation;
            *s = s.clone().with(|p| p.suspend_cancellations = true);
        }),
        ("cancellations that are held", Reason::DailyLimitReached, |s| {
            s.jobs[0].action = Action::Cancellation;
            s.providers[0].cancellations_blocked = Some(blocked(Reason::DailyLimitReached));
        }),
        ("a circuit another job has armed", Reason::CircuitClaimed, |s| {
            s.jobs[0].circuit = Some(blocked(Reason::CircuitClaimed))
        }),
        ("an open flow breaker", Reason::PortalChanged, |s| {
            s.providers[0].flow_gate = Gate::Shut(blocked(Reason::PortalChanged))
        }),
        ("an open breaker of the only account", Reason::BreakerOpen, |s| {
            s.providers[0].accounts[0].gate = Gate::Shut(blocked(Reason::BreakerOpen))
        }),
        ("a provider without accounts", Reason::ProviderNotReady, |s| {
            s.providers[0].accounts.clear()
        }),
        ("a batch that has invited the job already", Reason::Batched, |s| {
            s.batches.push(batch("octotel-1", "ops", &["a"]))
        }),
        ("no free session", Reason::WaitingForSession, |s| {
            s.batches.push(batch("octotel-1", "ops", &["other"]))
        }),
        ("no free runner", Reason::WaitingForRunner, |s| s.max_runners = 0),
    ];
    for (what, reason, change) in cases {
        let mut scene = Scene::octotel(vec![job("a")]);
        change(&mut scene);
        let plan = scene.plan();
        assert_eq!(waits_for(&plan, "a"), Some(reason), "{what}");
        assert!(
            plan.create.is_empty() && plan.fail.is_empty() && plan.withdraw.is_empty(),
            "{what}"
        );
        let message = &plan.waits[&key("a")].message;
        assert!(!message.is_empty(), "{what}");
        if reason == Reason::NotBefore {
            assert!(message.contains(&at(1000).to_string()), "it says when: {message}");
        }
    }
    assert_eq!(sizes(&Scene::octotel(vec![job("a")]).plan()), [1], "nothing holds it back");
}

#[test]
fn a_withdrawn_job_is_withdrawn_whatever_else_is_true_of_it() {
    let mut withdrawn = job("a");
    withdrawn.cancel_requested = true;
    withdrawn.suspend = true;
    withdrawn.deadline = Some(at(-100));
    withdrawn.provider = "nobody".to_owned();
    let plan = Scene::octotel(vec![withdrawn]).plan();
    assert_eq!(plan.withdraw, [key("a")]);
    assert!(plan.waits.is_empty() && plan.fail.is_empty() && plan.create.is_empty());
}

#[test]
fn a_deadline_that_passed_ends_the_job_even_while_it_is_suspended() {
    for suspend in [false, true] {
        let late = fno_core::plan::JobView { deadline: Some(at(60)), suspend, ..job("a") };
        let plan = Scene::octotel(vec![late]).plan();
        assert_eq!(plan.fail[&key("a")].reason, Reason::DeadlineExceeded, "now is the deadline");
    }
}

#[test]
fn a_cancellation_without_a_flow_fails_unless_somebody_suspended_it() {
    let mut scene =
        Scene::octotel(vec![job("a"), job("b"), job("c")]).with(|p| p.flows.cancellation = None);
    scene.jobs[0].action = Action::Cancellation;
    scene.jobs[1].action = Action::Cancellation;
    scene.jobs[1].suspend = true;
    let plan = scene.plan();
    assert_eq!(plan.fail[&key("a")].reason, Reason::NoFlow);
    assert_eq!(waits_for(&plan, "b"), Some(Reason::Suspended));
    assert_eq!(names(&plan, 0), ["c"]);
}

#[test]
fn approval_and_the_kill_switch_hold_cancellations_only() {
    let mut scene = Scene::octotel(vec![job("approved"), job("look-up")]).with(|p| {
        p.approval = Approval::Cancellations;
        p.suspend_cancellations = true;
    });
    scene.jobs[0].action = Action::Cancellation;
    scene.jobs[0].approved = true;
    let plan = scene.plan();
    assert_eq!(waits_for(&plan, "approved"), Some(Reason::CancellationsHeld));
    assert_eq!(names(&plan, 0), ["look-up"]);
}

#[test]
fn times_that_have_come_hold_nothing_back() {
    let mut due = job("a");
    due.not_before = Some(at(0));
    due.retry_at = Some(at(0));
    due.approved = true;
    let scene = Scene { now: at(5), ..Scene::octotel(vec![due]) };
    assert_eq!(sizes(&scene.plan()), [1]);
}

#[test]
fn a_job_given_back_by_a_batch_that_ended_is_invited_again() {
    let mut scene = Scene::octotel(vec![job("a")]);
    let mut ended = batch("octotel-1", "ops", &[]);
    (ended.finished, ended.holds_session, ended.holds_runner) = (true, false, false);
    scene.batches.push(ended);
    assert_eq!(sizes(&scene.plan()), [1]);
}

#[test]
fn an_open_breaker_of_one_account_leaves_the_others() {
    let mut scene = Scene::octotel(jobs(2));
    scene.providers[0].accounts = vec![account("broken"), account("good")];
    scene.providers[0].accounts[0].gate = Gate::Shut(blocked(Reason::BreakerOpen));
    let plan = scene.plan();
    assert_eq!(plan.create[0].spec.account, "good");
    assert_eq!(plan.create.len(), 1);
}

#[test]
fn one_broken_provider_stops_no_other() {
    let mut scene = Scene::octotel(vec![job("a"), job("b")]);
    scene.providers.push(provider("evotel"));
    scene.providers[0].blocked = Some(blocked(Reason::SeedInvalid));
    scene.jobs[1].provider = "evotel".to_owned();
    let plan = scene.plan();
    assert_eq!(waits_for(&plan, "a"), Some(Reason::SeedInvalid));
    assert_eq!(plan.create[0].spec.provider, "evotel");
}
