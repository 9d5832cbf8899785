//! The provider controller: look (flows, Secrets), refresh the breakers, report.

pub mod facts;
pub mod status;
pub mod view;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fno_core::{
    breaker,
    key::Key,
    provider_status::{conditions, pause_after, readiness},
    why::Why,
};
use fno_crds::{
    FnoBatch, FnoProvider, FnoProviderStatus, Reason,
    condition::{get, types},
    names::{ANNOTATION_FLUSH, ANNOTATION_RESUME},
    provider_status::BreakerState,
};
use futures::future::join_all;
use jiff::Timestamp;
use kube::{
    Api, ResourceExt as _, core::error_boundary::InvalidObject, runtime::controller::Action,
};
use serde_json::json;
use tracing::{error, warn};

use crate::{
    context::{Context, key},
    error::{Error, Result},
    known::{
        batches::{self, Newest},
        caches::Guarded,
    },
    metrics::{Task, Word},
    patch::{status_patch, write_status},
};
use facts::ProviderFacts;
use status::News;
use view::{Known, view};

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
    let begun = Instant::now();
    let done = match &provider.0 {
        Ok(provider) => look_at(&context, provider).await,
        Err(invalid) => refuse(&context, invalid).await,
    };
    context
        .metrics
        .reconcile
        .get_or_create(&Task { task: Word("provider") })
        .observe(begun.elapsed().as_secs_f64());
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
    let now = Timestamp::now();
    let (mut status, mut news) = refreshed(provider, &facts, now);
    let refreshed = FnoProvider { status: Some(status.clone()), ..provider.clone() };
    let view = view(
        &refreshed,
        Known { facts: Some(&facts), valkey: context.valkey_answers(), pause: None, flushed: None },
        now,
    );
    let ready = readiness(&view, context.troubles.get(&of).as_ref());
    news.extend(transition(provider, &ready));
    conditions(&mut status, provider.metadata.generation, &ready, now);
    numbers(context, &of, provider, &mut status);

    let old = provider.status.clone().unwrap_or_default();
    let since = context.looked.get(&of).and_then(|looked| looked.written).map(|at| at.elapsed());
    let only_numbers = without_numbers(&old) == without_numbers(&status);
    let put_off = since
        .filter(|since| only_numbers && old != status && *since < NUMBERS_EVERY)
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
    news: &[News],
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
    if let Some(looked) = context.looked.get(of) {
        context.looked.set(of.clone(), Some(Looked { written: Some(Instant::now()), ..looked }));
    }
    status::tell(context, &written, news).await;
    // A breaker that opened or closed, or a problem that is mended, changes what may leave.
    context.scopes.plan.notify_one();
    Ok(())
}

/// When a provider's Secrets were looked at, and its status written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Looked {
    at: Instant,
    written: Option<Instant>,
}

/// Looks at every provider once, so that the first planning after a start is not one that knows nothing.
pub async fn look_first(context: &Context) {
    let providers = context.scopes.providers();
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
    let known = context.facts.get(of);
    let looked = context.looked.get(of);
    if let (Some(known), Some(looked)) = (&known, looked) {
        let settled = known.accounts.values().all(|account| account.problem.is_none())
            && !provider.status.as_ref().is_some_and(resting);
        let age = looked.at.elapsed() + Duration::from_millis(50);
        if Some(known.generation) == provider.metadata.generation
            && age < if settled { LOOK_LATER } else { LOOK_SOON }
        {
            return Ok(Arc::clone(known));
        }
    }
    let facts = Arc::new(facts::find_out(&context.client, provider, known.as_deref()).await?);
    context.looked.set(
        of.clone(),
        Some(Looked { at: Instant::now(), written: looked.and_then(|looked| looked.written) }),
    );
    if context.facts.set(of.clone(), Some(Arc::clone(&facts))) {
        context.scopes.plan.notify_one();
    }
    Ok(facts)
}

