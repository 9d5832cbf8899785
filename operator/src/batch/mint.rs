//! Action: mint the code of a login when its code field is on screen. First the account's `lastStep` by compare-and-set, then Valkey, then
//! the Secret: a crash anywhere wastes a step, and no step is ever used twice. If an answer is lost, the step counts as used by another login.

mod guards;

use std::sync::Arc;

use fno_core::{
    account::{SharedAccount, typed_version},
    gate::Gate,
    lifecycle::Hold,
    mint::{MintDecision, MintRequest, StepRecord, mint, step},
    objects::{is_owned, totp_secret},
    time::after,
    totp::Seed,
    why::Why,
};
use fno_crds::{
    FnoBatch, FnoProvider, Reason,
    batch::GrantState,
    names::{self, KEY_NOT_AFTER, KEY_STEP},
    provider::Totp,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt as _, api::PostParams};
use tracing::{info, warn};

use self::guards::{Guards, Passed};
use super::{
    acted::Acted,
    login::{Place, hold, portal_clock, turn},
};
use crate::{
    context::Context,
    error::{Error, Result},
    known::{key, provider_key},
    metrics, secrets,
};

/// Maximum number of steps tried in one reconcile. Then the batch is requeued.
const MOST_STEPS: usize = 4;
/// When the batch is requeued after others were quicker with that many steps in a row.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(1);

/// A step that is used for this login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct UsedStep {
    step: i64,
    period: i32,
}

enum Delivery {
    /// The code of this step is in its Secret.
    Delivered(UsedStep),
    Held(Why, Timestamp),
    Refused(Why),
}

/// Delivers the code of a login, or says what it waits for.
///
/// # Errors
/// A conflict on the batch, or any other error of the API server.
pub async fn mint_code(context: &Context, batch: &Arc<FnoBatch>, login: i32) -> Result<Acted> {
    let turn = turn(context, batch).await;
    context.known.batches.with(&key(&**batch), |memory| {
        memory.awaiting.get_or_insert_with(|| context.clock.uptime());
    });
    let mut status = batch.status.clone().unwrap_or_default();
    let mut shown = None;
    let mut grant = |state, used: Option<UsedStep>| {
        for grant in status.grants.iter_mut().filter(|grant| grant.login == login) {
            grant.state = state;
            grant.step = used.map(|used| used.step).or(grant.step);
            grant.step_period_seconds = used.map(|used| used.period).or(grant.step_period_seconds);
            grant.secret = used.map(|_| names::totp_secret(&batch.name_any(), login));
        }
    };
    match deliver(context, batch, login).await? {
        Delivery::Held(why, until) => {
            // Waiting for a step to start does not count against the login's deadline; waiting for something broken does.
            let in_turn = why.reason == Reason::WaitingForCode;
            return Ok(hold(context, batch, Hold { why, until, in_turn }));
        }
        Delivery::Delivered(used) => grant(GrantState::CodeReady, Some(used)),
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
    // An earlier reconcile may have created the Secret although its answer was lost.
    if let Some(used) = api.get_opt(&name).await?.as_ref().and_then(|found| used_step(found, batch))
    {
        return Ok(Delivery::Delivered(used));
    }
    let mut guards = Guards::new(context, batch, login).await;
    for _ in 0..MOST_STEPS {
        if let Some(delivery) = attempt(context, batch, login, &api, &mut guards).await? {
            return Ok(delivery);
        }
    }
    let message = "Several steps of the account in a row were used by others.".to_owned();
    let why = Why { reason: Reason::WaitingForCode, message };
    Ok(Delivery::Held(why, after(context.now(), ASK_AGAIN)))
}

/// One try with the current state. None if a guard failed and everything has to be read again.
async fn attempt(
    context: &Context,
    batch: &FnoBatch,
    login: i32,
    api: &Api<Secret>,
    guards: &mut Guards<'_>,
) -> Result<Option<Delivery>> {
    let refused = |reason, message| Ok(Some(Delivery::Refused(Why { reason, message })));
    let mut place = Place::of(context, batch).await?;
    let Some((provider, account)) = place.account() else {
        let of = provider_key(batch);
        let message = format!("The provider {} or its account does not exist any more.", of.name);
        return refused(Reason::ProviderNotFound, message);
    };
    let (provider, account) = (provider.clone(), account.clone());
    let namespace = batch.namespace().unwrap_or_default();
    let read = secrets::read(&context.client, &context.credentials_key, &namespace, &account);
    let secrets = read.await?;
    if let Some(why) = secrets.facts.problem {
        context.known.inspect_again(&provider_key(batch));
        return Ok(Some(Delivery::Refused(why)));
    }
    let (Some(totp), Some(seed)) = (&account.totp, &secrets.seed) else {
        let message = format!("The account {} has no one-time codes.", account.name);
        return refused(Reason::ProviderNotFound, message);
    };
    place.accounts.set_facts(&place.name, secrets.facts);
    let Some(shared) = place.shared() else { return Ok(None) };
    guards.count_in(i64::from(totp.period_seconds));
    let now = context.now();
    let gate = shared.gate(now);
    let request = MintRequest {
        doubtful: guards.doubtful,
        valkey: guards.valkey,
        ..request(now, batch, &provider, totp, &shared, &gate)
    };
    let step = match mint(&request) {
        MintDecision::Mint { step } | MintDecision::Deliver { step } => step,
        MintDecision::Rebase { step } => {
            guards::rebase(context, &place, step, totp.period_seconds).await?;
            return Ok(None);
        }
        MintDecision::NotYet { until, why } => return Ok(Some(Delivery::Held(why, until))),
        MintDecision::Never { why } => return Ok(Some(Delivery::Refused(why))),
    };
    if guards.pass(&place, &provider, totp, seed, step).await? == Passed::No {
        return Ok(None);
    }
    // Passing the guards took time, so check again that enough of the step is left.
    let passed = MintRequest {
        now: context.now(),
        last_step: Some(step),
        reserved: Some(step),
        valkey: StepRecord::Free { step },
        ..request
    };
    if mint(&passed) != (MintDecision::Deliver { step }) {
        return Ok(None);
    }
    let used = create(api, batch, login, seed, totp, step).await?;
    measure(context, batch, login, used.step);
    Ok(Some(Delivery::Delivered(used)))
}

/// The request as it is before any guard was tried.
fn request<'a>(
    now: Timestamp,
    batch: &'a FnoBatch,
    provider: &FnoProvider,
    totp: &Totp,
    shared: &SharedAccount<'a>,
    gate: &'a Gate,
) -> MintRequest<'a> {
    let (period, skew) = (i64::from(totp.period_seconds), i64::from(totp.skew_steps));
    MintRequest {
        now,
        phase: batch.phase(),
        stop: batch.spec.stop,
        provider_suspended: provider.spec.suspend,
        pinned: typed_version(batch),
        current: shared.own.current,
        gate,
        period,
        skew,
        min_remaining: i64::from(totp.min_remaining_seconds),
        last_step: shared.last_step(now, period, skew),
        recorded_in: shared.recorded_in(period),
        doubtful: None,
        reserved: None,
        clock: portal_clock(batch, provider),
        valkey: StepRecord::Unknown,
    }
}

