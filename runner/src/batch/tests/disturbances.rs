//! Sessions that end, browsers that crash, portals and stores that are away.

use fno_crds::{JobPhase, Reason};

use super::{site::failure, world::World};

const ANSWERED: (JobPhase, Reason) = (JobPhase::Succeeded, Reason::Answered);

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_in_the_middle_costs_one_login_and_no_try() {
    for silent in [false, true] {
        let mut world = World::with_jobs(20);
        world.site.expires_before = vec![10];
        world.site.silent_expiry = silent;
        let done = world.run().await;
        assert_eq!(
            (done.ended.reason, done.count("login"), done.run.logins),
            (Reason::Completed, 2, Some(2)),
            "silent: {silent}"
        );
        assert_eq!(done.reasons(), [ANSWERED; 20]);
        let mut expected: Vec<_> = (0..20).map(|n| format!("C-{n}")).collect();
        expected.insert(10, "C-10".to_owned());
        assert_eq!(done.lookups(), expected, "only the job that met it is done again");
        assert_eq!(done.count("probe"), usize::from(silent));
    }
}

#[tokio::test(start_paused = true)]
async fn with_its_logins_used_up_the_rest_goes_back() {
    let mut world = World::with_jobs(20);
    world.site.expires_before = vec![3, 7, 12];
    let done = world.run().await;
    assert_eq!((done.ended.reason, done.count("login")), (Reason::SessionLost, 3));
    let reasons = done.reasons();
    // The first two losses cost a look-up each, so the third one meets the eleventh job.
    assert_eq!(reasons[..10], [ANSWERED; 10]);
    assert_eq!(reasons[10..], [(JobPhase::Pending, Reason::SessionLost)]);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_loses_the_session_time_and_again_uses_up_a_try_and_the_others_go_on() {
    let mut world = World::with_jobs(3);
    world.site.odd = vec![("C-1".to_owned(), failure(Reason::SessionLost, "list"))];
    let done = world.run().await;
    assert_eq!(done.reasons(), [ANSWERED, (JobPhase::Failed, Reason::StepFailed), ANSWERED]);
    assert_eq!(
        (done.ended.reason, done.lookups()),
        (Reason::Completed, ["C-0", "C-1", "C-1", "C-2"].map(str::to_owned).to_vec())
    );
}

#[tokio::test(start_paused = true)]
async fn a_crashed_browser_is_replaced_once_and_the_job_done_again() {
    let mut world = World::with_jobs(6);
    world.site.crashes_at = vec![2];
    let done = world.run().await;
    assert_eq!(
        (done.ended.reason, done.count("open"), done.count("login")),
        (Reason::Completed, 2, 2)
    );
    assert_eq!(done.reasons(), [ANSWERED; 6]);
}

#[tokio::test(start_paused = true)]
async fn a_second_crash_ends_the_batch_and_counts_for_the_job_that_met_it() {
    let mut world = World::with_jobs(6);
    world.site.crashes_at = vec![2, 4];
    let done = world.run().await;
    assert_eq!((done.ended.reason, done.count("open")), (Reason::BrowserCrashed, 2));
    assert_eq!(
        done.reasons(),
        [ANSWERED, ANSWERED, ANSWERED, (JobPhase::Failed, Reason::BrowserCrashed)]
    );
    assert_eq!(done.count("logout"), 0, "there is no browser to log out with");
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_does_not_come_back_names_the_job_that_was_at_work() {
    let mut world = World::with_jobs(3);
    (world.site.crashes_at, world.site.stays_away) = (vec![1], true);
    let done = world.run().await;
    assert_eq!((done.ended.reason, done.reasons()), (Reason::BrowserCrashed, vec![ANSWERED]));
    assert_eq!(done.run.job.as_deref(), Some("job-01"));
}

#[tokio::test(start_paused = true)]
async fn a_crash_during_the_login_is_overcome_too() {
    let mut world = World::with_jobs(2);
    world.site.login_fails = Some(Reason::BrowserCrashed);
    let done = world.run().await;
    assert_eq!(
        (done.ended.reason, done.count("open"), done.count("login"), done.run.logins),
        (Reason::Completed, 2, 2, Some(1))
    );
    assert!(done.log.contains(&"counted 1: 1 Failed".to_owned()), "{:?}", done.log);
}

#[tokio::test(start_paused = true)]
async fn without_a_browser_nothing_is_started() {
    let mut world = World::with_jobs(2);
    world.site.no_browser = 1;
    let done = world.run().await;
    assert_eq!((done.ended.reason, done.run.results.len()), (Reason::BrowserCrashed, 0));
    assert!(
        done.ended.message.as_deref().is_some_and(|message| message.contains("nobody listens"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_flow_that_never_comes_back_is_given_up_with_its_browser() {
    let mut world = World::with_jobs(2);
    world.site.lookup_takes = 1e6;
    world.site.crashes_at = Vec::new();
    let done = world.run().await;
    assert_eq!((done.ended.reason, done.count("open")), (Reason::BrowserCrashed, 2));
    assert_eq!(done.reasons(), [(JobPhase::Failed, Reason::BrowserCrashed)]);
}

#[tokio::test(start_paused = true)]
async fn a_portal_that_is_away_ends_the_batch_and_costs_no_try() {
    let mut world = World::with_jobs(6);
    world.site.down_from = Some(3);
    let done = world.run().await;
    assert_eq!(done.ended.reason, Reason::PortalUnavailable);
    assert_eq!(
        done.reasons(),
        [ANSWERED, ANSWERED, ANSWERED, (JobPhase::Pending, Reason::PortalUnavailable)]
    );
    let end = done.run.end.as_ref().expect("an end");
    assert!(
        end.evidence.as_deref().is_some_and(|uri| uri.ends_with("/u-03/1/b-1-a1")),
        "{:?}",
        end.evidence
    );
}

#[tokio::test(start_paused = true)]
async fn one_circuit_on_which_the_portal_fails_does_not_end_the_batch() {
    let mut world = World::with_jobs(3);
    world.site.odd = vec![("C-1".to_owned(), failure(Reason::PortalUnavailable, "details"))];
    let done = world.run().await;
    assert_eq!(done.reasons(), [ANSWERED, (JobPhase::Failed, Reason::StepFailed), ANSWERED]);
    assert_eq!(done.ended.reason, Reason::Completed);
}

#[tokio::test(start_paused = true)]
async fn the_same_step_failing_on_three_circuits_in_a_row_ends_the_batch_with_step_and_picture() {
    let mut world = World::with_jobs(9);
    for n in [1, 3, 4, 5] {
        world.site.odd.push((format!("C-{n}"), failure(Reason::StepFailed, "panel")));
    }
    let done = world.run().await;
    assert_eq!((done.ended.reason, done.lookups().len()), (Reason::PortalChanged, 6));
    let end = done.run.end.as_ref().expect("an end");
    assert_eq!((end.step.as_deref(), end.logged_out), (Some("panel"), true));
    let evidence = end.evidence.as_ref().expect("a picture");
    assert!(
        evidence.ends_with("/u-05/1/b-1-a1") && done.stored(evidence, "001-failure.png"),
        "{evidence}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_step_fails_uses_up_a_try_and_the_session_is_looked_at() {
    let mut world = World::with_jobs(2);
    world.site.odd = vec![("C-0".to_owned(), failure(Reason::Timeout, "panel"))];
    let done = world.run().await;
    assert_eq!(done.reasons(), [(JobPhase::Failed, Reason::Timeout), ANSWERED]);
    let failed = done.sorted_results()[0];
    assert_eq!(
        (failed.step.as_deref(), failed.message.as_deref()),
        (Some("panel"), Some("Step panel failed."))
    );
    assert_eq!((done.count("probe"), done.count("login")), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_never_proven_ends_the_batch_and_names_the_job_and_the_probe() {
    for (probe, logins, ended) in [
        (Reason::StepFailed, 3, Reason::SessionLost),
        (Reason::BrowserCrashed, 2, Reason::BrowserCrashed),
    ] {
        let mut world = World::with_jobs(3);
        world.work.session.max_lifetime = fno_crds::Duration::from_secs(0);
        world.site.probe_fails = Some(probe);
        let done = world.run().await;
        assert_eq!((done.ended.reason, done.run.logins), (ended, Some(logins)));
        assert_eq!((done.lookups().len(), done.run.results.len()), (0, 0));
        assert_eq!(done.run.job.as_deref(), Some("job-00"), "the operator counts the loss for it");
        let end = done.run.end.as_ref().expect("an end");
        assert_eq!(end.step.as_deref(), Some("sessionProbe"));
        assert!(end.evidence.as_deref().is_some_and(|uri| uri.contains("/batches/")), "{end:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_lost_after_the_first_job_is_not_blamed_on_the_probe() {
    let mut world = World::with_jobs(2);
    (world.site.crashes_at, world.site.stays_away) = (vec![0], true);
    let done = world.run().await;
    let end = done.run.end.as_ref().expect("an end");
    assert_eq!((end.reason, end.step.as_deref()), (Reason::BrowserCrashed, None));
    let mut world = World::with_jobs(9);
    world.site.expires_before = vec![1];
    (world.work.session.max_logins, world.site.silent_expiry) = (1, true);
    let done = world.run().await;
    assert_eq!(done.ended.reason, Reason::SessionLost);
    assert_eq!(done.reasons()[0], ANSWERED);
}

#[tokio::test(start_paused = true)]
async fn an_old_session_is_probed_before_it_is_trusted() {
    let mut world = World::with_jobs(3);
    world.work.session.max_lifetime = fno_crds::Duration::from_secs(90);
    world.site.lookup_takes = 50.0;
    let done = world.run().await;
    assert_eq!(done.reasons(), [ANSWERED; 3]);
    assert_eq!(
        done.last(5),
        ["lookup C-1", "probe", "lookup C-2", "logout", "quit"][..]
            .iter()
            .copied()
            .chain(["delivered"])
            .skip(1)
            .collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn a_store_that_stays_away_costs_the_evidence_and_not_the_answers() {
    let mut world = World::with_jobs(5);
    world.store = "file:///proc/none/here".to_owned();
    let done = world.run().await;
    assert_eq!((done.ended.reason, done.ended.reported), (Reason::Completed, true));
    assert_eq!(done.reasons(), [ANSWERED; 5]);
    assert!(done.run.results.iter().all(|result| result.evidence.is_none()));
    assert!(done.took < 60.0, "the batch waited {} s", done.took);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_comes_back_gets_everything() {
    let mut world = World::with_jobs(5);
    world.site.lookup_takes = 20.0;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store");
    std::fs::write(&path, "a file where the folder must be").expect("written");
    world.store = format!("file://{}", path.display());
    tokio::spawn(async move {
        tokio::time::sleep(std::time::Duration::from_secs(50)).await;
        std::fs::remove_file(path).expect("removed");
    });
    let done = world.run().await;
    assert_eq!(done.reasons(), [ANSWERED; 5]);
    for result in &done.run.results {
        assert!(
            result
                .evidence
                .as_ref()
                .is_some_and(|evidence| done.stored(&evidence.uri, "manifest.json")),
            "{}",
            result.job
        );
    }
}
