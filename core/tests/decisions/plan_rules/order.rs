//! In which order jobs leave.

use fno_crds::Action;

use crate::world::{Scene, at, job, names};

#[test]
fn jobs_leave_by_priority_then_deadline_then_age_then_name() {
    let mut scene = Scene::octotel(vec![
        job("young"),
        job("b"),
        job("a"),
        job("old"),
        job("soon"),
        job("first"),
        job("later"),
    ])
    .with(|p| p.batching.max_jobs = 7);
    scene.jobs[0].created_at = at(5);
    scene.jobs[3].created_at = at(-50);
    scene.jobs[4].deadline = Some(at(5000));
    scene.jobs[5].priority = 10;
    scene.jobs[6].deadline = Some(at(6000));
    let plan = scene.plan();
    assert_eq!(names(&plan, 0), ["first", "soon", "later", "old", "a", "b", "young"]);
}

#[test]
fn validations_of_one_priority_run_before_its_cancellations_but_do_not_push_them_out() {
    let mut scene =
        Scene::octotel(vec![job("cancel-old"), job("look-a"), job("look-b"), job("cancel-urgent")])
            .with(|p| p.batching.max_jobs = 4);
    scene.jobs[0].action = Action::Cancellation;
    scene.jobs[0].created_at = at(-100);
    (scene.jobs[3].action, scene.jobs[3].priority) = (Action::Cancellation, 5);
    assert_eq!(names(&scene.plan(), 0), ["cancel-urgent", "look-a", "look-b", "cancel-old"]);
    // With room for two, the urgent and the oldest leave.
    let scene = scene.with(|p| p.batching.max_jobs = 2);
    assert_eq!(names(&scene.plan(), 0), ["cancel-urgent", "cancel-old"]);
}
