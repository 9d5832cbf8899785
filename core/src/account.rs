//! One portal account that several names refer to: what is recorded under all of them together.
//!
//! Providers of a namespace that name the same credentials Secret or the same seed share one account of the portal. Sessions, undecided
//! logins, refusals and used steps count together ([`identity`] decides which names belong together). A provider that was deleted and
//! created again, or restored from a backup, has lost part of its status: that part is recovered from the batches ([`history`]).

pub mod count;
mod entries;
pub mod history;
pub mod identity;
pub mod namespace;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use fno_crds::{
    FnoBatch,
    batch::LoginResult,
    provider::Limits,
    provider_status::{AccountBreaker, AccountStatus},
};
use jiff::Timestamp;

pub use self::{
    count::{Elsewhere, EndedLogin, counted, forget_batch},
    entries::{
        batch_of, drop_old_entries, logins_of, resumed, with_last_step, with_login, without_batch,
        without_login,
    },
    history::{PastLogin, typed_version},
    identity::{AccountName, Found, Named, Uses, namesakes},
    namespace::{Member, Namespace, UnreadableMember},
};
use crate::{
    breaker::{
        Change,
        account::{Failure, MOST_VERSIONS, failed, gate, id, refresh, refusals, together},
    },
    credentials::differ,
    gate::Gate,
    mint::step,
    why::Why,
};

/// What is recorded under one name of an account: an entry of a provider's `status.accounts`, and that provider's limits.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// Provider and account name.
    pub name: AccountName,
    /// The entry as it is stored. None before the operator first wrote it.
    pub status: Option<&'a AccountStatus>,
    /// The provider's limits.
    pub limits: &'a Limits,
    /// The provider's `session.maxSessionsPerAccount`.
    pub max_sessions: i32,
    /// Version of the credentials in the Secret that this name points at. None if it cannot be read.
    pub current: Option<&'a str>,
}

/// What is recorded under all names of an account, from the point of view of one of them.
#[derive(Clone, Debug)]
pub struct SharedAccount<'a> {
    /// The name that is asked about.
    pub own: Entry<'a>,
    /// The other names.
    pub others: Vec<Entry<'a>>,
    /// Logins under any of these names, from the stored batches.
    pub past: Vec<PastLogin<'a>>,
    /// Why more may be recorded than this shows: a provider that has, or may have, the same account cannot be read.
    pub hidden: Option<Why>,
}

