//! The control port: the journal, the truth about the data, and administration. It is not part of
//! any portal.

mod accounts;
mod data;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::portal::{Origin, Portal};
use crate::world::Portals;

pub use accounts::{AccountState, SessionState};

/// The addresses of a portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origins {
    /// The address a user starts from.
    pub base_url: String,
    /// The address that asks for the password. Equal to `base_url` if the portal asks for it
    /// itself.
    pub login_url: String,
}

/// A refusal: a sentence that names what is wrong in a request.
pub(crate) struct Problem(StatusCode, String);

impl Problem {
    fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self(status, text.into())
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        Self(StatusCode::UNPROCESSABLE_ENTITY, format!("{error:#}"))
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        Self(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        Self(rejection.status(), rejection.body_text())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

type Answer<T> = Result<Json<T>, Problem>;

/// A JSON body. If it cannot be read, the answer is a [`Problem`].
#[derive(FromRequest)]
#[from_request(via(Json), rejection(Problem))]
struct Body<T>(T);

/// Query parameters. If they cannot be read, the answer is a [`Problem`].
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
struct Ask<T>(T);

/// The routes of the control port.
pub fn router(portals: Arc<Portals>) -> Router {
    Router::new()
        .route("/livez", get(async || "ok"))
        .route("/origins", get(origins))
        .route("/journal", get(data::journal))
        .route("/circuits", get(data::circuits))
        .route("/circuits/absent", get(data::absent))
        .route("/circuits/{portal}/{number}", get(data::circuit))
        .route("/settings", get(data::settings).patch(data::change_settings))
        .route("/reset", post(data::reset))
        .route("/accounts", get(accounts::list).post(accounts::create).delete(accounts::remove))
        .route("/accounts/unlock", post(accounts::unlock))
        .route("/sessions", get(accounts::sessions))
        .route("/sessions/expire", post(accounts::expire))
        .route("/steps/use", post(accounts::use_step))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "no such address"))
        .with_state(portals)
}

async fn origins(
    axum::extract::State(portals): axum::extract::State<Arc<Portals>>,
) -> Json<BTreeMap<Portal, Origins>> {
    let url = |origin: Origin| portals.url(origin).to_owned();
    let of = |portal: Portal| {
        (portal, Origins { base_url: url(portal.home()), login_url: url(portal.login()) })
    };
    Json(Portal::ALL.map(of).into())
}
