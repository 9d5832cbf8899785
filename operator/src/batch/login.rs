//! Action: permit a login, and close a login that ended. Only one decision per account is made at a time, so that two batches cannot both be
//! the last one that its breaker allows. To guard against a second operator, the permission is recorded in the provider by compare-and-set
//! before the batch learns of it.

mod account;
mod count;

pub use account::{Place, turn, write_entry};
pub use count::count;

use std::sync::Arc;

use fno_cluster::conflict::is_not_found;
use fno_core::{
    account::{typed_version, with_login},
    breaker::account::id,
    lifecycle::{Hold, LoginEnded, lost, open_grant},
    mint::{LoginPermission, LoginRequest, clock::PortalClock, may_login},
    provider_status::measured_clock,
    time::after,
    why::Why,
};
use fno_crds::{
    FnoBatch, FnoBatchStatus, FnoProvider, Reason,
    batch::{Grant, GrantState},
    names::totp_secret,
    provider::Account,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::MicroTime};
use kube::{Api, ResourceExt as _, api::DeleteParams};

use super::{acted::Acted, events::BatchEvent};
use crate::{
    context::Context,
    error::Result,
    known::{key, provider_key, sessions},
    secrets,
};

/// When a login is decided about again after others were quicker.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(5);

/// Answers the runner that asks to log in.
///
/// # Errors
/// A conflict, or any other error of the API server.
pub async fn grant(context: &Context, batch: &Arc<FnoBatch>, login: i32) -> Result<Acted> {
    let turn = turn(context, batch).await;
    let permission = permission(context, batch, login).await?;
    let (answer, shown) = match permission {
        LoginPermission::NotYet { until, why } => {
            let in_turn = matches!(why.reason, Reason::WaitingForSession | Reason::WaitingForCode);
            return Ok(hold(context, batch, Hold { why, until, in_turn }));
        }
        LoginPermission::Granted => (GrantState::Granted, None),
        LoginPermission::Refused { why } => (GrantState::Refused, Some(why)),
    };
    let mut status = batch.status.clone().unwrap_or_default();
    status.grants.push(Grant {
        login,
        state: answer,
        step: None,
        step_period_seconds: None,
        secret: None,
        at: Some(MicroTime(context.now())),
        result: None,
        ended_at: None,
    });
    context.known.batches.with(&key(&**batch), |memory| memory.held = None);
    let events = vec![BatchEvent::LoginAnswered { login, answer, why: shown.clone() }];
    let acted = Acted::stated(Arc::clone(batch), status);
    Ok(Acted { shown, events, turn: Some(turn), ..acted })
}

/// Remembers what holds up the action. The next decision takes it into account: the batch waits, or has waited too long.
pub fn hold(context: &Context, batch: &Arc<FnoBatch>, held: Hold) -> Acted {
    context.known.batches.with(&key(&**batch), |memory| memory.held = Some(held));
    Acted::silent(Arc::clone(batch))
}

/// Decides, and records a permission in the provider. If other providers have the same account, they are read once more after that: of
/// two operators that record a login at the same time, at least one sees the other's and withdraws its own.
async fn permission(context: &Context, batch: &FnoBatch, login: i32) -> Result<LoginPermission> {
    let mut place = Place::of(context, batch).await?;
    let Some((provider, account)) = place.account() else {
        return Ok(LoginPermission::Refused { why: gone(batch) });
    };
    let (provider, account) = (provider.clone(), account.clone());
    let namespace = &batch.namespace().unwrap_or_default();
    let key = &context.credentials_key;
    let secrets = secrets::read(&context.client, key, namespace, &account).await?;
    if let Some(why) = secrets.facts.problem {
        context.known.inspect_again(&provider_key(batch));
        return Ok(LoginPermission::Refused { why });
    }
    place.accounts.set_facts(&place.name, secrets.facts);
    let unreachable = account.totp.is_some() && context.used_steps.ping().await.is_err();
    let asked = Asked { batch, login, provider: &provider, account: &account, unreachable };

    let permission = place.ask(context, &asked);
    if permission != LoginPermission::Granted {
        return Ok(permission);
    }
    let own = id(&batch.name_any(), login);
    let entered = place.shared().and_then(|shared| {
        let entry = shared.own.status.cloned().unwrap_or_default();
        with_login(&entry, &own, |login| shared.is_over(login, |batch| place.is_gone(batch)))
    });
    let Some(entry) = entered else { return Ok(others_first(context.now())) };
    account::write_entry(context, &provider, &place.name, entry).await?;
    if !place.others.is_empty() {
        place.read_others(context).await?;
        if place.ask(context, &asked) != LoginPermission::Granted {
            count::withdraw(context, batch, &own).await?;
            return Ok(others_first(context.now()));
        }
    }
    Ok(LoginPermission::Granted)
}

/// The login that permission is asked for.
struct Asked<'a> {
    batch: &'a FnoBatch,
    login: i32,
    provider: &'a FnoProvider,
    account: &'a Account,
    unreachable: bool,
}

