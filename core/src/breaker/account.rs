//! The account's breaker: counts refused credentials and logins without a verdict, so that the portal never locks the account because
//! of us.
//!
//! A refusal counts against the credentials that were typed. Credentials that the portal refused `loginFailuresToOpen` times are not
//! typed again until a person resumes the provider, even if the account's Secret held other values in between.

use fno_crds::{
    Reason,
    provider::Limits,
    provider_status::{AccountBreaker, BreakerState, Refusals},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use self::sentences::{paused_sentence, refused_sentence};
pub use self::together::together;
use super::{Change, counted_with, eased, opened};
use crate::{
    credentials::{UNKNOWN, differ},
    gate::Gate,
    text::at_most,
    time::after,
    why::Why,
};

/// The schema's maxItems of `AccountBreaker.refusals`.
pub const MOST_VERSIONS: usize = 10;
/// The schema's maxLength of `AccountBreaker.message`.
const MESSAGE: usize = 500;
/// What a login without a verdict needs that was tried again and ended in the same way: each of them may have been a refusal.
const ASK_A_PERSON: &str = "No login is tried, because the portal may have refused each of them: check the account on the portal, then annotate the provider with fno.dev/resume.";

/// A login that the portal refused, or that ended without a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure<'a> {
    /// When it was counted.
    pub now: Timestamp,
    /// Name of the batch.
    pub batch: &'a str,
    /// Number of the login within the batch, from 1.
    pub login: i32,
    /// `true`: the portal refused the password or the code. `false`: how the login ended is unknown.
    pub refused: bool,
    /// The portal said that the account is locked: it accepts nothing until a person unlocks it.
    pub locked: bool,
    /// The text that the portal showed. May be empty.
    pub message: &'a str,
    /// Version of the credentials that were typed. None if it is unknown: then the failure counts against every version.
    pub typed: Option<&'a str>,
    /// Version of the credentials that the account's Secret holds now. None if it cannot be read.
    pub current: Option<&'a str>,
}

impl Failure<'_> {
    /// The entry for this login in `AccountBreaker.counted`.
    #[must_use]
    pub fn id(&self) -> String {
        id(self.batch, self.login)
    }
}

/// The entry for a login in `AccountBreaker.counted`: `batch/n`.
#[must_use]
pub fn id(batch: &str, login: i32) -> String {
    format!("{batch}/{login}")
}

/// Whether the account may log in with the credentials that its Secret holds now (`current`; None if it cannot be read).
#[must_use]
pub fn gate(
    account: &str,
    breaker: &AccountBreaker,
    now: Timestamp,
    current: Option<&str>,
    limits: &Limits,
) -> Gate {
    let shut = |reason, message| Gate::Shut(Why { reason, message });
    if refusals(breaker, current) >= limit(limits) {
        return shut(Reason::BreakerOpen, refused_sentence(account, breaker, current));
    }
    match effective(breaker, now) {
        BreakerState::Closed => Gate::Open,
        BreakerState::HalfOpen => Gate::Trial(Why {
            reason: Reason::LoginsPaused,
            message: format!("{} One login tries again.", paused_sentence(account, breaker)),
        }),
        BreakerState::Open if breaker.refused => {
            shut(Reason::BreakerOpen, refused_sentence(account, breaker, current))
        }
        BreakerState::Open => {
            let next = breaker.open_until.as_ref().map_or_else(
                || ASK_A_PERSON.to_owned(),
                |until| format!("The next one is tried at {}.", until.0),
            );
            shut(Reason::LoginsPaused, format!("{} {next}", paused_sentence(account, breaker)))
        }
    }
}

