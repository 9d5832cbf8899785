//! The entries that the operator writes into `status.accounts` of a provider.

use fno_crds::provider_status::AccountStatus;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::last_step_of;
use crate::{mint::step, time::after};

/// The schema's maxItems of `status.accounts`.
pub const MOST_ENTRIES: usize = 40;

/// The entry with `step` as the last used one. `rebasedFrom` is set only where this sets the step back: [`crate::mint`] has found, or a
/// person has vouched, that the old one was recorded by a clock that was ahead.
#[must_use]
pub fn with_last_step(entry: &AccountStatus, step: i64, period: i32) -> AccountStatus {
    let earlier = last_step_of(entry, i64::from(period)).is_some_and(|last| last > step);
    AccountStatus {
        last_step: Some(step),
        last_step_period_seconds: Some(period),
        rebased_from: entry.last_step.filter(|_| earlier),
        ..entry.clone()
    }
}

/// The schema's maxItems of `AccountStatus.logins`.
const MOST_LOGINS: usize = 20;

/// The entry with a login (`batch/n`) in progress. Logins for which `is_over` holds are dropped. None if the list is full.
#[must_use]
pub fn with_login(
    entry: &AccountStatus,
    login: &str,
    is_over: impl Fn(&str) -> bool,
) -> Option<AccountStatus> {
    let mut logins = entry.logins.clone();
    logins.retain(|known| known != login && !is_over(known));
    logins.push(login.to_owned());
    (logins.len() <= MOST_LOGINS).then(|| AccountStatus { logins, ..entry.clone() })
}

/// The entry once a login (`batch/n`) is counted.
#[must_use]
pub fn without_login(mut entry: AccountStatus, login: &str) -> AccountStatus {
    entry.logins.retain(|known| known != login);
    entry
}

/// The entry once a batch has ended: none of its logins is in progress any more.
#[must_use]
pub fn without_batch(mut entry: AccountStatus, batch: &str) -> AccountStatus {
    entry.logins.retain(|known| batch_of(known) != batch);
    entry
}

/// Numbers of a batch's logins that are in progress by the entry.
#[must_use]
pub fn logins_of(entry: &AccountStatus, batch: &str) -> Vec<i32> {
    let number = |login: &String| login.strip_prefix(batch)?.strip_prefix('/')?.parse().ok();
    entry.logins.iter().filter_map(number).collect()
}

/// Name of the batch that a login (`batch/n`) belongs to.
#[must_use]
pub fn batch_of(login: &str) -> &str {
    login.split_once('/').map_or(login, |(batch, _)| batch)
}

/// The entry once an accepted `fno.dev/resume` is applied to it. A person vouches for our clock, so a last step that the portal cannot
/// have accepted yet is set back to the newest one that it can have accepted. `totp` is the account's period (seconds) and skew
/// (steps), if it has one-time codes.
#[must_use]
pub fn resumed(
    entry: &AccountStatus,
    resumed_at: Timestamp,
    now: Timestamp,
    totp: Option<(i32, i32)>,
) -> AccountStatus {
    if entry.resumed_at.as_ref().is_some_and(|last| last.0 >= resumed_at) {
        return entry.clone();
    }
    let next = AccountStatus { resumed_at: Some(Time(resumed_at)), ..entry.clone() };
    let Some((period, skew)) = totp else { return next };
    let recorded_in = entry.last_step_period_seconds.unwrap_or(period);
    let newest =
        step::newest_recorded(now, i64::from(period), i64::from(recorded_in), i64::from(skew));
    match last_step_of(entry, i64::from(period)) {
        Some(last) if last > newest => with_last_step(&next, newest, period),
        _ => next,
    }
}

/// A step that ended this long ago no longer protects anything: no portal accepts its code.
const LONG_PAST: SignedDuration = SignedDuration::from_hours(1);

/// Keeps the list of entries within the schema, so that a write never fails for its length. Only entries of accounts that are no longer
/// in the spec are dropped: those that hold no information at once, and, while the list is too long, the one whose last step is oldest.
/// Entries with refusals are dropped last.
pub fn drop_old_entries(
    entries: &mut Vec<AccountStatus>,
    is_in_spec: impl Fn(&str) -> bool,
    now: Timestamp,
) {
    entries.retain(|entry| is_in_spec(&entry.name) || remembers(entry));
    while entries.len() > MOST_ENTRIES {
        let oldest = entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| !is_in_spec(&entry.name))
            .min_by_key(|(_, entry)| {
                let used_until = used_until(entry);
                let recent = after(used_until, LONG_PAST) > now;
                (recent, has_refusals(entry), used_until)
            })
            .map(|(place, _)| place);
        match oldest {
            Some(place) => drop(entries.remove(place)),
            None => return,
        }
    }
}

fn remembers(entry: &AccountStatus) -> bool {
    entry.last_step.is_some() || has_refusals(entry) || !entry.logins.is_empty()
}

fn has_refusals(entry: &AccountStatus) -> bool {
    entry
        .breaker
        .as_ref()
        .is_some_and(|breaker| breaker.failures > 0 || !breaker.refusals.is_empty())
}

fn used_until(entry: &AccountStatus) -> Timestamp {
    let period = i64::from(entry.last_step_period_seconds.unwrap_or(1));
    entry.last_step.map_or(Timestamp::MIN, |last| step::ends(last, period))
}
