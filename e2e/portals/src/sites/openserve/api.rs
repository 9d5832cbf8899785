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

const ROWS: usize = 12;

pub(super) async fn session(State(portals): App, jar: CookieJar) -> Response {
    let visitor = web::visitor(&portals, HERE, &jar);
    visitor.map_or_else(session_expired, |visitor| {
        Json(json!({"user": visitor.account})).into_response()
    })
}

#[derive(Deserialize)]
pub(super) struct List {
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: usize,
}

pub(super) async fn services(
    State(portals): App,
    jar: CookieJar,
    Query(list): Query<List>,
) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else { return session_expired() };
    let found = portals.search(&visitor, &list.q, |_, _| true);
    let now = portals.now();
    let (rows, pages) = part(&found, list.page, ROWS);
    let row = |circuit: &Circuit| {
        let fields = fields(circuit, now);
        json!({
            "serviceNumber": fields["serviceNumber"],
            "product": fields["product"],
            "customer": fields["customer"],
            "address": fields["address"],
            "orderStatus": fields["orderStatus"],
        })
    };
    let rows: Vec<Value> = rows.iter().map(row).collect();
    Json(json!({"rows": rows, "total": found.len(), "pages": pages, "page": list.page.clamp(1, pages)})).into_response()
}

fn missing() -> Response {
    api_error(StatusCode::NOT_FOUND, "not_found", "Service number not found.")
}

fn denied() -> Response {
    api_error(
        StatusCode::FORBIDDEN,
        "access_denied",
        "You are not allowed to perform this action on this service.",
    )
}

pub(super) async fn service(
    State(portals): App,
    jar: CookieJar,
    Path(number): Path<String>,
) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else { return session_expired() };
    let Some(circuit) = portals.line_by_number(HERE, &number) else {
        // A deep link to a line that does not exist is recorded as a search without a hit.
        portals.search(&visitor, &number, |_, _| false);
        return missing();
    };
    portals.look_up(&visitor, circuit.id);
    Json(json!({"fields": fields(&circuit, portals.now())})).into_response()
}

/// Data for the cease page, or the refusal that leads to the access-denied page.
pub(super) async fn cease_form(
    State(portals): App,
    jar: CookieJar,
    Path(number): Path<String>,
) -> Response {
    if web::visitor(&portals, HERE, &jar).is_none() {
        return session_expired();
    }
    let Some(circuit) = portals.line_by_number(HERE, &number) else { return missing() };
    if !circuit.cancellable(portals.now()) {
        return denied();
    }
    Json(json!({"serviceNumber": number, "customer": circuit.customer, "address": circuit.address}))
        .into_response()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Cease {
    external_reference: String,
    date: String,
    #[serde(default)]
    reason: String,
}

pub(super) async fn cease(
    State(portals): App,
    jar: CookieJar,
    Path(number): Path<String>,
    Json(cease): Json<Cease>,
) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else { return session_expired() };
    let Some(circuit) = portals.line_by_number(HERE, &number) else { return missing() };
    let request = check(cease, day(portals.now()));
    let valid = request.is_ok();
    let Some(answer) = portals.cancel(&visitor, circuit.id, request) else { return missing() };
    match web::settle(answer).await {
        Ok(Ok(reference)) => Json(json!({"orderNumber": reference})).into_response(),
        Ok(Err(sentence)) if !valid => {
            api_error(StatusCode::UNPROCESSABLE_ENTITY, "invalid", &sentence)
        }
        Ok(Err(_)) if !circuit.cancellable(portals.now()) => denied(),
        Ok(Err(sentence)) => api_error(StatusCode::CONFLICT, "declined", &sentence),
        Err(hang_up) => hang_up,
    }
}

fn check(cease: Cease, today: Date) -> Result<CancelRequest, String> {
    let external = cease.external_reference.trim().to_owned();
    if external.is_empty() {
        return Err("External reference is required.".to_owned());
    }
    let date: Date = cease
        .date
        .trim()
        .parse()
        .map_err(|_| "Cease date must be a date (YYYY-MM-DD).".to_owned())?;
    if date < today {
        return Err("Cease date must not be in the past.".to_owned());
    }
    Ok(CancelRequest {
        reason: cease.reason,
        comment: String::new(),
        requested_date: date,
        external_reference: Some(external),
    })
}

pub(super) async fn order(
    State(portals): App,
    jar: CookieJar,
    Path(reference): Path<String>,
) -> Response {
    if web::visitor(&portals, HERE, &jar).is_none() {
        return session_expired();
    }
    let lines = portals.lines_with_requests(HERE);
    let of_line = |circuit: &Circuit| {
        let order = circuit.cancellation.as_ref().filter(|order| order.reference == reference)?;
        Some(json!({
            "orderNumber": order.reference,
            "serviceNumber": circuit.number,
            "orderType": "Cease Active Service",
            "externalReference": order.external_reference,
            "ceaseDate": show_date(HERE, order.requested_date),
            "customer": circuit.customer,
        }))
    };
    let found = lines.iter().find_map(of_line);
    found.map_or_else(
        || api_error(StatusCode::NOT_FOUND, "not_found", "Order not found."),
        |order| Json(order).into_response(),
    )
}
