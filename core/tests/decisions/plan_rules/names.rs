//! How a batch is named.

use crate::world::{Scene, account, jobs};

#[test]
fn the_name_follows_from_the_jobs_their_versions_and_the_account() {
    let name = |scene: &Scene| scene.plan().create[0].key.clone();
    let scene = Scene::octotel(jobs(2));
    let first = name(&scene);
    assert_eq!(first, name(&scene.clone()), "the same world, the same name");
    let digits = first.name.strip_prefix("octotel-").expect("the provider's name in front");
    assert!(
        digits.len() == 8
            && digits.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()),
        "{digits}"
    );

    let mut changed = scene.clone();
    changed.jobs[1].resource_version = "2".to_owned();
    assert_ne!(first, name(&changed));
    let mut other_job = scene.clone();
    other_job.jobs[1].uid = "uid-new".to_owned();
    assert_ne!(first, name(&other_job));
    let mut other_account = scene;
    other_account.providers[0].accounts = vec![account("second")];
    assert_ne!(first, name(&other_account));
}

#[test]
fn a_name_in_use_is_not_used_again() {
    // A batch that ended before it claimed anything leaves its jobs as they were.
    let mut scene = Scene::octotel(jobs(2));
    let first = scene.plan();
    scene.carry_out(&first);
    (scene.batches[0].finished, scene.batches[0].holds_session, scene.batches[0].holds_runner) =
        (true, false, false);
    scene.batches[0].jobs.clear();
    let second = scene.plan();
    assert_eq!(second.create.len(), 1);
    assert_ne!(first.create[0].key, second.create[0].key);
}
