//! The provider controller: look (flows, Secrets), refresh the breakers, report.

pub mod facts;
pub mod status;

use std::{sync::Arc, time::Duration};

use fno_cluster::patch::status_patch;
use fno_core::{
    key::Key,
    provider_status::{
        Numbers, ProviderNews, conditions, only_numbers_differ, readiness, refreshed, resting,
        set_numbers, transition,
    },
    view::provider::{Known, ProviderFacts, view},
    why::Why,
};
use fno_crds::{
    FnoProvider, FnoProviderStatus, Reason, condition::types, names::ANNOTATION_RESUME,
};
use futures::future::join_all;
use jiff::Timestamp;
use kube::{
    Api, ResourceExt as _, core::error_boundary::InvalidObject, runtime::controller::Action,
};
use serde_json::json;
use tracing::{error, warn};

use crate::{
    context::Context,
    error::{Error, Result},
    known::{batches, caches::Guarded, key},
    metrics::{Task, Word},
    patch::write_status,
};

/// While a Secret is missing, or a breaker is open, the Secrets are looked at this often: mending one is noticed by itself.
const LOOK_SOON: Duration = Duration::from_secs(4);
/// Otherwise a Secret is looked at when it is used, and this often besides.
const LOOK_LATER: Duration = Duration::from_secs(300);
/// Mere numbers (jobs that wait, batches at work) are written this often at most.
const NUMBERS_EVERY: Duration = Duration::from_secs(10);

/// Brings a provider's status up to date.
///
/// # Errors
/// What is tried again.
pub async fn reconcile(
    provider: Arc<Guarded<FnoProvider>>,
    context: Arc<Context>,
) -> Result<Action> {
    let started = context.clock.uptime();
    let done = match &provider.0 {
        Ok(provider) => look_at(&context, provider).await,
        Err(invalid) => refuse(&context, invalid).await,
    };
    context
        .metrics
        .reconcile
        .get_or_create(&Task { task: Word("provider") })
        .observe(context.clock.uptime().saturating_sub(started).as_secs_f64());
    done
}

/// What is done about a failed pass.
pub fn failed(provider: Arc<Guarded<FnoProvider>>, error: &Error, context: Arc<Context>) -> Action {
    if error.is_conflict() {
        return Action::requeue(Duration::from_millis(200));
    }
    context.metrics.errors.get_or_create(&Task { task: Word("provider") }).inc();
    warn!(provider = provider.name_any(), namespace = provider.namespace(), %error, "a provider could not be brought up to date; trying again");
    Action::requeue(Duration::from_secs(5))
}

async fn look_at(context: &Context, provider: &FnoProvider) -> Result<Action> {
    let of = key(provider);
    let facts = facts(context, &of, provider).await?;
    let now = context.now();
    let (mut status, mut news) = refreshed(provider, &facts, resumed_at(provider), now);
    let refreshed = FnoProvider { status: Some(status.clone()), ..provider.clone() };
    let view = view(
        &refreshed,
        Known {
            facts: Some(&facts),
            valkey: context.used_steps_answer(),
            pause: None,
            flushed: None,
        },
        now,
    );
    let ready = readiness(&view, context.known.providers.get(&of).trouble.as_ref());
    news.extend(transition(provider, &ready));
    conditions(&mut status, provider.metadata.generation, &ready, now);
    numbers(context, &of, provider, &mut status);

    let old = provider.status.clone().unwrap_or_default();
    let since = context
        .known
        .providers
        .get(&of)
        .written_at
        .map(|at| context.clock.uptime().saturating_sub(at));
    let put_off = since
        .filter(|since| only_numbers_differ(&old, &status) && *since < NUMBERS_EVERY)
        .map(|since| NUMBERS_EVERY - since);
    if put_off.is_none() {
        write(context, &of, provider, &status, &news).await?;
    }
    let look =
        if ready.reason == Reason::Available && !resting(&status) { LOOK_LATER } else { LOOK_SOON };
    Ok(Action::requeue(put_off.unwrap_or(look).min(look)))
}

async fn write(
    context: &Context,
    of: &Key,
    provider: &FnoProvider,
    status: &FnoProviderStatus,
    news: &[ProviderNews],
) -> Result<()> {
    let Some(patch) = status_patch(
        provider.metadata.resource_version.as_deref(),
        provider.status.as_ref(),
        status,
    )?
    else {
        return Ok(());
    };
    let api: Api<FnoProvider> = Api::namespaced(context.client.clone(), &of.namespace);
    let written = write_status(&api, &of.name, &patch).await?;
    let uptime = context.clock.uptime();
    context.known.providers.with(of, |memory| memory.written_at = Some(uptime));
    status::publish(context, &written, news).await;
    // A breaker that opened or closed, or a problem that is mended, changes what may leave.
    context.known.caches.plan.notify_one();
    Ok(())
}

