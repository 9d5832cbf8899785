//! What ends a batch from outside.

use std::time::Duration;

use fno_crds::{JobPhase, Reason, batch::Stop};

use super::world::World;

/// Six jobs of 60 s each, logged in after 2 s.
fn slow() -> World {
    let mut world = World::with_jobs(6);
    world.site.lookup_takes = 60.0;
    world
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_the_job_at_hand_end_logs_out_and_hands_the_rest_back() {
    let world = slow();
    world.orders_at(100.0, |orders| orders.stop = Stop::Drain);
    let done = world.run().await;
    assert_eq!((done.ended.reason, done.ended.reported), (Reason::Drained, true));
    assert_eq!((done.lookups().len(), done.run.results.len()), (2, 2));
    assert_eq!(done.last(3), ["logout", "quit", "delivered"]);
    assert!(done.run.end.as_ref().is_some_and(|end| end.logged_out));
}

#[tokio::test(start_paused = true)]
async fn an_abort_drops_the_job_at_hand() {
    let world = slow();
    world.orders_at(100.0, |orders| orders.stop = Stop::Abort);
    let done = world.run().await;
    assert_eq!((done.ended.reason, done.run.results.len()), (Reason::Aborted, 1));
    assert!(done.took < 101.0, "{}", done.took);
    assert_eq!(done.last(3), ["logout", "quit", "delivered"]);
}

#[tokio::test(start_paused = true)]
async fn after_a_signal_the_job_at_hand_has_ten_seconds() {
    for (at, results) in [(100.0, 1), (115.0, 2)] {
        let world = slow();
        let terminated = world.terminated.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs_f64(at)).await;
            terminated.cancel();
        });
        let done = world.run().await;
        assert_eq!(
            (done.ended.reason, done.ended.reported, done.run.results.len()),
            (Reason::Drained, true, results),
            "told at {at}"
        );
        assert_eq!(done.last(3), ["logout", "quit", "delivered"]);
        assert!(done.took <= at + 11.0, "{}", done.took);
    }
}

#[tokio::test(start_paused = true)]
async fn a_fenced_runner_logs_out_and_reports_nothing_more() {
    let world = slow();
    world.orders_at(100.0, |orders| {
        orders.unheard = Some("The batch is Failed already.".to_owned())
    });
    let done = world.run().await;
    assert!(!done.ended.reported);
    assert_eq!(done.run.end, None);
    assert_eq!(done.last(2), ["logout", "quit"]);
}

#[tokio::test(start_paused = true)]
async fn a_withdrawn_job_goes_back_unless_it_has_started() {
    let world = slow();
    world.orders_at(100.0, |orders| {
        orders.withdrawn = ["u-01".to_owned(), "u-04".to_owned()].into()
    });
    let done = world.run().await;
    assert_eq!(done.ended.reason, Reason::Completed);
    let reasons = done.reasons();
    assert_eq!(reasons[1], (JobPhase::Succeeded, Reason::Answered), "it was at work");
    assert_eq!(
        reasons[4],
        (JobPhase::Pending, Reason::Withdrawn),
        "whether it ends or only waits is for the operator to say"
    );
    assert_eq!((reasons.len(), done.lookups().len()), (6, 5));
}

#[tokio::test(start_paused = true)]
async fn a_job_whose_deadline_has_passed_never_starts_and_fails() {
    let mut world = World::with_jobs(4);
    world.work.jobs[0].deadline = Some(jiff::Timestamp::UNIX_EPOCH);
    world.work.jobs[2].deadline = Some(jiff::Timestamp::UNIX_EPOCH);
    world.work.jobs[3].deadline = Some(jiff::Timestamp::MAX);
    let done = world.run().await;
    assert_eq!(done.lookups(), ["C-1", "C-3"]);
    let late = (JobPhase::Failed, Reason::DeadlineExceeded);
    let answered = (JobPhase::Succeeded, Reason::Answered);
    assert_eq!(done.reasons(), [late, answered, late, answered]);
    assert_eq!(done.ended.reason, Reason::Completed);
}

#[tokio::test(start_paused = true)]
async fn jobs_that_are_all_too_late_cost_no_login() {
    let mut world = World::with_jobs(2);
    for job in &mut world.work.jobs {
        job.deadline = Some(jiff::Timestamp::UNIX_EPOCH);
    }
    let done = world.run().await;
    assert_eq!((done.count("open"), done.count("login")), (0, 0), "{:?}", done.log);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_leave_is_drained_at_once() {
    let mut world = slow();
    world.desk.leave_takes = 1e6;
    world.orders_at(500.0, |orders| orders.stop = Stop::Drain);
    let done = world.run().await;
    assert_eq!(
        (done.ended.reason, done.count("login"), done.count("logout")),
        (Reason::Drained, 0, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_code_is_drained_at_once_and_says_how_the_login_ended() {
    let mut world = slow();
    world.desk.code_takes = 1e6;
    world.orders_at(50.0, |orders| orders.stop = Stop::Drain);
    let done = world.run().await;
    assert_eq!(done.ended.reason, Reason::Drained);
    let login = done.run.login.expect("a login");
    assert_eq!(
        (login.state, login.reason),
        (fno_crds::batch::LoginState::Failed, Some(Reason::Drained))
    );
}

#[tokio::test(start_paused = true)]
async fn an_end_that_cannot_be_delivered_is_not_called_reported() {
    let mut world = World::with_jobs(1);
    world.desk.delivers = false;
    let done = world.run().await;
    assert_eq!((done.ended.reason, done.ended.reported), (Reason::Completed, false));
}
