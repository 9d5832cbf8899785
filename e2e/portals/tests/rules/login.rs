//! Passwords, codes, locks.

use crate::bench::{Bench, PASSWORD, USER};
use axum::http::{Method, header};
use fno_demo_portals::journal::{Event, Phase, Verdict};
use fno_demo_portals::{AccountSpec, Algorithm, Portal};
use serde_json::json;

const fn login(phase: Phase, step: Option<u64>, verdict: Verdict) -> Event {
    Event::Login { phase, step, verdict }
}

const fn password(verdict: Verdict) -> Event {
    login(Phase::Password, None, verdict)
}

#[tokio::test]
async fn a_password_and_a_code_open_a_session_on_the_portal() {
    let bench = Bench::new();
    let mut browser = bench.browser();
    let page = browser.password(Portal::Octotel, USER, PASSWORD).await;
    assert_eq!(page.url, "http://octotel-login/mfa");
    assert!(!browser.signed_in(Portal::Octotel).await, "the code is still to come");
    let page = browser.code(&bench.code(0)).await;
    assert_eq!(page.url, "http://octotel/services");
    assert!(browser.signed_in(Portal::Octotel).await);
    let journal = bench.journal().await;
    assert_eq!(journal[0].event, password(Verdict::Accepted));
    assert_eq!(journal[0].session, None);
    assert_eq!(journal[1].event, login(Phase::Code, Some(bench.step()), Verdict::Accepted));
    assert_eq!(journal[1].session.as_deref(), Some("octotel-1"));
    assert_eq!(journal[1].account.as_deref(), Some(USER));
}

#[tokio::test]
async fn the_login_page_has_the_form_twice_and_the_first_one_is_not_the_displayed_one() {
    let bench = Bench::new();
    let page = bench.browser().get("http://octotel/login").await;
    assert_eq!(page.body.matches("id=\"username\"").count(), 2);
    assert!(page.body.find("class=\"narrow\"") < page.body.find("class=\"wide\""));
}

#[tokio::test]
async fn portals_without_codes_open_a_session_with_the_password() {
    for portal in [Portal::Openserve, Portal::Mfn, Portal::Evotel, Portal::Lightlink] {
        let bench = Bench::new();
        let mut browser = bench.browser();
        browser.password(portal, USER, PASSWORD).await;
        assert!(browser.signed_in(portal).await, "{portal}");
        let journal = bench.journal().await;
        assert_eq!(journal[0].event, password(Verdict::Accepted));
        assert!(journal[0].session.is_some(), "{portal}");
    }
}

#[tokio::test]
async fn openserve_returns_to_the_deep_link_that_led_to_the_login() {
    let bench = Bench::new();
    let mut browser = bench.browser();
    let page = browser.get("http://openserve/auth/login?next=%2Fservices%2FB530003043").await;
    assert!(page.url.starts_with("http://openserve-login/oauth/authorize"), "{}", page.url);
    let fields = [("loginfmt", USER), ("passwd", PASSWORD)];
    let page = browser.post_form("http://openserve-login/oauth/authorize", &fields).await;
    assert_eq!(page.url, "http://openserve/services/B530003043");
    let page = browser.get("http://openserve/auth/login?next=//evil.example/").await;
    assert!(page.url.ends_with("next=/"), "another site is not a place to return to: {}", page.url);
}

#[tokio::test]
async fn a_code_is_good_once() {
    let bench = Bench::new();
    let code = bench.code(0);
    bench.browser().log_in(&bench, Portal::Octotel).await;
    let mut second = bench.browser();
    second.password(Portal::Octotel, USER, PASSWORD).await;
    let page = second.code(&code).await;
    assert!(page.body.contains("The code is incorrect or has expired."));
    assert!(!second.signed_in(Portal::Octotel).await);
    assert_eq!(
        bench.events().await.last(),
        Some(&login(Phase::Code, Some(bench.step()), Verdict::Replayed))
    );
    bench.clock.advance(30);
    let page = second.code(&bench.code(0)).await;
    assert_eq!(page.url, "http://octotel/services", "the page takes another code");
}

