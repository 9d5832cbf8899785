//! The breakers of the names of one account, combined.

use fno_crds::provider_status::{AccountBreaker, BreakerState};
use jiff::Timestamp;

/// Combines the breakers of two names of one account into one that stops every login that either of them stops.
#[must_use]
pub fn together(one: &AccountBreaker, other: &AccountBreaker) -> AccountBreaker {
    let (stricter, laxer) =
        if strictness(other) > strictness(one) { (other, one) } else { (one, other) };
    let mut refusals = stricter.refusals.clone();
    for more in &laxer.refusals {
        match refusals.iter_mut().find(|r| r.credentials_version == more.credentials_version) {
            Some(known) => known.count = known.count.saturating_add(more.count),
            None => refusals.push(more.clone()),
        }
    }
    AccountBreaker {
        failures: stricter.failures.saturating_add(laxer.failures),
        refused: stricter.refused || laxer.refused,
        trials: stricter.trials.max(laxer.trials),
        credentials_version: stricter
            .credentials_version
            .clone()
            .or_else(|| laxer.credentials_version.clone()),
        message: stricter.message.clone().or_else(|| laxer.message.clone()),
        refusals,
        counted: stricter.counted.iter().chain(&laxer.counted).cloned().collect(),
        ..stricter.clone()
    }
}

/// Open for good, open for a while (longer is stricter), half open, closed.
fn strictness(breaker: &AccountBreaker) -> (u8, Timestamp) {
    let until = breaker.open_until.as_ref().filter(|_| !breaker.refused).map(|until| until.0);
    match breaker.state {
        BreakerState::Closed => (0, Timestamp::MIN),
        BreakerState::HalfOpen => (1, Timestamp::MIN),
        BreakerState::Open => (2, until.unwrap_or(Timestamp::MAX)),
    }
}
