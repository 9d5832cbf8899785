//! Arithmetic with times that cannot overflow.

use jiff::{SignedDuration, Timestamp};

/// `time` plus `duration`, or the largest timestamp if the sum would exceed it.
#[must_use]
pub fn after(time: Timestamp, duration: SignedDuration) -> Timestamp {
    time.saturating_add(duration).unwrap_or(Timestamp::MAX)
}
