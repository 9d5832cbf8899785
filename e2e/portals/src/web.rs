//! What all sites share: the layer in front of them, pages, cookies. Each site has its own markup
//! and behaviour.

mod front;
mod pages;
mod server;

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, CookieJar, SameSite};
use serde_json::json;

use crate::lines::{Said, SubmitAnswer};
use crate::portal::Portal;
use crate::sign_in::Visitor;
use crate::world::Portals;

pub(crate) use front::front_door;
pub(crate) use pages::{page, page_with_status};
pub use server::{Running, start};

/// Marks a response that must not be sent: the server closes the connection instead.
#[derive(Clone, Copy)]
pub(crate) struct HangUp;

pub(crate) fn hang_up() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    response.extensions_mut().insert(HangUp);
    response
}

pub(crate) fn stylesheet(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], text).into_response()
}

pub(crate) fn script(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], text).into_response()
}

/// Name of the session cookie. Each portal has its own name, because ports of one host share
/// cookies.
pub(crate) const fn session_cookie(portal: Portal) -> &'static str {
    match portal {
        Portal::Octotel => "octotel_sid",
        Portal::Openserve => "osn_session",
        Portal::Mfn => "MFNSESSID",
        Portal::Evotel => ".EvotelAuth",
        Portal::Lightlink => "lightlink",
    }
}

pub(crate) fn with_cookie(jar: CookieJar, name: &'static str, value: String) -> CookieJar {
    jar.add(Cookie::build((name, value)).path("/").http_only(true).same_site(SameSite::Lax))
}

pub(crate) fn without_cookie(jar: CookieJar, name: &'static str) -> CookieJar {
    jar.remove(Cookie::build(name).path("/"))
}

/// The signed-in user of a request, if there is one.
pub(crate) fn visitor(portals: &Portals, portal: Portal, jar: &CookieJar) -> Option<Visitor> {
    portals.visitor(portal, jar.get(session_cookie(portal))?.value())
}

/// Sets the session cookie in the browser and redirects to `next`.
pub(crate) fn signed_in(portal: Portal, jar: CookieJar, token: String, next: &str) -> Response {
    (with_cookie(jar, session_cookie(portal), token), Redirect::to(next)).into_response()
}

/// Ends the session and redirects to `next`.
pub(crate) fn signed_out(
    portals: &Portals,
    portal: Portal,
    jar: CookieJar,
    next: &str,
) -> Response {
    if let Some(cookie) = jar.get(session_cookie(portal)) {
        portals.log_out(cookie.value());
    }
    (without_cookie(jar, session_cookie(portal)), Redirect::to(next)).into_response()
}

pub(crate) fn api_error(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({"error": code, "message": message}))).into_response()
}

pub(crate) fn session_expired() -> Response {
    api_error(StatusCode::UNAUTHORIZED, "session_expired", "Your session has expired.")
}

/// Waits for the configured time, then hangs up or lets the site answer.
pub(crate) async fn settle(answer: SubmitAnswer) -> Result<Result<String, String>, Response> {
    tokio::time::sleep(answer.delay).await;
    match answer.said {
        Said::Done(reference) => Ok(Ok(reference)),
        Said::No(sentence) => Ok(Err(sentence)),
        Said::Nothing => Err(hang_up()),
    }
}

/// One page of a list and the number of pages (at least 1).
pub(crate) fn part<T>(items: &[T], page: usize, size: usize) -> (&[T], usize) {
    let pages = items.len().div_ceil(size).max(1);
    let from = page.clamp(1, pages).saturating_sub(1) * size;
    (&items[from.min(items.len())..(from + size).min(items.len())], pages)
}
