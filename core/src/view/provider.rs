//! A provider as planning sees it.

use std::{collections::BTreeMap, sync::Arc};

use fno_crds::{FnoProvider, Reason, names::ANNOTATION_FLUSH, provider::Account};
use jiff::Timestamp;

use crate::{
    account::{AccountName, Namespace, SharedAccount},
    breaker,
    gate::Gate,
    key::Key,
    measure,
    mint::clock::PortalClock,
    plan::{AccountView, ProviderView},
    provider_status::measured_clock,
    why::Why,
};

/// What the operator found when it inspected a provider, linted its flows and read its Secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderFacts {
    /// The generation that was inspected.
    pub generation: i64,
    /// SHA-256 of the provider's flows.
    pub flows_digest: String,
    /// Size of the provider's part of a work Secret, in bytes.
    pub work_bytes: usize,
    /// The linter's errors, if there are any.
    pub flow_error: Option<String>,
    /// What was found about each account, by its name.
    pub accounts: BTreeMap<String, AccountFacts>,
}

/// What the operator found in an account's Secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFacts {
    /// Keyed digest of the credentials. None while a Secret is missing or cannot be used.
    pub version: Option<String>,
    /// Fingerprint of the seed, if the account has one.
    pub fingerprint: Option<String>,
    /// Keyed digest of the user name. None while the Secret with it is missing.
    pub user: Option<String>,
    /// Why the Secrets cannot be used, if they cannot.
    pub problem: Option<Why>,
}

/// What a view is built from in addition to the provider.
#[derive(Clone, Copy, Debug)]
pub struct ViewInputs<'a> {
    /// The accounts of the provider's namespace.
    pub namespace: &'a Namespace<'a>,
    /// What the operator found when it inspected the provider. None before the first inspection.
    pub facts: Option<&'a ProviderFacts>,
    /// Whether Valkey answers.
    pub valkey: bool,
    /// The pause after batches that did no work, while it lasts.
    pub pause: Option<&'a Why>,
    /// The value of the flush annotation that an earlier plan has taken into account.
    pub flushed: Option<&'a str>,
}

/// The view of a provider at `now`.
#[must_use]
pub fn view(provider: &FnoProvider, inputs: ViewInputs<'_>, now: Timestamp) -> ProviderView {
    let status = provider.status.clone().unwrap_or_default();
    let generation = provider.metadata.generation.unwrap_or(0);
    let facts = inputs.facts.filter(|facts| facts.generation == generation);
    let flush = provider.metadata.annotations.as_ref().and_then(|all| all.get(ANNOTATION_FLUSH));
    ProviderView {
        key: Key {
            namespace: provider.metadata.namespace.clone().unwrap_or_default(),
            name: provider.metadata.name.clone().unwrap_or_default(),
        },
        generation,
        spec: Arc::new(provider.spec.clone()),
        flows_digest: facts.map(|facts| facts.flows_digest.clone()).unwrap_or_default(),
        blocked: blocked(facts, inputs.pause),
        cancellations_blocked: Some(no_cancellations()),
        flow_gate: breaker::flow::gate(&status.flow_breaker.clone().unwrap_or_default(), now),
        accounts: provider
            .spec
            .accounts
            .iter()
            .map(|account| account_view(provider, account, facts, &inputs, now))
            .collect(),
        job_seconds: status
            .job_milliseconds
            .iter()
            .filter_map(|known| Some((known.action, measure::seconds(known.mean)?)))
            .collect::<BTreeMap<_, _>>(),
        login_seconds: status.login_milliseconds.and_then(measure::seconds),
        flush: flush.is_some_and(|value| {
            status.flushed.as_ref() != Some(value) && inputs.flushed != Some(value)
        }),
        work_bytes: facts.map_or(0, |facts| facts.work_bytes),
    }
}

