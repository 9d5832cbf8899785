//! The checks that both chains share. Each gives the reason it is violated for, or nothing.

use fno_crds::{
    Reason,
    batch::{BatchPhase, Stop},
};
use jiff::Timestamp;

use crate::{gate::Gate, why::Why};

/// Only a living batch that nobody stops gets on the portal.
pub(super) fn batch(phase: BatchPhase, stop: Stop, provider_suspended: bool) -> Option<Why> {
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
    Some(Why { reason, message: message.to_owned() })
}

/// A breaker that is open stops every login at once: waiting would hold a runner for nothing.
pub(super) fn breaker(gate: &Gate) -> Option<Why> {
    match gate {
        Gate::Open | Gate::Trial => None,
        Gate::Shut(why) => Some(why.clone()),
    }
}

/// With clocks more than half a step apart the portal would judge our code by another step than the one that is burnt.
pub(super) fn clocks(offset: Option<i64>, period: i64) -> Option<Why> {
    let half = period.saturating_mul(500);
    offset
        .filter(|offset| offset.unsigned_abs() > half.unsigned_abs())
        .map(|offset| {
            let seconds = |milliseconds| milliseconds as f64 / 1000.0;
            clock_skew(format!("The portal's clock and ours differ by {:.1} s; with codes of {period} s at most {:.1} s are allowed.", seconds(offset), seconds(half)))
        })
}

pub(super) const fn clock_skew(message: String) -> Why {
    Why { reason: Reason::ClockSkew, message }
}

/// Without the shared record nobody knows whether a step is used elsewhere.
pub(super) fn valkey(unreachable: bool) -> Option<Why> {
    unreachable.then(|| Why {
        reason: Reason::ValkeyUnavailable,
        message: "Valkey does not answer, so nobody knows whether a one-time code is used already. Sessions that are logged in go on.".to_owned(),
    })
}

pub(super) fn waiting_for_code(begins: Timestamp) -> Why {
    Why {
        reason: Reason::WaitingForCode,
        message: format!("The account's next unused one-time code begins at {begins}."),
    }
}
