//! Which account, and what one on trial may do.

use fno_crds::{Action, Reason};

use crate::world::{Scene, account, batch, job, jobs, names, sizes, trial};

#[test]
fn the_account_that_can_log_in_soonest_is_taken_then_the_one_longest_unused() {
    let mut scene = Scene::octotel(jobs(1));
    let step = (crate::world::START + 60) / 30;
    let totp = |name: &str, last_step| fno_core::plan::AccountView {
        totp_period: Some(30),
        last_step: Some(last_step),
        ..account(name)
    };
    scene.providers[0].login_seconds = Some(10.0);
    scene.providers[0].accounts =
        vec![totp("just-used", step), totp("used", step - 1), totp("rested", step - 9)];
    let taken = |scene: &Scene| scene.plan().create[0].spec.account.clone();
    assert_eq!(taken(&scene), "rested");
    scene.batches.push(batch("octotel-1", "rested", &["other"]));
    assert_eq!(taken(&scene), "used");
    scene.batches.push(batch("octotel-2", "used", &["other"]));
    assert_eq!(taken(&scene), "just-used", "later is better than not at all");
}

#[test]
fn among_equal_accounts_the_one_with_the_fewest_sessions_is_taken() {
    let mut scene = Scene::octotel(jobs(1)).with(|p| p.session.max_sessions_per_account = 5);
    scene.providers[0].accounts = vec![account("a"), account("b")];
    scene.batches = vec![batch("octotel-1", "a", &["other"])];
    assert_eq!(scene.plan().create[0].spec.account, "b");
}

#[test]
fn an_account_on_trial_gets_one_batch() {
    let mut scene = Scene::octotel(jobs(100)).with(|p| p.session.max_sessions_per_account = 5);
    scene.providers[0].accounts[0].gate = trial(Reason::LoginsPaused);
    let plan = scene.plan();
    assert_eq!(sizes(&plan), [50]);
    assert!(
        plan.waits
            .values()
            .all(|b| b.reason == Reason::WaitingForSession && b.message.contains("on trial"))
    );
    scene.carry_out(&plan);
    let plan = scene.plan();
    assert!(plan.create.is_empty());
}

#[test]
fn a_proven_account_is_taken_before_one_on_trial() {
    let mut scene = Scene::octotel(jobs(1));
    scene.providers[0].accounts = vec![account("a"), account("b")];
    scene.providers[0].accounts[0].gate = trial(Reason::LoginsPaused);
    assert_eq!(scene.plan().create[0].spec.account, "b");
}

#[test]
fn a_flow_on_trial_lets_one_harmless_job_through_as_a_canary() {
    let mut scene = Scene::octotel(vec![job("cancel"), job("look"), job("look-too")]);
    (scene.jobs[0].action, scene.jobs[0].priority) = (Action::Cancellation, 100);
    scene.providers[0].accounts = vec![account("a"), account("b")];
    scene.providers[0].flow_gate = trial(Reason::LoginsPaused);
    let plan = scene.plan();
    assert_eq!(plan.create.len(), 1);
    assert_eq!(names(&plan, 0), ["look"]);
    assert!(
        plan.waits
            .values()
            .all(|b| b.reason == Reason::WaitingForSession && b.message.contains("goes first")),
        "{plan:?}"
    );

    scene.carry_out(&plan);
    assert!(scene.plan().create.is_empty(), "until the canary is back");

    let only_a_cancellation =
        Scene { jobs: vec![scene.jobs[0].clone()], batches: Vec::new(), ..scene };
    assert_eq!(names(&only_a_cancellation.plan(), 0), ["cancel"]);
}
