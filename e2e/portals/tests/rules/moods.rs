//! Settings, outages, and the behaviour of the control port.

use axum::http::{Method, header};
use fno_demo_portals::journal::Event;
use fno_demo_portals::{AccountSpec, Config, Origin, Portal, PortalSettings, default_accounts};
use serde_json::{Value, json};

use crate::bench::{Bench, PASSWORD, SEED, USER, encoded};

#[tokio::test]
async fn a_portal_can_be_under_maintenance_or_broken_on_both_its_origins() {
    let bench = Bench::new();
    let pages = ["http://octotel/services", "http://octotel/api/me", "http://octotel-login/login"];
    bench.set(Portal::Octotel, json!({"availability": "Maintenance"})).await;
    for url in pages {
        let page = bench.browser().get(url).await;
        assert_eq!(page.status, 503);
        assert!(page.body.contains("down for scheduled maintenance"), "{}", page.body);
    }
    bench.set(Portal::Octotel, json!({"availability": "ServerError", "errorStatus": 502})).await;
    for url in pages {
        assert_eq!(bench.browser().get(url).await.status, 502);
    }
    assert_eq!(
        bench.browser().get("http://openserve/dashboard").await.status,
        200,
        "the others are up"
    );
    bench.set(Portal::Octotel, json!({"availability": "Up"})).await;
    assert_eq!(bench.browser().get("http://octotel/services").await.status, 200);
}

#[tokio::test]
async fn every_nth_page_of_a_session_meets_the_notice_and_goes_on_from_there() {
    let bench = Bench::new();
    bench.set(Portal::Openserve, json!({"interstitialEvery": 3})).await;
    let mut browser = bench.browser();
    browser.log_in(&bench, Portal::Openserve).await;
    // The login itself loaded the first page.
    assert_eq!(
        browser.get("http://openserve/services?q=a%26b").await.url,
        "http://openserve/services?q=a%26b"
    );
    let page = browser.get("http://openserve/services?q=a%26b").await;
    assert!(page.url.starts_with("http://openserve/notice?next="), "{}", page.url);
    assert_eq!(page.between("id=\"continue\" href=\"", "\""), "/services?q=a%26b");
}

#[tokio::test]
async fn answers_are_honest_about_time_and_not_kept() {
    let bench = Bench::new();
    for origin in Origin::ALL {
        let page = bench.browser().get(bench.portals.url(origin)).await;
        assert_eq!(page.headers[header::DATE], "Mon, 02 Mar 2026 08:00:00 GMT", "{origin:?}");
        assert_eq!(page.headers[header::CACHE_CONTROL], "no-store", "{origin:?}");
    }
}

#[tokio::test]
async fn pages_load_nothing_from_elsewhere() {
    let bench = Bench::new();
    for origin in Origin::ALL {
        let page = bench.browser().get(bench.portals.url(origin)).await;
        let addresses = page.body.split(['"', '\'']).filter(|text| text.starts_with("http"));
        // The names in the document type are not addresses to load.
        let loaded: Vec<&str> =
            addresses.filter(|text| !text.starts_with("http://www.w3.org/")).collect();
        assert!(loaded.is_empty(), "{origin:?}: {loaded:?}");
    }
}

#[tokio::test]
async fn a_wrong_setting_is_refused_by_name_and_changes_nothing() {
    let bench = Bench::new();
    let before = bench.control(Method::GET, "/settings", Value::Null).await;
    let cases = [
        (json!({"latencyMs": 120_001}), "latencyMs"),
        (json!({"maxSessions": 0}), "maxSessions"),
        (json!({"errorStatus": 404}), "errorStatus"),
        (json!({"availability": "Away"}), "Away"),
        (json!({"latency": 1}), "latency"),
        (json!({"portal": "telkom", "latencyMs": 1}), "telkom"),
        (json!({"sessionIdleSeconds": -1}), "-1"),
    ];
    for (changes, named) in cases {
        let (status, answer) = bench.try_control(Method::PATCH, "/settings", changes).await;
        let sentence = answer["error"].as_str().expect("a sentence");
        assert!(status.is_client_error() && sentence.contains(named), "{status} {sentence}");
    }
    assert_eq!(bench.control(Method::GET, "/settings", Value::Null).await, before);
    let all = bench
        .control(Method::PATCH, "/settings", json!({"noticeDays": 5, "maxSessions": null}))
        .await;
    for portal in Portal::ALL {
        let settings: PortalSettings =
            serde_json::from_value(all[portal.name()].clone()).expect("settings");
        assert_eq!((settings.notice_days, settings.max_sessions), (5, None));
    }
}

