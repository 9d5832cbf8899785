//! Whether a login may start, and whether a one-time code may be minted for it now: two ordered chains of named checks. The first check
//! that fails decides.
//!
//! A chain only says that the guards may be tried. The guards themselves are writes, in this order (a crash between them wastes a step,
//! it never uses one twice):
//!
//! 1. compare-and-set of `FnoProvider.status.accounts[].lastStep` to the step (authoritative);
//! 2. Valkey `SET totp:used:{trackingId}:{step} {batch}/{n} NX EX` [`step::key_ttl`] (shared with everything else that uses the account);
//! 3. where other providers name the same account, their `lastStep` is read again: two that use a step at the same time see each other;
//! 4. the step now belongs to this login: [`MintRequest::reserved`], kept in memory until the reconcile ends;
//! 5. the chain is asked once more: [`MintDecision::Deliver`] = the Secret is created, and never overwrites an existing one.
//!
//! A guard whose answer was lost counts as passed by another login: a doubtful step is a used step. The operator then reads everything
//! again and asks the chain again.

mod checks;
pub mod clock;
mod login;
pub mod step;
#[cfg(test)]
mod tests;

use fno_crds::batch::{BatchPhase, Stop};
use jiff::{SignedDuration, Timestamp};

pub use login::{LoginPermission, LoginRequest, may_login};

use self::clock::PortalClock;
use crate::{gate::Gate, time::after, why::Why};

/// When to ask again about something whose time is not known in advance (a clock, Valkey, another login). Most changes wake the operator
/// earlier, through a watch.
const RECHECK: SignedDuration = SignedDuration::from_secs(5);

/// What the operator knows when a batch awaits a code.
#[derive(Clone, Debug, PartialEq)]
pub struct MintRequest<'a> {
    /// The current time, by the operator's clock.
    pub now: Timestamp,
    /// The batch's phase.
    pub phase: BatchPhase,
    /// The batch's `spec.stop`.
    pub stop: Stop,
    /// The provider's `spec.suspend`.
    pub provider_suspended: bool,
    /// `status.credentialsVersion` of the batch: the version of the credentials that its runner has typed.
    pub pinned: Option<&'a str>,
    /// Version of the credentials that the account's Secrets hold now: the code would be made from the seed in them.
    pub current: Option<&'a str>,
    /// What the account's breaker allows.
    pub gate: &'a Gate,
    /// `totp.periodSeconds`.
    pub period: i64,
    /// `totp.skewSteps`: steps the portal accepts either side of its own.
    pub skew: i64,
    /// `totp.minRemainingSeconds`. Limited to `period - 1`, because a whole period never remains.
    pub min_remaining: i64,
    /// The account's last used step, counted in `period` ([`crate::account::SharedAccount::last_step`]).
    pub last_step: Option<i64>,
    /// The longest period, in seconds, in which `last_step` may have been recorded ([`crate::account::SharedAccount::recorded_in`]).
    pub recorded_in: i64,
    /// The step of a guard write whose answer was lost.
    pub doubtful: Option<i64>,
    /// The step that has passed both guards for this login; its Secret may be missing.
    pub reserved: Option<i64>,
    /// What is known about the portal's clock.
    pub clock: PortalClock,
    /// What Valkey has answered so far about a step.
    pub valkey: StepRecord,
}

/// What Valkey has answered about a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepRecord {
    /// Not asked yet.
    Unknown,
    /// Valkey did not answer.
    Unreachable,
    /// Valkey has no record of the step.
    Free {
        /// The step asked about.
        step: i64,
    },
    /// The step is used already, perhaps outside this cluster.
    Taken {
        /// The step asked about.
        step: i64,
    },
}

/// What to do about a batch that awaits a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MintDecision {
    /// Pass the guards with this step, then ask again with it as `reserved`.
    Mint {
        /// The time step.
        step: i64,
    },
    /// This step is used for this login already and its code is still valid: create the Secret, without the guards.
    Deliver {
        /// The time step.
        step: i64,
    },
    /// The last step was recorded by a clock that was ahead: set every later entry of the account back to this step
    /// ([`crate::account::with_last_step`]), then ask again.
    Rebase {
        /// The newest step that the portal can have accepted by now.
        step: i64,
    },
    /// Ask again at `until`, or when something changes.
    NotYet {
        /// When to ask again.
        until: Timestamp,
        /// What the login waits for.
        why: Why,
    },
    /// No code for this login: the grant is refused and the batch ends.
    Never {
        /// Why there is no code.
        why: Why,
    },
}

/// Decides what to do about a batch that awaits a code. The constant `CHAIN` in this module's source lists the checks in their order.
#[must_use]
pub fn mint(request: &MintRequest<'_>) -> MintDecision {
    CHAIN
        .iter()
        .find_map(|check| check(request))
        .unwrap_or_else(|| MintDecision::Mint { step: candidate(request) })
}

