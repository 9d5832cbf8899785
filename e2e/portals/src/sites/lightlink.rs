//! Lightlink: a login, a search box, a table; all of it from the server, without a script. Lines
//! cannot be cancelled here.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;
use serde_json::json;

use crate::circuits::{Circuit, fields};
use crate::journal::Verdict;
use crate::portal::Portal;
use crate::sign_in::SignIn;
use crate::web;
use crate::world::Portals;

const HERE: Portal = Portal::Lightlink;

/// Maximum number of rows of a result. A line has far fewer namesakes, so a complete number always
/// finds its row.
const ROWS: usize = 50;

type App = State<Arc<Portals>>;

pub(super) fn router() -> Router<Arc<Portals>> {
    Router::new()
        .route(
            "/assets/lightlink.css",
            get(async || web::stylesheet(include_str!("lightlink/lightlink.css"))),
        )
        .route("/", get(home))
        .route("/login", get(async || show_login(StatusCode::OK, "")).post(login))
        .route("/logout", get(logout))
        .route("/lines", get(lines))
}

fn to_login() -> Response {
    Redirect::to("/login").into_response()
}

fn show_login(status: StatusCode, error: &str) -> Response {
    web::page_with_status(status, "lightlink/login.html", json!({"user": "", "error": error}))
}

#[derive(Deserialize)]
struct Password {
    user: String,
    password: String,
}

async fn login(State(portals): App, jar: CookieJar, Form(form): Form<Password>) -> Response {
    let refused = match portals.enter_password(HERE, form.user.trim(), &form.password) {
        SignIn::Open(token) => return web::signed_in(HERE, jar, token, "/"),
        SignIn::CodeNeeded => "This account cannot be used here.",
        SignIn::Refused(Verdict::Locked) => "This account is locked. Call us to have it opened.",
        SignIn::Refused(Verdict::TooManySessions) => "This account is in use elsewhere.",
        SignIn::Refused(_) => "User or password is wrong.",
    };
    show_login(StatusCode::UNAUTHORIZED, refused)
}

async fn logout(State(portals): App, jar: CookieJar) -> Response {
    web::signed_out(&portals, HERE, jar, "/login")
}

async fn home(State(portals): App, jar: CookieJar) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else { return to_login() };
    web::page("lightlink/home.html", json!({"user": visitor.account}))
}

#[derive(Deserialize)]
struct Wanted {
    #[serde(default)]
    line: String,
}

async fn lines(State(portals): App, jar: CookieJar, Query(wanted): Query<Wanted>) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else { return to_login() };
    let line = wanted.line.trim().to_ascii_uppercase();
    if line.is_empty() {
        return Redirect::to("/").into_response();
    }
    let found = portals.search(&visitor, &line, |circuit, _| circuit.number.starts_with(&line));
    let (shown, _) = web::part(&found, 1, ROWS);
    // This portal has no details page. The row of exactly this line counts as the look-up.
    if let Some(circuit) = shown.iter().find(|circuit| circuit.number == line) {
        portals.look_up(&visitor, circuit.id);
    }
    let now = portals.now();
    let rows: Vec<_> = shown.iter().map(|circuit: &Circuit| fields(circuit, now)).collect();
    web::page(
        "lightlink/lines.html",
        json!({"user": visitor.account, "line": line, "rows": rows, "total": found.len()}),
    )
}
