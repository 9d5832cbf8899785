//! What planning counts, for the status of providers and for the metrics.

use std::collections::BTreeMap;

use fno_core::{
    key::Key,
    plan::{JobView, Plan, ProviderView},
};
use fno_crds::{Reason, provider_status::Pending};
use jiff::Timestamp;

use crate::context::Context;

/// Keeps how many jobs wait for what, and wakes each provider whose numbers changed.
pub fn note_pending(context: &Context, pending: &BTreeMap<Key, Pending>) {
    for (of, waiting) in pending {
        let waiting = Some(waiting.clone());
        // Jobs may wait for a provider that does not exist.
        if context.known.caches.provider(of).is_some()
            && context.known.providers.set(of, |memory| &mut memory.pending, waiting)
        {
            context.known.caches.wake_provider(of);
        }
    }
}

/// Keeps since when the oldest job of each provider waits.
pub fn note_oldest(context: &Context, providers: &[ProviderView], jobs: &[JobView], plan: &Plan) {
    let oldest = oldest(jobs, plan);
    for provider in providers {
        let of = (provider.key.namespace.as_str(), provider.key.name.as_str());
        let since = oldest.get(&of).copied();
        context.known.providers.with(&provider.key, |memory| memory.oldest_waits_since = since);
    }
}

/// The creation of the oldest job of each provider, by namespace and name. A job that its submitter suspended or put off does not count: it
/// waits for a person or a time, not for us.
fn oldest<'a>(jobs: &'a [JobView], plan: &Plan) -> BTreeMap<(&'a str, &'a str), Timestamp> {
    let mut oldest: BTreeMap<(&str, &str), Timestamp> = BTreeMap::new();
    for job in jobs {
        let reason = plan.waits.get(&job.key).map(|why| why.reason);
        if matches!(reason, Some(Reason::Suspended | Reason::NotBefore)) {
            continue;
        }
        let entry = oldest.entry((&job.key.namespace, &job.provider)).or_insert(job.created_at);
        *entry = job.created_at.min(*entry);
    }
    oldest
}

#[cfg(test)]
mod tests {
    use fno_core::why::Why;
    use serde_json::json;

    use super::*;
    use crate::known::jobs::JobIndex;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + seconds).expect("in range")
    }

    fn key(name: &str) -> Key {
        Key { namespace: "n".to_owned(), name: name.to_owned() }
    }

    #[test]
    fn jobs_that_are_suspended_or_put_off_do_not_age_the_queue() {
        let index = JobIndex::default();
        for (name, created) in [("suspended", 0), ("later", 10), ("waiting", 20), ("leaving", 30)] {
            let job = serde_json::from_value(json!({
                "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob",
                "metadata": {"name": name, "namespace": "n", "uid": name, "resourceVersion": "1", "creationTimestamp": at(created).to_string()},
                "spec": {"provider": "p", "action": "Validation", "circuitNumber": name},
            }))
            .expect("a job");
            index.apply(job, at(60));
        }
        let why = |reason| Why { reason, message: String::new() };
        let waits = [
            (key("suspended"), why(Reason::Suspended)),
            (key("later"), why(Reason::NotBefore)),
            (key("waiting"), why(Reason::WaitingForSession)),
        ];
        let plan = Plan { waits: waits.into(), ..Plan::default() };
        let oldest = index.with_pending(|jobs, _| oldest(jobs, &plan).get(&("n", "p")).copied());
        assert_eq!(oldest, Some(at(20)));
    }
}
