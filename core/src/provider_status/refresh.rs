//! What changes in a provider's status without a batch: the passing of time, Secrets, flows and people change the breakers, and numbers
//! are counted.

use fno_crds::{
    FnoProvider, FnoProviderStatus, Reason,
    condition::{get, types},
    names::{ANNOTATION_FLUSH, ANNOTATION_RESUME},
    provider_status::{AccountBreaker, BreakerState, Pending},
};
use jiff::Timestamp;

use super::account_mut;
use crate::{
    account::{AccountName, Namespace, drop_old_entries, resumed},
    breaker::{self, resume},
    text::at_most,
    view::provider::ProviderFacts,
    why::Why,
};

/// An event about a provider, to be published once the status that it is about is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderNews {
    /// Whether the event is a warning that a person should act on.
    pub warning: bool,
    /// The event's action: `OpenBreaker`, `HalfOpenBreaker`, `CloseBreaker`, `ChangeReadiness` or `IgnoreResume`.
    pub action: &'static str,
    /// The event's reason and message.
    pub what: Why,
}

impl ProviderNews {
    /// The event about a breaker: opening is a warning, everything else is normal.
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

/// What [`refreshed`] returns.
#[derive(Clone, Debug, Default)]
pub struct Refreshed {
    /// The status to store.
    pub status: FnoProviderStatus,
    /// What to publish once it is stored.
    pub news: Vec<ProviderNews>,
    /// Something else that a person should know: that an annotation is ignored.
    pub remark: Option<String>,
}

/// The status after the passing of time, changed credentials, changed flows or a person (the annotation `fno.dev/resume`) have changed
/// the breakers. What the provider's status has lost is recovered from the batches and from other names of its accounts.
#[must_use]
pub fn refreshed(
    provider: &FnoProvider,
    facts: &ProviderFacts,
    namespace: &Namespace<'_>,
    now: Timestamp,
) -> Refreshed {
    let mut status = provider.status.clone().unwrap_or_default();
    let mut news = Vec::new();
    let meta = &provider.metadata;
    let annotation = meta.annotations.as_ref().and_then(|all| all.get(ANNOTATION_RESUME));
    let is_known = status.observed_generation.is_some();
    let reading =
        resume::read(annotation.map(String::as_str), status.resume.as_ref(), is_known, now);
    let said = reading.stored.as_ref().and_then(|resume| resume.resumed_at.as_ref()).map(|at| at.0);
    for account in &provider.spec.accounts {
        let name = AccountName {
            provider: meta.name.clone().unwrap_or_default(),
            account: account.name.clone(),
        };
        let Some(shared) = namespace.account(&name) else { continue };
        let resumed_at = said.max(namespace.resumed(&name));
        let change = shared.refreshed(now, resumed_at);
        news.extend(ProviderNews::of_breaker(change.breaker.state, change.event));
        let entry = account_mut(&mut status, &account.name);
        if entry.breaker.is_some() || change.breaker != AccountBreaker::default() {
            entry.breaker = Some(change.breaker);
        }
        if let Some(resumed_at) = resumed_at {
            let totp = account.totp.as_ref().map(|totp| (totp.period_seconds, totp.skew_steps));
            *entry = resumed(entry, resumed_at, now, totp);
        }
    }
    resume_former(provider, &mut status, said, now);
    if let Some(breaker) = &status.flow_breaker {
        let change = breaker::flow::refresh(breaker, now, &facts.flows_digest, reading.accepted);
        news.extend(ProviderNews::of_breaker(change.breaker.state, change.event));
        status.flow_breaker = Some(change.breaker);
    }
    let ignored = reading.refused.clone().filter(|_| reading.is_new);
    news.extend(ignored.map(ignored_resume));
    let is_set = annotation.is_some() && reading.refused.is_none();
    let too_early =
        said.filter(|_| is_set).and_then(|at| opened_later(provider, &status, namespace, at));
    if reading.accepted.is_some() {
        news.extend(too_early.clone().map(ignored_resume));
    }
    status.resume = reading.stored;
    Refreshed { status, news, remark: reading.refused.or(too_early) }
}

fn ignored_resume(message: String) -> ProviderNews {
    let what = Why { reason: Reason::ResumeIgnored, message };
    ProviderNews { warning: true, action: "IgnoreResume", what }
}

/// What a person should know about a resume from before a breaker opened: it does not close that breaker. The breakers of an account's
/// other names count, because they stop it, too.
fn opened_later(
    provider: &FnoProvider,
    status: &FnoProviderStatus,
    namespace: &Namespace<'_>,
    resumed: Timestamp,
) -> Option<String> {
    let accounts = provider.spec.accounts.iter().flat_map(|account| {
        let name = AccountName {
            provider: provider.metadata.name.clone().unwrap_or_default(),
            account: account.name.clone(),
        };
        let own = status.accounts.iter().find(|entry| entry.name == account.name);
        let own = own.and_then(|entry| entry.breaker.clone());
        let others = namespace.account(&name).map(|account| account.others_breaker());
        let breakers = [own, others].into_iter().flatten();
        breakers.filter_map(|breaker| {
            Some((
                format!("breaker of account {}", account.name),
                breaker.state,
                breaker.opened_at?.0,
            ))
        })
    });
    let flow = status.flow_breaker.iter().filter_map(|breaker| {
        Some(("flow breaker".to_owned(), breaker.state, breaker.opened_at.as_ref()?.0))
    });
    let (which, _, opened) = accounts
        .chain(flow)
        .find(|(_, state, opened)| *state == BreakerState::Open && *opened > resumed)?;
    Some(format!(
        "The annotation {ANNOTATION_RESUME} ({resumed}) does not close the {which}, which opened later ({opened}): annotate the provider again, with the current time."
    ))
}

/// A resume also applies to the entries of accounts that are no longer in the spec: under another name, they may be those of an account
/// that is.
fn resume_former(
    provider: &FnoProvider,
    status: &mut FnoProviderStatus,
    said: Option<Timestamp>,
    now: Timestamp,
) {
    let Some(said) = said else { return };
    let (limits, nothing) = (&provider.spec.limits, AccountBreaker::default());
    let is_in_spec = |name: &str| provider.spec.accounts.iter().any(|account| account.name == name);
    for entry in status.accounts.iter_mut().filter(|entry| !is_in_spec(&entry.name)) {
        let is_new = entry.resumed_at.as_ref().is_none_or(|last| last.0 < said);
        let Some(breaker) = entry.breaker.as_ref().filter(|_| is_new) else { continue };
        let change = breaker::account::refresh(
            &entry.name,
            breaker,
            now,
            None,
            Some(said),
            limits,
            &nothing,
        );
        entry.breaker = Some(change.breaker);
        *entry = resumed(entry, said, now, None);
    }
}

/// The numbers in a provider's status.
#[derive(Clone, Debug, Default)]
pub struct Numbers<'a> {
    /// The account of every active batch, one entry per batch.
    pub at_work: Vec<String>,
    /// The jobs that wait, by the last plan. None before the first plan: then the stored numbers are kept.
    pub pending: Option<Pending>,
    /// The value that the flush annotation had at the last plan.
    pub flushed: Option<&'a str>,
}

