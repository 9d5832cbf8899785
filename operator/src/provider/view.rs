//! A provider as planning sees it.

use std::{collections::BTreeMap, sync::Arc};

use fno_core::{
    breaker,
    gate::Gate,
    plan::{AccountView, ProviderView},
    why::Why,
};
use fno_crds::{FnoProvider, Reason, names::ANNOTATION_FLUSH, provider::Account};
use jiff::Timestamp;
use kube::ResourceExt as _;

use super::{facts::ProviderFacts, status};
use crate::context::key;

/// What a view is made from, beside the provider.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// What was found out about it.
    pub facts: Option<&'a ProviderFacts>,
    /// Valkey answers.
    pub valkey: bool,
    /// A pause after batches that never got to work.
    pub pause: Option<&'a Why>,
    /// The flush value that was planned with already.
    pub flushed: Option<&'a str>,
}

/// The view at a time.
#[must_use]
pub fn view(provider: &FnoProvider, known: Known<'_>, now: Timestamp) -> ProviderView {
    let status = provider.status.clone().unwrap_or_default();
    let generation = provider.metadata.generation.unwrap_or(0);
    let facts = known.facts.filter(|facts| facts.generation == generation);
    let flush = provider.annotations().get(ANNOTATION_FLUSH);
    ProviderView {
        key: key(provider),
        generation,
        spec: Arc::new(provider.spec.clone()),
        flows_digest: facts.map(|facts| facts.flows_digest.clone()).unwrap_or_default(),
        blocked: blocked(facts, known.pause),
        cancellations_blocked: None,
        flow_gate: breaker::flow::gate(&status.flow_breaker.clone().unwrap_or_default(), now),
        accounts: provider
            .spec
            .accounts
            .iter()
            .map(|account| account_view(provider, account, facts, known.valkey, now))
            .collect(),
        job_seconds: status
            .job_seconds
            .iter()
            .map(|known| (known.action, known.mean))
            .collect::<BTreeMap<_, _>>(),
        login_seconds: status.login_seconds,
        flush: flush.is_some_and(|value| {
            status.flushed.as_ref() != Some(value) && known.flushed != Some(value)
        }),
    }
}

fn blocked(facts: Option<&ProviderFacts>, pause: Option<&Why>) -> Option<Why> {
    let Some(facts) = facts else {
        return Some(Why {
            reason: Reason::ProviderNotReady,
            message: "The provider is being looked at.".to_owned(),
        });
    };
    let flow = facts.flow_error.clone().map(|message| Why { reason: Reason::FlowInvalid, message });
    flow.or_else(|| pause.cloned())
}

fn account_view(
    provider: &FnoProvider,
    account: &Account,
    facts: Option<&ProviderFacts>,
    valkey: bool,
    now: Timestamp,
) -> AccountView {
    let stored = status::account(provider, &account.name);
    let problem = facts.and_then(|facts| facts.accounts.get(&account.name)?.problem.clone());
    let lonely = (account.totp.is_some() && !valkey).then(|| Why {
        reason: Reason::ValkeyUnavailable,
        message: "Valkey does not answer, so no one-time code may be minted. Sessions that are logged in go on.".to_owned(),
    });
    AccountView {
        name: account.name.clone(),
        gate: problem.or(lonely).map_or_else(
            || breaker::account::gate(&account.name, &stored.breaker.unwrap_or_default(), now),
            Gate::Shut,
        ),
        totp_period: account.totp.as_ref().map(|totp| i64::from(totp.period)),
        last_step: stored.last_step,
    }
}
