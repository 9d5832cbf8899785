//! Data for the application.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::CookieJar;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, HERE};
use crate::circuits::{Circuit, day, fields, show_date};
use crate::lines::CancelRequest;
use crate::web::{self, api_error, part, session_expired};

const ROWS: usize = 10;

pub(super) async fn me(State(portals): App, jar: CookieJar) -> Response {
    let visitor = web::visitor(&portals, HERE, &jar);
    visitor.map_or_else(session_expired, |visitor| {
        Json(json!({"name": visitor.account})).into_response()
    })
}

#[derive(Deserialize)]
pub(super) struct List {
    #[serde(default)]
    q: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    page: usize,
}

pub(super) async fn services(
    State(portals): App,
    jar: CookieJar,
    Query(list): Query<List>,
) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else { return session_expired() };
    let all = list.status.is_empty() || list.status == "All";
    let found = portals
        .search(&visitor, &list.q, |circuit, now| all || circuit.state(now).label() == list.status);
    let now = portals.now();
    let (rows, pages) = part(&found, list.page, ROWS);
    let row = |circuit: &Circuit| {
        let fields = fields(circuit, now);
        json!({
            "id": circuit.id,
            "lineReference": fields["lineReference"],
            "customer": fields["customer"],
            "address": fields["address"],
            "speedProfile": fields["speedProfile"],
            "startDate": fields["startDate"],
            "status": fields["status"],
        })
    };
    let rows: Vec<Value> = rows.iter().map(row).collect();
    Json(json!({"rows": rows, "total": found.len(), "pages": pages, "page": list.page.clamp(1, pages)})).into_response()
}

pub(super) async fn service(State(portals): App, jar: CookieJar, Path(id): Path<u32>) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else { return session_expired() };
    let Some(circuit) = portals.look_up(&visitor, id) else {
        return api_error(StatusCode::NOT_FOUND, "not_found", "This service does not exist.");
    };
    let now = portals.now();
    Json(json!({
        "id": id,
        "fields": fields(&circuit, now),
        "requests": requests(&circuit, now),
        "changeable": circuit.cancellable(now),
    }))
    .into_response()
}

fn requests(circuit: &Circuit, now: jiff::Timestamp) -> Vec<Value> {
    let cancelled = circuit.state(now).label() == "Cancelled";
    let cancellation = circuit.shown_cancellation(now).map(|c| {
        json!({
            "id": c.reference,
            "lineReference": circuit.number,
            "type": "Cancellation",
            "status": if cancelled { "Implemented" } else { "Accepted" },
            "dueDate": show_date(HERE, c.requested_date),
            "requestedBy": c.by,
        })
    });
    let others = circuit.requests.iter().map(|r| {
        json!({
            "id": r.reference,
            "lineReference": circuit.number,
            "type": r.kind,
            "status": r.status,
            "dueDate": show_date(HERE, r.due),
            "requestedBy": r.by,
        })
    });
    cancellation.into_iter().chain(others).collect()
}

pub(super) async fn change_requests(
    State(portals): App,
    jar: CookieJar,
    Query(list): Query<List>,
) -> Response {
    if web::visitor(&portals, HERE, &jar).is_none() {
        return session_expired();
    }
    let (now, needle) = (portals.now(), list.q.trim().to_ascii_uppercase());
    let mut rows: Vec<Value> = portals
        .lines_with_requests(HERE)
        .iter()
        .flat_map(|circuit| requests(circuit, now))
        .collect();
    rows.retain(|row| {
        ["id", "lineReference"]
            .iter()
            .any(|key| row[*key].as_str().is_some_and(|text| text.contains(&needle)))
    });
    let (shown, pages) = part(&rows, list.page, ROWS);
    Json(json!({"rows": shown, "total": rows.len(), "pages": pages, "page": list.page.clamp(1, pages)})).into_response()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Change {
    service: u32,
    r#type: String,
    reason: String,
    date: String,
    #[serde(default)]
    comment: String,
}

pub(super) async fn submit(
    State(portals): App,
    jar: CookieJar,
    Json(change): Json<Change>,
) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else { return session_expired() };
    let checked = check(&change, day(portals.now()));
    if change.r#type != "Cancellation" {
        let reference = match checked {
            Ok(date) => portals.request_change(&visitor, change.service, &change.r#type, date),
            Err(sentence) => {
                return api_error(StatusCode::UNPROCESSABLE_ENTITY, "invalid", &sentence);
            }
        };
        return reference.map_or_else(missing, |reference| {
            Json(json!({"reference": reference})).into_response()
        });
    }
    let request = checked.map(|requested_date| CancelRequest {
        reason: change.reason,
        comment: change.comment,
        requested_date,
        external_reference: None,
    });
    let Some(answer) = portals.cancel(&visitor, change.service, request) else { return missing() };
    match web::settle(answer).await {
        Ok(Ok(reference)) => Json(json!({"reference": reference})).into_response(),
        Ok(Err(sentence)) => api_error(StatusCode::UNPROCESSABLE_ENTITY, "invalid", &sentence),
        Err(hang_up) => hang_up,
    }
}

fn missing() -> Response {
    api_error(StatusCode::NOT_FOUND, "not_found", "This service does not exist.")
}

fn check(change: &Change, today: Date) -> Result<Date, String> {
    let types = ["Cancellation", "Relocation", "Speed change"];
    if !types.contains(&change.r#type.as_str()) {
        return Err("Please choose a type.".to_owned());
    }
    if change.reason.trim().is_empty() {
        return Err("Please choose a reason.".to_owned());
    }
    let date = Date::strptime("%d/%m/%Y", change.date.trim())
        .map_err(|_| "Please enter the date as DD/MM/YYYY.".to_owned())?;
    if date < today { Err("The date must not be in the past.".to_owned()) } else { Ok(date) }
}