/// The runner's gate stays shut, so a batch would log in for nothing, again and again.
fn no_cancellations() -> Why {
    Why {
        reason: Reason::CancellationsHeld,
        message: "This version of the operator does not carry out cancellations. The job waits."
            .to_owned(),
    }
}

fn blocked(facts: Option<&ProviderFacts>, pause: Option<&Why>) -> Option<Why> {
    let Some(facts) = facts else {
        return Some(Why {
            reason: Reason::ProviderNotReady,
            message: "The provider is being inspected.".to_owned(),
        });
    };
    let flow = facts.flow_error.clone().map(|message| Why { reason: Reason::FlowInvalid, message });
    flow.or_else(|| pause.cloned())
}

fn account_view(
    provider: &FnoProvider,
    account: &Account,
    facts: Option<&ProviderFacts>,
    inputs: &ViewInputs<'_>,
    now: Timestamp,
) -> AccountView {
    let name = AccountName {
        provider: provider.metadata.name.clone().unwrap_or_default(),
        account: account.name.clone(),
    };
    let shared = inputs.namespace.account(&name);
    let totp = account
        .totp
        .as_ref()
        .map(|totp| (i64::from(totp.period_seconds), i64::from(totp.skew_steps)));
    let problem = facts.and_then(|facts| facts.accounts.get(&account.name)?.problem.clone());
    let no_codes = (account.totp.is_some() && !inputs.valkey).then(|| Why {
        reason: Reason::ValkeyUnavailable,
        message: "Valkey does not answer, so no one-time code may be minted. Sessions that are logged in continue.".to_owned(),
    });
    AccountView {
        name: account.name.clone(),
        identity: inputs.namespace.identity(&name),
        max_sessions: shared.as_ref().map_or(1, SharedAccount::max_sessions),
        gate: problem.or(no_codes).map_or_else(
            || {
                let breaker = shared.as_ref().map_or(Gate::Open, |shared| shared.gate(now));
                breaker
                    .and(totp.map_or(Gate::Open, |(period, _)| clock(provider).gate(period, now)))
            },
            Gate::Shut,
        ),
        totp_period: totp.map(|(period, _)| period),
        last_step: totp
            .zip(shared)
            .and_then(|((period, skew), shared)| shared.last_step(now, period, skew)),
    }
}

