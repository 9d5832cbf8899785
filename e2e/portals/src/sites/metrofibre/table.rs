//! Data for the data table.

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use axum_extra::extract::cookie::CookieJar;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{App, HERE};
use crate::circuits::{Circuit, LineState, fields};
use crate::web::{self, part, session_expired};

#[derive(Deserialize)]
pub(super) struct Ask {
    list: String,
    #[serde(default)]
    search: String,
    #[serde(default)]
    page: usize,
    #[serde(default)]
    size: usize,
}

pub(super) async fn rows(State(portals): App, jar: CookieJar, Query(ask): Query<Ask>) -> Response {
    let Some(visitor) = web::visitor(&portals, HERE, &jar) else { return session_expired() };
    let deactivated = ask.list == "deactivated";
    let found = portals.search(&visitor, &ask.search, |circuit, now| {
        (circuit.state(now) == LineState::Cancelled) == deactivated
    });
    let now = portals.now();
    let (rows, pages) = part(&found, ask.page, ask.size.clamp(1, 100));
    let row = |circuit: &Circuit| {
        let fields = fields(circuit, now);
        let cells = ["circuitNumber", "customer", "complex", "area", "fsan", "bandwidth", "status"]
            .map(|name| fields[name].clone());
        json!({"id": circuit.id, "cells": cells})
    };
    let rows: Vec<Value> = rows.iter().map(row).collect();
    Json(json!({"rows": rows, "total": found.len(), "pages": pages, "page": ask.page.clamp(1, pages)})).into_response()
}
