//! Cancellation has two phases: a request is logged, then it is accepted. Only the second phase
//! changes the line.

use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::CookieJar;
use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{App, HERE, message, no_line, to_login};
use crate::circuits::{Circuit, day, show_date};
use crate::lines::CancelRequest;
use crate::web;
use crate::world::Portals;

const REASONS: [&str; 4] =
    ["Customer request", "Customer moved", "Non-payment", "Changed provider"];

/// The end of the notice period, which the read-only field shows.
fn due(portals: &Portals) -> Date {
    day(portals.now()).saturating_add(i64::from(portals.settings(HERE).notice_days).days())
}

pub(super) async fn form(State(portals): App, jar: CookieJar, Path(id): Path<u32>) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else { return to_login() };
    let Some(circuit) = portals.line(HERE, id) else { return no_line(&visitor) };
    if !circuit.cancellable(portals.now()) {
        let text = format!("Line {} cannot be cancelled in its present state.", circuit.number);
        return message(StatusCode::FORBIDDEN, &visitor.account, "Not allowed", &text);
    }
    let date = show_date(HERE, due(&portals));
    let page = json!({"user": visitor.account, "at": "active", "id": id, "number": circuit.number, "customer": circuit.customer, "date": date, "reasons": REASONS});
    web::page("metrofibre/cancel.html", page)
}

#[derive(Deserialize)]
pub(super) struct Cancel {
    reason: String,
    date: String,
}

pub(super) async fn submit(
    State(portals): App,
    jar: CookieJar,
    Path(id): Path<u32>,
    Form(form): Form<Cancel>,
) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else { return to_login() };
    let due = due(&portals);
    let request = match () {
        () if !REASONS.contains(&form.reason.as_str()) => Err("Please select a reason.".to_owned()),
        () if form.date != show_date(HERE, due) => {
            Err("The cancellation date cannot be changed.".to_owned())
        }
        () => Ok(CancelRequest {
            reason: form.reason,
            comment: String::new(),
            requested_date: due,
            external_reference: None,
        }),
    };
    let Some(answer) = portals.cancel(&visitor, id, request) else { return no_line(&visitor) };
    match web::settle(answer).await {
        Ok(Ok(reference)) => Redirect::to(&format!("/requests?logged={reference}")).into_response(),
        Ok(Err(sentence)) => message(
            StatusCode::UNPROCESSABLE_ENTITY,
            &visitor.account,
            "Request not logged",
            &sentence,
        ),
        Err(hang_up) => hang_up,
    }
}

#[derive(Deserialize)]
pub(super) struct Find {
    #[serde(default)]
    q: String,
    #[serde(default)]
    logged: String,
    #[serde(default)]
    accepted: String,
    #[serde(default)]
    page: usize,
}

#[derive(Serialize)]
struct Row {
    reference: String,
    number: String,
    customer: String,
    date: String,
    by: String,
    status: &'static str,
}

pub(super) async fn requests(
    State(portals): App,
    jar: CookieJar,
    Query(find): Query<Find>,
) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else { return to_login() };
    let needle = find.q.trim().to_ascii_uppercase();
    let row = |circuit: &Circuit| {
        let request = circuit.cancellation.as_ref()?;
        let status = if request.accepted { "Accepted" } else { "Awaiting acceptance" };
        Some(Row {
            reference: request.reference.clone(),
            number: circuit.number.clone(),
            customer: circuit.customer.clone(),
            date: show_date(HERE, request.requested_date),
            by: request.by.clone(),
            status,
        })
    };
    let mut rows: Vec<Row> = portals.lines_with_requests(HERE).iter().filter_map(row).collect();
    rows.retain(|row| row.number.contains(&needle) || row.reference.contains(&needle));
    let (shown, pages) = web::part(&rows, find.page, 15);
    let page = find.page.clamp(1, pages);
    web::page(
        "metrofibre/requests.html",
        json!({"user": visitor.account, "at": "requests", "rows": shown, "page": page, "pages": pages, "q": find.q, "logged": find.logged, "accepted": find.accepted}),
    )
}

pub(super) async fn accept(
    State(portals): App,
    jar: CookieJar,
    Path(reference): Path<String>,
) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else { return to_login() };
    let lines = portals.lines_with_requests(HERE);
    let line = lines
        .iter()
        .find(|circuit| circuit.cancellation.as_ref().is_some_and(|c| c.reference == reference));
    let answer = line.and_then(|circuit| portals.accept(&visitor, circuit.id));
    let Some(answer) = answer else {
        return message(
            StatusCode::CONFLICT,
            &visitor.account,
            "Request not accepted",
            "No open request has this number.",
        );
    };
    match web::settle(answer).await {
        Ok(Ok(reference)) => {
            Redirect::to(&format!("/requests?q={reference}&accepted={reference}")).into_response()
        }
        Ok(Err(sentence)) => {
            message(StatusCode::CONFLICT, &visitor.account, "Request not accepted", &sentence)
        }
        Err(hang_up) => hang_up,
    }
}