/// Counts a failed login, once per `batch/n`. Reaching the limit, or failing a trial, opens the breaker. `others` is what the other names
/// of the same account have counted, combined by [`together`].
#[must_use]
pub fn failed(
    account: &str,
    breaker: &AccountBreaker,
    failure: &Failure<'_>,
    limits: &Limits,
    others: &AccountBreaker,
) -> Change<AccountBreaker> {
    let what = failure.id();
    if breaker.counted.contains(&what) {
        return Change::none(breaker);
    }
    let before = effective(breaker, failure.now);
    let mut next =
        AccountBreaker { counted: counted_with(&breaker.counted, &what), ..breaker.clone() };
    let typed = failure.typed.unwrap_or(UNKNOWN);
    if failure.refused {
        next.refusals = one_more(&breaker.refusals, typed);
        // The refused credentials are not those that would be typed now. The refusal is remembered, but does not stop the current ones.
        if failure.current.is_some_and(|current| differ(current, typed)) {
            return Change::silent(next);
        }
    }
    next.failures = breaker.failures.saturating_add(1);
    let tried_again = i32::from(before == BreakerState::HalfOpen);
    next.trials = breaker.trials.max(others.trials).saturating_add(tried_again);
    next.refused |= failure.refused;
    next.credentials_version = Some(typed.to_owned());
    if !failure.message.is_empty() {
        next.message = Some(at_most(failure.message, MESSAGE));
    }
    if failure.locked {
        next.reason = Some(Reason::AccountLocked);
    }
    match before {
        BreakerState::Closed
            if !failure.locked && next.failures.saturating_add(others.failures) < limit(limits) =>
        {
            return Change::silent(next);
        }
        // This login was in progress when the breaker opened. Once refused, neither time nor an earlier `fno.dev/resume` closes it.
        BreakerState::Open => {
            if next.refused {
                (next.open_until, next.reason) = (None, Some(reason(&next)));
            }
            if failure.refused {
                next.opened_at = next.opened_at.max(Some(Time(failure.now)));
            }
            return Change::silent(next);
        }
        BreakerState::Closed | BreakerState::HalfOpen => {}
    }
    open(account, next, failure.now, failure.current, limits, others)
}

/// A login with the credentials `typed` succeeded. Everything is reset except the list of what was counted and the refusals of other
/// credentials.
#[must_use]
pub fn succeeded(
    account: &str,
    breaker: &AccountBreaker,
    typed: Option<&str>,
) -> Change<AccountBreaker> {
    let others = |version: &str| typed.is_none_or(|typed| differ(typed, version));
    let mut refusals = breaker.refusals.clone();
    refusals.retain(|refusals| others(&refusals.credentials_version));
    if breaker.refused && breaker.credentials_version.as_deref().is_some_and(others) {
        return Change::silent(AccountBreaker { refusals, ..breaker.clone() });
    }
    let next =
        AccountBreaker { refusals, counted: breaker.counted.clone(), ..AccountBreaker::default() };
    close(breaker, next, format!("Account {account} logged in: its breaker is closed."))
}

/// Applies the passing of time, changed credentials in the Secret (`current`) and a person's resume (`resumed`: an accepted
/// `fno.dev/resume` that was not applied to this account yet). `others` as in [`failed`].
#[must_use]
pub fn refresh(
    account: &str,
    breaker: &AccountBreaker,
    now: Timestamp,
    current: Option<&str>,
    resumed: Option<Timestamp>,
    limits: &Limits,
    others: &AccountBreaker,
) -> Change<AccountBreaker> {
    let opened_at = breaker.opened_at.as_ref().map(|time| time.0);
    if breaker.state != BreakerState::Closed
        && resumed.is_some_and(|resumed| opened_at.is_none_or(|opened| resumed >= opened))
    {
        return resume(account, breaker, limits, others);
    }
    if let (Some(failed), Some(current)) = (&breaker.credentials_version, current)
        && differ(failed, current)
    {
        return other_credentials(account, breaker, now, current, limits, others);
    }
    let known = refusals(breaker, current);
    if breaker.state != BreakerState::Open && known >= limit(limits) {
        // Without a version to compare with, a later correction of the Secret would never close the breaker.
        let newest = || breaker.refusals.last().map(|last| last.credentials_version.clone());
        let next = AccountBreaker {
            refused: true,
            failures: breaker.failures.max(known),
            credentials_version: current.map(str::to_owned).or_else(newest),
            ..breaker.clone()
        };
        return open(account, next, now, current, limits, others);
    }
    if breaker.state == BreakerState::Open && effective(breaker, now) == BreakerState::HalfOpen {
        let next = AccountBreaker { state: BreakerState::HalfOpen, ..breaker.clone() };
        return eased(next, format!("The breaker of account {account} lets one login try again."));
    }
    Change::none(breaker)
}

/// How often the portal refused these credentials. Refusals whose version cannot be compared may be of these credentials, so they count.
#[must_use]
pub fn refusals(breaker: &AccountBreaker, version: Option<&str>) -> i32 {
    let may_be = |refused: &str| version.is_none_or(|version| !differ(version, refused));
    breaker
        .refusals
        .iter()
        .filter(|refusals| may_be(&refusals.credentials_version))
        .fold(0, |sum, refusals| sum.saturating_add(refusals.count.max(0)))
}

