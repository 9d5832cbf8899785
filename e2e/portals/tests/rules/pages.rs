//! What the pages and data answers of the portals show.

use std::collections::BTreeMap;

use fno_demo_portals::Portal;
use serde_json::Value;

use crate::bench::{Browser, encoded, plain_text};

/// Texts by the field names of the truth.
pub type Fields = BTreeMap<String, String>;

/// Labels of MetroFibre's details, by the field names of the truth.
const MFN_LABELS: [(&str, &str); 15] = [
    ("circuitNumber", "Circuit number"),
    ("status", "Status"),
    ("customer", "Customer"),
    ("area", "Area"),
    ("complex", "Complex"),
    ("address", "Address"),
    ("fsan", "FSAN"),
    ("mac", "MAC address"),
    ("deviceType", "Device type"),
    ("bandwidth", "Bandwidth"),
    ("activation", "Activation date"),
    ("expiry", "Contract expiry"),
    ("monthlyPrice", "Monthly price"),
    ("installationPrice", "Installation price"),
    ("deactivated", "Deactivation date"),
];

/// Element ids of Evotel's details, by the field names of the truth.
const EVOTEL_IDS: [(&str, &str); 17] = [
    ("serial", "Serial"),
    ("client", "Client"),
    ("area", "Area"),
    ("address", "Address"),
    ("provider", "Service_Provider"),
    ("product", "Service_Product"),
    ("contract", "Service_Contract"),
    ("serviceStatus", "Service_Status"),
    ("applicationDate", "Service_ApplicationDate"),
    ("effectiveDate", "Service_EffectiveDate"),
    ("ispReference", "IspReference"),
    ("ontVerification", "Ont_Verification"),
    ("ontPort", "Ont_Port"),
    ("workOrderRef", "WorkOrder_Ref"),
    ("workOrderType", "WorkOrder_Type"),
    ("workOrderStatus", "WorkOrder_Status"),
    ("workOrderTime", "WorkOrder_Time"),
];

/// The rows that a search finds: numbers, and the internal number of the wanted one.
pub async fn search(
    browser: &mut Browser,
    portal: Portal,
    number: &str,
) -> (Vec<String>, Option<u64>) {
    let query = encoded(number);
    let texts = |rows: &Value, name: &str| -> Vec<(String, Option<u64>)> {
        let text = |row: &Value| {
            (
                row[name].as_str().or_else(|| row["cells"][0].as_str()).expect("text").to_owned(),
                row["id"].as_u64(),
            )
        };
        rows.as_array().expect("rows").iter().map(text).collect()
    };
    let rows = match portal {
        Portal::Octotel => texts(
            &browser.get(&format!("http://octotel/api/services?status=All&q={query}")).await.json()
                ["rows"],
            "lineReference",
        ),
        Portal::Openserve => texts(
            &browser.get(&format!("http://openserve/api/services?q={query}")).await.json()["rows"],
            "serviceNumber",
        ),
        Portal::Mfn => {
            let mut rows = Vec::new();
            for list in ["active", "deactivated"] {
                let page = browser
                    .get(&format!(
                        "http://metrofibre/data/lines?list={list}&search={query}&page=1&size=25"
                    ))
                    .await;
                rows.extend(texts(&page.json()["rows"], "circuit"));
            }
            rows
        }
        Portal::Evotel => {
            let page = browser.get(&format!("http://evotel/Circuits/Search?term={query}")).await;
            let links = page.body.split("<a class=\"lnk\" href=\"/Circuits/Details/").skip(1);
            links
                .map(|link| {
                    let (id, rest) = link.split_once("\">").expect("an address");
                    (rest.split('<').next().expect("text").to_owned(), id.parse().ok())
                })
                .collect()
        }
        Portal::Lightlink => lightlink(browser, number)
            .await
            .into_iter()
            .map(|mut row| (row.remove("line").expect("a number"), None))
            .collect(),
    };
    let id = rows.iter().find(|(found, _)| found == number).and_then(|(_, id)| *id);
    (rows.into_iter().map(|(found, _)| found).collect(), id)
}

/// The rows of Lightlink's result, with the field names of the truth.
pub async fn lightlink(browser: &mut Browser, text: &str) -> Vec<Fields> {
    let page = browser.get(&format!("http://lightlink/lines?line={}", encoded(text))).await;
    let plain = page.body.contains("<th>Line</th><th>Status</th><th>Address</th>");
    assert_ne!(plain, page.body.contains("<p>No line found</p>"), "{}", page.body);
    let rows = page
        .body
        .split("<tr><td>")
        .skip(1)
        .map(|row| row.split("</td></tr>").next().expect("an end"));
    let row = |row: &str| -> Fields {
        let texts = row.split("</td><td>").map(plain_text);
        ["line", "status", "address"].map(str::to_owned).into_iter().zip(texts).collect()
    };
    rows.map(row).collect()
}

/// What the details page of a line shows, with the field names of the truth.
pub async fn details(browser: &mut Browser, portal: Portal, number: &str) -> Fields {
    let id =
        if portal == Portal::Lightlink { None } else { search(browser, portal, number).await.1 };
    let json = |value: &Value| -> Fields {
        serde_json::from_value(value["fields"].clone()).expect("fields")
    };
    match portal {
        Portal::Octotel => json(
            &browser
                .get(&format!("http://octotel/api/services/{}", id.expect("an id")))
                .await
                .json(),
        ),
        Portal::Openserve => {
            json(&browser.get(&format!("http://openserve/api/services/{number}")).await.json())
        }
        Portal::Mfn => {
            let page = browser
                .get(&format!("http://metrofibre/lines/{}/details", id.expect("an id")))
                .await;
            let shown = MFN_LABELS
                .into_iter()
                .filter(|(_, label)| page.body.contains(&format!("<th>{label}</th>")));
            shown
                .map(|(name, label)| {
                    (name.to_owned(), page.between(&format!("<th>{label}</th><td>"), "<"))
                })
                .collect()
        }
        Portal::Evotel => {
            let page = browser
                .get(&format!("http://evotel/Circuits/Details/{}", id.expect("an id")))
                .await;
            let shown = EVOTEL_IDS
                .into_iter()
                .filter(|(_, id)| page.body.contains(&format!("id=\"{id}\"")));
            let fields = shown
                .map(|(name, id)| (name.to_owned(), page.between(&format!("id=\"{id}\">"), "<")));
            fields.filter(|(_, text)| !text.is_empty()).collect()
        }
        Portal::Lightlink => lightlink(browser, number)
            .await
            .into_iter()
            .find(|row| row["line"] == number)
            .expect("the line's row"),
    }
}
