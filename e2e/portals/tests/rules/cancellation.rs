//! Cancellation on the four portals that allow it, and how the portals misbehave on request.

use fno_demo_portals::journal::{Event, Stage, SubmitVerdict};
use fno_demo_portals::{Clock, Config, Origin, Outcome, Portal, start};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bench::{Bench, Browser, PASSWORD, Reply, USER, quick};

/// The portals that allow cancellation. Lightlink has no page for it.
const CANCELLING: [Portal; 4] = [Portal::Octotel, Portal::Openserve, Portal::Mfn, Portal::Evotel];

/// The first line of every portal is active. Internal numbers start at 48000.
fn active(portal: Portal) -> &'static str {
    match portal {
        Portal::Octotel => "OCT-100200",
        Portal::Openserve => "B530003043",
        Portal::Mfn => "FTTX-CT-12345",
        Portal::Evotel => "485754439E3779B1",
        Portal::Lightlink => "LL-200300",
    }
}

/// Sends the cancellation of the `n`-th line (MetroFibre: both phases).
async fn cancel(browser: &mut Browser, portal: Portal, n: u32, number: &str) -> Reply {
    let id = 48_000 + n;
    match portal {
        Portal::Octotel => {
            let body = json!({"service": id, "type": "Cancellation", "reason": "Customer moved", "date": "01/04/2026", "comment": "moved"});
            browser.post_json("http://octotel/api/change-requests", &body).await
        }
        Portal::Openserve => {
            let body = json!({"externalReference": "SOL-77", "date": "2026-04-01", "reason": "Customer moved"});
            browser.post_json(&format!("http://openserve/api/services/{number}/cease"), &body).await
        }
        Portal::Mfn => {
            let fields = [("reason", "Customer moved"), ("date", "2026/04/01")];
            let page =
                browser.post_form(&format!("http://metrofibre/lines/{id}/cancel"), &fields).await;
            if !page.body.contains("id=\"logged\"") {
                return page;
            }
            let reference = page.between("id=\"logged\">", "<");
            browser.post_form(&format!("http://metrofibre/requests/{reference}/accept"), &[]).await
        }
        Portal::Evotel => {
            let home = browser.get("http://evotel/Home/Index").await;
            let token =
                home.between("name=\"__RequestVerificationToken\" type=\"hidden\" value=\"", "\"");
            let fields = [
                ("Reason", "Arrears"),
                ("Comment", "moved"),
                ("EffectiveDate", "01 Apr 2026"),
                ("__RequestVerificationToken", &token),
            ];
            let page =
                browser.post_form(&format!("http://evotel/Circuits/Cancel/{id}"), &fields).await;
            assert!(page.body.contains("id=\"Confirm\""), "{}", page.body);
            browser
                .post_form(&format!("http://evotel/Circuits/CancelConfirmed/{id}"), &fields)
                .await
        }
        Portal::Lightlink => panic!("lightlink has no page for a cancellation"),
    }
}

async fn submits(bench: &Bench) -> Vec<(String, Stage, SubmitVerdict, Option<String>)> {
    let submit = |event| match event {
        Event::Submit { circuit, stage, verdict, reference, answered: true } => {
            Some((circuit, stage, verdict, reference))
        }
        _ => None,
    };
    bench.events().await.into_iter().filter_map(submit).collect()
}

#[tokio::test]
async fn a_cancellation_gives_a_reference_and_shows_in_the_state() {
    for portal in CANCELLING {
        let bench = Bench::new();
        let mut browser = bench.browser();
        browser.log_in(&bench, portal).await;
        let page = cancel(&mut browser, portal, 0, active(portal)).await;
        assert!(page.status.is_success(), "{portal}: {}", page.body);
        let truth = bench.circuit(portal, active(portal)).await;
        assert_eq!(truth.expected_outcome, Outcome::CancellationPending, "{portal}");
        let cancellation = truth.cancellation.expect("a cancellation");
        assert!(page.body.contains(&cancellation.reference), "{portal}: {}", page.body);
        assert_eq!(
            (cancellation.requested_by.as_str(), cancellation.requested_date.to_string().as_str()),
            (USER, "2026-04-01")
        );
        assert_eq!(
            cancellation.external_reference.as_deref(),
            (portal == Portal::Openserve).then_some("SOL-77")
        );
        let last = submits(&bench).await.pop();
        let stage = if portal == Portal::Mfn { Stage::Accept } else { Stage::Request };
        assert_eq!(
            last,
            Some((
                active(portal).to_owned(),
                stage,
                SubmitVerdict::Accepted,
                Some(cancellation.reference)
            )),
            "{portal}"
        );
    }
}

