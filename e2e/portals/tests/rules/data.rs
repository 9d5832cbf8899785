//! The pages show what the control port reports as the truth.

use std::collections::BTreeSet;

use axum::http::Method;
use fno_demo_portals::journal::{EndCause, Event};
use fno_demo_portals::{AbsentCircuit, CircuitTruth, Config, Outcome, Portal};
use serde_json::{Value, json};

use crate::bench::{Bench, quick};
use crate::pages::{Fields, details, lightlink, search};

/// The rules that the README gives to flow authors.
fn outcome(portal: Portal, fields: &Fields) -> Outcome {
    let is = |name: &str, text: &str| fields.get(name).is_some_and(|value| value == text);
    match portal {
        Portal::Octotel | Portal::Mfn | Portal::Lightlink => match fields["status"].as_str() {
            "Active" => Outcome::Active,
            "Suspended" => Outcome::Suspended,
            "Pending Cancellation" => Outcome::CancellationPending,
            "Cancelled" | "Deactivated" => Outcome::AlreadyCancelled,
            other => panic!("status {other:?} is not in the README"),
        },
        Portal::Openserve => match () {
            () if is("orderType", "Cease Active Service")
                && (is("orderStatus", "Accepted") || is("orderStatus", "Pending")) =>
            {
                Outcome::CancellationPending
            }
            () if is("orderType", "Cease Active Service") && is("orderStatus", "Implemented") => {
                Outcome::AlreadyCancelled
            }
            () if is("accessStatus", "Suspended") || is("partnerStatus", "Suspended") => {
                Outcome::Suspended
            }
            () if is("accessStatus", "Active") && is("partnerStatus", "Active") => Outcome::Active,
            () => panic!("{fields:?} is not in the README"),
        },
        Portal::Evotel => match () {
            () if is("serviceStatus", "Cancelled") => Outcome::AlreadyCancelled,
            () if is("workOrderType", "Disconnection") && is("workOrderStatus", "Scheduled") => {
                Outcome::CancellationPending
            }
            () if is("ontVerification", "Pending") => Outcome::VerificationPending,
            () if is("serviceStatus", "Pending ISP Provisioning") => {
                Outcome::IspProvisioningPending
            }
            () if is("serviceStatus", "Suspended") => Outcome::Suspended,
            () if is("serviceStatus", "Active") => Outcome::Active,
            () => panic!("{fields:?} is not in the README"),
        },
    }
}

/// Outcomes in a portal's data, without `NotFound`.
const fn outcomes_of(portal: Portal) -> usize {
    match portal {
        Portal::Evotel => 6,
        Portal::Lightlink => 2,
        _ => 4,
    }
}

#[tokio::test]
async fn the_details_page_shows_the_truth_and_leads_to_the_expected_outcome() {
    for portal in Portal::ALL {
        let bench = Bench::new();
        let mut browser = bench.browser();
        browser.log_in(&bench, portal).await;
        let mut seen = BTreeSet::new();
        for truth in bench.circuits(&format!("portal={portal}&limit=400")).await.iter().step_by(3) {
            let shown = details(&mut browser, portal, &truth.circuit_number).await;
            assert_eq!(shown, truth.fields, "{portal} {}", truth.circuit_number);
            assert_eq!(
                outcome(portal, &shown),
                truth.expected_outcome,
                "{portal} {}",
                truth.circuit_number
            );
            seen.insert(truth.expected_outcome);
        }
        assert_eq!(seen.len(), outcomes_of(portal), "{portal}: {seen:?}");
    }
}

#[tokio::test]
async fn a_search_finds_near_misses_beside_the_wanted_line() {
    for portal in Portal::ALL {
        let bench = Bench::new();
        let mut browser = bench.browser();
        browser.log_in(&bench, portal).await;
        let mut first_is_another = 0;
        for truth in bench.circuits(&format!("portal={portal}&limit=60")).await {
            let (found, _) = search(&mut browser, portal, &truth.circuit_number).await;
            assert!(found.contains(&truth.circuit_number), "{found:?}");
            assert_eq!(
                found.len(),
                1 + truth.near_misses as usize,
                "{}: {found:?}",
                truth.circuit_number
            );
            first_is_another += usize::from(found[0] != truth.circuit_number);
        }
        assert!(first_is_another > 0, "{portal}: the first row is always the right one");
    }
}

#[tokio::test]
async fn every_fifth_line_shares_its_address_with_another() {
    let bench = Bench::new();
    let circuits = bench.circuits("portal=octotel&limit=400").await;
    let addresses: BTreeSet<&String> =
        circuits.iter().map(|circuit| &circuit.fields["address"]).collect();
    assert!(addresses.len() <= circuits.len() * 4 / 5, "{} addresses", addresses.len());
}