/// Looks at every provider once, so that the first planning after a start is not one that knows nothing.
pub async fn look_first(context: &Context) {
    let providers = context.known.caches.providers();
    let looks: Vec<_> = providers
        .iter()
        .filter_map(|guarded| guarded.0.as_ref().ok())
        .map(|provider| async { (key(provider), facts(context, &key(provider), provider).await) })
        .collect();
    for (of, looked) in join_all(looks).await {
        if let Err(error) = looked {
            warn!(provider = of.name, namespace = of.namespace, %error, "a provider could not be looked at; trying again");
        }
    }
}

async fn facts(context: &Context, of: &Key, provider: &FnoProvider) -> Result<Arc<ProviderFacts>> {
    let memory = context.known.providers.get(of);
    if let (Some(known), Some(at)) = (&memory.facts, memory.inspected_at) {
        let settled = known.accounts.values().all(|account| account.problem.is_none())
            && !provider.status.as_ref().is_some_and(resting);
        let age = context.clock.uptime().saturating_sub(at) + Duration::from_millis(50);
        if Some(known.generation) == provider.metadata.generation
            && age < if settled { LOOK_LATER } else { LOOK_SOON }
        {
            return Ok(Arc::clone(known));
        }
    }
    let found = facts::find_out(&context.client, provider, memory.facts.as_deref()).await?;
    let (facts, uptime) = (Arc::new(found), context.clock.uptime());
    context.known.providers.with(of, |memory| memory.inspected_at = Some(uptime));
    let found = Some(Arc::clone(&facts));
    if context.known.providers.set(of, |memory| &mut memory.facts, found) {
        context.known.caches.plan.notify_one();
    }
    Ok(facts)
}

fn resumed_at(provider: &FnoProvider) -> Option<Timestamp> {
    let value = provider.annotations().get(ANNOTATION_RESUME)?;
    value
        .parse()
        .map_err(|_| {
            warn!(provider = provider.name_any(), value, "the annotation {ANNOTATION_RESUME} is no time such as 2030-01-31T12:00:00Z and counts for nothing")
        })
        .ok()
}

fn numbers(context: &Context, of: &Key, provider: &FnoProvider, status: &mut FnoProviderStatus) {
    let at_work = batches::all(&context.known)
        .iter()
        .filter(|batch| {
            batch.namespace().as_deref() == Some(&of.namespace)
                && batch.spec.provider == of.name
                && !batch.phase().is_finished()
        })
        .map(|batch| batch.spec.account.clone())
        .collect();
    let memory = context.known.providers.get(of);
    let numbers = Numbers { at_work, pending: memory.pending, flushed: memory.flushed.as_deref() };
    set_numbers(provider, status, numbers);
}

/// A provider that cannot be read says so itself, and holds up nobody else.
async fn refuse(context: &Context, invalid: &InvalidObject) -> Result<Action> {
    context.metrics.malformed.inc();
    let of = Key {
        namespace: invalid.metadata.namespace.clone().unwrap_or_default(),
        name: invalid.metadata.name.clone().unwrap_or_default(),
    };
    error!(
        provider = of.name,
        namespace = of.namespace,
        error = invalid.error,
        "a provider cannot be read and is left out"
    );
    let api = Api::<kube::core::DynamicObject>::namespaced_with(
        context.client.clone(),
        &of.namespace,
        &kube::discovery::ApiResource::erase::<FnoProvider>(&()),
    );
    let Some(raw) = api.get_opt(&of.name).await? else { return Ok(Action::await_change()) };
    let why = unreadable(&invalid.error);
    let told = raw.data["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|c| c["type"] == types::READY && c["message"] == why.message.as_str());
    if !told {
        let mut status = FnoProviderStatus::default();
        conditions(&mut status, raw.metadata.generation, &why, context.now());
        let patch = json!({"metadata": {"resourceVersion": raw.metadata.resource_version}, "status": {"conditions": status.conditions}});
        write_status(&api, &of.name, &patch).await?;
        context.known.caches.plan.notify_one();
    }
    Ok(Action::await_change())
}

/// What is said of a provider that cannot be read.
#[must_use]
pub fn unreadable(error: &str) -> Why {
    Why {
        reason: Reason::ProviderNotReady,
        message: fno_core::text::at_most(&format!("The provider cannot be read: {error}"), 2000),
    }
}
