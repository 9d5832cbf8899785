//! The checks that both chains share. Each gives the reason it is violated for, or nothing.

use fno_crds::{
    Reason,
    batch::{BatchPhase, Stop},
};
use jiff::{SignedDuration, Timestamp};

use crate::plan::{Blocked, Gate};

/// Only a living batch that nobody stops gets on the portal.
pub(super) fn batch(phase: BatchPhase, stop: Stop, provider_suspended: bool) -> Option<Blocked> {
    let (reason, message) = match (phase, stop) {
        (BatchPhase::Completed | BatchPhase::Failed, _) => {
            (Reason::Aborted, "The batch has ended.")
        }
        (_, Stop::Abort) => (Reason::Aborted, "The batch is aborted (spec.stop)."),
        (_, Stop::Drain) => (Reason::Drained, "The batch is drained (spec.stop)."),
        (BatchPhase::Created | BatchPhase::Assigned | BatchPhase::InProgress, Stop::None)
            if provider_suspended =>
        {
            (Reason::Suspended, "The provider is suspended (spec.suspend).")
        }
        (BatchPhase::Created | BatchPhase::Assigned | BatchPhase::InProgress, Stop::None) => {
            return None;
        }
    };
    Some(Blocked { reason, message: message.to_owned() })
}

/// A breaker that is open stops every login at once: waiting would hold a runner for nothing.
pub(super) fn breaker(gate: &Gate) -> Option<Blocked> {
    match gate {
        Gate::Open | Gate::Trial => None,
        Gate::Shut(blocked) => Some(blocked.clone()),
    }
}

/// With clocks more than half a step apart the portal would judge our code by another step than the one that is burnt.
pub(super) fn clocks(offset: Option<f64>, period: i64) -> Option<Blocked> {
    let half = period as f64 / 2.0;
    offset
        .filter(|seconds| !seconds.is_finite() || seconds.abs() > half)
        .map(|seconds| clock_skew(format!("The portal's clock and ours differ by {seconds:.0} s; with codes of {period} s at most {half:.0} s are allowed.")))
}

pub(super) const fn clock_skew(message: String) -> Blocked {
    Blocked { reason: Reason::ClockSkew, message }
}

/// Without the shared record nobody knows whether a step is used elsewhere.
pub(super) fn valkey(unreachable: bool) -> Option<Blocked> {
    unreachable.then(|| Blocked {
        reason: Reason::ValkeyUnavailable,
        message: "Valkey does not answer, so nobody knows whether a one-time code is used already. Sessions that are logged in go on.".to_owned(),
    })
}

pub(super) fn waiting_for_code(begins: Timestamp) -> Blocked {
    Blocked {
        reason: Reason::WaitingForCode,
        message: format!("The account's next unused one-time code begins at {begins}."),
    }
}

pub(super) fn later(now: Timestamp, by: SignedDuration) -> Timestamp {
    now.saturating_add(by).unwrap_or(Timestamp::MAX)
}
