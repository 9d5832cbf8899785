//! Whether a login may begin, and whether a one-time code may be minted for it now: two ordered chains of named checks, the first
//! violation decides.
//!
//! A chain only says that the guards may be tried. The guards themselves are writes, in this order (a crash between them burns a
//! step, it never uses one twice):
//!
//! 1. compare-and-set of `FnoProvider.status.accounts[].lastStep` to the step (authoritative);
//! 2. Valkey `SET totp:used:{trackingId}:{step} {batch}/{n} NX EX` [`step::key_ttl`] (shared with everybody else on that account);
//! 3. where other providers name the same account, their `lastStep` is read again: two that burn at the same time see each other;
//! 4. the step is this login's own now: [`MintRequest::reserved`], kept in memory while the same pass goes on;
//! 5. the chain is asked once more: [`MintDecision::Deliver`] = the Secret is created, never over an existing one.
//!
//! A guard whose answer was lost counts as passed by another login: a doubtful step is a burnt step. Read again and ask the chain again.

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

/// When to ask again about something that announces no time of its own (a clock, Valkey, another login). Most changes wake earlier, through a watch.
const RECHECK: SignedDuration = SignedDuration::from_secs(5);

/// What is known when a batch awaits a code.
#[derive(Clone, Debug, PartialEq)]
pub struct MintRequest<'a> {
    /// The time.
    pub now: Timestamp,
    /// The batch's phase.
    pub phase: BatchPhase,
    /// The batch's `spec.stop`.
    pub stop: Stop,
    /// The provider's `spec.suspend`.
    pub provider_suspended: bool,
    /// `status.credentialsVersion` of the batch: the credentials its runner has typed.
    pub pinned: Option<&'a str>,
    /// Version of the credentials that the account's Secrets hold now: the code would be made of the seed in them.
    pub current: Option<&'a str>,
    /// The account's breaker.
    pub gate: &'a Gate,
    /// `totp.periodSeconds`.
    pub period: i64,
    /// `totp.skewSteps`: steps the portal accepts either side of its own.
    pub skew: i64,
    /// `totp.minRemainingSeconds`. Cut to `period - 1`, because a whole period is never left.
    pub min_remaining: i64,
    /// The account's last used step, counted in `period` ([`crate::account::last_step`]).
    pub last_step: Option<i64>,
    /// The longest period in which it may have been recorded ([`crate::account::SharedAccount::recorded_in`]).
    pub recorded_in: i64,
    /// The step of a guard whose answer never came.
    pub doubtful: Option<i64>,
    /// The step both guards have passed for this very login; the Secret may be missing.
    pub reserved: Option<i64>,
    /// What is known of the portal's clock.
    pub clock: PortalClock,
    /// What Valkey is known to say.
    pub valkey: StepRecord,
}

/// What Valkey is known to say about a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepRecord {
    /// Not asked yet.
    Unknown,
    /// No answer.
    Unreachable,
    /// The step is unused.
    Free {
        /// The step asked about.
        step: i64,
    },
    /// The step is used, perhaps outside this cluster.
    Taken {
        /// The step asked about.
        step: i64,
    },
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MintDecision {
    /// Pass the guards with this step, then ask again with it as `reserved`.
    Mint {
        /// The time step.
        step: i64,
    },
    /// This step is burnt for this very login already and still good: create the Secret, no guard.
    Deliver {
        /// The time step.
        step: i64,
    },
    /// The last step was recorded by a clock that was ahead: set every entry of the account that is later back to this one
    /// ([`crate::account::burn`]), then ask again. It is the newest step that the portal can have accepted by now.
    Rebase {
        /// The time step.
        step: i64,
    },
    /// Ask again at `until`, or when something changes.
    NotYet {
        /// When.
        until: Timestamp,
        /// What is waited for.
        why: Why,
    },
    /// No code for this login: the grant is refused and the batch ends.
    Never {
        /// Why.
        why: Why,
    },
}

/// Decides. A table of the checks in their order is the constant `CHAIN` of this module's source.
#[must_use]
pub fn mint(request: &MintRequest<'_>) -> MintDecision {
    CHAIN
        .iter()
        .find_map(|check| check(request))
        .unwrap_or_else(|| MintDecision::Mint { step: candidate(request) })
}

/// `None` = passed.
type Check = fn(&MintRequest<'_>) -> Option<MintDecision>;

/// First what ends the login, then what is waited for; a reserved step comes before Valkey because it has passed that guard already.
const CHAIN: [Check; 8] = [
    batch_may_log_in,
    credentials_are_current,
    breaker_allows,
    clocks_agree,
    reserved_step_is_still_good,
    valkey_answers,
    last_step_is_not_in_the_future,
    step_has_begun,
];

fn batch_may_log_in(request: &MintRequest<'_>) -> Option<MintDecision> {
    checks::batch(request.phase, request.stop, request.provider_suspended)
        .map(|why| MintDecision::Never { why })
}

fn breaker_allows(request: &MintRequest<'_>) -> Option<MintDecision> {
    checks::breaker(request.gate).map(|why| MintDecision::Never { why })
}

/// The wait would be in vain: the batch has measured the clock and does not do so again.
fn clocks_agree(request: &MintRequest<'_>) -> Option<MintDecision> {
    request
        .clock
        .known_at_the_code(request.now)
        .filter(|offset| offset.is_too_far_for(request.period))
        .map(|offset| MintDecision::Never {
            why: checks::clock_skew(offset.sentence(request.period)),
        })
}

/// A code of another seed than the one whose refusal would be booked.
fn credentials_are_current(request: &MintRequest<'_>) -> Option<MintDecision> {
    let current = request.pinned.is_some() && request.pinned == request.current;
    (!current).then(|| MintDecision::Never { why: checks::other_credentials(request.pinned) })
}

/// An operator that ended between the guards and the Secret left a burnt step behind. It is this login's own, so it is delivered
/// as long as it is good, and `lastStep` still covers it (a provider restored from an old backup does not).
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

/// A step is minted after it began, so a last step beyond the next ones means that some clock was, or is, wrong. Where the portal
/// confirms our clock, it cannot have accepted such a step yet.
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
            "The last code was minted for a step about {seconds} s in the future, and the portal does not tell the time: the clock of this node, or of the one before it, is wrong. If this node's clock is right, annotate the provider with fno.dev/resume."
        )),
    ))
}

fn step_has_begun(request: &MintRequest<'_>) -> Option<MintDecision> {
    let step = candidate(request);
    let begins = step::begins(step, request.period);
    (begins > request.now)
        .then(|| MintDecision::NotYet { until: begins, why: checks::waiting_for_code(begins) })
}

fn not_yet(now: Timestamp, why: Why) -> MintDecision {
    MintDecision::NotYet { until: after(now, RECHECK), why }
}

/// The first step with enough time left that cannot have been used: after `lastStep`, after whatever is doubtful, after what Valkey
/// calls taken.
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

/// The current step, or the next one when too little of this one is left.
fn earliest_with_time_left(request: &MintRequest<'_>) -> i64 {
    let current = step::at(request.now, request.period);
    let left = step::ends(current, request.period).duration_since(request.now);
    let wanted = request.min_remaining.clamp(0, (request.period - 1).max(0));
    if left < SignedDuration::from_secs(wanted) { current + 1 } else { current }
}
