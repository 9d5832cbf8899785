//! Act: mint the code of a login, at the prompt. First the account's `lastStep` by compare-and-set, then Valkey, then the Secret: a crash
//! anywhere burns a step, and none is ever used twice. An answer that never came counts as taken by somebody.

use std::sync::Arc;

use fno_cluster::{conflict::is_conflict, failure::sentence, patch::status_patch};
use fno_core::{
    breaker,
    lifecycle::Hold,
    mint::{MintDecision, MintRequest, StepRecord, mint, step},
    objects::{is_owned, totp_secret},
    provider_status::{account, account_mut},
    totp::Seed,
    why::Why,
};
use fno_crds::{
    FnoBatch, FnoProvider, Reason,
    batch::GrantState,
    names::{self, KEY_STEP},
    provider::Totp,
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt as _, api::PostParams};
use tracing::{info, warn};

use super::{acted::Acted, login::hold};
use crate::{
    context::Context,
    error::Result,
    known::{key, provider_key},
    metrics,
    patch::write_status,
    provider::status,
    secrets,
    used_steps::StepAnswer,
};

/// Steps tried in one pass, before it is looked at afresh.
const MOST_STEPS: usize = 4;

enum Delivery {
    /// The code of this step lies in its Secret.
    Delivered(i64),
    Held(Why, Timestamp),
    Refused(Why),
}

/// Delivers the code of a login, or says what it waits for.
///
/// # Errors
/// A conflict on the batch, or whatever the API server answers.
pub async fn mint_code(context: &Context, batch: &Arc<FnoBatch>, login: i32) -> Result<Acted> {
    let of = provider_key(batch);
    let turn = context.known.providers.turn(&of, &batch.spec.account).await;
    context.known.batches.with(&key(&**batch), |memory| {
        memory.awaiting.get_or_insert_with(|| context.clock.uptime());
    });
    let mut status = batch.status.clone().unwrap_or_default();
    let mut shown = None;
    let mut grant = |state, step: Option<i64>| {
        for grant in status.grants.iter_mut().filter(|grant| grant.login == login) {
            grant.state = state;
            grant.step = step.or(grant.step);
            grant.secret = step.map(|_| names::totp_secret(&batch.name_any(), login));
        }
    };
    match deliver(context, batch, login).await? {
        Delivery::Held(why, until) => {
            // A step that has to begin is a matter of turn; what is broken runs against the login's deadline.
            let in_turn = why.reason == Reason::WaitingForCode;
            return Ok(hold(context, batch, Hold { why, until, in_turn }));
        }
        Delivery::Delivered(step) => grant(GrantState::CodeReady, Some(step)),
        Delivery::Refused(why) => {
            warn!(batch = batch.name_any(), login, reason = %why.reason, "no code: {}", why.message);
            grant(GrantState::Refused, None);
            shown = Some(why);
        }
    }
    context.known.batches.with(&key(&**batch), |memory| memory.held = None);
    Ok(Acted { shown, turn: Some(turn), ..Acted::stated(Arc::clone(batch), status) })
}

