//! The provider controller: inspect (flows, Secrets), refresh the breakers, write the status.

mod inspect;
pub mod status;
mod unreadable;

use std::{sync::Arc, time::Duration};

use fno_cluster::patch::status_patch;
use fno_core::{
    account::AccountName,
    key::Key,
    provider_status::{
        Numbers, ProviderNews, Refreshed, conditions, only_numbers_differ, readiness, refreshed,
        resting, set_numbers, transition,
    },
    unreadable::Unreadable,
    view::provider::{ProviderFacts, ViewInputs, view},
};
use fno_crds::{FnoProvider, FnoProviderStatus, Reason};
use futures::future::join_all;
use kube::{Api, runtime::controller::Action};
use tracing::{info, warn};

use crate::{
    context::Context,
    controllers::Reconciled,
    error::{Error, Result},
    known::{accounts::Accounts, key, provider_key, sessions},
    patch::write_status,
};

/// How often the Secrets are read while one is missing or a breaker is not closed, so that a corrected Secret is noticed.
const INSPECT_SOON: Duration = Duration::from_secs(4);
/// How often the Secrets are read otherwise, in addition to each time they are used.
const INSPECT_LATER: Duration = Duration::from_secs(300);
/// Minimum time between two writes of mere numbers (waiting jobs, active batches).
const NUMBERS_EVERY: Duration = Duration::from_secs(10);

impl Reconciled for FnoProvider {
    const TASK: &'static str = "provider";

    async fn reconcile(provider: Arc<Self>, context: &Context) -> Result<Action> {
        let again = refresh(context, &provider).await?;
        let (of, uptime) = (key(&*provider), context.clock.uptime());
        if let Some(lasted) =
            context.known.providers.with(&of, |memory| memory.outage.ended(uptime))
        {
            info!(seconds = lasted.as_secs(), "the provider is reconciled again");
        }
        Ok(again)
    }

    async fn reconcile_unreadable(provider: Arc<Unreadable>, context: &Context) -> Result<Action> {
        unreadable::report(context, &provider).await
    }

    fn failed(of: &Key, error: &Error, context: &Context) -> Duration {
        let (uptime, cause) = (context.clock.uptime(), error.to_string());
        if context.known.providers.with(of, |memory| memory.outage.failed(&cause, uptime)) {
            warn!(
                provider = of.name,
                namespace = of.namespace,
                error = cause,
                "a provider could not be reconciled and is requeued"
            );
        }
        Duration::from_secs(5)
    }
}

/// Brings a provider's status up to date.
async fn refresh(context: &Context, provider: &FnoProvider) -> Result<Action> {
    let of = key(provider);
    let facts = inspect(context, &of, provider).await?;
    let now = context.now();
    let mut accounts = Accounts::watched(&context.known, &of.namespace);
    accounts.set_provider(&of.name, Some(provider.clone()));
    let Refreshed { mut status, mut news, remark } =
        refreshed(provider, &facts, &accounts.namespace(), now);
    let refreshed = FnoProvider { status: Some(status.clone()), ..provider.clone() };
    accounts.set_provider(&of.name, Some(refreshed.clone()));
    let inputs = ViewInputs {
        namespace: &accounts.namespace(),
        facts: Some(&facts),
        valkey: context.used_steps_answer(),
        pause: None,
        flushed: None,
    };
    let memory = context.known.providers.get(&of);
    let trouble = sessions::trouble(&context.known, &of).or(memory.trouble);
    let ready = readiness(&view(&refreshed, inputs, now), trouble.as_ref());
    news.extend(transition(provider, &ready.why));
    conditions(&mut status, provider.metadata.generation, &ready, remark.as_deref(), now);
    numbers(context, &of, provider, &mut status);

    let old = provider.status.clone().unwrap_or_default();
    let put_off = memory
        .written_at
        .map(|at| context.clock.uptime().saturating_sub(at))
        .filter(|since| only_numbers_differ(&old, &status) && *since < NUMBERS_EVERY)
        .map(|since| NUMBERS_EVERY - since);
    if put_off.is_none() {
        write(context, &of, provider, &status, &news).await?;
        if !news.is_empty() || old.resume != status.resume {
            wake_namesakes(context, &of, provider, &accounts);
        }
    }
    let again = if ready.why.reason == Reason::Available && !resting(&status) {
        INSPECT_LATER
    } else {
        INSPECT_SOON
    };
    Ok(Action::requeue(put_off.unwrap_or(again).min(again)))
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
    // A breaker that opened or closed, or a problem that was fixed, changes which jobs can be batched.
    context.known.caches.plan.notify_one();
    Ok(())
}

/// Inspects every provider once, so that the first plan after a start knows their Secrets and flows.
pub async fn inspect_all(context: &Context) {
    let providers = context.known.caches.providers();
    let inspections = providers.iter().map(|provider| async {
        let of = key(&**provider);
        let inspected = inspect(context, &of, provider).await;
        (of, inspected)
    });
    for (of, inspected) in join_all(inspections).await {
        if let Err(error) = inspected {
            warn!(provider = of.name, namespace = of.namespace, %error, "a provider could not be inspected; trying again");
        }
    }
}

async fn inspect(
    context: &Context,
    of: &Key,
    provider: &FnoProvider,
) -> Result<Arc<ProviderFacts>> {
    let memory = context.known.providers.get(of);
    if let (Some(known), Some(at)) = (&memory.facts, memory.inspected_at) {
        let settled = known.accounts.values().all(|account| account.problem.is_none())
            && !provider.status.as_ref().is_some_and(resting);
        let age = context.clock.uptime().saturating_sub(at) + Duration::from_millis(50);
        if Some(known.generation) == provider.metadata.generation
            && age < if settled { INSPECT_LATER } else { INSPECT_SOON }
        {
            return Ok(Arc::clone(known));
        }
    }
    let found = inspect::inspect(
        &context.client,
        &context.credentials_key,
        provider,
        memory.facts.as_deref(),
    )
    .await?;
    let (facts, uptime) = (Arc::new(found), context.clock.uptime());
    context.known.providers.with(of, |memory| memory.inspected_at = Some(uptime));
    let found = Some(Arc::clone(&facts));
    if context.known.providers.set(of, |memory| &mut memory.facts, found) {
        context.known.caches.plan.notify_one();
    }
    Ok(facts)
}

/// Wakes the other providers that share an account with this one: what this one has counted, or a person has resumed, applies to them, too.
fn wake_namesakes(context: &Context, of: &Key, provider: &FnoProvider, accounts: &Accounts) {
    for account in &provider.spec.accounts {
        let name = AccountName { provider: of.name.clone(), account: account.name.clone() };
        for other in accounts.other_providers(&name) {
            let other = Key { namespace: of.namespace.clone(), name: other };
            context.known.caches.wake_provider(&other);
        }
    }
}

fn numbers(context: &Context, of: &Key, provider: &FnoProvider, status: &mut FnoProviderStatus) {
    let at_work = context
        .known
        .newest_batches()
        .running()
        .filter(|batch| provider_key(batch) == *of)
        .map(|batch| batch.spec.account.clone())
        .collect();
    let memory = context.known.providers.get(of);
    let numbers = Numbers { at_work, pending: memory.pending, flushed: memory.flushed.as_deref() };
    set_numbers(provider, status, numbers, context.now());
}