/// The portal's clock as an earlier batch measured it.
fn clock(provider: &FnoProvider) -> PortalClock {
    PortalClock { own: None, earlier: provider.status.as_ref().and_then(measured_clock) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::account::Member;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_893_456_000 + seconds).expect("in range")
    }

    fn provider(annotations: &Value, status: &Value) -> FnoProvider {
        let flow = json!({"steps": [{"type": "navigate", "url": "/"}]});
        serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoProvider",
            "metadata": {"name": "p", "namespace": "n", "generation": 3, "annotations": annotations},
            "spec": {"baseUrl": "https://portal.example.net", "allowedOrigins": ["https://portal.example.net"],
                "accounts": [{"name": "plain", "credentialsSecretRef": {"name": "s"}},
                    {"name": "codes", "credentialsSecretRef": {"name": "s"}, "totp": {"secretRef": {"name": "s", "key": "seed"}}}],
                "flows": {"login": flow, "validation": flow}},
            "status": status,
        }))
        .expect("a provider")
    }

    fn facts(generation: i64) -> ProviderFacts {
        ProviderFacts {
            generation,
            work_bytes: 0,
            flows_digest: "d".to_owned(),
            flow_error: None,
            accounts: BTreeMap::new(),
        }
    }

    fn view_with(
        provider: &FnoProvider,
        facts: Option<&ProviderFacts>,
        valkey: bool,
        pause: Option<&Why>,
        flushed: Option<&str>,
    ) -> ProviderView {
        let namespace = Namespace::new(vec![Member { provider, facts }], Vec::new(), []);
        view(provider, ViewInputs { namespace: &namespace, facts, valkey, pause, flushed }, at(0))
    }

    fn reason(gate: &Gate) -> Option<Reason> {
        match gate {
            Gate::Shut(why) => Some(why.reason),
            Gate::Open | Gate::Trial(_) => None,
        }
    }

    #[test]
    fn no_job_starts_for_a_provider_whose_current_generation_was_not_inspected() {
        let provider = provider(&Value::Null, &Value::Null);
        let blocked =
            |facts: Option<&ProviderFacts>| view_with(&provider, facts, true, None, None).blocked;
        let not_ready = Some(Reason::ProviderNotReady);
        assert_eq!(blocked(None).map(|why| why.reason), not_ready);
        assert_eq!(blocked(Some(&facts(2))).map(|why| why.reason), not_ready);
        assert_eq!(blocked(Some(&facts(3))), None);
    }

    #[test]
    fn no_batch_logs_in_for_a_cancellation_that_its_runner_would_refuse() {
        let provider = provider(&Value::Null, &Value::Null);
        let view = view_with(&provider, Some(&facts(3)), true, None, None);
        let held = view.cancellations_blocked.expect("cancellations are held");
        assert_eq!(held.reason, Reason::CancellationsHeld);
    }

    #[test]
    fn a_flow_with_lint_errors_takes_precedence_over_a_pause() {
        let pause = Why { reason: Reason::RetryBackoff, message: String::new() };
        let wrong = ProviderFacts { flow_error: Some("no".to_owned()), ..facts(3) };
        let blocked = |facts| {
            let provider = provider(&Value::Null, &Value::Null);
            let view = view_with(&provider, Some(facts), true, Some(&pause), None);
            view.blocked.map(|why| why.reason)
        };
        assert_eq!(blocked(&wrong), Some(Reason::FlowInvalid));
        assert_eq!(blocked(&facts(3)), Some(Reason::RetryBackoff));
    }

    #[test]
    fn without_valkey_only_accounts_without_codes_may_log_in() {
        let facts = facts(3);
        let provider = provider(&Value::Null, &Value::Null);
        let view = view_with(&provider, Some(&facts), false, None, None);
        assert_eq!(reason(&view.accounts[0].gate), None);
        assert_eq!(reason(&view.accounts[1].gate), Some(Reason::ValkeyUnavailable));
    }

    #[test]
    fn a_faulty_secret_stops_its_own_account_only() {
        let mut facts = facts(3);
        let problem = Why { reason: Reason::SecretNotFound, message: String::new() };
        let missing =
            AccountFacts { version: None, fingerprint: None, user: None, problem: Some(problem) };
        facts.accounts.insert("plain".to_owned(), missing);
        let provider = provider(&Value::Null, &Value::Null);
        let view = view_with(&provider, Some(&facts), true, None, None);
        assert_eq!(reason(&view.accounts[0].gate), Some(Reason::SecretNotFound));
        assert_eq!(reason(&view.accounts[1].gate), None);
    }

    #[test]
    fn a_flush_applies_until_a_plan_has_used_it_or_it_is_stored_as_done() {
        let flush = json!({ANNOTATION_FLUSH: "now"});
        let flushes = |stored: Value, flushed| {
            view_with(&provider(&flush, &stored), None, true, None, flushed).flush
        };
        assert!(flushes(Value::Null, None));
        assert!(flushes(json!({"flushed": "before"}), Some("before")));
        assert!(!flushes(json!({"flushed": "now"}), None));
        assert!(!flushes(Value::Null, Some("now")));
    }

    #[test]
    fn clocks_too_far_apart_stop_only_accounts_with_codes() {
        let stored =
            json!({"clockOffsetMilliseconds": 40_000, "clockMeasuredAt": at(0).to_string()});
        let provider = provider(&Value::Null, &stored);
        let view = view_with(&provider, Some(&facts(3)), true, None, None);
        assert_eq!(reason(&view.accounts[0].gate), None);
        assert_eq!(reason(&view.accounts[1].gate), Some(Reason::ClockSkew));
    }
}
