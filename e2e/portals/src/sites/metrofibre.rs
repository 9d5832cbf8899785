//! MetroFibre: pages from the server, the lists drawn by a data table in the browser. Plain login.

mod cancellation;
mod table;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;
use serde_json::json;

use crate::circuits::{Circuit, LineState, fields, show_date};
use crate::journal::Verdict;
use crate::portal::Portal;
use crate::sign_in::{SignIn, Visitor};
use crate::web;
use crate::world::Portals;

const HERE: Portal = Portal::Mfn;

type App = State<Arc<Portals>>;

pub(super) fn router() -> Router<Arc<Portals>> {
    Router::new()
        .route("/assets/mfn.css", get(async || web::stylesheet(include_str!("metrofibre/mfn.css"))))
        .route("/assets/table.js", get(async || web::script(include_str!("metrofibre/table.js"))))
        .route("/assets/cancel.js", get(async || web::script(include_str!("metrofibre/cancel.js"))))
        .route("/", get(async || Redirect::to("/lines")))
        .route("/login", get(login_page).post(login))
        .route("/logout", get(logout))
        .route("/lines", get(active))
        .route("/lines/deactivated", get(deactivated))
        .route("/data/lines", get(table::rows))
        .route("/lines/{id}", get(line))
        .route("/lines/{id}/details", get(details))
        .route("/lines/{id}/cancel", get(cancellation::form).post(cancellation::submit))
        .route("/requests", get(cancellation::requests))
        .route("/requests/{reference}/accept", post(cancellation::accept))
        .fallback(not_found)
}

async fn not_found() -> Response {
    message(StatusCode::NOT_FOUND, "", "Page not found", "The page you asked for does not exist.")
}

fn message(status: StatusCode, user: &str, title: &str, text: &str) -> Response {
    web::page_with_status(
        status,
        "metrofibre/message.html",
        json!({"user": user, "title": title, "text": text, "at": ""}),
    )
}

fn to_login() -> Response {
    Redirect::to("/login?timeout=1").into_response()
}

#[derive(Deserialize)]
struct LoginQuery {
    timeout: Option<String>,
    out: Option<String>,
}

fn show_login(status: StatusCode, notice: &str, error: &str) -> Response {
    web::page_with_status(
        status,
        "metrofibre/login.html",
        json!({"user": "", "at": "", "notice": notice, "error": error}),
    )
}

async fn login_page(Query(query): Query<LoginQuery>) -> Response {
    let notice = match (query.timeout, query.out) {
        (Some(_), _) => "Please log in. Your session may have timed out.",
        (_, Some(_)) => "You are logged out.",
        _ => "",
    };
    show_login(StatusCode::OK, notice, "")
}

#[derive(Deserialize)]
struct Password {
    user: String,
    pass: String,
}

async fn login(State(portals): App, jar: CookieJar, Form(form): Form<Password>) -> Response {
    let refused = match portals.enter_password(HERE, form.user.trim(), &form.pass) {
        SignIn::Open(token) => return web::signed_in(HERE, jar, token, "/lines"),
        SignIn::CodeNeeded => "This account cannot be used here.",
        SignIn::Refused(Verdict::Locked) => "Account locked. Please contact MetroFibre support.",
        SignIn::Refused(Verdict::TooManySessions) => {
            "You are already logged in on another computer."
        }
        SignIn::Refused(_) => "Invalid user name or password.",
    };
    show_login(StatusCode::UNAUTHORIZED, "", refused)
}

async fn logout(State(portals): App, jar: CookieJar) -> Response {
    web::signed_out(&portals, HERE, jar, "/login?out=1")
}

async fn active(State(portals): App, jar: CookieJar) -> Response {
    list(&portals, &jar, "active", "Active lines")
}

async fn deactivated(State(portals): App, jar: CookieJar) -> Response {
    list(&portals, &jar, "deactivated", "Deactivated lines")
}

fn list(portals: &Portals, jar: &CookieJar, at: &str, title: &str) -> Response {
    let Some(visitor) = web::visitor(portals, HERE, jar) else { return to_login() };
    let render_delay = portals.settings(HERE).render_delay_ms;
    web::page(
        "metrofibre/lines.html",
        json!({"user": visitor.account, "at": at, "title": title, "render_delay": render_delay}),
    )
}

/// The page around the frame with the details. It shows only the number.
async fn line(State(portals): App, jar: CookieJar, Path(id): Path<u32>) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else { return to_login() };
    let Some(circuit) = portals.line(HERE, id) else { return no_line(&visitor) };
    let at =
        if circuit.state(portals.now()) == LineState::Cancelled { "deactivated" } else { "active" };
    let cancellable = circuit.cancellable(portals.now());
    web::page(
        "metrofibre/line.html",
        json!({"user": visitor.account, "at": at, "id": id, "number": circuit.number, "cancellable": cancellable}),
    )
}

fn no_line(visitor: &Visitor) -> Response {
    message(StatusCode::NOT_FOUND, &visitor.account, "Line not found", "This line does not exist.")
}

/// The document inside the frame.
async fn details(State(portals): App, jar: CookieJar, Path(id): Path<u32>) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else { return to_login() };
    let Some(circuit) = portals.look_up(&visitor, id) else { return no_line(&visitor) };
    let now = portals.now();
    web::page(
        "metrofibre/details.html",
        json!({"fields": fields(&circuit, now), "history": history(&circuit, now)}),
    )
}

fn history(circuit: &Circuit, now: jiff::Timestamp) -> Vec<[String; 3]> {
    let entry =
        |date, text: &str, by: &str| [show_date(HERE, date), text.to_owned(), by.to_owned()];
    let mut history = vec![entry(circuit.started, "Line activated", "Provisioning")];
    match circuit.state(now) {
        LineState::Suspended => {
            history.push(entry(circuit.started, "Line suspended", "Partner API"))
        }
        LineState::Cancelled => {
            let cancelled = circuit
                .cancellation
                .as_ref()
                .map(|c| entry(c.requested_date, "Line deactivated", &c.by));
            history.extend(cancelled);
        }
        LineState::PendingCancellation => {
            let pending = circuit.cancellation.as_ref();
            history.extend(pending.map(|c| {
                entry(
                    c.requested_date,
                    &format!("Cancellation {} takes effect", c.reference),
                    &c.by,
                )
            }));
        }
        _ => {}
    }
    history
}
