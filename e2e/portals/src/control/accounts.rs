//! Routes for accounts, their sessions and TOTP steps.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Answer, Ask, Body, Problem};
use crate::account::{Account, AccountSpec};
use crate::journal::{EndCause, Event};
use crate::otp::Otp;
use crate::portal::Portal;
use crate::world::{Portals, State as World, shifted};

type App = State<Arc<Portals>>;

/// An account as an administrator sees it, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountState {
    /// Portal of the account.
    pub portal: Portal,
    /// User name.
    pub username: String,
    /// Whether a login needs a code.
    pub totp: bool,
    /// Seconds per TOTP step, if a login needs a code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub period: Option<u64>,
    /// The last TOTP step that was used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_step: Option<u64>,
    /// Number of consecutive refusals.
    pub failures: u32,
    /// Whether the account is locked until an administrator unlocks it.
    pub locked: bool,
    /// Number of live sessions.
    pub sessions: usize,
}

/// A live session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SessionState {
    /// Public number of the session, as in the journal.
    pub session: String,
    /// Portal of the account.
    pub portal: Portal,
    /// User name of the account.
    pub account: String,
    /// Time at which the session was opened.
    pub opened: Timestamp,
    /// Time of the last request.
    pub seen: Timestamp,
    /// Number of look-ups.
    pub lookups: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OfPortal {
    portal: Option<Portal>,
    account: Option<String>,
}

fn account_state(account: &Account, world: &World) -> AccountState {
    let spec = account.spec();
    AccountState {
        portal: spec.portal,
        username: spec.username.clone(),
        totp: account.otp().is_some(),
        period: account.otp().map(|otp| otp.rules().period),
        last_step: account.otp().and_then(Otp::last),
        failures: account.failures(),
        locked: account.locked(),
        sessions: world.sessions.of_account(spec.portal, &spec.username).count(),
    }
}

pub(super) async fn list(
    State(portals): App,
    Ask(ask): Ask<OfPortal>,
) -> Answer<Vec<AccountState>> {
    let world = portals.state();
    let wanted = |account: &&Account| {
        ask.portal.is_none_or(|portal| account.spec().portal == portal)
            && ask.account.as_ref().is_none_or(|name| &account.spec().username == name)
    };
    Ok(Json(
        world
            .accounts
            .values()
            .filter(wanted)
            .map(|account| account_state(account, &world))
            .collect(),
    ))
}

/// Creates an account, or gives an existing one a new password, seed and rules. The account is
/// unlocked and its used steps are forgotten. Live sessions stay.
pub(super) async fn create(
    State(portals): App,
    Body(spec): Body<AccountSpec>,
) -> Result<(StatusCode, Json<AccountState>), Problem> {
    let key = (spec.portal, spec.username.clone());
    let account = Account::new(spec)?;
    let mut world = portals.state();
    let status =
        if world.accounts.contains_key(&key) { StatusCode::OK } else { StatusCode::CREATED };
    let state = account_state(&account, &world);
    world.accounts.insert(key, account);
    Ok((status, Json(state)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Who {
    portal: Portal,
    username: String,
}

fn unknown(who: &Who) -> Problem {
    Problem::new(StatusCode::NOT_FOUND, format!("{} has no account {:?}", who.portal, who.username))
}

/// Ends every session of an account and returns how many there were.
fn end_sessions(world: &mut World, portal: Portal, name: &str, now: Timestamp) -> usize {
    let mut tokens: Vec<_> = world
        .sessions
        .of_account(portal, name)
        .map(|(token, s)| (s.opened, token.clone()))
        .collect();
    tokens.sort_unstable();
    tokens.iter().filter(|(_, token)| world.end(token, EndCause::Forced, now)).count()
}

pub(super) async fn remove(
    State(portals): App,
    Body(who): Body<Who>,
) -> Result<StatusCode, Problem> {
    let now = portals.now();
    let mut world = portals.state();
    let removed = world.accounts.remove(&(who.portal, who.username.clone()));
    end_sessions(&mut world, who.portal, &who.username, now);
    removed.map(|_| StatusCode::NO_CONTENT).ok_or_else(|| unknown(&who))
}

pub(super) async fn unlock(State(portals): App, Body(who): Body<Who>) -> Answer<AccountState> {
    let mut world = portals.state();
    world.account_mut(who.portal, &who.username).ok_or_else(|| unknown(&who))?.unlock();
    let account =
        world.accounts.get(&(who.portal, who.username.clone())).ok_or_else(|| unknown(&who))?;
    Ok(Json(account_state(account, &world)))
}

pub(super) async fn sessions(
    State(portals): App,
    Ask(ask): Ask<OfPortal>,
) -> Answer<Vec<SessionState>> {
    let world = portals.state();
    let mut found: Vec<SessionState> = world
        .sessions
        .iter()
        .filter(|(_, s)| ask.portal.is_none_or(|portal| s.portal == portal))
        .filter(|(_, s)| ask.account.as_ref().is_none_or(|account| &s.account == account))
        .map(|(_, s)| SessionState {
            session: s.id.clone(),
            portal: s.portal,
            account: s.account.clone(),
            opened: s.opened,
            seen: s.seen,
            lookups: s.lookups,
        })
        .collect();
    found.sort_unstable_by(|a, b| (a.opened, &a.session).cmp(&(b.opened, &b.session)));
    Ok(Json(found))
}

#[derive(Serialize)]
pub(super) struct Ended {
    ended: usize,
}

pub(super) async fn expire(State(portals): App, Body(who): Body<Who>) -> Answer<Ended> {
    let now = portals.now();
    let mut world = portals.state();
    let ended = end_sessions(&mut world, who.portal, &who.username, now);
    Ok(Json(Ended { ended }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UseStep {
    portal: Portal,
    username: String,
    step: Option<u64>,
}

#[derive(Serialize)]
pub(super) struct Used {
    step: u64,
}

/// Marks a step as used by another user. Without a step in the request, the current one.
pub(super) async fn use_step(State(portals): App, Body(asked): Body<UseStep>) -> Answer<Used> {
    let now = portals.now();
    let mut world = portals.state();
    let portal_time = shifted(now, world.settings(asked.portal).clock_offset_seconds);
    let who = Who { portal: asked.portal, username: asked.username };
    let account = world.account_mut(who.portal, &who.username).ok_or_else(|| unknown(&who))?;
    let no_code = || {
        Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            format!("account {:?} has no totpSeed", who.username),
        )
    };
    let otp = account.otp_mut().ok_or_else(no_code)?;
    let step = asked
        .step
        .unwrap_or_else(|| otp.step_at(u64::try_from(portal_time.as_second()).unwrap_or(0)));
    otp.spend(step);
    world.record(now, who.portal, Some(&who.username), None, Event::StepUsed { step });
    Ok(Json(Used { step }))
}
