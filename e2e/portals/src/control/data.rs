//! Routes for the journal, the truth, the settings and resets.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Answer, Ask, Body, Problem};
use crate::circuits::{
    AbsentCircuit, CircuitTruth, Outcome, Page, absent as absent_circuits, truth,
};
use crate::journal::Entry;
use crate::portal::Portal;
use crate::settings::PortalSettings;
use crate::world::Portals;

type App = State<Arc<Portals>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Since {
    #[serde(default)]
    since: u64,
    portal: Option<Portal>,
    account: Option<String>,
    session: Option<String>,
}

pub(super) async fn journal(State(portals): App, Ask(ask): Ask<Since>) -> Answer<Vec<Entry>> {
    let wanted = |entry: &&Entry| {
        ask.portal.is_none_or(|portal| entry.portal == portal)
            && ask.account.as_ref().is_none_or(|account| entry.account.as_ref() == Some(account))
            && ask.session.as_ref().is_none_or(|session| entry.session.as_ref() == Some(session))
    };
    Ok(Json(portals.state().journal.since(ask.since).iter().filter(wanted).cloned().collect()))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Choose {
    portal: Portal,
    status: Option<String>,
    outcome: Option<Outcome>,
    #[serde(default = "hundred")]
    limit: usize,
    #[serde(default)]
    offset: usize,
}

const fn hundred() -> usize {
    100
}

pub(super) async fn circuits(
    State(portals): App,
    Ask(ask): Ask<Choose>,
) -> Answer<Page<CircuitTruth>> {
    let now = portals.now();
    let state = portals.state();
    let all = state.catalogue(ask.portal).all();
    let wanted = |circuit: &&crate::circuits::Circuit| {
        let state = circuit.state(now);
        ask.status.as_ref().is_none_or(|status| state.label().eq_ignore_ascii_case(status))
            && ask.outcome.is_none_or(|outcome| Outcome::from(state) == outcome)
    };
    let total = all.iter().filter(wanted).count();
    let items = all
        .iter()
        .filter(wanted)
        .skip(ask.offset)
        .take(ask.limit)
        .map(|circuit| truth(circuit, now))
        .collect();
    Ok(Json(Page { items, total }))
}

pub(super) async fn circuit(
    State(portals): App,
    Path((portal, number)): Path<(Portal, String)>,
) -> Answer<CircuitTruth> {
    let now = portals.now();
    let state = portals.state();
    let circuit = state.catalogue(portal).by_number(&number);
    let missing =
        || Problem::new(StatusCode::NOT_FOUND, format!("{portal} has no circuit {number:?}"));
    circuit.map(|circuit| Json(truth(circuit, now))).ok_or_else(missing)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChooseAbsent {
    portal: Portal,
    #[serde(default = "hundred")]
    limit: usize,
}

pub(super) async fn absent(
    State(portals): App,
    Ask(ask): Ask<ChooseAbsent>,
) -> Answer<Vec<AbsentCircuit>> {
    if ask.limit > 1000 {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("limit is {}; allowed: up to 1000", ask.limit),
        ));
    }
    Ok(Json(absent_circuits(ask.portal, portals.state().catalogue(ask.portal), ask.limit)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfPortal {
    portal: Option<Portal>,
}

pub(super) async fn settings(
    State(portals): App,
    Ask(ask): Ask<OfPortal>,
) -> Answer<BTreeMap<Portal, PortalSettings>> {
    let state = portals.state();
    let wanted =
        Portal::ALL.into_iter().filter(|portal| ask.portal.is_none_or(|asked| asked == *portal));
    Ok(Json(wanted.map(|portal| (portal, state.settings(portal).clone())).collect()))
}

/// `{"portal": "octotel", "latencyMs": 0}` changes only the named settings; without `portal` those of all portals.
pub(super) async fn change_settings(
    State(portals): App,
    Body(mut changes): Body<Map<String, Value>>,
) -> Answer<BTreeMap<Portal, PortalSettings>> {
    let portal = changes.remove("portal").map(serde_json::from_value::<Portal>).transpose();
    let portal = portal.map_err(|error| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, format!("portal: {error}"))
    })?;
    let mut state = portals.state();
    let wanted: Vec<Portal> =
        Portal::ALL.into_iter().filter(|one| portal.is_none_or(|asked| asked == *one)).collect();
    // All or nothing: every change is checked before the first is made.
    let changed = wanted.iter().map(|one| Ok((*one, state.settings(*one).with(&changes)?)));
    let changed: BTreeMap<_, _> = changed.collect::<anyhow::Result<_>>()?;
    for (one, settings) in &changed {
        state.settings[one.index()] = settings.clone();
    }
    Ok(Json(changed))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reset {
    /// Whether to delete the journal's entries too. Their numbers continue.
    #[serde(default)]
    journal: bool,
}

pub(super) async fn reset(
    State(portals): App,
    Body(reset): Body<Reset>,
) -> Result<StatusCode, Problem> {
    portals.reset(reset.journal)?;
    Ok(StatusCode::NO_CONTENT)
}