#[tokio::test]
async fn a_wrong_account_is_refused_without_showing_its_secrets() {
    let bench = Bench::new();
    let cases = [
        (
            json!({"portal": "octotel", "username": "x", "password": "hush-hush", "totpSeed": "NOT-BASE-32!"}),
            "totpSeed",
        ),
        (
            json!({"portal": "evotel", "username": "x", "password": "hush-hush", "totpSeed": SEED}),
            "only octotel",
        ),
        (
            json!({"portal": "lightlink", "username": "x", "password": "hush-hush", "totpSeed": SEED}),
            "only octotel",
        ),
        (
            json!({"portal": "octotel", "username": "x", "password": "hush-hush", "totpSeed": SEED, "digits": 12}),
            "digits",
        ),
        (
            json!({"portal": "octotel", "username": "x", "password": "hush-hush", "seed": SEED}),
            "seed",
        ),
        (json!({"portal": "octotel", "username": "", "password": "hush-hush"}), "username"),
        (
            json!({"portal": "octotel", "username": "x", "password": "hush-hush", "maxSessions": 0}),
            "maxSessions",
        ),
    ];
    for (account, named) in cases {
        let (status, answer) = bench.try_control(Method::POST, "/accounts", account).await;
        let sentence = answer["error"].as_str().expect("a sentence");
        assert!(status.is_client_error() && sentence.contains(named), "{status} {sentence}");
        assert!(!sentence.contains("hush-hush") && !sentence.contains("NOT-BASE-32"), "{sentence}");
    }
}

