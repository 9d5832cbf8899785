//! Cancellation: a form, a page to confirm it, a work order.

use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum_extra::extract::cookie::CookieJar;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::json;

use super::{App, HERE, error, forged, show_details, to_login};
use crate::circuits::{Circuit, day, show_date};
use crate::lines::CancelRequest;
use crate::sign_in::Visitor;
use crate::web;
use crate::world::Portals;

const REASONS: [&str; 4] = ["Client request", "Client relocating", "Arrears", "Switched provider"];

pub(super) async fn form(State(portals): App, jar: CookieJar, Path(id): Path<u32>) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else {
        return to_login(&format!("/Circuits/Cancel/{id}"));
    };
    let Some(circuit) = portals.line(HERE, id) else { return missing() };
    if !circuit.cancellable(portals.now()) {
        return error(
            StatusCode::FORBIDDEN,
            "This service cannot be cancelled in its current status.",
        );
    }
    show_form(&portals, &visitor, &circuit, "")
}

fn missing() -> Response {
    error(StatusCode::NOT_FOUND, "The resource cannot be found.")
}

fn show_form(portals: &Portals, visitor: &Visitor, circuit: &Circuit, problem: &str) -> Response {
    web::page(
        "evotel/cancel.html",
        json!({
            "user": visitor.account,
            "token": visitor.form_token,
            "id": circuit.id,
            "serial": circuit.number,
            "client": circuit.customer,
            "address": circuit.address,
            "reasons": REASONS,
            "today": day(portals.now()).to_string(),
            "problem": problem,
        }),
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Cancel {
    #[serde(default, rename = "__RequestVerificationToken")]
    token: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    comment: String,
    #[serde(default)]
    effective_date: String,
}

/// The second page shows what will be cancelled and when.
pub(super) async fn review(
    State(portals): App,
    jar: CookieJar,
    Path(id): Path<u32>,
    Form(form): Form<Cancel>,
) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else {
        return to_login(&format!("/Circuits/Cancel/{id}"));
    };
    if visitor.form_token != form.token {
        return forged();
    }
    let Some(circuit) = portals.line(HERE, id) else { return missing() };
    if let Err(problem) = check(&form, day(portals.now())) {
        return show_form(&portals, &visitor, &circuit, &problem);
    }
    web::page(
        "evotel/confirm.html",
        json!({
            "user": visitor.account,
            "token": visitor.form_token,
            "id": id,
            "serial": circuit.number,
            "client": circuit.customer,
            "address": circuit.address,
            "reason": form.reason,
            "comment": form.comment,
            "date": form.effective_date,
        }),
    )
}

pub(super) async fn confirmed(
    State(portals): App,
    jar: CookieJar,
    Path(id): Path<u32>,
    Form(form): Form<Cancel>,
) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else {
        return to_login(&format!("/Circuits/Cancel/{id}"));
    };
    if visitor.form_token != form.token {
        return forged();
    }
    let request = check(&form, day(portals.now())).map(|requested_date| CancelRequest {
        reason: form.reason,
        comment: form.comment,
        requested_date,
        external_reference: None,
    });
    let Some(answer) = portals.cancel(&visitor, id, request) else { return missing() };
    match web::settle(answer).await {
        Ok(Ok(reference)) => {
            let Some(circuit) = portals.line(HERE, id) else { return missing() };
            show_details(
                &portals,
                &visitor,
                &circuit,
                &format!("Work order {reference} was created for {}.", circuit.number),
            )
        }
        Ok(Err(sentence)) => error(StatusCode::CONFLICT, &sentence),
        Err(hang_up) => hang_up,
    }
}

fn check(form: &Cancel, today: Date) -> Result<Date, String> {
    if !REASONS.contains(&form.reason.as_str()) {
        return Err("The Reason field is required.".to_owned());
    }
    if form.comment.trim().is_empty() {
        return Err("The Comment field is required.".to_owned());
    }
    let date = Date::strptime("%d %b %Y", form.effective_date.trim())
        .map_err(|_| "The Effective Date field is required.".to_owned())?;
    if date < today {
        Err(format!("The Effective Date must be {} or later.", show_date(HERE, today)))
    } else {
        Ok(date)
    }
}
