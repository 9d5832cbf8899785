//! The ends of sessions, and what the journal says about them.

use crate::bench::{Bench, PASSWORD, USER};
use axum::http::Method;
use fno_demo_portals::Portal;
use fno_demo_portals::journal::{EndCause, Event, Verdict};
use serde_json::{Value, json};

async fn ends(bench: &Bench) -> Vec<(String, EndCause)> {
    let of = |entry: fno_demo_portals::journal::Entry| match entry.event {
        Event::SessionEnd { cause } => Some((entry.session.expect("a session"), cause)),
        _ => None,
    };
    bench.journal().await.into_iter().filter_map(of).collect()
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_lives_while_it_is_used() {
    for portal in Portal::ALL {
        let bench = Bench::new();
        let mut browser = bench.browser();
        browser.log_in(&bench, portal).await;
        bench.clock.advance(599);
        assert!(browser.signed_in(portal).await, "{portal}: used in time");
        bench.clock.advance(600);
        assert_eq!(
            ends(&bench).await,
            [(format!("{portal}-1"), EndCause::Idle)],
            "{portal}: in the journal without a further request"
        );
        assert!(!browser.signed_in(portal).await, "{portal}");
    }
}

#[tokio::test]
async fn a_session_ends_at_its_lifetime_however_busy() {
    let bench = Bench::new();
    let mut browser = bench.browser();
    browser.log_in(&bench, Portal::Openserve).await;
    for _ in 0..4 {
        bench.clock.advance(400);
        assert!(browser.signed_in(Portal::Openserve).await);
    }
    bench.clock.advance(200);
    assert!(!browser.signed_in(Portal::Openserve).await);
    assert_eq!(ends(&bench).await, [("openserve-1".to_owned(), EndCause::Lifetime)]);
}

#[tokio::test]
async fn a_newer_login_ends_the_older_session() {
    let bench = Bench::new();
    let (mut older, mut newer) = (bench.browser(), bench.browser());
    older.log_in(&bench, Portal::Octotel).await;
    bench.clock.advance(30);
    newer.log_in(&bench, Portal::Octotel).await;
    assert!(!older.signed_in(Portal::Octotel).await);
    assert!(newer.signed_in(Portal::Octotel).await);
    assert_eq!(ends(&bench).await, [("octotel-1".to_owned(), EndCause::Displaced)]);
}

#[tokio::test]
async fn as_many_sessions_live_side_by_side_as_the_account_may_have() {
    let bench = Bench::new();
    let mut spec = crate::bench::accounts().remove(0);
    spec.max_sessions = Some(3);
    bench.control(Method::POST, "/accounts", serde_json::to_value(&spec).expect("json")).await;
    let mut browsers = [bench.browser(), bench.browser(), bench.browser(), bench.browser()];
    for browser in &mut browsers {
        browser.log_in(&bench, Portal::Octotel).await;
        bench.clock.advance(30);
    }
    let mut live = Vec::new();
    for browser in &mut browsers {
        live.push(browser.signed_in(Portal::Octotel).await);
    }
    assert_eq!(live, [false, true, true, true]);
    let sessions = bench.control(Method::GET, "/sessions?portal=octotel", Value::Null).await;
    assert_eq!(sessions.as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn a_portal_may_refuse_the_newer_login_instead() {
    let bench = Bench::new();
    bench.set(Portal::Mfn, json!({"whenFull": "RefuseNewest"})).await;
    let (mut older, mut newer) = (bench.browser(), bench.browser());
    older.log_in(&bench, Portal::Mfn).await;
    let page = newer.password(Portal::Mfn, USER, PASSWORD).await;
    assert!(page.body.contains("already logged in"));
    assert!(older.signed_in(Portal::Mfn).await && !newer.signed_in(Portal::Mfn).await);
    let last = bench.events().await.pop();
    assert!(
        matches!(last, Some(Event::Login { verdict: Verdict::TooManySessions, .. })),
        "{last:?}"
    );
}

#[tokio::test]
async fn a_logout_ends_the_session() {
    let bench = Bench::new();
    for portal in Portal::ALL {
        let mut browser = bench.browser();
        browser.log_in(&bench, portal).await;
        match portal {
            Portal::Octotel => browser.get("http://octotel/logout").await,
            Portal::Openserve => browser.get("http://openserve/auth/logout").await,
            Portal::Mfn => browser.get("http://metrofibre/logout").await,
            Portal::Lightlink => browser.get("http://lightlink/logout").await,
            Portal::Evotel => {
                let page = browser.get("http://evotel/Home/Index").await;
                let token = page
                    .between("name=\"__RequestVerificationToken\" type=\"hidden\" value=\"", "\"");
                browser
                    .post_form(
                        "http://evotel/Account/LogOff",
                        &[("__RequestVerificationToken", &token)],
                    )
                    .await
            }
        };
        assert!(!browser.signed_in(portal).await, "{portal}");
        assert_eq!(ends(&bench).await.last().expect("an end").1, EndCause::Logout, "{portal}");
    }
}

#[tokio::test]
async fn an_administrator_ends_all_sessions_of_an_account() {
    let bench = Bench::new();
    let (mut one, mut two) = (bench.browser(), bench.browser());
    one.log_in(&bench, Portal::Evotel).await;
    two.log_in(&bench, Portal::Evotel).await;
    let ended = bench
        .control(Method::POST, "/sessions/expire", json!({"portal": "evotel", "username": USER}))
        .await;
    assert_eq!(ended, json!({"ended": 2}));
    assert!(!one.signed_in(Portal::Evotel).await && !two.signed_in(Portal::Evotel).await);
    assert!(ends(&bench).await.iter().all(|(_, cause)| *cause == EndCause::Forced));
}

#[tokio::test]
async fn a_session_can_be_set_to_end_after_a_number_of_lookups() {
    let bench = Bench::new();
    bench.set(Portal::Openserve, json!({"expireAfterLookups": 2})).await;
    let mut browser = bench.browser();
    browser.log_in(&bench, Portal::Openserve).await;
    for number in ["B530003043", "B530003054"] {
        let service = browser.get(&format!("http://openserve/api/services/{number}")).await;
        assert_eq!(
            service.json()["fields"]["serviceNumber"],
            number,
            "the last look-up is still answered"
        );
    }
    let service = browser.get("http://openserve/api/services/B530003065").await;
    assert_eq!(service.status, 401);
    let events = bench.events().await;
    let tail = &events[events.len() - 2..];
    assert_eq!(
        tail,
        [
            Event::Lookup { circuit: "B530003054".to_owned() },
            Event::SessionEnd { cause: EndCause::Forced }
        ]
    );
}

#[tokio::test]
async fn a_session_is_good_on_its_own_portal_only() {
    let bench = Bench::new();
    let mut browser = bench.browser();
    browser.log_in(&bench, Portal::Mfn).await;
    assert!(!browser.signed_in(Portal::Evotel).await);
    let page = browser.get("http://octotel/auth/callback?ticket=made-up").await;
    assert_eq!(page.url, "http://octotel/");
    assert!(!browser.signed_in(Portal::Octotel).await);
}
