//! How many sessions, and how large.

use fno_crds::{Action, Duration, Reason, batch::Stop, provider::Objective};

use crate::world::{Scene, account, batch, jobs, key, names, reasons, sizes};

#[test]
fn fifty_jobs_on_one_account_are_one_batch() {
    let plan = Scene::octotel(jobs(50)).plan();
    assert_eq!(sizes(&plan), [50]);
    let spec = &plan.create[0].spec;
    assert_eq!(
        (
            spec.provider.as_str(),
            spec.account.as_str(),
            spec.provider_generation,
            spec.flows_digest.as_str()
        ),
        ("octotel", "ops", 7, "d1")
    );
    assert_eq!((spec.stop, spec.ttl_seconds_after_finished), (Stop::None, 86_400));
    assert_eq!(plan.wake_at, None);
}

#[test]
fn a_remainder_is_not_left_alone() {
    // One session at a time: 51 are 26 and 25, 120 are three times 40.
    for (count, first) in [(51, 26), (120, 40), (100, 50), (101, 34), (50, 50), (1, 1)] {
        let plan = Scene::octotel(jobs(count)).plan();
        assert_eq!(sizes(&plan), [first], "{count} jobs");
        assert_eq!(plan.waits.len(), count - first);
    }
}

#[test]
fn batches_that_start_together_are_equal() {
    let mut scene = Scene::octotel(jobs(100));
    scene.providers[0].accounts = vec![account("a"), account("b"), account("c")];
    let plan = scene.plan();
    assert_eq!(sizes(&plan), [34, 33, 33]);
    let accounts: Vec<&str> = plan.create.iter().map(|batch| batch.spec.account.as_str()).collect();
    assert_eq!(accounts, ["a", "b", "c"]);
}

#[test]
fn the_first_jobs_begin_first_in_whatever_session() {
    let mut scene = Scene::octotel(jobs(30));
    scene.providers[0].accounts = vec![account("a"), account("b"), account("c")];
    let plan = scene.plan();
    for batch in 0..3 {
        assert_eq!(names(&plan, batch)[0], format!("job-{batch:05}"));
    }
}

#[test]
fn sessions_that_log_in_later_get_as_many_jobs_less_as_they_miss() {
    // One account, three sessions, one code per 30 s, jobs of 5 s: each gets six jobs less than the one before.
    let mut scene = Scene::octotel(jobs(60)).with(|p| p.session.max_sessions_per_account = 3);
    scene.providers[0].accounts[0].totp_period = Some(30);
    assert_eq!(sizes(&scene.plan()), [26, 20, 14]);
}

#[test]
fn sessions_that_will_be_followed_by_others_are_equal_although_they_start_one_after_the_other() {
    let mut scene = Scene::octotel(jobs(400)).with(|p| p.session.max_sessions_per_account = 3);
    scene.providers[0].accounts[0].totp_period = Some(30);
    assert_eq!(sizes(&scene.plan()), [50, 50, 50]);
    scene.jobs.truncate(160);
    assert_eq!(sizes(&scene.plan()), [40, 40, 40], "the last of four batches follows");
}

#[test]
fn no_batch_is_longer_than_a_session_lives_and_a_job_longer_than_that_goes_alone() {
    let lifetime = |seconds| {
        Scene::octotel(jobs(40)).with(|p| p.session.max_lifetime = Duration::from_secs(seconds))
    };
    // 98 s of work per session: 40 jobs of 5 s are three batches.
    assert_eq!(sizes(&lifetime(120).plan()), [14]);
    assert_eq!(sizes(&lifetime(12).plan()), [1]);
}

#[test]
fn long_jobs_are_fewer_per_session_than_short_ones() {
    let mut scene =
        Scene::octotel(jobs(20)).with(|p| p.session.max_lifetime = Duration::from_secs(120));
    scene.providers[0].job_seconds.insert(Action::Cancellation, 45.0);
    scene.jobs.iter_mut().take(4).for_each(|job| job.action = Action::Cancellation);
    let plan = scene.plan();
    let long =
        |batch: usize| names(&plan, batch).iter().filter(|name| **name < "job-00004").count();
    assert!(long(0) <= 2, "two of 45 s fill 98 s");
}

#[test]
fn a_portal_nobody_has_measured_is_planned_with_assumed_times() {
    let mut scene =
        Scene::octotel(jobs(100)).with(|p| p.session.max_lifetime = Duration::from_secs(120));
    scene.providers[0].job_seconds.clear();
    scene.providers[0].login_seconds = None;
    let plan = scene.plan();
    assert_eq!(sizes(&plan), [17], "15 s of login, 5 s per job: 18 fit, 100 are six batches");
}

#[test]
fn max_jobs_1_is_one_login_per_job() {
    let mut scene = Scene::octotel(jobs(5)).with(|p| p.batching.max_jobs = 1);
    scene.providers[0].accounts = (0..10).map(|i| account(&format!("a{i}"))).collect();
    assert_eq!(sizes(&scene.plan()), [1, 1, 1], "three at once");
}

#[test]
fn max_jobs_beyond_the_schemas_limit_is_cut() {
    let plan = Scene::octotel(jobs(300))
        .with(|p| (p.batching.max_jobs, p.session.max_lifetime) = (1000, Duration::from_mins(600)))
        .plan();
    assert_eq!(sizes(&plan), [150], "two batches of at most 200");
}

#[test]
fn objectives_decide_how_many_sessions_are_opened() {
    let scene = |objective| {
        let mut scene = Scene::octotel(jobs(50)).with(|p| {
            (
                p.batching.objective,
                p.batching.max_concurrent_batches,
                p.session.max_sessions_per_account,
            ) = (objective, 10, 10);
        });
        scene.providers[0].accounts[0].totp_period = Some(30);
        scene
    };
    assert_eq!(scene(Objective::MinLogins).plan().create.len(), 1);
    assert_eq!(scene(Objective::Balanced).plan().create.len(), 3);
    assert_eq!(scene(Objective::MinMakespan).plan().create.len(), 4);
}

#[test]
fn min_logins_opens_no_session_beside_one_at_work() {
    let mut scene = Scene::octotel(jobs(10)).with(|p| {
        (p.batching.objective, p.session.max_sessions_per_account) = (Objective::MinLogins, 3)
    });
    scene.batches.push(batch("octotel-1", "ops", &["other"]));
    let plan = scene.plan();
    assert_eq!(reasons(&plan), [(Reason::WaitingForSession, 10)].into());
    assert!(plan.waits[&key("job-00000")].message.contains("objective"), "{plan:?}");
}
