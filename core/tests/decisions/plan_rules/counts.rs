//! What waits, counted.

use fno_core::key::Key;
use fno_crds::Reason;

use crate::world::{Scene, at, blocked, jobs, key, provider, waits_for};

#[test]
fn jobs_that_wait_are_counted_by_provider_and_reason() {
    let mut scene = Scene::octotel(jobs(120));
    scene.jobs[0].suspend = true;
    scene.jobs[1].provider = "nobody".to_owned();
    scene.jobs[2].cancel_requested = true;
    scene.jobs[3].deadline = Some(at(0));
    scene.providers.push(provider("idle"));
    let plan = scene.plan();
    let of = |name: &str| plan.queues.get(&key(name)).cloned().unwrap_or_default().pending;
    assert_eq!(
        of("octotel").by_reason,
        [("Suspended".to_owned(), 1), ("WaitingForSession".to_owned(), 77)].into(),
        "39 of 116 leave"
    );
    assert_eq!(of("octotel").count, 78);
    assert_eq!(of("nobody").by_reason, [("ProviderNotFound".to_owned(), 1)].into());
    assert_eq!(of("idle").count, 0);
    assert!(
        plan.queues.contains_key(&Key { namespace: "fibre".to_owned(), name: "idle".to_owned() }),
        "so that an old count is overwritten"
    );
}

#[test]
fn the_age_of_a_queue_is_that_of_its_oldest_job_that_waits_for_neither_person_nor_time() {
    let mut scene = Scene::octotel(jobs(60));
    scene.jobs[0].suspend = true;
    (scene.jobs[0].created_at, scene.jobs[0].eligible_since) = (at(-9000), at(-9000));
    scene.jobs[1].not_before = Some(at(9000));
    scene.jobs[1].created_at = at(-9000);
    let oldest = |scene: &Scene| scene.plan().queues[&key("octotel")].oldest_since;
    assert_eq!(oldest(&scene), Some(at(-1)), "it waits for a session");
    scene.jobs.truncate(2);
    assert_eq!(oldest(&scene), None, "one is suspended, the other one is of tomorrow");
}

#[test]
fn a_provider_that_cannot_be_read_holds_its_jobs_and_says_why() {
    let mut scene = Scene::octotel(jobs(2));
    scene.providers.clear();
    scene.unreadable.insert(key("octotel"), blocked(Reason::ProviderNotReady));
    scene.jobs[1].provider = "nobody".to_owned();
    let plan = scene.plan();
    assert_eq!(waits_for(&plan, "job-00000"), Some(Reason::ProviderNotReady));
    assert_eq!(waits_for(&plan, "job-00001"), Some(Reason::ProviderNotFound));
    assert_eq!(plan.queues[&key("octotel")].pending.count, 1);
}

#[test]
fn what_a_job_waits_for_holds_no_time_that_changes_from_plan_to_plan() {
    let mut scene = Scene::new(vec![provider("octotel")], jobs(3));
    scene.jobs[0].not_before = Some(at(500));
    scene.jobs[1].retry_at = Some(at(400));
    let before = scene.plan();
    // spec.notBefore is immutable, so its time may stand in the message.
    scene.jobs[1].retry_at = Some(at(600));
    scene.jobs[2].eligible_since = at(0);
    assert_eq!(scene.plan().waits, before.waits);
}

#[test]
fn what_leaves_lingers_or_lacks_a_place_counts_as_ready() {
    let mut scene = Scene::octotel(jobs(52));
    scene.jobs[0].suspend = true;
    let plan = scene.plan();
    assert!(!plan.is_ready(&key("job-00000")));
    assert!(plan.is_ready(&key("job-00051")));
    assert!(plan.is_ready(&key("job-00001")), "it leaves, unless its batch cannot be created");
}
