//! Act: give leave to log in, and close a login that ended. One decision at a time per account, so that two batches cannot both be the last one
//! the breaker allows.

use std::sync::Arc;

use fno_cluster::conflict::is_not_found;
use fno_core::{
    breaker,
    lifecycle::{Hold, LoginEnded, open_grant},
    mint::{LoginPermission, LoginRequest, may_login},
    provider_status::{self, ProviderNews, account_mut},
    why::Why,
};
use fno_crds::{
    FnoBatch, FnoBatchStatus, FnoProvider, Reason,
    batch::{Grant, GrantState, Run},
    names::totp_secret,
    provider::Account,
};
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::MicroTime};
use kube::{Api, ResourceExt as _, api::DeleteParams};

use super::{acted::Acted, events::BatchEvent};
use crate::{
    context::Context,
    error::Result,
    known::{batches::Memory, key, provider_key, sessions},
    provider::status,
    secrets,
};

/// Answers the runner that asks to log in.
///
/// # Errors
/// A conflict, or whatever the API server answers.
pub async fn grant(context: &Context, batch: &Arc<FnoBatch>, login: i32) -> Result<Acted> {
    let of = provider_key(batch);
    let turn = context.known.providers.turn(&of, &batch.spec.account).await;
    let provider = status::read(&context.client, &of).await?;
    let account = provider.as_ref().and_then(|provider| account_of(provider, batch));
    let permission = match provider.as_ref().zip(account) {
        Some((provider, account)) => ask(context, batch, provider, account, login).await?,
        None => LoginPermission::Refused { why: gone(batch) },
    };
    let (answer, shown) = match permission {
        LoginPermission::NotYet { until, why } => {
            let in_turn = matches!(why.reason, Reason::WaitingForSession | Reason::WaitingForCode);
            return Ok(hold(context, batch, Hold { why, until, in_turn }));
        }
        LoginPermission::Granted => (GrantState::Granted, None),
        LoginPermission::Refused { why } => (GrantState::Refused, Some(why)),
    };
    let mut status = batch.status.clone().unwrap_or_default();
    let at = Some(MicroTime(context.now()));
    status.grants.push(Grant { login, state: answer, step: None, secret: None, at });
    context.known.batches.with(&key(&**batch), |memory| memory.held = None);
    let events = vec![BatchEvent::LoginAnswered { login, answer, why: shown.clone() }];
    let acted = Acted::stated(Arc::clone(batch), status);
    Ok(Acted { shown, events, turn: Some(turn), ..acted })
}

/// Keeps in mind what holds the step, and decides again with that: the next decision is to wait, or that it has taken too long.
pub fn hold(context: &Context, batch: &Arc<FnoBatch>, held: Hold) -> Acted {
    context.known.batches.with(&key(&**batch), |memory| memory.held = Some(held));
    Acted::silent(Arc::clone(batch))
}

async fn ask(
    context: &Context,
    batch: &FnoBatch,
    provider: &FnoProvider,
    account: &Account,
    login: i32,
) -> Result<LoginPermission> {
    let facts =
        secrets::inspect(&context.client, &batch.namespace().unwrap_or_default(), account).await?;
    if let Some(why) = facts.problem {
        return Ok(LoginPermission::Refused { why });
    }
    let now = context.now();
    let breaker = provider_status::account(provider, &account.name).breaker.unwrap_or_default();
    let others = sessions::others_on_account(&context.known, batch, now);
    let unreachable = account.totp.is_some() && context.used_steps.ping().await.is_err();
    let leave = may_login(&LoginRequest {
        now,
        phase: batch.phase(),
        stop: batch.spec.stop,
        provider_suspended: provider.spec.suspend,
        gate: &breaker::account::gate(&account.name, &breaker, now),
        failures: breaker.failures,
        failures_to_open: provider.spec.limits.login_failures_to_open,
        undecided: others.undecided,
        login,
        max_logins: provider.spec.session.max_logins,
        sessions: others.sessions,
        max_sessions: provider.spec.session.max_sessions_per_account,
        period: account.totp.as_ref().map(|totp| i64::from(totp.period_seconds)),
        clock_offset: run(batch).and_then(|run| run.clock_offset_milliseconds),
        valkey_unreachable: unreachable,
    });
    if leave == LoginPermission::Granted {
        context.known.batches.with(&key(batch), |memory| memory.credentials = facts.version);
    }
    Ok(leave)
}