/// Opens the breaker. Time alone allows one login, once: if it ends without a verdict, too, as many logins may have been refused as the
/// portal accepts before it locks the account, less one.
fn open(
    account: &str,
    next: AccountBreaker,
    now: Timestamp,
    current: Option<&str>,
    limits: &Limits,
    others: &AccountBreaker,
) -> Change<AccountBreaker> {
    let by_time = !next.refused && next.trials.max(others.trials) == 0;
    let next = AccountBreaker {
        state: BreakerState::Open,
        reason: Some(reason(&next)),
        opened_at: Some(Time(now)),
        open_until: by_time.then(|| Time(after(now, limits.open_for.signed()))),
        ..next
    };
    match gate(account, &together(&next, others), now, current, limits) {
        Gate::Shut(why) => opened(next, why.reason, why.message),
        Gate::Open | Gate::Trial(_) => Change::silent(next),
    }
}

/// Why a breaker with these counts is open.
fn reason(breaker: &AccountBreaker) -> Reason {
    match breaker.reason {
        Some(Reason::AccountLocked) => Reason::AccountLocked,
        _ if breaker.refused => Reason::LoginRejected,
        _ => Reason::LoginsPaused,
    }
}

/// Closes the breaker, but one more refusal opens it again: the cause may not be the one that the person had in mind.
fn resume(
    account: &str,
    breaker: &AccountBreaker,
    limits: &Limits,
    others: &AccountBreaker,
) -> Change<AccountBreaker> {
    // All names of the account together stay below the limit.
    let left = |elsewhere: i32| limit(limits).saturating_sub(1).saturating_sub(elsewhere).max(0);
    let failures = breaker.failures.min(left(others.failures));
    let refusals = breaker
        .refusals
        .iter()
        .map(|refused| {
            let elsewhere = refusals(others, Some(&refused.credentials_version));
            Refusals { count: refused.count.min(left(elsewhere)), ..refused.clone() }
        })
        .filter(|refusals| refusals.count > 0)
        .collect();
    let next = AccountBreaker {
        failures,
        refused: breaker.refused && failures > 0,
        credentials_version: breaker.credentials_version.clone().filter(|_| failures > 0),
        trials: breaker.trials.saturating_add(1),
        refusals,
        counted: breaker.counted.clone(),
        ..AccountBreaker::default()
    };
    eased(
        next,
        format!(
            "A person resumed the provider: the breaker of account {account} is closed. One more refused login opens it again."
        ),
    )
}

/// The Secret holds other values now. Refusals of these from before count. The portal counts failures in a row, whatever was typed, so
/// a correction is also left only one try until a login succeeds.
fn other_credentials(
    account: &str,
    breaker: &AccountBreaker,
    now: Timestamp,
    current: &str,
    limits: &Limits,
    others: &AccountBreaker,
) -> Change<AccountBreaker> {
    let known = refusals(breaker, Some(current));
    let in_a_row = breaker.failures.min(limit(limits).saturating_sub(1));
    let next = AccountBreaker {
        failures: known.max(in_a_row),
        refused: known > 0,
        credentials_version: (known > 0).then(|| current.to_owned()),
        trials: breaker.trials.saturating_add(i32::from(breaker.state != BreakerState::Closed)),
        refusals: breaker.refusals.clone(),
        counted: breaker.counted.clone(),
        ..AccountBreaker::default()
    };
    if known >= limit(limits) {
        return open(account, next, now, Some(current), limits, others);
    }
    close(
        breaker,
        next,
        format!("The credentials of account {account} changed: its breaker is closed."),
    )
}

/// The state at `now`: a breaker whose `openUntil` has passed is half open, even if that is not stored yet.
fn effective(breaker: &AccountBreaker, now: Timestamp) -> BreakerState {
    let over = !breaker.refused && breaker.open_until.as_ref().is_some_and(|until| until.0 <= now);
    if breaker.state == BreakerState::Open && over { BreakerState::HalfOpen } else { breaker.state }
}

/// The change to `next`, which is closed. An event is published only if `before` was not closed.
fn close(before: &AccountBreaker, next: AccountBreaker, message: String) -> Change<AccountBreaker> {
    if before.state == BreakerState::Closed { Change::silent(next) } else { eased(next, message) }
}

/// The refusals with one more of `version`, which becomes the newest entry. The oldest entries drop off.
fn one_more(refusals: &[Refusals], version: &str) -> Vec<Refusals> {
    let before = refusals
        .iter()
        .find(|refusals| refusals.credentials_version == version)
        .map_or(0, |refusals| refusals.count);
    let newest =
        Refusals { credentials_version: version.to_owned(), count: before.saturating_add(1) };
    let others =
        refusals.iter().filter(|refusals| refusals.credentials_version != version).cloned();
    std::iter::once(newest).chain(others).take(MOST_VERSIONS).collect()
}

fn limit(limits: &Limits) -> i32 {
    limits.login_failures_to_open.max(1)
}

mod sentences;
#[cfg(test)]
mod tests;
mod together;