#[tokio::test]
async fn a_step_before_the_last_accepted_one_is_a_replay() {
    let bench = Bench::new();
    let mut browser = bench.browser();
    browser.password(Portal::Octotel, USER, PASSWORD).await;
    browser.code(&bench.code(1)).await;
    assert!(browser.signed_in(Portal::Octotel).await, "one step in the future is accepted");
    let mut second = bench.browser();
    second.password(Portal::Octotel, USER, PASSWORD).await;
    second.code(&bench.code(0)).await;
    assert_eq!(
        bench.events().await.last(),
        Some(&login(Phase::Code, Some(bench.step()), Verdict::Replayed))
    );
}

#[tokio::test]
async fn a_code_outside_the_window_is_wrong_and_the_journal_tells_its_step() {
    let bench = Bench::new();
    let mut browser = bench.browser();
    browser.password(Portal::Octotel, USER, PASSWORD).await;
    for steps in [-2, 2] {
        browser.code(&bench.code(steps)).await;
        let step = bench.step().checked_add_signed(steps);
        assert_eq!(
            bench.events().await.last(),
            Some(&login(Phase::Code, step, Verdict::WrongCode))
        );
    }
}

#[tokio::test]
async fn a_step_that_another_user_has_used_is_refused() {
    let bench = Bench::new();
    let used = bench
        .control(Method::POST, "/steps/use", json!({"portal": "octotel", "username": USER}))
        .await;
    assert_eq!(used, json!({"step": bench.step()}));
    let mut browser = bench.browser();
    browser.password(Portal::Octotel, USER, PASSWORD).await;
    browser.code(&bench.code(0)).await;
    let events = bench.events().await;
    assert_eq!(events[0], Event::StepUsed { step: bench.step() });
    assert_eq!(events.last(), Some(&login(Phase::Code, Some(bench.step()), Verdict::Replayed)));
}

#[tokio::test]
async fn four_refusals_in_a_row_lock_the_account_until_it_is_unlocked() {
    let bench = Bench::new();
    let mut browser = bench.browser();
    browser.password(Portal::Octotel, USER, "wrong").await;
    browser.password(Portal::Octotel, USER, PASSWORD).await;
    browser.code("000000").await;
    browser.code("000001").await;
    assert!(
        !bench.events().await.iter().any(|event| matches!(event, Event::AccountLocked { .. })),
        "a right password does not break the row, nor lock"
    );
    browser.code("000002").await;
    assert_eq!(bench.events().await.last(), Some(&Event::AccountLocked { failures: 4 }));
    for _ in 0..2 {
        // Waiting does not unlock it.
        bench.clock.advance(86_400);
        let page = bench.browser().password(Portal::Octotel, USER, PASSWORD).await;
        assert!(page.body.contains("Your account has been locked."), "{}", page.body);
        assert_eq!(bench.events().await.last(), Some(&password(Verdict::Locked)));
    }
    let who = json!({"portal": "octotel", "username": USER});
    let account = bench.control(Method::POST, "/accounts/unlock", who).await;
    assert_eq!((&account["locked"], &account["failures"]), (&json!(false), &json!(0)));
    bench.browser().log_in(&bench, Portal::Octotel).await;
}

#[tokio::test]
async fn the_account_is_locked_while_its_code_page_is_open() {
    let bench = Bench::new();
    let mut browser = bench.browser();
    browser.password(Portal::Octotel, USER, PASSWORD).await;
    for _ in 0..4 {
        bench.browser().password(Portal::Octotel, USER, "wrong").await;
    }
    let page = browser.code(&bench.code(0)).await;
    assert!(page.body.contains("Your account has been locked."));
    assert_eq!(bench.events().await.last(), Some(&login(Phase::Code, None, Verdict::Locked)));
}

#[tokio::test]
async fn a_complete_login_breaks_the_row_of_refusals() {
    for portal in Portal::ALL {
        let bench = Bench::new();
        let mut browser = bench.browser();
        for _ in 0..2 {
            for _ in 0..3 {
                browser.password(portal, USER, "wrong").await;
            }
            bench.clock.advance(30);
            bench.browser().log_in(&bench, portal).await;
        }
        assert!(
            !bench.events().await.iter().any(|event| matches!(event, Event::AccountLocked { .. })),
            "{portal}"
        );
    }
}

#[tokio::test]
async fn every_portal_locks_and_says_so() {
    for portal in Portal::ALL {
        let bench = Bench::new();
        for _ in 0..4 {
            bench.browser().password(portal, USER, "wrong").await;
        }
        let page = bench.browser().password(portal, USER, PASSWORD).await;
        assert!(page.body.to_lowercase().contains("locked"), "{portal}: {}", page.body);
        assert!(!bench.browser().signed_in(portal).await);
    }
}

