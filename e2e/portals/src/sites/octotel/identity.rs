//! The hosted login: user name and password, then a code on a second page.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;
use serde_json::json;

use super::{App, HERE};
use crate::journal::Verdict;
use crate::portal::Origin;
use crate::sign_in::SignIn;
use crate::web;
use crate::world::Portals;

const LOGIN_COOKIE: &str = "octotel_idp";

pub(in crate::sites) fn login_router() -> Router<Arc<Portals>> {
    Router::new()
        .route("/assets/login.css", get(async || web::stylesheet(include_str!("login.css"))))
        .route("/authorize", get(authorize))
        .route("/login", get(login_page).post(password))
        .route("/mfa", get(code_page).post(code))
        .fallback(async |State(portals): App| Redirect::to(portals.url(Origin::Octotel)))
}

#[derive(Deserialize)]
struct Authorize {
    #[serde(default)]
    next: String,
}

async fn authorize(
    State(portals): App,
    jar: CookieJar,
    Query(query): Query<Authorize>,
) -> Response {
    let jar = web::with_cookie(jar, LOGIN_COOKIE, portals.begin_login(&query.next));
    (jar, Redirect::to("/login")).into_response()
}

/// The login that this browser has started.
fn started(portals: &Portals, jar: &CookieJar) -> Option<String> {
    let login = jar.get(LOGIN_COOKIE)?.value().to_owned();
    portals.knows_login(&login).then_some(login)
}

fn start_again(portals: &Portals) -> Response {
    Redirect::to(&format!("{}/login", portals.url(Origin::Octotel))).into_response()
}

fn show_login(error: &str) -> Response {
    let status = if error.is_empty() { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    web::page_with_status(status, "octotel/login.html", json!({"error": error}))
}

async fn login_page(State(portals): App, jar: CookieJar) -> Response {
    if started(&portals, &jar).is_some() { show_login("") } else { start_again(&portals) }
}

#[derive(Deserialize)]
struct Password {
    username: String,
    password: String,
}

async fn password(State(portals): App, jar: CookieJar, Form(form): Form<Password>) -> Response {
    let Some(login) = started(&portals, &jar) else { return start_again(&portals) };
    let name = form.username.trim();
    match portals.enter_password(HERE, name, &form.password) {
        SignIn::Open(token) => back(&portals, jar, &login, token),
        SignIn::CodeNeeded => {
            portals.await_code(&login, name);
            Redirect::to("/mfa").into_response()
        }
        SignIn::Refused(verdict) => show_login(sentence(verdict)),
    }
}

async fn code_page(State(portals): App, jar: CookieJar) -> Response {
    let account = started(&portals, &jar).and_then(|login| portals.awaiting_code(&login));
    account.map_or_else(|| start_again(&portals), |account| show_code(&portals, &account, ""))
}

fn show_code(portals: &Portals, account: &str, error: &str) -> Response {
    let status = if error.is_empty() { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
    let digits = portals.code_digits(HERE, account);
    web::page_with_status(
        status,
        "octotel/code.html",
        json!({"error": error, "digits": digits, "account": account}),
    )
}

#[derive(Deserialize)]
struct Code {
    code: String,
}

async fn code(State(portals): App, jar: CookieJar, Form(form): Form<Code>) -> Response {
    let Some(login) = started(&portals, &jar) else { return start_again(&portals) };
    let Some(account) = portals.awaiting_code(&login) else { return start_again(&portals) };
    match portals.enter_code(HERE, &account, form.code.trim()) {
        Ok(token) => back(&portals, jar, &login, token),
        Err(verdict @ (Verdict::Locked | Verdict::TooManySessions | Verdict::UnknownUser)) => {
            portals.drop_login(&login);
            show_login(sentence(verdict))
        }
        Err(verdict) => show_code(&portals, &account, sentence(verdict)),
    }
}

/// The message of the page. The page does not distinguish a wrong code from a used one; the journal
/// does.
const fn sentence(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accepted => "",
        Verdict::UnknownUser | Verdict::WrongPassword => "Incorrect username or password.",
        Verdict::WrongCode | Verdict::Replayed => "The code is incorrect or has expired.",
        Verdict::Locked => "Your account has been locked. Please contact your administrator.",
        Verdict::TooManySessions => "You are already signed in elsewhere.",
    }
}

fn back(portals: &Portals, jar: CookieJar, login: &str, token: String) -> Response {
    let ticket = portals.finish_login(HERE, login, token);
    let url = format!("{}/auth/callback?ticket={ticket}", portals.url(Origin::Octotel));
    (web::without_cookie(jar, LOGIN_COOKIE), Redirect::to(&url)).into_response()
}
