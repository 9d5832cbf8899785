//! Octotel: a single-page list with a side panel and a modal. Login is hosted on another origin and
//! asks for a code.

mod api;
mod identity;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;
use serde_json::json;

use crate::portal::{Origin, Portal};
use crate::web;
use crate::world::Portals;

pub(super) use identity::login_router;

const HERE: Portal = Portal::Octotel;

type App = State<Arc<Portals>>;

pub(super) fn router() -> Router<Arc<Portals>> {
    Router::new()
        .route("/assets/app.js", get(async || web::script(include_str!("octotel/app.js"))))
        .route("/assets/dialog.js", get(async || web::script(include_str!("octotel/dialog.js"))))
        .route("/assets/app.css", get(async || web::stylesheet(include_str!("octotel/app.css"))))
        .route("/login", get(login))
        .route("/logout", get(logout))
        .route("/auth/callback", get(callback))
        .route("/api/me", get(api::me))
        .route("/api/services", get(api::services))
        .route("/api/services/{id}", get(api::service))
        .route("/api/change-requests", get(api::change_requests).post(api::submit))
        .fallback(shell)
}

/// Every other address. The application decides in the browser what to show.
async fn shell(State(portals): App) -> Response {
    let settings = portals.settings(HERE);
    web::page(
        "octotel/index.html",
        json!({"render_delay": settings.render_delay_ms, "notice_days": settings.notice_days}),
    )
}

async fn login(State(portals): App) -> Redirect {
    Redirect::to(&format!("{}/authorize?next=/services", portals.url(Origin::OctotelLogin)))
}

async fn logout(State(portals): App, jar: CookieJar) -> Response {
    web::signed_out(&portals, HERE, jar, "/?signed-out")
}

#[derive(Deserialize)]
struct Callback {
    ticket: String,
}

async fn callback(State(portals): App, jar: CookieJar, Query(query): Query<Callback>) -> Response {
    match portals.redeem(HERE, &query.ticket) {
        Some((token, next)) => web::signed_in(HERE, jar, token, &next),
        None => Redirect::to("/").into_response(),
    }
}