impl SharedAccount<'_> {
    /// The strictest limit of all names: the portal has one lockout for all of them.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let strictest = self
            .others
            .iter()
            .map(|entry| entry.limits.login_failures_to_open)
            .fold(self.own.limits.login_failures_to_open, i32::min);
        Limits { login_failures_to_open: strictest, ..self.own.limits.clone() }
    }

    /// How many logins of a batch may be refused. A limit that was lowered after the batch was created applies at once; a raised one
    /// applies to later batches.
    #[must_use]
    pub fn failures_to_open(&self, batch: &FnoBatch) -> i32 {
        let now = self.limits().login_failures_to_open;
        batch.spec.limits.as_ref().map_or(now, |pinned| now.min(pinned.login_failures_to_open))
    }

    /// Number of sessions allowed at the same time: the strictest of all names, because the portal has one limit for all of them.
    #[must_use]
    pub fn max_sessions(&self) -> i32 {
        self.entries().map(|entry| entry.max_sessions).min().unwrap_or(1)
    }

    /// One breaker that combines what all names have counted with the refusals in the batches that none of them has counted.
    #[must_use]
    pub fn breaker(&self) -> AccountBreaker {
        let known = together(&self.own_breaker(), &self.others_breaker());
        let (own, nobody) = (&self.own.name.account, AccountBreaker::default());
        self.lost(&known.counted).iter().fold(known, |breaker, failure| {
            failed(own, &breaker, failure, &self.limits(), &nobody).breaker
        })
    }

    /// Failed logins that count against the account's next one: the failures in a row, or the refusals of the credentials that its Secret
    /// holds now if those are more. The Secret may have been changed back just now to credentials that were refused before.
    #[must_use]
    pub fn failures(&self) -> i32 {
        let breaker = self.breaker();
        breaker.failures.max(refusals(&breaker, self.own.current))
    }

    /// Whether the account may log in with the credentials of this name.
    #[must_use]
    pub fn gate(&self, now: Timestamp) -> Gate {
        if let Some(why) = &self.hidden {
            return Gate::Shut(why.clone());
        }
        let of = |breaker: &AccountBreaker| {
            gate(&self.own.name.account, breaker, now, self.own.current, &self.limits())
        };
        match of(&self.breaker()) {
            Gate::Shut(why) if !matches!(of(&self.own_breaker()), Gate::Shut(_)) => {
                Gate::Shut(Why { message: format!("{}{}", why.message, self.also_named()), ..why })
            }
            gate => gate,
        }
    }

    /// What to store as this name's breaker now: lost refusals are counted again, and the passing of time, changed credentials or a person
    /// may close it. `resumed` is the last accepted `fno.dev/resume` of any provider with this account.
    #[must_use]
    pub fn refreshed(&self, now: Timestamp, resumed: Option<Timestamp>) -> Change<AccountBreaker> {
        let (own, others, limits) = (&self.own.name.account, self.others_breaker(), self.limits());
        let mut breaker = self.own_breaker();
        let mut event = None;
        let counted = together(&breaker, &others).counted;
        for failure in self.lost(&counted) {
            let change = failed(own, &breaker, &failure, &limits, &others);
            (breaker, event) = (change.breaker, change.event.or(event));
        }
        let last = self.own.status.and_then(|status| status.resumed_at.as_ref()).map(|at| at.0);
        let resumed = resumed.filter(|resumed| last.is_none_or(|last| *resumed > last));
        let change = refresh(own, &breaker, now, self.own.current, resumed, &limits, &others);
        Change { event: change.event.or(event), ..change }
    }

    /// Logins of the account other than `own` (`batch/n`) that may type its credentials and are not counted yet, from the entries and from
    /// the batches. `is_gone` says whether a batch of that name no longer exists.
    #[must_use]
    pub fn undecided(&self, own: &str, is_gone: impl Fn(&str) -> bool) -> BTreeSet<String> {
        let entered = self.entered();
        let open = self.past.iter().filter(|login| login.is_open);
        entered
            .filter(|login| !self.is_over(login, &is_gone))
            .cloned()
            .chain(open.map(|login| id(login.batch, login.login)))
            .filter(|login| login != own)
            .collect()
    }

    /// Every login (`batch/n`) that is recorded in an entry.
    pub fn entered(&self) -> impl Iterator<Item = &String> {
        self.entries().filter_map(|entry| entry.status).flat_map(|status| &status.logins)
    }

    /// Whether a login (`batch/n`) that is recorded in an entry is over: its batch is gone, or its grant is closed.
    #[must_use]
    pub fn is_over(&self, login: &str, is_gone: impl Fn(&str) -> bool) -> bool {
        is_gone(batch_of(login))
            || self.past.iter().any(|past| !past.is_open && id(past.batch, past.login) == login)
    }

    fn entries(&self) -> impl Iterator<Item = &Entry<'_>> {
        std::iter::once(&self.own).chain(&self.others)
    }

    /// What the other names have counted.
    #[must_use]
    pub fn others_breaker(&self) -> AccountBreaker {
        self.others
            .iter()
            .filter_map(|entry| entry.status?.breaker.as_ref())
            .fold(AccountBreaker::default(), |all, breaker| together(&all, breaker))
    }

    fn also_named(&self) -> String {
        let names: Vec<String> = self
            .others
            .iter()
            .map(|entry| format!("{} of provider {}", entry.name.account, entry.name.provider))
            .collect();
        if names.is_empty() {
            return String::new();
        }
        format!(
            " It is the same account as {}: logins and refusals of all of them count together.",
            names.join(", ")
        )
    }

    fn own_breaker(&self) -> AccountBreaker {
        self.own.status.and_then(|status| status.breaker.clone()).unwrap_or_default()
    }

    /// Refusals that are recorded in the batches, are not in `counted`, and did not come before the last success with the same credentials
    /// or the last resume; oldest first.
    fn lost(&self, counted: &[String]) -> Vec<Failure<'_>> {
        let resumed = self
            .entries()
            .filter_map(|entry| entry.status?.resumed_at.as_ref())
            .map(|at| at.0)
            .max();
        let mut refused: Vec<&PastLogin<'_>> = self
            .past
            .iter()
            .filter(|login| login.result == Some(LoginResult::Rejected))
            .filter(|login| !counted.contains(&id(login.batch, login.login)))
            .filter(|login| {
                let since = self.last_success(login.version).max(resumed);
                since.is_none_or(|since| login.ended_at.is_none_or(|ended| ended >= since))
            })
            .collect();
        refused.sort_by_key(|login| (login.ended_at, login.batch, login.login));
        refused.into_iter().map(|login| self.failure(login)).collect()
    }

    /// Whether a login was refused and its batch must not be deleted yet: without the batch, a provider that is deleted and created again
    /// would not know of the refusal. The record has served its purpose once the portal accepted the same credentials, or, after a
    /// correction of the Secret, other ones.
    #[must_use]
    pub fn must_remember(&self, login: &PastLogin<'_>) -> bool {
        let corrected = login
            .version
            .zip(self.own.current)
            .is_some_and(|(typed, current)| differ(typed, current));
        let accepted = if corrected {
            self.accepted_at(|_| true)
        } else {
            self.accepted_at(|version| version == login.version)
        };
        let is_over = accepted
            .is_some_and(|accepted| login.ended_at.is_none_or(|at| at < accepted))
            || self.entries().any(|entry| has_forgiven(entry, login));
        login.result == Some(LoginResult::Rejected) && !is_over
    }

    fn failure<'b>(&'b self, login: &PastLogin<'b>) -> Failure<'b> {
        Failure {
            now: login.ended_at.unwrap_or(Timestamp::MIN),
            batch: login.batch,
            login: login.login,
            refused: true,
            locked: false,
            message: "",
            typed: login.version,
            current: self.own.current,
        }
    }

    fn last_success(&self, version: Option<&str>) -> Option<Timestamp> {
        self.accepted_at(|accepted| accepted == version)
    }

    /// When the portal last accepted credentials for whose version `fits` holds.
    fn accepted_at(&self, fits: impl Fn(Option<&str>) -> bool) -> Option<Timestamp> {
        self.past
            .iter()
            .filter(|login| login.result == Some(LoginResult::LoggedIn) && fits(login.version))
            .filter_map(|login| login.ended_at)
            .max()
    }

    /// The last used step of all names, counted in `period` (seconds).
    ///
    /// A step that is recorded only in a batch is ignored if it lies further in the future than the portal could have accepted: it comes
    /// from a clock that was ahead. [`crate::mint`] decides about such a step in an entry.
    #[must_use]
    pub fn last_step(&self, now: Timestamp, period: i64, skew: i64) -> Option<i64> {
        let entries = self.entries().filter_map(|entry| last_step_of(entry.status?, period));
        let past = self.past.iter().filter_map(|login| {
            let counted_in = login.period.unwrap_or(period);
            let step = login.step.filter(|s| *s <= step::newest_usable(now, counted_in, skew))?;
            Some(step::rebased(step, counted_in, period))
        });
        entries.chain(past).max()
    }

    /// The longest period in which a last step of an entry was recorded, at least `period` (seconds).
    #[must_use]
    pub fn recorded_in(&self, period: i64) -> i64 {
        let entries = self.entries().filter_map(|entry| entry.status?.last_step_period_seconds);
        entries.map(i64::from).fold(period, i64::max)
    }
}

/// Whether an entry has counted a refused login, and a success or a resume has cleared its refusals since. The batch of that success may
/// be gone.
fn has_forgiven(entry: &Entry<'_>, login: &PastLogin<'_>) -> bool {
    entry.status.and_then(|status| status.breaker.as_ref()).is_some_and(|breaker| {
        // A full list may have dropped the refusals of these credentials.
        let is_whole = breaker.refusals.len() < MOST_VERSIONS;
        is_whole
            && refusals(breaker, login.version) == 0
            && breaker.counted.contains(&id(login.batch, login.login))
    })
}

/// The last used step of one entry, counted in `period` (seconds).
#[must_use]
pub fn last_step_of(status: &AccountStatus, period: i64) -> Option<i64> {
    let counted_in = status.last_step_period_seconds.map_or(period, i64::from);
    Some(step::rebased(status.last_step?, counted_in, period))
}
