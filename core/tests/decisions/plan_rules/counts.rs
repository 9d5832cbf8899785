//! What waits, counted.

use fno_core::{key::Key, plan::pending};

use crate::world::{Scene, at, jobs, key, provider};

#[test]
fn jobs_that_wait_are_counted_by_provider_and_reason() {
    let mut scene = Scene::octotel(jobs(120));
    scene.jobs[0].suspend = true;
    scene.jobs[1].provider = "nobody".to_owned();
    scene.jobs[2].cancel_requested = true;
    scene.jobs[3].deadline = Some(at(0));
    scene.providers.push(provider("idle"));
    let plan = scene.plan();
    let pending = pending(&scene.world(), &plan);
    let of = |name: &str| pending.get(&key(name)).cloned().unwrap_or_default();
    assert_eq!(
        of("octotel").by_reason,
        [("Suspended".to_owned(), 1), ("WaitingForSession".to_owned(), 77)].into(),
        "39 of 116 leave"
    );
    assert_eq!(of("octotel").count, 78);
    assert_eq!(of("nobody").by_reason, [("ProviderNotFound".to_owned(), 1)].into());
    assert_eq!(of("idle").count, 0);
    assert!(
        pending.contains_key(&Key { namespace: "fibre".to_owned(), name: "idle".to_owned() }),
        "so that an old count is overwritten"
    );
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
