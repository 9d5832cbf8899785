//! Arithmetic with times that cannot overflow.

use jiff::{SignedDuration, Timestamp};

/// `time` plus `duration`, or the end of time if the sum is beyond it.
#[must_use]
pub fn after(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.saturating_add(duration).unwrap_or(Timestamp::MAX)
}
