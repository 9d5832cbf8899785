//! What is at work already, and what it leaves room for.

use fno_core::why::Why;
use fno_crds::{Reason, provider::Objective};

use crate::world::{Scene, account, batch, identity, jobs, reasons};

#[test]
fn each_limit_is_named_in_what_the_waiting_jobs_say() {
    let message = |scene: &Scene, reason| {
        let plan = scene.plan();
        let Some(Why { reason: seen, message }) = plan.waits.values().next_back().cloned() else {
            panic!("a job waits: {plan:?}")
        };
        assert_eq!(seen, reason);
        message
    };
    let session = Scene::octotel(jobs(120));
    assert!(
        message(&session, Reason::WaitingForSession).contains("session.maxSessionsPerAccount (1)")
    );

    let mut batches = Scene::octotel(jobs(300)).with(|p| p.session.max_sessions_per_account = 20);
    assert!(
        message(&batches, Reason::WaitingForSession).contains("batching.maxConcurrentBatches (3)")
    );
    batches.max_runners = 2;
    assert!(message(&batches, Reason::WaitingForRunner).contains("All 2 runner Pods"));

    let objective = batches.clone().with(|p| p.batching.objective = Objective::MinLogins);
    assert!(message(&objective, Reason::WaitingForSession).contains("MinLogins"));
}

#[test]
fn what_is_at_work_counts_against_every_limit() {
    let busy = |name: &str, account: &str| batch(name, account, &["other"]);
    let mut scene = Scene::octotel(jobs(90));
    scene.providers[0].accounts = vec![account("a"), account("b"), account("c"), account("d")];
    scene.batches = vec![busy("octotel-1", "b")];
    let plan = scene.plan();
    let accounts: Vec<&str> = plan.create.iter().map(|batch| batch.spec.account.as_str()).collect();
    assert_eq!(accounts, ["a", "c"], "three batches at once, one of them at work on b");

    scene.max_runners = 2;
    assert_eq!(scene.plan().create.len(), 1);
    scene.batches[0].holds_runner = false;
    assert_eq!(scene.plan().create.len(), 2);
}

#[test]
fn an_account_is_not_used_while_its_last_session_may_still_live() {
    let mut scene = Scene::octotel(jobs(3));
    let mut ended = batch("octotel-1", "ops", &[]);
    ended.finished = true;
    scene.batches.push(ended);
    let plan = scene.plan();
    assert_eq!(reasons(&plan), [(Reason::WaitingForSession, 3)].into());
    scene.batches[0].holds_session = false;
    assert_eq!(scene.plan().create.len(), 1);
}

#[test]
fn batches_of_another_namespace_or_provider_take_nothing_but_runners() {
    let mut scene = Scene::octotel(jobs(3));
    let mut elsewhere = batch("octotel-1", "ops", &["other"]);
    elsewhere.key.namespace = "elsewhere".to_owned();
    let mut other = batch("evotel-1", "ops", &["other"]);
    (other.provider, other.identity) = ("evotel".to_owned(), identity("evotel", "ops"));
    scene.batches = vec![elsewhere, other];
    scene.max_runners = 3;
    assert_eq!(scene.plan().create.len(), 1);
    scene.max_runners = 2;
    assert_eq!(reasons(&scene.plan()), [(Reason::WaitingForRunner, 3)].into());
}