/// What time, a new Secret, changed flows or a person change about the breakers.
fn refreshed(
    provider: &FnoProvider,
    facts: &ProviderFacts,
    now: Timestamp,
) -> (FnoProviderStatus, Vec<News>) {
    let mut status = provider.status.clone().unwrap_or_default();
    let mut news = Vec::new();
    let resumed_at = resumed_at(provider);
    for account in &provider.spec.accounts {
        let entry = status::account_mut(&mut status, &account.name);
        if let Some(breaker) = &entry.breaker {
            let version =
                facts.accounts.get(&account.name).and_then(|facts| facts.version.as_deref());
            let change =
                breaker::account::refresh(&account.name, breaker, now, version, resumed_at);
            news.extend(News::of_breaker(change.breaker.state, change.event));
            entry.breaker = Some(change.breaker);
        }
    }
    if let Some(breaker) = &status.flow_breaker {
        let change = breaker::flow::refresh(breaker, now, &facts.flows_digest, resumed_at);
        news.extend(News::of_breaker(change.breaker.state, change.event));
        status.flow_breaker = Some(change.breaker);
    }
    (status, news)
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
    let at_work: Vec<String> = batches::all(context)
        .iter()
        .filter(|batch| {
            batch.namespace().as_deref() == Some(&of.namespace)
                && batch.spec.provider == of.name
                && !batch.phase().is_finished()
        })
        .map(|batch| batch.spec.account.clone())
        .collect();
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    for account in &provider.spec.accounts {
        status::account_mut(status, &account.name).active_batches =
            number(at_work.iter().filter(|name| **name == account.name).count());
    }
    // An account that was taken out of the spec keeps its last step: put back, it must not use a code twice.
    let named = |name: &str| provider.spec.accounts.iter().any(|account| account.name == name);
    status.accounts.retain(|account| named(&account.name) || account.last_step.is_some());
    status.active_batches = Some(number(at_work.len()));
    // Before the first planning nothing is known, and what is stored stands.
    status.pending = context.pending.get(of).or_else(|| status.pending.take());
    let flush = provider.annotations().get(ANNOTATION_FLUSH);
    if let Some(value) = flush.filter(|value| context.flushed.get(of).as_ref() == Some(*value)) {
        status.flushed = Some(fno_core::text::at_most(value, 100));
    }
}

fn without_numbers(status: &FnoProviderStatus) -> FnoProviderStatus {
    let mut rest = FnoProviderStatus { pending: None, active_batches: None, ..status.clone() };
    rest.accounts.iter_mut().for_each(|account| account.active_batches = 0);
    rest
}

/// A breaker is not closed: a new Secret would change that.
fn resting(status: &FnoProviderStatus) -> bool {
    status.accounts.iter().any(|account| {
        account
            .breaker
            .as_ref()
            .is_some_and(|breaker| breaker.state != BreakerState::Closed || breaker.failures > 0)
    }) || status.flow_breaker.as_ref().is_some_and(|breaker| breaker.state != BreakerState::Closed)
}

/// Ready or not, told when it changes. Breakers tell their own.
fn transition(provider: &FnoProvider, ready: &Why) -> Option<News> {
    let was = provider
        .status
        .as_ref()
        .and_then(|status| get(&status.conditions, types::READY))
        .map(|condition| condition.reason.as_str());
    let changed = was != Some(ready.reason.as_str())
        && !matches!(
            ready.reason,
            Reason::BreakerOpen | Reason::PortalChanged | Reason::PortalUnavailable
        );
    let first_good = was.is_none() && ready.reason == Reason::Available;
    let wanted = matches!(ready.reason, Reason::Available | Reason::Suspended);
    (changed && !first_good).then(|| News { warning: !wanted, what: ready.clone() })
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
        conditions(&mut status, raw.metadata.generation, &why, Timestamp::now());
        let patch = json!({"metadata": {"resourceVersion": raw.metadata.resource_version}, "status": {"conditions": status.conditions}});
        write_status(&api, &of.name, &patch).await?;
        context.scopes.plan.notify_one();
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

/// The pause of a provider after batches that never got to work, and its end.
#[must_use]
pub fn pause(of: &Key, batches: &[Newest], now: Timestamp) -> Option<(Timestamp, Why)> {
    let ours = |batch: &&FnoBatch| {
        batch.spec.provider == of.name && batch.metadata.namespace.as_deref() == Some(&of.namespace)
    };
    let finished_at = |batch: &FnoBatch| {
        batch.status.as_ref().and_then(|status| status.finished_at.clone()).map(|at| at.0)
    };
    let mut finished: Vec<&FnoBatch> = batches
        .iter()
        .map(|batch| &**batch)
        .filter(ours)
        .filter(|batch| finished_at(batch).is_some())
        .collect();
    finished.sort_by_key(|batch| std::cmp::Reverse(finished_at(batch)));
    pause_after(finished, now)
}