#[tokio::test]
async fn accounts_have_rules_of_their_own() {
    let bench = Bench::new();
    let mut spec = AccountSpec::new(Portal::Octotel, "other", "pw");
    spec.totp_seed = Some(crate::bench::SEED.to_owned());
    spec.digits = 8;
    spec.algorithm = Algorithm::SHA1;
    spec.lockout_after = Some(1);
    bench.control(Method::POST, "/accounts", serde_json::to_value(&spec).expect("json")).await;
    let mut browser = bench.browser();
    let page = browser.password(Portal::Octotel, "other", "pw").await;
    assert!(page.body.contains("8-digit code"));
    browser.code(&bench.code(0)).await;
    let events = bench.events().await;
    assert_eq!(
        events[1],
        login(Phase::Code, None, Verdict::WrongCode),
        "six digits are no code of eight"
    );
    assert_eq!(events[2], Event::AccountLocked { failures: 1 });
}

#[tokio::test]
async fn an_unknown_user_name_is_not_written_down() {
    let bench = Bench::new();
    bench.browser().password(Portal::Mfn, PASSWORD, "typed into the wrong box").await;
    let journal = bench.journal().await;
    assert_eq!(journal[0].event, password(Verdict::UnknownUser));
    assert_eq!(journal[0].account, None);
}

#[tokio::test]
async fn the_portals_clock_rules_its_codes_and_its_date() {
    let bench = Bench::new();
    bench.set(Portal::Octotel, json!({"clockOffsetSeconds": 90})).await;
    let mut browser = bench.browser();
    let page = browser.password(Portal::Octotel, USER, PASSWORD).await;
    assert_eq!(page.headers[header::DATE], "Mon, 02 Mar 2026 08:01:30 GMT");
    browser.code(&bench.code(0)).await;
    assert!(!browser.signed_in(Portal::Octotel).await);
    browser.code(&bench.code(3)).await;
    assert!(browser.signed_in(Portal::Octotel).await);
}

#[tokio::test]
async fn evotel_takes_no_form_without_its_token() {
    let bench = Bench::new();
    let mut browser = bench.browser();
    browser.get("http://evotel/Account/Login").await;
    let fields =
        [("UserName", USER), ("Password", PASSWORD), ("__RequestVerificationToken", "stale")];
    let page = browser.post_form("http://evotel/Account/Login", &fields).await;
    assert_eq!(page.status, 400);
    assert!(page.body.contains("anti-forgery"));
    assert!(bench.events().await.is_empty(), "nothing was tried");
}

#[tokio::test]
async fn lightlink_is_what_the_projects_readme_says_of_a_new_portal() {
    let bench = Bench::new();
    let mut browser = bench.browser();
    let page = browser.get("http://lightlink/").await;
    assert_eq!(page.url, "http://lightlink/login");
    for part in ["id=\"user\"", "id=\"password\"", "<button id=\"sign-in\">Sign in</button>"] {
        assert!(page.body.contains(part), "{part}: {}", page.body);
    }
    let refused = browser.password(Portal::Lightlink, USER, "wrong").await;
    assert_eq!(
        refused.between("<p class=\"error\" role=\"alert\">", "<"),
        "User or password is wrong."
    );
    // Flows tell pages apart by their content, so no two pages may show the same marks.
    assert!(
        !page.body.contains("class=\"error\"")
            && !page.body.contains("Find a line")
            && !refused.body.contains("Find a line")
    );
    let home = browser.password(Portal::Lightlink, USER, PASSWORD).await;
    assert_eq!(
        (home.url.as_str(), home.between("<h1>", "<").as_str()),
        ("http://lightlink/", "Find a line")
    );
    assert!(
        home.body.contains("id=\"line\"")
            && !home.body.contains("class=\"lines\"")
            && !home.body.contains("class=\"error\""),
        "{}",
        home.body
    );
    let found = browser.get("http://lightlink/lines?line=LL-200300").await;
    assert!(
        found.body.contains("<table class=\"lines\">") && !found.body.contains("No line found"),
        "{}",
        found.body
    );
    let none = browser.get("http://lightlink/lines?line=LL-900017").await;
    assert!(
        none.body.contains("<p>No line found</p>") && !none.body.contains("class=\"lines\""),
        "{}",
        none.body
    );
}
