//! What planning counts.

use std::collections::BTreeMap;

use fno_core::{
    key::Key,
    lifecycle::PodState,
    plan::{JobView, ProviderView},
};
use fno_crds::{Reason, provider_status::Pending};
use jiff::Timestamp;

use crate::{
    context::Context,
    metrics::{self, Waiting, Word},
};

/// Publishes what was counted: as metrics, and in the status of each provider whose numbers changed.
pub fn publish(context: &Context, pending: &BTreeMap<Key, Pending>) {
    context.metrics.jobs_pending.clear();
    for (of, waiting) in pending {
        for (reason, count) in &waiting.by_reason {
            let reason = Reason::read(reason);
            let labels = Waiting {
                namespace: of.namespace.clone(),
                provider: of.name.clone(),
                reason: Word(reason.as_str()),
            };
            context.metrics.jobs_pending.get_or_create(&labels).set(i64::from(*count));
        }
        let waiting = Some(waiting.clone());
        // Jobs may wait for a provider that does not exist.
        if context.known.caches.provider(of).is_some()
            && context.known.providers.set(of, |memory| &mut memory.pending, waiting)
        {
            context.known.caches.wake_provider(of);
        }
    }
    context.metrics.jobs_active.clear();
    for (of, count) in context.known.jobs.active() {
        let labels = metrics::Provider { namespace: of.namespace, provider: of.name };
        context
            .metrics
            .jobs_active
            .get_or_create(&labels)
            .set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    let at_work =
        context.known.caches.pods().iter().filter(|pod| !PodState::of(pod).is_over()).count();
    context.metrics.runners_active.set(i64::try_from(at_work).unwrap_or(i64::MAX));
}

/// How long the oldest job of each provider waits.
pub fn queue_ages(context: &Context, providers: &[ProviderView], jobs: &[JobView], now: Timestamp) {
    let mut oldest: BTreeMap<(&str, &str), Timestamp> = BTreeMap::new();
    for job in jobs {
        let entry = oldest.entry((&job.key.namespace, &job.provider)).or_insert(job.created_at);
        *entry = job.created_at.min(*entry);
    }
    context.metrics.queue_age.clear();
    for provider in providers {
        let age = oldest
            .get(&(provider.key.namespace.as_str(), provider.key.name.as_str()))
            .map_or(0.0, |since| now.duration_since(*since).as_secs_f64());
        let labels = metrics::Provider {
            namespace: provider.key.namespace.clone(),
            provider: provider.key.name.clone(),
        };
        context.metrics.queue_age.get_or_create(&labels).set(age.max(0.0));
    }
}