#[tokio::test]
async fn accounts_come_and_go_at_run_time() {
    let bench = Bench::new();
    let spec = AccountSpec::new(Portal::Evotel, "late", "comer");
    let created = bench
        .try_control(Method::POST, "/accounts", serde_json::to_value(&spec).expect("json"))
        .await;
    assert_eq!(created.0, 201);
    let mut browser = bench.browser();
    browser.password(Portal::Evotel, "late", "comer").await;
    assert!(browser.signed_in(Portal::Evotel).await);
    let state =
        bench.control(Method::GET, "/accounts?portal=evotel&account=late", Value::Null).await;
    assert_eq!(
        state[0],
        json!({"portal": "evotel", "username": "late", "totp": false, "failures": 0, "locked": false, "sessions": 1})
    );
    let gone = bench
        .try_control(Method::DELETE, "/accounts", json!({"portal": "evotel", "username": "late"}))
        .await;
    assert_eq!(gone.0, 204);
    assert!(!browser.signed_in(Portal::Evotel).await);
    for path in ["/accounts/unlock", "/steps/use"] {
        let answer = bench
            .try_control(Method::POST, path, json!({"portal": "evotel", "username": "late"}))
            .await;
        assert_eq!(
            (answer.0.as_u16(), answer.1["error"].as_str()),
            (404, Some("evotel has no account \"late\"")),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_journal_is_read_from_a_number_on_and_by_account() {
    let bench = Bench::new();
    bench.browser().log_in(&bench, Portal::Mfn).await;
    bench.browser().log_in(&bench, Portal::Evotel).await;
    let all = bench.journal().await;
    assert_eq!(all.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 2]);
    let later = bench.control(Method::GET, "/journal?since=1", Value::Null).await;
    assert_eq!(later.as_array().map(Vec::len), Some(1));
    let of = bench
        .control(Method::GET, "/journal?portal=mfn&account=tester&session=mfn-1", Value::Null)
        .await;
    assert_eq!(of, json!([all[0]]));
    assert_eq!(bench.control(Method::GET, "/journal?since=999", Value::Null).await, json!([]));
    let (status, answer) =
        bench.try_control(Method::GET, "/journal?portal=telkom", Value::Null).await;
    assert!(
        status.is_client_error()
            && answer["error"].as_str().is_some_and(|text| text.contains("telkom")),
        "{answer}"
    );
}

#[tokio::test]
async fn a_reset_brings_everything_back_but_the_journals_numbers() {
    let bench = Bench::new();
    let mut browser = bench.browser();
    browser.log_in(&bench, Portal::Octotel).await;
    bench.set(Portal::Octotel, json!({"lockoutAfter": 9})).await;
    let request = json!({"service": 48000, "type": "Cancellation", "reason": "Customer moved", "date": "01/04/2026"});
    browser.post_json("http://octotel/api/change-requests", &request).await;
    let before = bench.journal().await.len();
    bench.control(Method::POST, "/reset", json!({})).await;
    assert!(!browser.signed_in(Portal::Octotel).await);
    assert_eq!(bench.circuit(Portal::Octotel, "OCT-100200").await.status, "Active");
    assert_eq!(
        bench.control(Method::GET, "/settings", Value::Null).await["octotel"]["lockoutAfter"],
        4
    );
    assert_eq!(bench.journal().await.len(), before + 1, "the session's end");
    bench.control(Method::POST, "/reset", json!({"journal": true})).await;
    assert!(bench.journal().await.is_empty());
    bench.browser().log_in(&bench, Portal::Octotel).await;
    let journal = bench.journal().await;
    assert_eq!(journal[0].seq, u64::try_from(before).expect("small") + 2);
    assert_eq!(journal[1].session.as_deref(), Some("octotel-2"), "session numbers go on too");
}

#[tokio::test]
async fn no_secret_reaches_the_journal() {
    let bench = Bench::new();
    let mut codes = vec![bench.code(0)];
    let mut browser = bench.browser();
    browser.password(Portal::Octotel, PASSWORD, PASSWORD).await;
    browser.password(Portal::Octotel, USER, "Wrong-Horse-2").await;
    browser.log_in(&bench, Portal::Octotel).await;
    bench.clock.advance(30);
    codes.push(bench.code(0));
    bench.browser().log_in(&bench, Portal::Octotel).await;
    browser.log_in(&bench, Portal::Mfn).await;
    for secret in [PASSWORD, SEED] {
        browser
            .get(&format!("http://metrofibre/data/lines?list=active&search={}", encoded(secret)))
            .await;
    }
    assert!(bench.events().await.contains(&Event::Search { query: "***".to_owned(), hits: 0 }));
    for path in ["/journal", "/accounts", "/sessions"] {
        let text = bench.control(Method::GET, path, Value::Null).await.to_string();
        // Times and numbers may contain six digits by chance, so codes are searched for as whole
        // texts.
        for secret in [PASSWORD, SEED, "Wrong-Horse-2"]
            .map(str::to_owned)
            .into_iter()
            .chain(codes.iter().map(|code| format!("\"{code}\"")))
        {
            assert!(!text.contains(&secret), "{path} shows {secret}");
        }
    }
    assert!(!format!("{:?}", crate::bench::accounts()).contains(PASSWORD));
}

#[test]
fn the_manifest_carries_a_configuration_that_is_understood() {
    let manifest = include_str!("../../deploy.yaml");
    let documents: Vec<Value> = manifest
        .split("\n---\n")
        .map(|text| serde_yaml::from_str(text).expect("a document"))
        .collect();
    let kind = |kind: &str| {
        documents.iter().filter(|document| document["kind"] == *kind).collect::<Vec<_>>()
    };
    let config = kind("ConfigMap")[0]["data"]["portals.yaml"].as_str().expect("a file");
    let config = Config::parse(config).expect("a configuration");
    let services: Vec<&str> = kind("Service")
        .iter()
        .map(|service| service["metadata"]["name"].as_str().expect("a name"))
        .collect();
    let mut names: Vec<&str> = Origin::ALL.map(Origin::name).into();
    for origin in Origin::ALL {
        assert_eq!(config.origins[&origin], format!("http://{}", origin.name()));
    }
    names.push("portals");
    assert_eq!(services, names);
    let ports = &kind("Deployment")[0]["spec"]["template"]["spec"]["containers"][0]["ports"];
    for origin in Origin::ALL {
        let port = ports
            .as_array()
            .expect("ports")
            .iter()
            .find(|port| port["name"] == *origin.name())
            .expect("a port of this name");
        assert_eq!(
            port["containerPort"].as_u64(),
            Some(u64::from(config.port_base + origin.offset()))
        );
    }
    assert!(!manifest.contains("namespace:"), "it goes where it is applied");
}

#[test]
fn a_wrong_configuration_is_refused_by_name_without_showing_a_secret() {
    let account = |rest: &str| {
        format!("accounts:\n- {{portal: octotel, username: x, password: hush-hush{rest}}}\n")
    };
    let cases = [
        ("portalz: {}\n".to_owned(), "portalz"),
        ("portals: {telkom: {}}\n".to_owned(), "telkom"),
        (account(", totp: x"), "totp"),
        (account(", digits: many"), "line 2"),
        (account(", digits: [6"), "line"),
    ];
    for (text, named) in cases {
        let error = format!("{:#}", Config::parse(&text).expect_err("refused"));
        assert!(error.contains(named) && !error.contains("hush"), "{error}");
    }
}

#[test]
fn the_readmes_configuration_and_accounts_are_the_real_ones() {
    let readme = include_str!("../../README.md");
    let yaml = readme
        .split("```yaml\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next())
        .expect("an example");
    let config = Config::parse(yaml).expect("a configuration");
    assert_eq!(config.accounts.expect("accounts").len(), 1);
    let accounts = default_accounts();
    let first = &accounts[0];
    assert!(readme.contains(&format!("`{}`", first.totp_seed.as_deref().expect("a seed"))));
    for (account, letter) in
        accounts.iter().filter(|account| account.totp_seed.is_some()).zip("RSTUVWXYZ".chars())
    {
        let seed = account.totp_seed.as_deref().expect("a seed");
        assert_eq!(seed, format!("NFHU6VCPORSWYLJ{letter}FVSGK3LPFVZWKZLE"), "{account:?}");
    }
    for name in [
        "octotel-team",
        "octotel-fast-1",
        "openserve-bot-1",
        "mfn-bot-",
        "evotel-bot-",
        "lightlink-bot-",
    ] {
        assert!(
            accounts.iter().any(|account| account.username.starts_with(name))
                && readme.contains(name),
            "{name}"
        );
    }
}
