//! The sessions a provider could open now, and what keeps it from opening more.

use fno_crds::provider::Objective;
use jiff::{SignedDuration, Timestamp};

use super::{AccountName, AccountView, Gate, ProviderView, live::Live};
use crate::mint::step;

/// A session that could be opened.
pub(super) struct Slot<'a> {
    pub account: &'a str,
    pub identity: &'a AccountName,
    /// Seconds by which the account's steps hold up the login.
    pub start: f64,
}

/// What keeps a provider from opening one more session.
#[derive(Clone, Copy)]
pub(super) enum Limit {
    /// `batching.maxConcurrentBatches`.
    Batches,
    /// `session.maxSessionsPerAccount` times the accounts.
    AccountSessions,
    /// An account's breaker is half open.
    Trial,
    /// The flow breaker is half open.
    Canary,
    /// `batching.objective`.
    Objective,
}

/// The sessions that could be opened.
pub(super) struct Sessions<'a> {
    /// Soonest login first.
    pub slots: Vec<Slot<'a>>,
    /// Why there are no more.
    pub limit: Limit,
    /// Seconds between two logins over all accounts that can be used.
    pub login_gap: f64,
}

/// What could be opened beside what is at work.
pub(super) fn sessions<'a>(
    provider: &'a ProviderView,
    live: &Live<'_>,
    now: Timestamp,
) -> Sessions<'a> {
    let spec = &provider.spec;
    let taken = live.of_provider(&provider.key);
    let none = |limit| Sessions { slots: Vec::new(), limit, login_gap: 0.0 };
    if provider.flow_gate.is_trial() && taken.sessions > 0 {
        return none(Limit::Canary);
    }
    // A second session beside one at work would be a second login.
    if spec.batching.objective == Objective::MinLogins && taken.batches > 0 {
        return none(Limit::Objective);
    }
    let free = count(spec.batching.max_concurrent_batches).saturating_sub(taken.batches);
    if free == 0 {
        return none(Limit::Batches);
    }

    let mut candidates = Vec::new();
    for (index, account) in provider.accounts.iter().enumerate() {
        let most = match account.gate {
            // A second name of one account.
            _ if named_before(provider, index) => 0,
            Gate::Open => count(account.max_sessions),
            Gate::Trial(_) => 1,
            Gate::Shut(_) => 0,
        };
        let live = live.sessions_of(&provider.key.namespace, &account.identity);
        let first = first_login(account, provider.login_seconds(), now);
        for nth in 0..most.saturating_sub(live).min(free) {
            let start = (nth as f64).mul_add(period(account), first);
            candidates.push((start, account.gate.is_trial(), account.last_step, live + nth, index));
        }
    }
    // The soonest login; a proven account before one on trial; the account whose last code is longest ago; the one with the fewest sessions.
    candidates.sort_unstable_by(|a, b| {
        a.0.total_cmp(&b.0).then_with(|| (a.1, a.2, a.3, a.4).cmp(&(b.1, b.2, b.3, b.4)))
    });

    let usable =
        || provider.accounts.iter().filter(|account| !matches!(account.gate, Gate::Shut(_)));
    let limit = if provider.flow_gate.is_trial() {
        Limit::Canary
    } else if candidates.len() >= free {
        Limit::Batches
    } else if usable().all(|account| account.gate.is_trial()) {
        Limit::Trial
    } else {
        Limit::AccountSessions
    };
    candidates.truncate(if provider.flow_gate.is_trial() { 1 } else { free });
    let slots = candidates
        .into_iter()
        .map(|(start, _, _, _, index)| Slot {
            account: provider.accounts[index].name.as_str(),
            identity: &provider.accounts[index].identity,
            start,
        })
        .collect();
    Sessions { slots, limit, login_gap: login_gap(usable()) }
}

fn named_before(provider: &ProviderView, index: usize) -> bool {
    let account = &provider.accounts[index];
    provider.accounts[..index].iter().any(|earlier| {
        earlier.identity == account.identity && !matches!(earlier.gate, Gate::Shut(_))
    })
}

/// Seconds by which an account's first login is held up because the current step is used. A login needs its own time before the
/// code is typed, and in that time the next step may begin.
fn first_login(account: &AccountView, login_seconds: f64, now: Timestamp) -> f64 {
    let (Some(period), Some(last)) = (account.totp_period, account.last_step) else { return 0.0 };
    let prompt = SignedDuration::try_from_secs_f64(login_seconds)
        .ok()
        .and_then(|login| now.saturating_add(login).ok())
        .unwrap_or(now);
    step::begins(last.saturating_add(1), period).duration_since(prompt).as_secs_f64().max(0.0)
}

fn period(account: &AccountView) -> f64 {
    account.totp_period.map_or(0.0, |period| period as f64)
}

/// An account without one-time codes can always log in.
fn login_gap<'a>(accounts: impl Iterator<Item = &'a AccountView>) -> f64 {
    let logins_per_second: f64 = accounts.map(|account| 1.0 / period(account)).sum();
    1.0 / logins_per_second
}

/// A limit from the schema, where it is at least one.
fn count(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0)
}
