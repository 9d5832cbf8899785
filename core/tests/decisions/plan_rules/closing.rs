//! When a queue leaves, and when it is looked at again.

use fno_crds::{Duration, Reason};

use crate::world::{Scene, at, job, jobs, key, provider, reasons, sizes, waits_for, with};

#[test]
fn a_short_queue_lingers_until_its_oldest_job_has_waited_long_enough() {
    let mut scene = Scene::new(vec![provider("octotel")], vec![job("a"), job("b")]);
    scene.jobs[1].eligible_since = at(2);
    let plan = scene.plan();
    assert_eq!(reasons(&plan), [(Reason::WaitingForLinger, 2)].into());
    assert_eq!(plan.wake_at, Some(at(4)), "a second before the start and 5 s of linger");
    assert!(plan.is_ready(&key("a")));
    scene.now = at(4);
    assert_eq!(sizes(&scene.plan()), [2], "the younger one goes with it");
}

#[test]
fn a_full_queue_leaves_at_once() {
    let scene = Scene::new(vec![provider("octotel")], jobs(49));
    assert_eq!(scene.plan().create.len(), 0);
    let scene = Scene::new(vec![provider("octotel")], jobs(50));
    assert_eq!(sizes(&scene.plan()), [50]);
}

#[test]
fn a_queue_is_full_when_the_session_would_not_live_longer() {
    let lifetime =
        |p: &mut fno_crds::FnoProviderSpec| p.session.max_lifetime = Duration::from_secs(120);
    // 90 % of 120 s without 10 s of login is 98 s: 19 jobs of 5 s.
    assert_eq!(
        Scene::new(vec![with(provider("octotel"), lifetime)], jobs(18)).plan().create.len(),
        0
    );
    assert_eq!(
        sizes(&Scene::new(vec![with(provider("octotel"), lifetime)], jobs(19)).plan()),
        [19]
    );
}

#[test]
fn flush_sends_a_lingering_queue() {
    let mut scene = Scene::new(vec![provider("octotel")], jobs(3));
    scene.providers[0].flush = true;
    assert_eq!(sizes(&scene.plan()), [3]);
}

#[test]
fn without_linger_a_job_leaves_at_once() {
    let scene = Scene { now: at(-1), ..Scene::new(vec![provider("octotel")], jobs(1)) }
        .with(|p| p.batching.linger = Duration::from_secs(0));
    assert_eq!(sizes(&scene.plan()), [1]);
}

#[test]
fn a_deadline_that_presses_does_not_let_the_queue_linger() {
    // Login 10 s, one job 5 s, linger 60 s.
    let scene = |deadline| {
        let mut urgent = job("a");
        urgent.deadline = Some(at(deadline));
        Scene::new(vec![provider("octotel")], vec![urgent])
            .with(|p| p.batching.linger = Duration::from_secs(60))
    };
    assert_eq!(sizes(&scene(75).plan()), [1]);
    let calm = scene(85).plan();
    assert_eq!(waits_for(&calm, "a"), Some(Reason::WaitingForLinger));
    assert_eq!(calm.wake_at, Some(at(10)), "then it begins to press");
}

#[test]
fn linger_counts_from_when_the_job_could_first_have_gone() {
    let mut due_later = job("a");
    due_later.not_before = Some(at(100));
    let mut scene =
        Scene { now: at(101), ..Scene::new(vec![provider("octotel")], vec![due_later]) };
    assert_eq!(scene.plan().wake_at, Some(at(105)));
    scene.now = at(105);
    assert_eq!(sizes(&scene.plan()), [1]);
}

#[test]
fn the_next_planning_is_due_when_the_first_thing_changes_by_itself() {
    let mut scene = Scene::octotel(vec![job("a"), job("b"), job("c"), job("d")]);
    scene.jobs[0].not_before = Some(at(500));
    scene.jobs[1].retry_at = Some(at(400));
    (scene.jobs[2].suspend, scene.jobs[2].deadline) = (true, Some(at(300)));
    scene.jobs[3].suspend = true;
    assert_eq!(scene.plan().wake_at, Some(at(300)), "the deadline of a suspended job");
    scene.jobs.remove(2);
    assert_eq!(scene.plan().wake_at, Some(at(400)));
    scene.jobs.remove(1);
    assert_eq!(scene.plan().wake_at, Some(at(500)));
    scene.jobs.remove(0);
    assert_eq!(scene.plan().wake_at, None, "only a person changes that");
}
