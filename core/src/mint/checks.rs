//! The checks that both chains share. Each returns why it failed, or None if it passed.

use fno_crds::{
    Reason,
    batch::{BatchPhase, Stop},
};
use jiff::Timestamp;

use super::clock::PortalClock;
use crate::{gate::Gate, why::Why};

/// A batch may log in only while it is active and not being stopped.
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

/// An open breaker refuses the login instead of making it wait: waiting would hold a runner for nothing.
pub(super) fn breaker(gate: &Gate) -> Option<Why> {
    match gate {
        Gate::Open | Gate::Trial(_) => None,
        Gate::Shut(why) => Some(why.clone()),
    }
}

/// With clocks more than half a step apart, the portal would check our code against another step than the one that is marked as used.
pub(super) fn clocks(clock: &PortalClock, now: Timestamp, period: i64) -> Option<Why> {
    clock
        .known(now)
        .filter(|offset| offset.is_too_far_for(period))
        .map(|offset| clock_skew(offset.sentence(period)))
}

/// The credentials changed since the batch started, or the batch has no record of its own. Its jobs return to Pending without
/// losing a try, as after a drain.
pub(super) fn other_credentials(pinned: Option<&str>) -> Why {
    let message = if pinned.is_some() {
        "The account's Secret no longer holds the credentials that this batch was started with: another batch logs in with the new ones."
    } else {
        "The batch does not record which credentials it was started with, as when an older operator started it: another batch logs in."
    };
    Why { reason: Reason::Drained, message: message.to_owned() }
}

pub(super) const fn clock_skew(message: String) -> Why {
    Why { reason: Reason::ClockSkew, message }
}

/// Without the shared record in Valkey, the operator cannot tell whether a step is used elsewhere.
pub(super) fn valkey(unreachable: bool) -> Option<Why> {
    unreachable.then(|| Why {
        reason: Reason::ValkeyUnavailable,
        message: "Valkey does not answer, so the operator cannot tell whether a one-time code is used already. Sessions that are logged in continue.".to_owned(),
    })
}

pub(super) fn waiting_for_code(begins: Timestamp) -> Why {
    Why {
        reason: Reason::WaitingForCode,
        message: format!("The account's next unused one-time code is valid from {begins}."),
    }
}
