//! Server-rendered pages.

use std::sync::LazyLock;

use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};

macro_rules! templates {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("../sites/", $name)))),*]
    };
}

const TEMPLATES: &[(&str, &str)] = &templates![
    "maintenance.html",
    "octotel/index.html",
    "octotel/login.html",
    "octotel/code.html",
    "openserve/index.html",
    "openserve/login.html",
    "openserve/notice.html",
    "metrofibre/layout.html",
    "metrofibre/login.html",
    "metrofibre/lines.html",
    "metrofibre/line.html",
    "metrofibre/details.html",
    "metrofibre/cancel.html",
    "metrofibre/requests.html",
    "metrofibre/message.html",
    "evotel/layout.html",
    "evotel/login.html",
    "evotel/home.html",
    "evotel/search.html",
    "evotel/details.html",
    "evotel/cancel.html",
    "evotel/confirm.html",
    "evotel/error.html",
    "lightlink/layout.html",
    "lightlink/login.html",
    "lightlink/home.html",
    "lightlink/lines.html",
];

/// Strict: a name that a page uses but the caller does not define is a mistake.
static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, text) in TEMPLATES {
        pages.add_template(name, text).expect("the templates are part of the program and parse");
    }
    pages
});

pub(crate) fn page(name: &str, context: serde_json::Value) -> Response {
    page_with_status(StatusCode::OK, name, context)
}

pub(crate) fn page_with_status(
    status: StatusCode,
    name: &str,
    context: serde_json::Value,
) -> Response {
    match PAGES.get_template(name).and_then(|template| template.render(Serde(&context))) {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            tracing::error!(page = name, error = format!("{error:#}"), "a page does not render");
            (StatusCode::INTERNAL_SERVER_ERROR, "This page cannot be shown.").into_response()
        }
    }
}
