//! What changes in a provider's status without a batch: time, Secrets, flows and people move the breakers, and numbers are counted.

use fno_crds::{
    FnoProvider, FnoProviderStatus, Reason,
    condition::{get, types},
    names::ANNOTATION_FLUSH,
    provider_status::{BreakerState, Pending},
};
use jiff::Timestamp;

use super::account_mut;
use crate::{breaker, text::at_most, view::provider::ProviderFacts, why::Why};

/// Something to publish about a provider once the status that says it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderNews {
    /// Whether a person should act on it; otherwise it is good news.
    pub warning: bool,
    /// What was done, as a verb: `OpenBreaker`, `HalfOpenBreaker`, `CloseBreaker`, `ChangeReadiness`.
    pub action: &'static str,
    /// What.
    pub what: Why,
}

impl ProviderNews {
    /// News of a breaker: an opening is a warning, everything else is good.
    #[must_use]
    pub fn of_breaker(state: BreakerState, what: Option<Why>) -> Option<Self> {
        let action = match state {
            BreakerState::Open => "OpenBreaker",
            BreakerState::HalfOpen => "HalfOpenBreaker",
            BreakerState::Closed => "CloseBreaker",
        };
        what.map(|what| Self { warning: state == BreakerState::Open, action, what })
    }
}

/// The status after what time, a new Secret, changed flows or a person (`resumed_at`, the annotation `fno.dev/resume`) change about the breakers.
#[must_use]
pub fn refreshed(
    provider: &FnoProvider,
    facts: &ProviderFacts,
    resumed_at: Option<Timestamp>,
    now: Timestamp,
) -> (FnoProviderStatus, Vec<ProviderNews>) {
    let mut status = provider.status.clone().unwrap_or_default();
    let mut news = Vec::new();
    for account in &provider.spec.accounts {
        let entry = account_mut(&mut status, &account.name);
        if let Some(breaker) = &entry.breaker {
            let version =
                facts.accounts.get(&account.name).and_then(|facts| facts.version.as_deref());
            let change =
                breaker::account::refresh(&account.name, breaker, now, version, resumed_at);
            news.extend(ProviderNews::of_breaker(change.breaker.state, change.event));
            entry.breaker = Some(change.breaker);
        }
    }
    if let Some(breaker) = &status.flow_breaker {
        let change = breaker::flow::refresh(breaker, now, &facts.flows_digest, resumed_at);
        news.extend(ProviderNews::of_breaker(change.breaker.state, change.event));
        status.flow_breaker = Some(change.breaker);
    }
    (status, news)
}

/// What is counted about a provider.
#[derive(Clone, Debug, Default)]
pub struct Numbers<'a> {
    /// The account of every batch at work, one entry per batch.
    pub at_work: Vec<String>,
    /// The jobs that wait, as last planned. None before the first planning: what is stored stands.
    pub pending: Option<Pending>,
    /// The value of the flush annotation that was last planned with.
    pub flushed: Option<&'a str>,
}

/// Writes the numbers into a status.
pub fn set_numbers(provider: &FnoProvider, status: &mut FnoProviderStatus, numbers: Numbers<'_>) {
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    for account in &provider.spec.accounts {
        account_mut(status, &account.name).active_batches =
            number(numbers.at_work.iter().filter(|name| **name == account.name).count());
    }
    // An account that was taken out of the spec keeps its last step: put back, it must not use a code twice.
    let named = |name: &str| provider.spec.accounts.iter().any(|account| account.name == name);
    status.accounts.retain(|account| named(&account.name) || account.last_step.is_some());
    status.active_batches = Some(number(numbers.at_work.len()));
    status.pending = numbers.pending.or_else(|| status.pending.take());
    let flush = provider.metadata.annotations.as_ref().and_then(|all| all.get(ANNOTATION_FLUSH));
    if let Some(value) = flush.filter(|value| numbers.flushed == Some(value.as_str())) {
        status.flushed = Some(at_most(value, 100));
    }
}

/// Whether two statuses differ in nothing but numbers, which are not worth a write of their own at once.
#[must_use]
pub fn only_numbers_differ(old: &FnoProviderStatus, new: &FnoProviderStatus) -> bool {
    old != new && without_numbers(old) == without_numbers(new)
}

fn without_numbers(status: &FnoProviderStatus) -> FnoProviderStatus {
    let mut rest = FnoProviderStatus { pending: None, active_batches: None, ..status.clone() };
    rest.accounts.iter_mut().for_each(|account| account.active_batches = 0);
    rest
}

/// Whether a breaker is not closed, or has counted a failure: a new Secret would change that.
#[must_use]
pub fn resting(status: &FnoProviderStatus) -> bool {
    status.accounts.iter().any(|account| {
        account
            .breaker
            .as_ref()
            .is_some_and(|breaker| breaker.state != BreakerState::Closed || breaker.failures > 0)
    }) || status.flow_breaker.as_ref().is_some_and(|breaker| breaker.state != BreakerState::Closed)
}

/// What to publish when a provider becomes ready or stops being so. Breakers publish their own changes.
#[must_use]
pub fn transition(provider: &FnoProvider, ready: &Why) -> Option<ProviderNews> {
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
    (changed && !first_good).then(|| {
        let mut what = ready.clone();
        if what.message.is_empty() {
            "The provider is ready.".clone_into(&mut what.message);
        }
        ProviderNews { warning: !wanted, action: "ChangeReadiness", what }
    })
}

#[cfg(test)]
mod tests;