/// Writes the numbers into a status.
pub fn set_numbers(
    provider: &FnoProvider,
    status: &mut FnoProviderStatus,
    numbers: Numbers<'_>,
    now: Timestamp,
) {
    let number = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    for account in &provider.spec.accounts {
        account_mut(status, &account.name).active_batches =
            number(numbers.at_work.iter().filter(|name| **name == account.name).count());
    }
    // An account that was removed from the spec keeps its last step and its refusals: if it is added again, it must not use a code twice.
    let named = |name: &str| provider.spec.accounts.iter().any(|account| account.name == name);
    drop_old_entries(&mut status.accounts, named, now);
    status.active_batches = Some(number(numbers.at_work.len()));
    status.pending = numbers.pending.or_else(|| status.pending.take());
    let flush = provider.metadata.annotations.as_ref().and_then(|all| all.get(ANNOTATION_FLUSH));
    if let Some(value) = flush.filter(|value| numbers.flushed == Some(value.as_str())) {
        status.flushed = Some(at_most(value, 100));
    }
}

/// Whether two statuses differ only in numbers, which are not worth an immediate write of their own.
#[must_use]
pub fn only_numbers_differ(old: &FnoProviderStatus, new: &FnoProviderStatus) -> bool {
    old != new && without_numbers(old) == without_numbers(new)
}

fn without_numbers(status: &FnoProviderStatus) -> FnoProviderStatus {
    let mut rest = FnoProviderStatus { pending: None, active_batches: None, ..status.clone() };
    rest.accounts.iter_mut().for_each(|account| account.active_batches = 0);
    rest
}

/// Whether a breaker is not closed, or has counted a failure: then a new Secret would change the status.
#[must_use]
pub fn resting(status: &FnoProviderStatus) -> bool {
    status.accounts.iter().any(|account| {
        account
            .breaker
            .as_ref()
            .is_some_and(|breaker| breaker.state != BreakerState::Closed || breaker.failures > 0)
    }) || status.flow_breaker.as_ref().is_some_and(|breaker| breaker.state != BreakerState::Closed)
}

/// The event to publish when a provider becomes ready or is no longer ready. Breakers have their own events.
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
            Reason::BreakerOpen
                | Reason::LoginsPaused
                | Reason::PortalChanged
                | Reason::PortalUnavailable
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
