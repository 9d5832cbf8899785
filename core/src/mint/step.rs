//! Arithmetic of time steps (RFC 6238: step = floor(unix time / period)).

use jiff::{SignedDuration, Timestamp};

/// The step that contains a time; `period` is in seconds throughout this module.
#[must_use]
pub fn at(now: Timestamp, period: i64) -> i64 {
    now.as_millisecond().div_euclid(1000 * at_least_one(period))
}

/// The first instant of a step.
#[must_use]
pub fn begins(step: i64, period: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH
        .saturating_add(SignedDuration::from_secs(step.saturating_mul(at_least_one(period))))
        .unwrap_or(Timestamp::MAX)
}

/// The first instant at which a step's code is no longer the current one: the Secret's `notAfter`.
#[must_use]
pub fn ends(step: i64, period: i64) -> Timestamp {
    begins(step.saturating_add(1), period)
}

/// The newest step whose code a portal can have accepted by now, if it tolerates `skew` steps either side and its clock differs from
/// ours by up to half a period.
#[must_use]
pub fn newest_usable(now: Timestamp, period: i64, skew: i64) -> i64 {
    at(now, period).saturating_add(skew.max(0)).saturating_add(1)
}

/// The newest step, counted in `period`, that may be recorded by now if steps were recorded in `recorded_in`. A step of a longer period
/// ends later than any step of `period` that the portal can have accepted.
#[must_use]
pub fn newest_recorded(now: Timestamp, period: i64, recorded_in: i64, skew: i64) -> i64 {
    let longer = recorded_in.max(period);
    rebased(newest_usable(now, longer, skew), longer, period)
}

/// A used step of one period, counted in another: the last step that starts before the used one ends. The next step starts only when
/// the used one is over, so no second code is made for the same time.
#[must_use]
pub const fn rebased(step: i64, from_period: i64, to_period: i64) -> i64 {
    let until = step.saturating_add(1).saturating_mul(at_least_one(from_period));
    until.saturating_sub(1).div_euclid(at_least_one(to_period))
}

/// Seconds that a used step stays in Valkey: until no portal that tolerates `skew` steps either side can accept its code any more, and
/// never less than two minutes, because clocks differ (the common choice of 60 s is shorter than a code can stay valid).
#[must_use]
pub const fn key_ttl(period: i64, skew: i64) -> u64 {
    let life = at_least_one(period).saturating_mul((2_i64).saturating_add(skew));
    if life > 120 { life.unsigned_abs() } else { 120 }
}

/// The schema demands a period of at least one second; this also rules out a division by zero if it does not hold.
const fn at_least_one(period: i64) -> i64 {
    if period < 1 { 1 } else { period }
}