impl Place {
    fn ask(&self, context: &Context, asked: &Asked<'_>) -> LoginPermission {
        let Asked { batch, login, provider, account, unreachable } = *asked;
        let namespace = self.accounts.namespace();
        let Some(shared) = namespace.account(&self.name) else {
            return LoginPermission::Refused { why: gone(batch) };
        };
        let now = context.now();
        let own = id(&batch.name_any(), login);
        may_login(&LoginRequest {
            now,
            phase: batch.phase(),
            stop: batch.spec.stop,
            provider_suspended: provider.spec.suspend,
            pinned: typed_version(batch),
            current: shared.own.current,
            gate: &shared.gate(now),
            failures: shared.failures(),
            failures_to_open: shared.failures_to_open(batch),
            undecided: shared.undecided(&own, |batch| self.is_gone(batch)).len()
                + sessions::unreadable_on_account(&context.known, &namespace, batch),
            login,
            max_logins: max_logins(batch, provider),
            sessions: sessions::of_others(&context.known, &namespace, batch, now),
            max_sessions: shared.max_sessions(),
            period: account.totp.as_ref().map(|totp| i64::from(totp.period_seconds)),
            clock: portal_clock(batch, provider),
            valkey_unreachable: unreachable,
        })
    }
}

/// What is known about the portal's clock.
#[must_use]
pub fn portal_clock(batch: &FnoBatch, provider: &FnoProvider) -> PortalClock {
    let run = batch.status.as_ref().and_then(|status| status.run.as_ref());
    PortalClock {
        own: run.and_then(|run| run.clock_offset_milliseconds),
        earlier: provider.status.as_ref().and_then(measured_clock),
    }
}

/// `session.maxLogins` as it was when the batch was created: the runner's Role lists the Secrets of exactly that many codes.
fn max_logins(batch: &FnoBatch, provider: &FnoProvider) -> i32 {
    let pinned = batch.spec.limits.as_ref().map(|limits| limits.max_logins);
    pinned.unwrap_or(provider.spec.session.max_logins)
}

fn others_first(now: Timestamp) -> LoginPermission {
    let message = "Other logins of the account are in progress.".to_owned();
    let why = Why { reason: Reason::WaitingForSession, message };
    LoginPermission::NotYet { until: after(now, ASK_AGAIN), why }
}

/// Counts how a login ended, deletes its code and closes its grant.
///
/// # Errors
/// A conflict, or any other error of the API server. A login that was counted is not counted again.
pub async fn close(
    context: &Context,
    batch: &Arc<FnoBatch>,
    login: i32,
    ended: LoginEnded,
) -> Result<Acted> {
    {
        let _turn = turn(context, batch).await;
        count(context, batch, login, &ended).await?;
    }
    remove_code(context, batch, login).await?;
    let of = key(&**batch);
    context.known.batches.with(&of, |memory| (memory.held, memory.awaiting) = (None, None));
    let status = closed(batch.status.clone().unwrap_or_default(), login, &ended, context.now());
    let events = vec![BatchEvent::LoginEnded { login, ended }];
    Ok(Acted { events, ..Acted::stated(Arc::clone(batch), status) })
}

/// The status with the grant of a login closed.
#[must_use]
pub fn closed(
    mut status: FnoBatchStatus,
    login: i32,
    ended: &LoginEnded,
    now: Timestamp,
) -> FnoBatchStatus {
    for grant in status.grants.iter_mut().filter(|grant| grant.login == login) {
        (grant.state, grant.secret) = (GrantState::Done, None);
        (grant.result, grant.ended_at) = (Some(ended.result()), Some(MicroTime(now)));
    }
    status
}

/// Deletes the Secret with a login's code.
///
/// # Errors
/// Any API error except 404.
pub async fn remove_code(context: &Context, batch: &FnoBatch, login: i32) -> Result<()> {
    let grant =
        batch.status.iter().flat_map(|status| &status.grants).find(|grant| grant.login == login);
    let api: Api<Secret> =
        Api::namespaced(context.client.clone(), &batch.namespace().unwrap_or_default());
    // Without a step no code was minted, unless the operator ended between creating the Secret and recording the step. The end of the
    // batch cleans that up.
    if grant.is_none_or(|grant| grant.step.is_none()) {
        return Ok(());
    }
    match api.delete(&totp_secret(&batch.name_any(), login), &DeleteParams::default()).await {
        Err(error) if !is_not_found(&error) => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The login that is still open when the batch ends, if there is one: no report about it will follow.
#[must_use]
pub fn left_open(status: &FnoBatchStatus) -> Option<(i32, LoginEnded)> {
    let reported = status.run.as_ref().and_then(|run| run.login.as_ref());
    open_grant(status).map(|grant| (grant.login, lost(grant, reported)))
}

fn gone(batch: &FnoBatch) -> Why {
    let FnoBatch { spec, .. } = batch;
    Why {
        reason: Reason::ProviderNotFound,
        message: format!(
            "The provider {} or its account {} does not exist any more.",
            spec.provider, spec.account
        ),
    }
}