#[tokio::test]
async fn a_line_is_cancelled_once_and_only_where_its_state_allows() {
    for portal in CANCELLING {
        let bench = Bench::new();
        let mut browser = bench.browser();
        browser.log_in(&bench, portal).await;
        cancel(&mut browser, portal, 0, active(portal)).await;
        let before = bench.circuit(portal, active(portal)).await;
        // The line just cancelled, the pending one, and the one cancelled from the start.
        let circuits = bench.circuits(&format!("portal={portal}&limit=4")).await;
        for n in [0, 2, 3] {
            let page = cancel(&mut browser, portal, n, &circuits[n as usize].circuit_number).await;
            assert!(!page.status.is_success(), "{portal} {n}: {}", page.body);
            let (circuit, _, verdict, reference) = submits(&bench).await.pop().expect("a submit");
            assert_eq!((verdict, reference), (SubmitVerdict::NotAllowed, None), "{portal}");
            assert_eq!(circuit, circuits[n as usize].circuit_number);
        }
        assert_eq!(bench.circuit(portal, active(portal)).await, before, "{portal}");
    }
}

#[tokio::test]
async fn the_first_phase_of_metrofibre_changes_nothing() {
    let bench = Bench::new();
    let mut browser = bench.browser();
    browser.log_in(&bench, Portal::Mfn).await;
    let fields = [("reason", "Customer moved"), ("date", "2026/04/01")];
    let page = browser.post_form("http://metrofibre/lines/48000/cancel", &fields).await;
    assert!(page.body.contains("must be accepted before it is processed"));
    let truth = bench.circuit(Portal::Mfn, active(Portal::Mfn)).await;
    assert_eq!(truth.expected_outcome, Outcome::Active);
    assert!(!truth.cancellation.expect("a request").accepted);
    let page = browser.get("http://metrofibre/requests?q=FTTX-CT-12345").await;
    assert!(page.body.contains("Awaiting acceptance") && page.body.contains("value=\"Accept\""));
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_refused_with_a_sentence() {
    let bench = Bench::new();
    let mut browser = bench.browser();
    for portal in CANCELLING {
        browser.log_in(&bench, portal).await;
    }
    let request = json!({"service": 48000, "type": "Cancellation", "reason": "Customer moved", "date": "31/02/2026"});
    let page = browser.post_json("http://octotel/api/change-requests", &request).await;
    assert_eq!(
        (page.status.as_u16(), page.json()["message"].as_str()),
        (422, Some("Please enter the date as DD/MM/YYYY."))
    );
    let request = json!({"externalReference": " ", "date": "2026-04-01"});
    let page = browser.post_json("http://openserve/api/services/B530003043/cease", &request).await;
    assert_eq!(page.json()["message"], "External reference is required.");
    let page = browser
        .post_form(
            "http://metrofibre/lines/48000/cancel",
            &[("reason", "Non-payment"), ("date", "2026/03/03")],
        )
        .await;
    assert!(page.body.contains("The cancellation date cannot be changed."));
    let page = browser
        .post_form("http://evotel/Circuits/CancelConfirmed/48000", &[("Reason", "Arrears")])
        .await;
    assert!(page.body.contains("anti-forgery"));
    let verdicts: Vec<SubmitVerdict> =
        submits(&bench).await.into_iter().map(|(.., verdict, _)| verdict).collect();
    assert_eq!(
        verdicts,
        [SubmitVerdict::Invalid; 3],
        "a stale form never reaches the cancellation"
    );
}

#[tokio::test]
async fn a_change_request_of_another_type_changes_no_state() {
    let bench = Bench::new();
    let mut browser = bench.browser();
    browser.log_in(&bench, Portal::Octotel).await;
    let request = json!({"service": 48000, "type": "Speed change", "reason": "Upgrade", "date": "01/04/2026"});
    let reference = browser.post_json("http://octotel/api/change-requests", &request).await.json()
        ["reference"]
        .clone();
    let list = browser.get("http://octotel/api/change-requests?q=OCT-100200").await.json();
    assert!(
        list["rows"]
            .as_array()
            .expect("rows")
            .iter()
            .any(|row| row["id"] == reference && row["type"] == "Speed change")
    );
    assert_eq!(
        bench.circuit(Portal::Octotel, "OCT-100200").await.expected_outcome,
        Outcome::Active
    );
    assert!(submits(&bench).await.is_empty());
}

#[tokio::test]
async fn the_back_end_may_be_late() {
    for portal in CANCELLING {
        let bench = Bench::new();
        bench.set(portal, json!({"cancellationVisibleAfterSeconds": 60})).await;
        let mut browser = bench.browser();
        browser.log_in(&bench, portal).await;
        cancel(&mut browser, portal, 0, active(portal)).await;
        bench.clock.advance(59);
        assert_eq!(
            bench.circuit(portal, active(portal)).await.expected_outcome,
            Outcome::Active,
            "{portal}"
        );
        bench.clock.advance(1);
        assert_eq!(
            bench.circuit(portal, active(portal)).await.expected_outcome,
            Outcome::CancellationPending,
            "{portal}"
        );
    }
}

#[tokio::test]
async fn a_portal_that_refuses_does_nothing() {
    for portal in CANCELLING {
        let bench = Bench::new();
        bench.set(portal, json!({"submitMode": "Refuse"})).await;
        let mut browser = bench.browser();
        browser.log_in(&bench, portal).await;
        let page = cancel(&mut browser, portal, 0, active(portal)).await;
        assert!(!page.status.is_success(), "{portal}");
        assert_eq!(
            submits(&bench).await.pop().expect("a submit").2,
            SubmitVerdict::Refused,
            "{portal}"
        );
        assert_eq!(
            bench.circuit(portal, active(portal)).await.expected_outcome,
            Outcome::Active,
            "{portal}"
        );
    }
}

/// Sends one request on its own connection. Returns what arrived before the connection was closed.
async fn raw(port: u16, request: &str, cookie: &str, content: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
    let head =
        format!("{request} HTTP/1.1\r\nHost: portal\r\nConnection: close\r\nCookie: {cookie}");
    let head =
        format!("{head}\r\nContent-Type: {content}\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all((head + body).as_bytes()).await.expect("sent");
    let mut answer = String::new();
    // A reset instead of an orderly close is accepted too.
    let _end = stream.read_to_string(&mut answer).await;
    answer
}

fn cookie(answer: &str) -> &str {
    answer
        .split("set-cookie: ")
        .nth(1)
        .and_then(|rest| rest.split(';').next())
        .unwrap_or_else(|| panic!("no cookie: {answer}"))
}

#[tokio::test]
async fn a_portal_can_hang_up_without_an_answer() {
    let running = start(Config { port_base: 0, ..quick(Config::default()) }, Clock::System, false)
        .await
        .expect("up");
    let bench = Bench { portals: running.portals.clone(), clock: Clock::System };
    let port = |origin| {
        running
            .portals
            .url(origin)
            .rsplit(':')
            .next()
            .and_then(|port| port.parse().ok())
            .expect("a port")
    };
    let (home, login): (u16, u16) = (port(Origin::Openserve), port(Origin::OpenserveLogin));
    let page = raw(login, "GET /oauth/authorize?next=/", "", "", "").await;
    let form = format!("loginfmt={USER}&passwd={PASSWORD}");
    let page = raw(
        login,
        "POST /oauth/authorize",
        cookie(&page),
        "application/x-www-form-urlencoded",
        &form,
    )
    .await;
    let ticket = page
        .split("/auth/callback?code=")
        .nth(1)
        .and_then(|rest| rest.split("\r\n").next())
        .expect("a ticket");
    let page = raw(home, &format!("GET /auth/callback?code={ticket}"), "", "", "").await;
    let session = cookie(&page);
    let cease = json!({"externalReference": "SOL-1", "date": "2999-01-01"}).to_string();
    let cases = [
        ("NoAnswer", "B530003043", SubmitVerdict::Accepted),
        ("NoAnswerNotDone", "B530003065", SubmitVerdict::Lost),
    ];
    for (mode, number, verdict) in cases {
        bench.set(Portal::Openserve, json!({"submitMode": mode})).await;
        let answer = raw(
            home,
            &format!("POST /api/services/{number}/cease"),
            session,
            "application/json",
            &cease,
        )
        .await;
        assert_eq!(answer, "", "{mode}");
        let Some(Event::Submit { verdict: seen, answered: false, .. }) = bench.events().await.pop()
        else {
            panic!("{mode}: no submit")
        };
        assert_eq!(seen, verdict, "{mode}");
        let done = bench.circuit(Portal::Openserve, number).await.cancellation.is_some();
        assert_eq!(done, mode == "NoAnswer");
    }
    bench.set(Portal::Openserve, json!({"availability": "Down"})).await;
    assert_eq!(raw(home, "GET /dashboard", "", "", "").await, "");
    let livez = raw(running.control.port(), "GET /livez", "", "", "").await;
    assert!(livez.starts_with("HTTP/1.1 200"), "{livez}");
    running.stop().await;
    assert!(TcpStream::connect(("127.0.0.1", home)).await.is_err(), "the ports are free again");
}