/// Counts how a login ended, removes its code and says so in the batch.
///
/// # Errors
/// A conflict, or whatever the API server answers. What was counted is not counted again.
pub async fn close(
    context: &Context,
    batch: &Arc<FnoBatch>,
    login: i32,
    ended: LoginEnded,
) -> Result<Acted> {
    {
        let of = provider_key(batch);
        let _turn = context.known.providers.turn(&of, &batch.spec.account).await;
        count(context, batch, login, &ended).await?;
    }
    remove_code(context, batch, login).await?;
    let of = key(&**batch);
    context.known.batches.with(&of, |memory| (memory.held, memory.awaiting) = (None, None));
    let status = closed(batch.status.clone().unwrap_or_default(), login);
    let events = vec![BatchEvent::LoginEnded { login, ended }];
    Ok(Acted { events, ..Acted::stated(Arc::clone(batch), status) })
}

/// The status with a login's grant done.
#[must_use]
pub fn closed(mut status: FnoBatchStatus, login: i32) -> FnoBatchStatus {
    for grant in status.grants.iter_mut().filter(|grant| grant.login == login) {
        (grant.state, grant.secret) = (GrantState::Done, None);
    }
    status
}

/// Takes a login's end into the account's breaker; once, whatever happens in between.
///
/// # Errors
/// Whatever the API server answers.
pub async fn count(
    context: &Context,
    batch: &FnoBatch,
    login: i32,
    ended: &LoginEnded,
) -> Result<()> {
    let of = provider_key(batch);
    let credentials =
        context.known.batches.with(&key(batch), |memory: &mut Memory| memory.credentials.clone());
    let credentials = match credentials {
        Some(version) => version,
        // After a restart: the version that is there now is the likely one.
        None => context
            .known
            .providers
            .get(&of)
            .facts
            .and_then(|facts| facts.accounts.get(&batch.spec.account)?.version.clone())
            .unwrap_or_default(),
    };
    let name = batch.name_any();
    status::update(context, &of, |provider| {
        let mut status = provider.status.clone().unwrap_or_default();
        let account = account_mut(&mut status, &batch.spec.account);
        let breaker = account.breaker.clone().unwrap_or_default();
        let failure = |why: &Why, refused| {
            let failure = breaker::account::Failure {
                now: context.now(),
                batch: &name,
                login,
                refused,
                message: &why.message,
                credentials_version: &credentials,
            };
            breaker::account::failed(&batch.spec.account, &breaker, &failure, &provider.spec.limits)
        };
        let change = match ended {
            LoginEnded::LoggedIn => breaker::account::succeeded(&batch.spec.account, &breaker),
            LoginEnded::Rejected(why) => failure(why, true),
            LoginEnded::Failed(why) => failure(why, false),
        };
        let news = ProviderNews::of_breaker(change.breaker.state, change.event);
        if account.breaker.is_some() || change.breaker != Default::default() {
            account.breaker = Some(change.breaker);
        }
        (status, news.into_iter().collect())
    })
    .await?;
    Ok(())
}

/// Removes a login's code.
///
/// # Errors
/// Whatever the API server answers, unless that there is none.
pub async fn remove_code(context: &Context, batch: &FnoBatch, login: i32) -> Result<()> {
    let grant =
        batch.status.iter().flat_map(|status| &status.grants).find(|grant| grant.login == login);
    let api: Api<Secret> =
        Api::namespaced(context.client.clone(), &batch.namespace().unwrap_or_default());
    // Without a step none was minted; unless the operator ended between creating it and saying so, which the batch's end cleans up.
    if grant.is_none_or(|grant| grant.step.is_none()) {
        return Ok(());
    }
    match api.delete(&totp_secret(&batch.name_any(), login), &DeleteParams::default()).await {
        Err(error) if !is_not_found(&error) => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// A login nobody will report on any more, if there is one.
#[must_use]
pub fn left_open(status: &FnoBatchStatus) -> Option<(i32, LoginEnded)> {
    open_grant(status).map(|grant| (grant.login, fno_core::lifecycle::lost(grant)))
}

fn account_of<'a>(provider: &'a FnoProvider, batch: &FnoBatch) -> Option<&'a Account> {
    provider.spec.accounts.iter().find(|account| account.name == batch.spec.account)
}

fn gone(batch: &FnoBatch) -> Why {
    let FnoBatch { spec, .. } = batch;
    Why {
        reason: Reason::ProviderNotFound,
        message: format!("The provider {} or its account {} is gone.", spec.provider, spec.account),
    }
}

fn run(batch: &FnoBatch) -> Option<&Run> {
    batch.status.as_ref()?.run.as_ref()
}