/// One check; `None` = passed.
type Check = fn(&MintRequest<'_>) -> Option<MintDecision>;

/// First the checks that end the login, then those that make it wait. A reserved step comes before Valkey because it has passed that
/// guard already.
const CHAIN: [Check; 8] = [
    batch_may_log_in,
    credentials_are_current,
    breaker_allows,
    clocks_agree,
    reserved_step_is_still_good,
    valkey_answers,
    last_step_is_not_in_the_future,
    step_has_started,
];

fn batch_may_log_in(request: &MintRequest<'_>) -> Option<MintDecision> {
    checks::batch(request.phase, request.stop, request.provider_suspended)
        .map(|why| MintDecision::Never { why })
}

fn breaker_allows(request: &MintRequest<'_>) -> Option<MintDecision> {
    checks::breaker(request.gate).map(|why| MintDecision::Never { why })
}

/// Waiting would not help: the batch has measured the portal's clock and does not measure it again.
fn clocks_agree(request: &MintRequest<'_>) -> Option<MintDecision> {
    request
        .clock
        .known_at_the_code(request.now)
        .filter(|offset| offset.is_too_far_for(request.period))
        .map(|offset| MintDecision::Never {
            why: checks::clock_skew(offset.sentence(request.period)),
        })
}

/// Otherwise the code could be made from another seed than the one that its refusal would count against.
fn credentials_are_current(request: &MintRequest<'_>) -> Option<MintDecision> {
    let current = request.pinned.is_some() && request.pinned == request.current;
    (!current).then(|| MintDecision::Never { why: checks::other_credentials(request.pinned) })
}

/// An operator that ended between the guards and the Secret has left a used step without a code. The step belongs to this login, so its
/// code is delivered while it is valid and `lastStep` still covers it (in a provider restored from an old backup it does not).
fn reserved_step_is_still_good(request: &MintRequest<'_>) -> Option<MintDecision> {
    let step = request.reserved?;
    let covered = request.last_step.is_some_and(|last| last >= step);
    let current =
        step == step::at(request.now, request.period) && step == earliest_with_time_left(request);
    (covered && current).then_some(MintDecision::Deliver { step })
}

fn valkey_answers(request: &MintRequest<'_>) -> Option<MintDecision> {
    checks::valkey(request.valkey == StepRecord::Unreachable).map(|why| not_yet(request.now, why))
}

/// A code is minted only after its step has started, so a last step further in the future than the clocks may differ means that some
/// clock was, or is, wrong. Where the portal confirms our clock, the portal cannot have accepted such a step yet.
fn last_step_is_not_in_the_future(request: &MintRequest<'_>) -> Option<MintDecision> {
    let newest =
        step::newest_recorded(request.now, request.period, request.recorded_in, request.skew);
    let last = request.last_step.filter(|last| *last > newest)?;
    if request.clock.confirms_ours(request.period) {
        return Some(MintDecision::Rebase { step: newest });
    }
    let ahead = last.saturating_sub(step::at(request.now, request.period));
    let seconds = ahead.saturating_mul(request.period);
    Some(not_yet(
        request.now,
        checks::clock_skew(format!(
            "The last code was minted for a step about {seconds} s in the future, and the portal does not report its time: the clock of this node, or of the node the operator ran on before, is wrong. If this node's clock is right, annotate the provider with fno.dev/resume."
        )),
    ))
}

fn step_has_started(request: &MintRequest<'_>) -> Option<MintDecision> {
    let step = candidate(request);
    let begins = step::begins(step, request.period);
    (begins > request.now)
        .then(|| MintDecision::NotYet { until: begins, why: checks::waiting_for_code(begins) })
}

fn not_yet(now: Timestamp, why: Why) -> MintDecision {
    MintDecision::NotYet { until: after(now, RECHECK), why }
}

/// The first step with enough time left that cannot have been used: it is after `lastStep`, after a doubtful step and after a step that
/// Valkey reports as used.
fn candidate(request: &MintRequest<'_>) -> i64 {
    let taken = match request.valkey {
        StepRecord::Taken { step } => Some(step),
        StepRecord::Unknown | StepRecord::Unreachable | StepRecord::Free { .. } => None,
    };
    let used =
        [request.last_step, request.doubtful, request.reserved, taken].into_iter().flatten().max();
    let earliest = earliest_with_time_left(request);
    used.map_or(earliest, |used| earliest.max(used.saturating_add(1)))
}

/// The current step, or the next one if too little time is left in the current one.
fn earliest_with_time_left(request: &MintRequest<'_>) -> i64 {
    let current = step::at(request.now, request.period);
    let left = step::ends(current, request.period).duration_since(request.now);
    let wanted = request.min_remaining.clamp(0, (request.period - 1).max(0));
    if left < SignedDuration::from_secs(wanted) { current + 1 } else { current }
}
