//! Openserve: a single-page application with deep links that redraws itself; login through another
//! origin.

mod api;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, OriginalUri, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;
use serde_json::json;

use crate::journal::Verdict;
use crate::portal::{Origin, Portal};
use crate::sign_in::{SignIn, local_path};
use crate::web;
use crate::world::Portals;

const HERE: Portal = Portal::Openserve;
const LOGIN_COOKIE: &str = "osn_idp";

type App = State<Arc<Portals>>;

pub(super) fn router() -> Router<Arc<Portals>> {
    Router::new()
        .route("/assets/app.js", get(async || web::script(include_str!("openserve/app.js"))))
        .route("/assets/cease.js", get(async || web::script(include_str!("openserve/cease.js"))))
        .route("/assets/app.css", get(async || web::stylesheet(include_str!("openserve/app.css"))))
        .route("/auth/login", get(login))
        .route("/auth/callback", get(callback))
        .route("/auth/logout", get(logout))
        .route("/notice", get(notice))
        .route("/api/session", get(api::session))
        .route("/api/services", get(api::services))
        .route("/api/services/{number}", get(api::service))
        .route("/api/services/{number}/cease", post(api::cease).get(api::cease_form))
        .route("/api/orders/{reference}", get(api::order))
        .fallback(shell)
}

pub(super) fn login_router() -> Router<Arc<Portals>> {
    Router::new()
        .route(
            "/assets/login.css",
            get(async || web::stylesheet(include_str!("openserve/login.css"))),
        )
        .route("/oauth/authorize", get(authorize).post(password))
        .fallback(async |State(portals): App| Redirect::to(portals.url(Origin::Openserve)))
}

#[derive(Deserialize)]
struct Next {
    #[serde(default)]
    next: String,
}

/// Every address of the application. At times a notice page comes first.
async fn shell(State(portals): App, jar: CookieJar, OriginalUri(uri): OriginalUri) -> Response {
    if let Some(visitor) = web::visitor(&portals, HERE, &jar)
        && portals.page_load_meets_notice(&visitor)
    {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        return Redirect::to(&with_next("/notice", path)).into_response();
    }
    let settings = portals.settings(HERE);
    web::page(
        "openserve/index.html",
        json!({"render_delay": settings.render_delay_ms, "notice_days": settings.notice_days}),
    )
}

fn with_next(url: &str, next: &str) -> String {
    let query = query_value(next);
    format!("{url}?next={query}")
}

/// A path as the value of a query parameter.
fn query_value(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.');
    text.bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

async fn notice(Query(query): Query<Next>) -> Response {
    web::page("openserve/notice.html", json!({"next": local_path(&query.next)}))
}

async fn login(State(portals): App, Query(query): Query<Next>) -> Redirect {
    let url = format!("{}/oauth/authorize", portals.url(Origin::OpenserveLogin));
    Redirect::to(&with_next(&url, local_path(&query.next)))
}

async fn logout(State(portals): App, jar: CookieJar) -> Response {
    web::signed_out(&portals, HERE, jar, "/signed-out")
}

#[derive(Deserialize)]
struct Callback {
    code: String,
}

async fn callback(State(portals): App, jar: CookieJar, Query(query): Query<Callback>) -> Response {
    match portals.redeem(HERE, &query.code) {
        Some((token, next)) => web::signed_in(HERE, jar, token, &next),
        None => Redirect::to("/").into_response(),
    }
}

async fn authorize(State(portals): App, jar: CookieJar, Query(query): Query<Next>) -> Response {
    let jar = web::with_cookie(jar, LOGIN_COOKIE, portals.begin_login(&query.next));
    (jar, show("")).into_response()
}

fn show(error: &str) -> Response {
    let status = if error.is_empty() { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    web::page_with_status(status, "openserve/login.html", json!({"error": error}))
}

#[derive(Deserialize)]
struct Password {
    loginfmt: String,
    passwd: String,
}

async fn password(State(portals): App, jar: CookieJar, Form(form): Form<Password>) -> Response {
    let login = jar
        .get(LOGIN_COOKIE)
        .map(|cookie| cookie.value().to_owned())
        .filter(|login| portals.knows_login(login));
    let Some(login) = login else {
        return Redirect::to(portals.url(Origin::Openserve)).into_response();
    };
    match portals.enter_password(HERE, form.loginfmt.trim(), &form.passwd) {
        SignIn::Open(token) => {
            let code = portals.finish_login(HERE, &login, token);
            let url = format!("{}/auth/callback?code={code}", portals.url(Origin::Openserve));
            (web::without_cookie(jar, LOGIN_COOKIE), Redirect::to(&url)).into_response()
        }
        SignIn::CodeNeeded => show("This account cannot be used here."),
        SignIn::Refused(Verdict::Locked) => {
            show("This account is locked. Contact the Openserve service desk.")
        }
        SignIn::Refused(Verdict::TooManySessions) => {
            show("You have reached the maximum number of sessions.")
        }
        SignIn::Refused(_) => show("We could not sign you in with these details."),
    }
}
