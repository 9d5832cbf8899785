//! The operator's current state, for the metrics.

use std::collections::BTreeMap;

use fno_core::{key::Key, lifecycle::PodState};
use fno_crds::{
    FnoProvider, FnoProviderStatus,
    condition::{get, types},
    provider_status::BreakerState,
};
use jiff::Timestamp;

use crate::{
    context::Context,
    known::{key, providers::ProviderMemory},
    metrics::{Now, ProviderNow, Source},
};

impl Source for Context {
    fn read(&self) -> Option<Now> {
        let caches = &self.known.caches;
        let services = caches.services();
        if !services.values().any(|works| *works) {
            return None;
        }
        let active = self.known.jobs.active();
        let at = self.now();
        let readable = caches.providers();
        let readable = readable.iter().map(|provider| {
            let of = key(&**provider);
            let memory = self.known.providers.get(&of);
            let active = active.get(&of).copied().unwrap_or(0);
            of_provider(provider, &memory, active, at)
        });
        let unreadable = caches.unreadable_providers();
        let unreadable = unreadable.iter().map(|provider| {
            let of = provider.key();
            let active = active.get(&of).copied().unwrap_or(0);
            not_ready(of, active)
        });
        Some(Now {
            providers: readable.chain(unreadable).collect(),
            runners: caches.pods().iter().filter(|pod| !PodState::of(pod).is_over()).count(),
            valkey: self.used_steps_answer(),
            namespaces: services
                .into_iter()
                .filter_map(|(namespace, works)| Some((namespace?.to_owned(), works)))
                .collect(),
        })
    }
}

fn of_provider(
    provider: &FnoProvider,
    memory: &ProviderMemory,
    active: usize,
    now: Timestamp,
) -> ProviderNow {
    let empty = FnoProviderStatus::default();
    let status = provider.status.as_ref().unwrap_or(&empty);
    let account = |name: &str| status.accounts.iter().find(|account| account.name == name);
    let is_open = |state: BreakerState| state != BreakerState::Closed;
    ProviderNow {
        ready: get(&status.conditions, types::READY)
            .is_some_and(|condition| condition.status == "True"),
        accounts: provider
            .spec
            .accounts
            .iter()
            .map(|spec| {
                let breaker = account(&spec.name).and_then(|account| account.breaker.as_ref());
                (spec.name.clone(), breaker.is_some_and(|breaker| is_open(breaker.state)))
            })
            .collect(),
        flow_breaker: status.flow_breaker.as_ref().is_some_and(|breaker| is_open(breaker.state)),
        pending: memory
            .pending
            .as_ref()
            .map(|pending| pending.by_reason.clone())
            .unwrap_or_default(),
        oldest_seconds: memory
            .oldest_waits_since
            .map_or(0.0, |since| now.duration_since(since).as_secs_f64().max(0.0)),
        ..not_ready(key(provider), active)
    }
}

/// The gauges of a provider of which only the jobs are known.
fn not_ready(of: Key, active: usize) -> ProviderNow {
    ProviderNow {
        key: of,
        ready: false,
        accounts: Vec::new(),
        flow_breaker: false,
        active,
        pending: BTreeMap::new(),
        oldest_seconds: 0.0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + seconds).expect("in range")
    }

    fn provider(status: &Value) -> FnoProvider {
        let flow = json!({"steps": [{"type": "navigate", "url": "/"}]});
        let account = |name: &str| json!({"name": name, "credentialsSecretRef": {"name": "s"}});
        serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoProvider",
            "metadata": {"name": "octotel", "namespace": "isp"},
            "spec": {
                "baseUrl": "https://portal.example.net", "allowedOrigins": ["https://portal.example.net"],
                "accounts": [account("one"), account("two"), account("new")],
                "flows": {"login": flow, "validation": flow},
            },
            "status": status,
        }))
        .expect("a provider")
    }

    fn condition(status: &str) -> Value {
        json!([{"type": "Ready", "status": status, "reason": "Available", "message": "", "lastTransitionTime": at(0).to_string()}])
    }

    #[test]
    fn a_breaker_is_open_until_it_is_closed_and_an_account_without_one_is_closed() {
        let breaker = |state: &str| json!({"state": state, "failures": 2});
        let now = of_provider(
            &provider(&json!({
                "conditions": condition("False"),
                "accounts": [{"name": "one", "breaker": breaker("HalfOpen")}, {"name": "two", "breaker": breaker("Closed")}],
                "flowBreaker": breaker("Open"),
            })),
            &ProviderMemory::default(),
            2,
            at(0),
        );
        let accounts: Vec<_> =
            now.accounts.iter().map(|(name, open)| (name.as_str(), *open)).collect();
        assert_eq!(accounts, [("one", true), ("two", false), ("new", false)]);
        assert!(now.flow_breaker && !now.ready);
        assert_eq!(now.active, 2);
    }

    #[test]
    fn the_age_of_the_queue_is_computed_at_the_scrape() {
        let provider = provider(&json!({"conditions": condition("True")}));
        let memory =
            ProviderMemory { oldest_waits_since: Some(at(10)), ..ProviderMemory::default() };
        let now = |seconds| of_provider(&provider, &memory, 0, at(seconds));
        assert!(now(10).ready);
        let ages = [now(70).oldest_seconds, now(130).oldest_seconds, now(0).oldest_seconds];
        assert_eq!(ages, [60.0, 120.0, 0.0]);
    }
}
