//! The loop against a scripted portal and a scripted outside. Time is the test's own.

mod desk;
mod disturbances;
mod logins;
mod orders;
mod site;
mod world;

use fno_crds::{JobPhase, Reason, batch::Stop};
use world::World;

#[tokio::test(start_paused = true)]
async fn fifty_jobs_take_one_login_and_each_circuit_is_looked_up_once() {
    let done = World::with_jobs(50).run().await;
    assert_eq!((done.ended.reason, done.ended.reported), (Reason::Completed, true));
    assert_eq!(done.count("login"), 1);
    assert_eq!(done.lookups(), (0..50).map(|n| format!("C-{n}")).collect::<Vec<_>>());
    assert_eq!(done.run.results.len(), 50);
    for (n, result) in done.sorted_results().into_iter().enumerate() {
        assert_eq!(
            (result.phase, result.outcome.as_deref(), result.reason),
            (JobPhase::Succeeded, Some("Active"), Reason::Answered),
            "{n}"
        );
        assert_eq!(result.fields["circuit"], format!("C-{n}"));
        let evidence = result.evidence.as_ref().expect("evidence");
        assert!(
            evidence.uri.ends_with(&format!("/isp/octotel/u-{n:02}/1/b-1-a1")),
            "{}",
            evidence.uri
        );
        assert!(done.stored(&evidence.uri, "manifest.json"), "{}", evidence.uri);
    }
    let end = done.run.end.as_ref().expect("an end");
    assert_eq!(
        (end.reason, end.logged_out, done.run.logins, done.run.job.as_ref()),
        (Reason::Completed, true, Some(1), None)
    );
    assert_eq!(done.last(4), ["lookup C-49", "logout", "quit", "delivered"]);
    assert!(
        done.stored(&format!("{}/isp/octotel/batches/b-1/b-1-a1", done.store_url()), "report.html"),
        "the session's own evidence"
    );
}

#[tokio::test(start_paused = true)]
async fn the_login_time_leaves_out_the_waiting_for_leave_and_code() {
    let mut world = World::with_jobs(1);
    world.desk.leave_takes = 400.0;
    world.desk.code_takes = 25.0;
    world.site.login_takes = 3.0;
    let done = world.run().await;
    let time = done.run.login_milliseconds.expect("measured");
    assert!((2900..3500).contains(&time), "{time} ms");
}

#[tokio::test(start_paused = true)]
async fn jobs_without_a_flow_need_no_browser() {
    let mut world = World::with_jobs(2);
    for job in &mut world.work.jobs {
        job.action = fno_crds::Action::Cancellation;
    }
    let done = world.run().await;
    assert_eq!(done.log, ["quit", "delivered"]);
    for result in &done.run.results {
        assert_eq!((result.phase, result.reason), (JobPhase::Failed, Reason::NoFlow));
        assert_eq!(
            result.message.as_deref(),
            Some("The provider octotel has no flow for a Cancellation.")
        );
    }
    assert_eq!(done.ended.reason, Reason::Completed);
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_in_the_report_or_in_the_evidence() {
    let mut world = World::with_jobs(2);
    world.desk.codes = vec!["111111".to_owned(), "222222".to_owned()].into();
    world.site.right_code = "222222".to_owned();
    let done = world.run().await;
    assert_eq!(done.ended.reason, Reason::Completed);
    let report = serde_json::to_string(&done.run).expect("JSON");
    for secret in ["111111", "222222", "the-password", "the-user"] {
        assert!(!report.contains(secret), "{secret}");
        assert!(!done.anything_stored_contains(secret), "{secret}");
    }
}

#[tokio::test(start_paused = true)]
async fn results_are_reported_while_the_batch_goes_on() {
    let mut world = World::with_jobs(6);
    world.site.lookup_takes = 10.0;
    world.orders_at(35.0, |orders| orders.stop = Stop::Abort);
    let done = world.run().await;
    assert_eq!(done.run.results.len(), 3, "{:?}", done.log);
}