#[tokio::test]
async fn absent_numbers_are_found_nowhere() {
    for portal in Portal::ALL {
        let bench = Bench::new();
        let mut browser = bench.browser();
        browser.log_in(&bench, portal).await;
        let absent = bench
            .control(
                Method::GET,
                &format!("/circuits/absent?portal={portal}&limit=40"),
                Value::Null,
            )
            .await;
        let absent: Vec<AbsentCircuit> = serde_json::from_value(absent).expect("circuits");
        assert_eq!(absent.len(), 40);
        assert_eq!(absent.iter().any(|circuit| circuit.near_misses > 0), portal != Portal::Evotel);
        for circuit in absent {
            let (found, _) = search(&mut browser, portal, &circuit.circuit_number).await;
            assert!(
                found.len() == circuit.near_misses && !found.contains(&circuit.circuit_number),
                "{found:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_lookup_is_recorded_once_and_a_deep_link_to_nothing_is_a_search() {
    for portal in Portal::ALL {
        let bench = Bench::new();
        let mut browser = bench.browser();
        browser.log_in(&bench, portal).await;
        let number = bench
            .circuits(&format!("portal={portal}&limit=1&offset=9"))
            .await
            .remove(0)
            .circuit_number;
        details(&mut browser, portal, &number).await;
        let lookups: Vec<Event> = bench
            .events()
            .await
            .into_iter()
            .filter(|event| matches!(event, Event::Lookup { .. }))
            .collect();
        assert_eq!(lookups, [Event::Lookup { circuit: number }], "{portal}");
    }
    let bench = Bench::new();
    let mut browser = bench.browser();
    browser.log_in(&bench, Portal::Openserve).await;
    let page = browser.get("http://openserve/api/services/B53000304").await;
    assert_eq!(page.status, 404);
    assert_eq!(
        bench.events().await.last(),
        Some(&Event::Search { query: "B53000304".to_owned(), hits: 0 })
    );
}

#[tokio::test]
async fn lightlink_counts_the_row_of_the_very_line_as_its_lookup() {
    let bench = Bench::new();
    bench.set(Portal::Lightlink, json!({"expireAfterLookups": 1})).await;
    let mut browser = bench.browser();
    browser.log_in(&bench, Portal::Lightlink).await;
    let near = lightlink(&mut browser, "LL-20030").await;
    let numbers: BTreeSet<&str> = near.iter().map(|row| row["line"].as_str()).collect();
    assert!(
        numbers.is_superset(&BTreeSet::from([
            "LL-200300",
            "LL-2003001",
            "LL-2003005",
            "LL-200309"
        ])),
        "{numbers:?}"
    );
    assert!(
        lightlink(&mut browser, "200300").await.is_empty(),
        "numbers are compared from their beginning"
    );
    assert_eq!(lightlink(&mut browser, "ll-").await.len(), 50);
    assert!(
        lightlink(&mut browser, &near[0]["address"]).await.is_empty(),
        "addresses are not searched"
    );
    assert_eq!(lightlink(&mut browser, " ll-200300 ").await.len(), 3);
    let (ended, events) = (Event::SessionEnd { cause: EndCause::Forced }, bench.events().await);
    let search = |query: &str, hits| Event::Search { query: query.to_owned(), hits };
    assert_eq!(
        events[events.len() - 3..],
        [search("LL-200300", 3), Event::Lookup { circuit: "LL-200300".to_owned() }, ended]
    );
    assert_eq!(
        events.iter().filter(|event| matches!(event, Event::Lookup { .. })).count(),
        1,
        "{events:?}"
    );
    assert_eq!(
        browser.get("http://lightlink/lines?line=LL-200300").await.url,
        "http://lightlink/login"
    );
}

#[tokio::test]
async fn nothing_is_shown_without_a_session() {
    let bench = Bench::new();
    let pages = [
        "http://octotel/api/services?q=OCT",
        "http://octotel/api/services/48000",
        "http://octotel/api/change-requests",
        "http://openserve/api/services?q=B53",
        "http://openserve/api/services/B530003043",
        "http://openserve/api/services/B530003043/cease",
        "http://metrofibre/data/lines?list=active",
        "http://metrofibre/lines/48000/details",
        "http://metrofibre/requests",
        "http://evotel/Circuits/Search?term=4857",
        "http://evotel/Circuits/Details/48000",
        "http://lightlink/lines?line=LL-200300",
    ];
    let names: BTreeSet<String> = {
        let mut names = BTreeSet::new();
        for portal in Portal::ALL {
            let circuit = bench.circuits(&format!("portal={portal}&limit=1")).await.remove(0);
            names.extend([circuit.fields["address"].clone(), circuit.circuit_number]);
        }
        names
    };
    for url in pages {
        let page = bench.browser().get(url).await;
        assert!(names.iter().all(|name| !page.body.contains(name)), "{url}: {}", page.body);
    }
    assert!(bench.events().await.is_empty());
}

#[tokio::test]
async fn the_documented_lines_are_there_whatever_the_seed() {
    let (_, readme) =
        include_str!("../../README.md").split_once("Lines with fixed numbers").expect("the table");
    for seed in [1, 77] {
        let bench = Bench::with(Config { seed, ..quick(Config::default()) });
        let states = ["Active", "Suspended", "Pending Cancellation", "Cancelled"];
        for portal in Portal::ALL {
            let line = readme
                .lines()
                .find(|line| line.starts_with(&format!("| {portal} | `")))
                .expect("a row of the table");
            let cells: Vec<Vec<&str>> = line
                .split('|')
                .skip(2)
                .map(|cell| cell.split('`').skip(1).step_by(2).collect())
                .collect();
            for (cell, state) in cells.iter().zip(states) {
                for number in cell {
                    assert_eq!(bench.circuit(portal, number).await.status, state, "{number}");
                }
            }
            assert!(
                !cells[0].is_empty()
                    && !cells[3].is_empty()
                    && cells[4].len() == 1 + usize::from(portal != Portal::Evotel),
                "{line}"
            );
            for number in &cells[4] {
                let path = format!("/circuits/{portal}/{number}");
                assert_eq!(
                    bench.try_control(Method::GET, &path, Value::Null).await.0,
                    404,
                    "{number}"
                );
            }
        }
        assert_eq!(
            bench.circuit(Portal::Evotel, "4857544317156075").await.status,
            "Verification Pending"
        );
        assert_eq!(
            bench.circuit(Portal::Evotel, "48575443B54CDA26").await.status,
            "ISP Provisioning Pending"
        );
    }
}

#[tokio::test]
async fn the_same_seed_gives_the_same_lines_and_another_seed_others() {
    let all = async |seed| -> Vec<CircuitTruth> {
        let bench = Bench::with(Config { seed, ..quick(Config::default()) });
        bench.circuits("portal=openserve&limit=400").await
    };
    let (one, again, other) = (all(5).await, all(5).await, all(6).await);
    assert_eq!(one, again);
    assert_ne!(one, other);
    let numbers = |circuits: &[CircuitTruth]| -> BTreeSet<String> {
        circuits.iter().map(|c| c.circuit_number.clone()).collect()
    };
    assert_eq!(numbers(&one), numbers(&other), "numbers do not depend on it");
    assert_eq!(numbers(&one).len(), 400, "no number twice");
}

#[tokio::test]
async fn thousands_of_lines_have_thousands_of_numbers() {
    let bench = Bench::with(Config { circuits_per_portal: 9000, ..quick(Config::default()) });
    for portal in Portal::ALL {
        let circuits = bench.circuits(&format!("portal={portal}&limit=9000")).await;
        let numbers: BTreeSet<&String> =
            circuits.iter().map(|circuit| &circuit.circuit_number).collect();
        assert_eq!(numbers.len(), 9000, "{portal}");
        let outcomes: BTreeSet<Outcome> =
            circuits.iter().map(|circuit| circuit.expected_outcome).collect();
        assert_eq!(outcomes.len(), outcomes_of(portal));
    }
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let bench = Bench::new();
    let mut browser = bench.browser();
    browser.log_in(&bench, Portal::Octotel).await;
    let total = bench
        .control(Method::GET, "/circuits?portal=octotel&status=suspended&limit=0", Value::Null)
        .await["total"]
        .clone();
    let mut lines = BTreeSet::new();
    for page in 1.. {
        let list = browser
            .get(&format!("http://octotel/api/services?status=Suspended&page={page}"))
            .await
            .json();
        assert_eq!(list["total"], total);
        let rows = list["rows"].as_array().expect("rows");
        assert!(rows.len() <= 10 && rows.iter().all(|row| row["status"] == "Suspended"));
        lines.extend(rows.iter().map(|row| row["lineReference"].to_string()));
        if list["pages"] == page {
            break;
        }
    }
    assert_eq!(total, lines.len());
    assert!(
        !bench.events().await.iter().any(|event| matches!(event, Event::Search { .. })),
        "a list without a search text is not a search"
    );
}
