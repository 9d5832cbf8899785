//! Namespaces in which the operator cannot work.

use fno_core::plan::{BatchView, OutOfService};
use fno_crds::Reason;
use jiff::{SignedDuration, Timestamp};

use crate::world::{
    Scene, UNATTENDED, at, batch, blocked, identity, job, jobs, key, provider, reasons,
};

/// `octotel` has jobs that leave at once, and the operator cannot work in another namespace since a minute ago.
fn scene() -> Scene {
    Scene { out_of_service: out("elsewhere", at(0)), ..Scene::octotel(jobs(3)) }
}

fn out(namespace: &str, since: Timestamp) -> OutOfService {
    OutOfService { namespaces: [(namespace.to_owned(), since)].into(), ..OutOfService::default() }
}

/// A batch at work where the operator cannot work.
fn elsewhere(name: &str) -> BatchView {
    let mut batch = batch(name, "ops", &["other"]);
    batch.key.namespace = "elsewhere".to_owned();
    batch
}

/// When the runners there may still have been at work for the last time.
fn last() -> Timestamp {
    at(0) + UNATTENDED
}

#[test]
fn nothing_is_planned_where_the_operator_cannot_work() {
    let mut scene = Scene::octotel(jobs(6));
    scene.jobs[1].cancel_requested = true;
    scene.jobs[2].deadline = Some(at(0));
    scene.jobs[3].suspend = true;
    scene.jobs[4].provider = "nobody".to_owned();
    scene.jobs[5].provider = "newer".to_owned();
    scene.unreadable.insert(key("newer"), blocked(Reason::ProviderNotReady));
    let plan = scene.plan();
    assert!(!plan.create.is_empty() && !plan.fail.is_empty() && !plan.withdraw.is_empty());

    let everywhere = OutOfService { everywhere: Some(at(0)), ..OutOfService::default() };
    for out_of_service in [out("fibre", at(0)), everywhere] {
        scene.out_of_service = out_of_service;
        let plan = scene.plan();
        assert!(plan.create.is_empty(), "{plan:?}");
        assert!(plan.fail.is_empty() && plan.withdraw.is_empty(), "{plan:?}");
        assert!(plan.waits.is_empty(), "{plan:?}");
        assert!(plan.queues.is_empty(), "what was counted last stays: {plan:?}");
        assert_eq!(plan.wake_at, None);
        assert_eq!(plan.ready.len(), scene.jobs.len(), "no job lingers again afterwards");
    }
}

#[test]
fn the_other_namespaces_are_planned_as_ever() {
    let mut guest = job("guest");
    guest.key.namespace = "elsewhere".to_owned();
    let mut other = provider("octotel");
    other.key.namespace = "elsewhere".to_owned();
    let alone = Scene { out_of_service: OutOfService::default(), ..scene() }.plan();
    let mut scene = scene();
    scene.jobs.insert(1, guest);
    scene.providers.insert(0, other);
    let plan = scene.plan();
    assert_eq!(alone.create.len(), 1);
    assert_eq!((plan.create, plan.waits, plan.queues), (alone.create, alone.waits, alone.queues));
}

#[test]
fn runners_where_the_operator_cannot_work_count_for_as_long_as_they_may_be_at_work() {
    let mut scene = scene();
    scene.batches = vec![elsewhere("octotel-1"), elsewhere("octotel-2")];
    scene.max_runners = 2;
    let plan = scene.plan();
    assert_eq!(reasons(&plan), [(Reason::WaitingForRunner, 3)].into());
    assert_eq!(plan.wake_at, Some(last()));

    scene.now = last() - SignedDuration::from_secs(1);
    assert_eq!(reasons(&scene.plan()), [(Reason::WaitingForRunner, 3)].into());
    scene.now = last();
    assert_eq!(scene.plan().create.len(), 1, "nobody can tell whether they have ended");
}

#[test]
fn each_runner_counts_for_its_own_time() {
    let mut scene = scene();
    let short = UNATTENDED - SignedDuration::from_mins(10);
    scene.batches =
        vec![elsewhere("octotel-1"), BatchView { unattended: short, ..elsewhere("octotel-2") }];
    scene.max_runners = 2;
    assert_eq!(scene.plan().wake_at, Some(at(0) + short));
    scene.now = at(0) + short;
    assert_eq!(scene.plan().create.len(), 1);
}

#[test]
fn a_runner_in_service_counts_until_its_end_is_seen() {
    let mut scene = scene();
    let mut other = batch("evotel-1", "ops", &["other"]);
    (other.provider, other.identity) = ("evotel".to_owned(), identity("evotel", "ops"));
    scene.batches = vec![other];
    scene.max_runners = 1;
    scene.now = last();
    let plan = scene.plan();
    assert_eq!(reasons(&plan), [(Reason::WaitingForRunner, 3)].into());
    assert_eq!(plan.wake_at, None);
}

#[test]
fn a_batch_without_a_runner_wakes_nobody() {
    let mut scene = scene();
    let ended = BatchView {
        holds_runner: false,
        holds_session: false,
        finished: true,
        ..elsewhere("octotel-1")
    };
    scene.batches = vec![ended];
    scene.max_runners = 1;
    let plan = scene.plan();
    assert_eq!((plan.create.len(), plan.wake_at), (1, None));
}