fn measure(context: &Context, batch: &FnoBatch, login: i32, step: i64) {
    let of = provider_key(batch);
    let labels = metrics::Provider { namespace: of.namespace.clone(), provider: of.name.clone() };
    context.metrics.totp_minted.get_or_create(&labels).inc();
    if let Some(since) = context.known.batches.with(&key(batch), |memory| memory.awaiting.take()) {
        let waited = context.clock.uptime().saturating_sub(since);
        context.metrics.totp_wait.observe(waited.as_secs_f64());
    }
    info!(
        batch = batch.name_any(),
        namespace = of.namespace,
        provider = of.name,
        login,
        step,
        "a one-time code was minted"
    );
}

/// Creates the immutable Secret with the code. An existing one is from an earlier reconcile for the same login and is used.
async fn create(
    api: &Api<Secret>,
    batch: &FnoBatch,
    login: i32,
    seed: &Seed,
    totp: &Totp,
    step: i64,
) -> Result<UsedStep> {
    let code = seed.code(totp, step);
    let ends = step::ends(step, i64::from(totp.period_seconds));
    let secret = totp_secret(batch, login, code.reveal(), step, ends);
    let parameters =
        PostParams { field_manager: Some(names::MANAGER.to_owned()), ..PostParams::default() };
    let Err(error) = api.create(&parameters, &secret).await else {
        return Ok(UsedStep { step, period: totp.period_seconds });
    };
    let found = api.get_opt(&names::totp_secret(&batch.name_any(), login)).await?;
    match found.as_ref().and_then(|found| used_step(found, batch)) {
        Some(used) => Ok(used),
        None if found.is_some() => Err(Error::Taken(format!(
            "Secret {} exists already and does not belong to this batch.",
            secret.name_any()
        ))),
        None => Err(error.into()),
    }
}

/// The step of the code in a Secret, and its period in seconds, which follows from the step and from when the code ends.
fn used_step(secret: &Secret, batch: &FnoBatch) -> Option<UsedStep> {
    let owned = is_owned(&secret.metadata, batch) && secret.metadata.deletion_timestamp.is_none();
    let data = secret.data.as_ref().filter(|_| owned)?;
    let text = |key| std::str::from_utf8(&data.get(key)?.0).ok();
    let step: i64 = text(KEY_STEP)?.parse().ok()?;
    let ends: Timestamp = text(KEY_NOT_AFTER)?.parse().ok()?;
    let period = ends.as_second().checked_div(step.checked_add(1)?)?;
    Some(UsedStep { step, period: i32::try_from(period).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_of_a_code_holds_its_step_and_its_period() {
        let batch: FnoBatch = serde_json::from_value(serde_json::json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": "b", "namespace": "n", "uid": "u"},
            "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "d", "jobs": [{"name": "j", "uid": "1"}]},
        }))
        .expect("a batch");
        for (step, period) in [(59_800_000, 30), (29_900_000, 60), (6, 300)] {
            let ends = step::ends(step, period);
            let secret = totp_secret(&batch, 1, "123456", step, ends);
            let period = i32::try_from(period).expect("a period");
            assert_eq!(used_step(&secret, &batch), Some(UsedStep { step, period }));
        }
    }
}
