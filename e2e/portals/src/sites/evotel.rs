//! Evotel: classic pages from the server, forms with an anti-forgery token, a grid of links, a date
//! picker.

mod cancellation;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum_extra::extract::cookie::CookieJar;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::circuits::{Circuit, fields};
use crate::journal::Verdict;
use crate::portal::Portal;
use crate::session::random_token;
use crate::sign_in::{SignIn, Visitor, local_path};
use crate::web;
use crate::world::Portals;

const HERE: Portal = Portal::Evotel;
const FORGERY_COOKIE: &str = "__RequestVerificationToken";

type App = State<Arc<Portals>>;

pub(super) fn router() -> Router<Arc<Portals>> {
    Router::new()
        .route("/assets/site.css", get(async || web::stylesheet(include_str!("evotel/site.css"))))
        .route(
            "/assets/datepicker.js",
            get(async || web::script(include_str!("evotel/datepicker.js"))),
        )
        .route("/", get(async || Redirect::to("/Home/Index")))
        .route("/Account/Login", get(login_page).post(login))
        .route("/Account/LogOff", post(log_off))
        .route("/Home/Index", get(home))
        .route("/Circuits/Search", get(search))
        .route("/Circuits/Details/{id}", get(details))
        .route("/Circuits/Cancel/{id}", get(cancellation::form).post(cancellation::review))
        .route("/Circuits/CancelConfirmed/{id}", post(cancellation::confirmed))
        .fallback(async || error(StatusCode::NOT_FOUND, "The resource cannot be found."))
}

fn error(status: StatusCode, text: &str) -> Response {
    web::page_with_status(status, "evotel/error.html", json!({"user": "", "text": text}))
}

/// The message of such a portal's framework when the hidden token is stale or missing.
fn forged() -> Response {
    error(
        StatusCode::BAD_REQUEST,
        "The required anti-forgery form field \"__RequestVerificationToken\" is not present or no longer valid.",
    )
}

fn to_login(path: &str) -> Response {
    let path = path.replace('/', "%2F");
    Redirect::to(&format!("/Account/Login?ReturnUrl={path}")).into_response()
}

#[derive(Deserialize)]
struct LoginQuery {
    #[serde(default, rename = "ReturnUrl")]
    return_url: String,
}

fn show_login(jar: CookieJar, return_url: &str, error: &str) -> Response {
    let token = random_token();
    let jar = web::with_cookie(jar, FORGERY_COOKIE, token.clone());
    (
        jar,
        web::page(
            "evotel/login.html",
            json!({"user": "", "token": token, "return_url": return_url, "error": error}),
        ),
    )
        .into_response()
}

async fn login_page(jar: CookieJar, Query(query): Query<LoginQuery>) -> Response {
    show_login(jar, &query.return_url, "")
}

#[derive(Deserialize)]
struct Password {
    #[serde(default, rename = "__RequestVerificationToken")]
    token: String,
    #[serde(rename = "UserName")]
    user_name: String,
    #[serde(rename = "Password")]
    password: String,
    #[serde(default, rename = "ReturnUrl")]
    return_url: String,
}

async fn login(State(portals): App, jar: CookieJar, Form(form): Form<Password>) -> Response {
    if jar.get(FORGERY_COOKIE).is_none_or(|cookie| cookie.value() != form.token) {
        return forged();
    }
    let refused = match portals.enter_password(HERE, form.user_name.trim(), &form.password) {
        SignIn::Open(token) => {
            let next = if form.return_url.is_empty() {
                "/Home/Index"
            } else {
                local_path(&form.return_url)
            };
            return web::signed_in(HERE, web::without_cookie(jar, FORGERY_COOKIE), token, next);
        }
        SignIn::CodeNeeded => "This account cannot be used here.",
        SignIn::Refused(Verdict::Locked) => {
            "This account has been locked out, please try again later or contact support."
        }
        SignIn::Refused(Verdict::TooManySessions) => "This user is already logged on.",
        SignIn::Refused(_) => "The user name or password provided is incorrect.",
    };
    show_login(jar, &form.return_url, refused)
}

#[derive(Deserialize)]
struct Token {
    #[serde(default, rename = "__RequestVerificationToken")]
    token: String,
}

async fn log_off(State(portals): App, jar: CookieJar, Form(form): Form<Token>) -> Response {
    match web::visitor(&portals, HERE, &jar) {
        Some(visitor) if visitor.form_token != form.token => forged(),
        _ => web::signed_out(&portals, HERE, jar, "/Account/Login"),
    }
}

async fn home(State(portals): App, jar: CookieJar) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else { return to_login("/Home/Index") };
    web::page("evotel/home.html", json!({"user": visitor.account, "token": visitor.form_token}))
}

#[derive(Deserialize)]
struct Search {
    #[serde(default)]
    term: String,
    #[serde(default)]
    page: usize,
}

#[derive(Serialize)]
struct Row {
    id: u32,
    serial: String,
    /// Whether this is the record of an earlier device, whose link is dead.
    dead: bool,
    client: String,
    address: String,
    area: String,
    product: String,
}

async fn search(State(portals): App, jar: CookieJar, Query(query): Query<Search>) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else {
        return to_login("/Circuits/Search");
    };
    let found = portals.search(&visitor, &query.term, |_, _| true);
    let now = portals.now();
    let rows: Vec<Row> = found.iter().flat_map(|circuit| rows_of(circuit, now)).collect();
    let (shown, pages) = web::part(&rows, query.page, 20);
    let page = query.page.clamp(1, pages);
    web::page(
        "evotel/search.html",
        json!({"user": visitor.account, "token": visitor.form_token, "term": query.term, "rows": shown, "total": rows.len(), "page": page, "pages": pages}),
    )
}

/// The rows of a line. If its device was replaced, the dead row of the old device comes first.
fn rows_of(circuit: &Circuit, now: jiff::Timestamp) -> Vec<Row> {
    let fields = fields(circuit, now);
    let row = |serial: &str, dead| Row {
        id: circuit.id,
        serial: serial.to_owned(),
        dead,
        client: circuit.customer.clone(),
        address: circuit.address.clone(),
        area: fields["area"].clone(),
        product: fields["product"].clone(),
    };
    let old = circuit.previous.as_deref().map(|previous| row(previous, true));
    old.into_iter().chain([row(&circuit.number, false)]).collect()
}

async fn details(State(portals): App, jar: CookieJar, Path(id): Path<u32>) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else {
        return to_login(&format!("/Circuits/Details/{id}"));
    };
    let Some(circuit) = portals.look_up(&visitor, id) else {
        return error(StatusCode::NOT_FOUND, "The resource cannot be found.");
    };
    show_details(&portals, &visitor, &circuit, "")
}

fn show_details(portals: &Portals, visitor: &Visitor, circuit: &Circuit, notice: &str) -> Response {
    let now = portals.now();
    web::page(
        "evotel/details.html",
        json!({
            "user": visitor.account,
            "token": visitor.form_token,
            "id": circuit.id,
            "f": fields(circuit, now),
            "cancellable": circuit.cancellable(now),
            "notice": notice,
        }),
    )
}
