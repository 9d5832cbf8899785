//! Logins that succeed, fail, or are not allowed.

use fno_crds::{Reason, batch::LoginState};

use super::world::World;

#[tokio::test(start_paused = true)]
async fn leave_comes_before_anything_is_typed_and_the_code_when_it_is_asked_for() {
    let done = World::with_jobs(1).run().await;
    assert_eq!(
        done.log[..5],
        ["open", "permission 1: 1 AskingLogin", "login", "code 1: 1 AwaitingCode", "lookup C-0"]
    );
    let login = done.run.login.expect("a login");
    assert_eq!((login.n, login.state, login.reason), (1, LoginState::LoggedIn, None));
}

#[tokio::test(start_paused = true)]
async fn the_portals_clock_is_reported_before_a_code_is_asked_for() {
    let mut world = World::with_jobs(1);
    world.site.clock = Some(-40_000);
    let done = world.run().await;
    assert_eq!(done.clocks, [Some(-40_000)]);
    assert_eq!(done.run.clock_offset_milliseconds, Some(-40_000));
    let mut without_codes = World::with_jobs(1);
    (without_codes.work.totp, without_codes.site.asks_for_code) = (false, false);
    let done = without_codes.run().await;
    assert_eq!((done.clocks.len(), done.run.clock_offset_milliseconds), (0, Some(500)));
}

#[tokio::test(start_paused = true)]
async fn drift_in_the_login_flow_is_reported_with_the_login() {
    for (right_password, state) in
        [("the-password", LoginState::LoggedIn), ("another", LoginState::Rejected)]
    {
        let mut world = World::with_jobs(1);
        world.site.right_password = right_password.to_owned();
        world.site.login_drifts = vec!["user".to_owned(), "user".to_owned(), "sign-in".to_owned()];
        let login = world.run().await.run.login.expect("a login");
        let drifts: Vec<_> =
            login.drift.iter().map(|drift| (drift.step.as_str(), drift.alternative)).collect();
        assert_eq!((login.state, drifts), (state, vec![("user", 1), ("sign-in", 1)]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_code_is_followed_by_one_more_login_once_it_is_counted() {
    let mut world = World::with_jobs(2);
    world.desk.codes = vec!["000000".to_owned()].into();
    let done = world.run().await;
    assert_eq!(done.ended.reason, Reason::Completed);
    assert_eq!(
        done.log[1..8],
        [
            "permission 1: 1 AskingLogin",
            "login",
            "code 1: 1 AwaitingCode",
            "counted 1: 1 Rejected",
            "permission 2: 2 AskingLogin",
            "login",
            "code 2: 2 AwaitingCode"
        ]
    );
    assert_eq!((done.run.logins, done.run.login.map(|login| login.n)), (Some(1), Some(2)));
}

#[tokio::test(start_paused = true)]
async fn two_refused_codes_end_the_batch_with_the_portals_words_and_its_picture() {
    let mut world = World::with_jobs(2);
    world.desk.codes = vec!["000000".to_owned(), "000001".to_owned()].into();
    let done = world.run().await;
    assert_eq!(
        (done.ended.reason, done.ended.message.as_deref()),
        (Reason::LoginRejected, Some("The code is wrong."))
    );
    assert_eq!((done.count("login"), done.lookups().len(), done.run.results.len()), (2, 0, 0));
    let login = done.run.login.as_ref().expect("a login");
    assert_eq!(
        (login.n, login.state, login.message.as_deref()),
        (2, LoginState::Rejected, Some("The code is wrong."))
    );
    let end = done.run.end.as_ref().expect("an end");
    let evidence = end.evidence.as_ref().expect("a picture");
    assert!(
        evidence.ends_with("/isp/octotel/batches/b-1/b-1-a1")
            && done.stored(evidence, "002-login-2.png"),
        "{evidence}"
    );
    assert!(!end.logged_out);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_typed_once() {
    let mut world = World::with_jobs(2);
    world.site.right_password = "another".to_owned();
    let done = world.run().await;
    assert_eq!((done.ended.reason, done.count("login")), (Reason::LoginRejected, 1));
    assert_eq!(done.run.login.map(|login| login.state), Some(LoginState::Rejected));
}

#[tokio::test(start_paused = true)]
async fn a_locked_account_is_left_alone() {
    let mut world = World::with_jobs(2);
    world.desk.codes = vec!["000000".to_owned()].into();
    world.site.locks = true;
    let done = world.run().await;
    assert_eq!(
        (done.ended.reason, done.ended.message.as_deref()),
        (Reason::AccountLocked, Some("Your account has been locked."))
    );
    assert_eq!(done.count("login"), 1);
}

#[tokio::test(start_paused = true)]
async fn without_leave_nothing_is_typed_and_the_reason_is_the_operators() {
    let mut world = World::with_jobs(2);
    world.desk.refuse_leave = Some((1, Reason::BreakerOpen));
    let done = world.run().await;
    assert_eq!(
        (done.ended.reason, done.ended.message.as_deref(), done.count("login")),
        (Reason::BreakerOpen, Some("No permission."), 0)
    );
    assert_eq!(done.last(2), ["quit", "delivered"]);
}

#[tokio::test(start_paused = true)]
async fn a_second_login_without_leave_ends_the_batch_too() {
    let mut world = World::with_jobs(4);
    world.site.expires_before = vec![2];
    world.desk.refuse_leave = Some((2, Reason::Suspended));
    let done = world.run().await;
    assert_eq!((done.ended.reason, done.run.results.len()), (Reason::Suspended, 2));
}

#[tokio::test(start_paused = true)]
async fn a_login_that_fails_before_a_credential_is_judged_says_so() {
    for (reason, expected) in [
        (Reason::StepFailed, Reason::LoginFailed),
        (Reason::PortalUnavailable, Reason::PortalUnavailable),
    ] {
        let mut world = World::with_jobs(2);
        world.site.login_fails = Some(reason);
        let done = world.run().await;
        assert_eq!((done.ended.reason, done.count("login")), (expected, 1));
        let login = done.run.login.as_ref().expect("a login");
        assert_eq!((login.state, login.reason), (LoginState::Failed, Some(expected)));
        let end = done.run.end.as_ref().expect("an end");
        assert_eq!((end.step.as_deref(), end.evidence.is_some()), (Some("user"), true));
    }
}

#[tokio::test(start_paused = true)]
async fn a_flow_that_asks_for_a_code_of_an_account_without_codes_fails_at_once() {
    let mut world = World::with_jobs(1);
    world.work.totp = false;
    let done = world.run().await;
    assert_eq!(done.ended.reason, Reason::LoginFailed);
    assert!(
        done.ended.message.as_deref().is_some_and(|message| message.contains("has no totp")),
        "{:?}",
        done.ended
    );
    assert!(done.log.iter().all(|line| !line.starts_with("code")), "{:?}", done.log);
}