async fn deliver(context: &Context, batch: &FnoBatch, login: i32) -> Result<Delivery> {
    let api: Api<Secret> =
        Api::namespaced(context.client.clone(), &batch.namespace().unwrap_or_default());
    let name = names::totp_secret(&batch.name_any(), login);
    // An earlier pass may have got this far, and its answer been lost.
    if let Some(step) = api.get_opt(&name).await?.as_ref().and_then(|secret| step_of(secret, batch))
    {
        return Ok(Delivery::Delivered(step));
    }
    let of = provider_key(batch);
    let refused =
        |message: String| Ok(Delivery::Refused(Why { reason: Reason::ProviderNotFound, message }));
    let mut doubtful: Option<i64> = None;
    let mut valkey = if context.used_steps.ping().await.is_ok() {
        StepRecord::Unknown
    } else {
        StepRecord::Unreachable
    };
    for _ in 0..MOST_STEPS {
        let Some(provider) = status::read(&context.client, &of).await? else {
            return refused(format!("The provider {} is gone.", of.name));
        };
        let Some(totp) = provider
            .spec
            .accounts
            .iter()
            .find(|a| a.name == batch.spec.account)
            .and_then(|a| a.totp.clone())
        else {
            return refused(format!("The account {} has no one-time codes.", batch.spec.account));
        };
        let seed = match secrets::seed(&context.client, &of.namespace, &totp).await? {
            Ok(seed) => seed,
            Err(why) => return Ok(Delivery::Refused(why)),
        };
        let account = account(&provider, &batch.spec.account);
        let breaker = account.breaker.clone().unwrap_or_default();
        let now = context.now();
        let gate = breaker::account::gate(&account.name, &breaker, now);
        let request = MintRequest {
            now,
            phase: batch.phase(),
            stop: batch.spec.stop,
            provider_suspended: provider.spec.suspend,
            gate: &gate,
            period: i64::from(totp.period_seconds),
            min_remaining: i64::from(totp.min_remaining_seconds),
            last_step: account.last_step,
            doubtful,
            reserved: None,
            clock_offset: batch
                .status
                .as_ref()
                .and_then(|status| status.run.as_ref()?.clock_offset_milliseconds),
            valkey,
        };
        let step = match mint(&request) {
            MintDecision::Mint { step } | MintDecision::Deliver { step } => step,
            MintDecision::NotYet { until, why } => return Ok(Delivery::Held(why, until)),
            MintDecision::Never { why } => return Ok(Delivery::Refused(why)),
        };
        // Guard 1, authoritative.
        match burn(context, &provider, &batch.spec.account, step).await {
            Guard::Passed => {}
            Guard::Lost => continue,
            Guard::Doubtful => {
                doubtful = Some(step);
                continue;
            }
        }
        // Guard 2, shared with everybody else who uses the account.
        let tracking = totp.tracking_id.clone().unwrap_or_else(|| seed.fingerprint());
        let holder = format!("{}/{login}", batch.name_any());
        let ttl = step::key_ttl(i64::from(totp.period_seconds), i64::from(totp.skew_steps));
        match context.used_steps.take(&tracking, step, &holder, ttl).await {
            StepAnswer::Ours => {}
            StepAnswer::Used => {
                info!(
                    batch = batch.name_any(),
                    login,
                    totp_step = step,
                    "this time step of the account was used elsewhere: the next one is taken"
                );
                valkey = StepRecord::Taken { step };
                continue;
            }
            StepAnswer::Doubtful => {
                doubtful = Some(step);
                valkey = if context.used_steps.ping().await.is_ok() {
                    StepRecord::Unknown
                } else {
                    StepRecord::Unreachable
                };
                continue;
            }
        }
        // The guards took time: is what is left of the step still enough?
        let passed = MintRequest {
            now: context.now(),
            last_step: Some(step),
            reserved: Some(step),
            valkey: StepRecord::Free { step },
            ..request
        };
        if mint(&passed) != (MintDecision::Deliver { step }) {
            continue;
        }
        if let Some(delivered) = create(&api, batch, login, &seed, &totp, step).await? {
            context
                .metrics
                .totp_minted
                .get_or_create(&metrics::Provider {
                    namespace: of.namespace.clone(),
                    provider: of.name.clone(),
                })
                .inc();
            if let Some(since) =
                context.known.batches.with(&key(batch), |memory| memory.awaiting.take())
            {
                context
                    .metrics
                    .totp_wait
                    .observe((context.clock.uptime().saturating_sub(since)).as_secs_f64());
            }
            info!(
                batch = batch.name_any(),
                provider = of.name,
                login,
                totp_step = step,
                "a one-time code was minted"
            );
            return Ok(Delivery::Delivered(delivered));
        }
    }
    let now = context.now();
    let why = Why {
        reason: Reason::WaitingForCode,
        message: "Several steps of the account were taken by others in a row.".to_owned(),
    };
    Ok(Delivery::Held(why, now.saturating_add(jiff::SignedDuration::from_secs(1)).unwrap_or(now)))
}

enum Guard {
    Passed,
    /// Somebody was quicker: read again.
    Lost,
    /// It may have been written.
    Doubtful,
}

/// Compare-and-set of `lastStep`.
async fn burn(context: &Context, provider: &FnoProvider, account: &str, step: i64) -> Guard {
    let mut status = provider.status.clone().unwrap_or_default();
    account_mut(&mut status, account).last_step = Some(step);
    let patch = match status_patch(
        provider.metadata.resource_version.as_deref(),
        provider.status.as_ref(),
        &status,
    ) {
        Ok(Some(patch)) => patch,
        Ok(None) => return Guard::Lost,
        Err(error) => {
            warn!(%error, "a status does not serialise");
            return Guard::Doubtful;
        }
    };
    let api: Api<FnoProvider> =
        Api::namespaced(context.client.clone(), &provider.namespace().unwrap_or_default());
    match write_status(&api, &provider.name_any(), &patch).await {
        Ok(_) => Guard::Passed,
        Err(error) if is_conflict(&error) => Guard::Lost,
        Err(error) => {
            warn!(
                error = sentence(&error),
                totp_step = step,
                "the answer about a time step was lost: the step counts as used"
            );
            Guard::Doubtful
        }
    }
}

/// The immutable Secret. One that exists belongs to another pass for the same login and is as good.
async fn create(
    api: &Api<Secret>,
    batch: &FnoBatch,
    login: i32,
    seed: &Seed,
    totp: &Totp,
    step: i64,
) -> Result<Option<i64>> {
    let code = seed.code(totp, step);
    let secret = totp_secret(
        batch,
        login,
        code.reveal(),
        step,
        step::ends(step, i64::from(totp.period_seconds)),
    );
    match api
        .create(
            &PostParams { field_manager: Some(names::MANAGER.to_owned()), ..PostParams::default() },
            &secret,
        )
        .await
    {
        Ok(_) => Ok(Some(step)),
        Err(error) => {
            let found = api.get_opt(&names::totp_secret(&batch.name_any(), login)).await?;
            match found.as_ref().and_then(|secret| step_of(secret, batch)) {
                Some(step) => Ok(Some(step)),
                None if found.is_some() => Err(crate::error::Error::Taken(format!(
                    "Secret {} exists already and does not belong to this batch.",
                    secret.name_any()
                ))),
                None => Err(error.into()),
            }
        }
    }
}

fn step_of(secret: &Secret, batch: &FnoBatch) -> Option<i64> {
    let owned = is_owned(&secret.metadata, batch) && secret.metadata.deletion_timestamp.is_none();
    let stored = secret.data.as_ref()?.get(KEY_STEP).filter(|_| owned)?;
    std::str::from_utf8(&stored.0).ok()?.parse().ok()
}
