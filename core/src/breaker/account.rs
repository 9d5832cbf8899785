//! The account's breaker: counts failed logins so that the portal never locks the account because of us.

use fno_crds::{
    Reason,
    provider::Limits,
    provider_status::{AccountBreaker, BreakerState},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Change, Counted, eased, opened};
use crate::{gate::Gate, time::after, why::Why};

/// A login that did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// When it was counted.
    pub now: Timestamp,
    /// Name of the batch.
    pub batch: &'a str,
    /// Which login of the batch.
    pub login: i32,
    /// `true`: the portal refused the password or the code (`LoginState::Rejected`). `false`: it failed before that (`LoginState::Failed`).
    pub refused: bool,
    /// What the portal said.
    pub message: &'a str,
    /// Fingerprint of the credentials it was tried with.
    pub credentials_version: &'a str,
}

/// Whether the account may log in.
#[must_use]
pub fn gate(account: &str, breaker: &AccountBreaker, now: Timestamp) -> Gate {
    match effective(breaker, now) {
        BreakerState::Closed => Gate::Open,
        BreakerState::HalfOpen => Gate::Trial,
        BreakerState::Open => {
            Gate::Shut(Why { reason: Reason::BreakerOpen, message: sentence(account, breaker) })
        }
    }
}

/// Counts a failed login, once per `batch/n`. The limit, or a failed trial, opens the breaker.
#[must_use]
pub fn failed(
    account: &str,
    breaker: &AccountBreaker,
    failure: &Failure<'_>,
    limits: &Limits,
) -> Change<AccountBreaker> {
    let counted = Counted(&breaker.counted);
    let what = format!("{}/{}", failure.batch, failure.login);
    if counted.has(&what) {
        return Change::none(breaker);
    }
    let before = effective(breaker, failure.now);
    let mut next = AccountBreaker {
        failures: breaker.failures.saturating_add(1),
        refused: breaker.refused || failure.refused,
        credentials_version: Some(failure.credentials_version.to_owned()),
        counted: counted.with(&what),
        ..breaker.clone()
    };
    match before {
        BreakerState::Closed if next.failures < limits.login_failures_to_open => {
            return Change { breaker: next, event: None };
        }
        // It was on its way when the breaker opened. If it was refused, time no longer closes it.
        BreakerState::Open => {
            next.open_until = if next.refused { None } else { next.open_until };
            return Change { breaker: next, event: None };
        }
        BreakerState::Closed | BreakerState::HalfOpen => {}
    }
    next.state = BreakerState::Open;
    next.reason = Some(if next.refused { Reason::LoginRejected } else { Reason::LoginFailed });
    next.opened_at = Some(Time(failure.now));
    next.open_until = (!next.refused).then(|| Time(after(failure.now, limits.open_for.signed())));
    let message = format!("{} Last: {}", sentence(account, &next), failure.message);
    opened(next, Reason::BreakerOpen, message)
}

/// A login succeeded: the portal takes these credentials, so everything but the list of what was counted is forgotten.
#[must_use]
pub fn succeeded(account: &str, breaker: &AccountBreaker) -> Change<AccountBreaker> {
    close(breaker, format!("Account {account} logged in: its breaker is closed."))
}

/// What time, a new Secret (`credentials_version` as it is now) or a person (`resumed_at`, the annotation `fno.dev/resume`) changes.
#[must_use]
pub fn refresh(
    account: &str,
    breaker: &AccountBreaker,
    now: Timestamp,
    credentials_version: Option<&str>,
    resumed_at: Option<Timestamp>,
) -> Change<AccountBreaker> {
    let failed_with = breaker.credentials_version.as_deref();
    if failed_with.is_some()
        && credentials_version.is_some_and(|version| Some(version) != failed_with)
    {
        return close(
            breaker,
            format!("The credentials of account {account} changed: its breaker is closed."),
        );
    }
    let opened_at = breaker.opened_at.as_ref().map(|time| time.0);
    if breaker.state != BreakerState::Closed
        && resumed_at.is_some_and(|resumed| opened_at.is_none_or(|opened| resumed >= opened))
    {
        return close(
            breaker,
            format!("A person resumed the provider: the breaker of account {account} is closed."),
        );
    }
    if breaker.state == BreakerState::Open && effective(breaker, now) == BreakerState::HalfOpen {
        let next = AccountBreaker { state: BreakerState::HalfOpen, ..breaker.clone() };
        return eased(next, format!("The breaker of account {account} lets one login try again."));
    }
    Change::none(breaker)
}

/// The state at a time: an open one whose time is over is half open, stored or not.
fn effective(breaker: &AccountBreaker, now: Timestamp) -> BreakerState {
    let over = !breaker.refused && breaker.open_until.as_ref().is_some_and(|until| until.0 <= now);
    if breaker.state == BreakerState::Open && over { BreakerState::HalfOpen } else { breaker.state }
}

fn close(breaker: &AccountBreaker, message: String) -> Change<AccountBreaker> {
    let next = AccountBreaker { counted: breaker.counted.clone(), ..AccountBreaker::default() };
    if breaker.state == BreakerState::Closed {
        Change { breaker: next, event: None }
    } else {
        eased(next, message)
    }
}

fn sentence(account: &str, breaker: &AccountBreaker) -> String {
    let logins = format!("{} login(s) of account {account} failed in a row", breaker.failures);
    match (breaker.refused, &breaker.open_until) {
        (false, Some(until)) => format!("{logins}; the next one is tried at {}.", until.0),
        (false, None) | (true, _) => {
            format!(
                "{logins}, and the portal refused the password or a code: none is tried until the account's Secret changes or a person annotates the provider with fno.dev/resume."
            )
        }
    }
}
