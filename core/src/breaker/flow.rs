//! The flow breaker: stops a provider whose flow no longer fits its portal, or whose portal is away.
//!
//! It never closes by itself: mended flows, a person, or (portal away) time make it half open, and one job as a canary decides.

use fno_crds::{
    Reason,
    provider::Limits,
    provider_status::{BreakerState, FlowBreaker},
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Change, Counted, eased, opened};
use crate::{gate::Gate, time::after, why::Why};

/// The first pause before a portal that is away is probed. Each failed probe doubles it, up to `limits.openFor`.
const FIRST_PROBE: SignedDuration = SignedDuration::from_mins(1);

/// What a batch found out about the portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation<'a> {
    /// When it was counted.
    pub now: Timestamp,
    /// Name of the batch.
    pub batch: &'a str,
    /// `spec.flowsDigest` of the batch.
    pub flows_digest: &'a str,
    /// What it saw.
    pub saw: Saw<'a>,
}

/// See [`Observation`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saw<'a> {
    /// A job got an answer: the flow fits.
    Answer,
    /// A job failed in a step (`StepFailed`, `Timeout`). Alone it says something only about a canary.
    StepFailed {
        /// The step.
        step: &'a str,
        /// Where its picture lies.
        evidence: Option<&'a str>,
    },
    /// The batch ended with `PortalChanged`: several jobs in a row failed in the same step.
    Changed {
        /// The step.
        step: &'a str,
        /// Where its picture lies.
        evidence: Option<&'a str>,
    },
    /// The batch ended with `PortalUnavailable`.
    Unavailable {
        /// Where the picture lies.
        evidence: Option<&'a str>,
    },
}

/// Whether batches may be created: `Trial` lets one batch of one job through as a canary.
#[must_use]
pub fn gate(breaker: &FlowBreaker, now: Timestamp) -> Gate {
    match effective(breaker, now) {
        BreakerState::Closed => Gate::Open,
        BreakerState::HalfOpen => Gate::Trial,
        BreakerState::Open => Gate::Shut(Why {
            reason: breaker.reason.unwrap_or(Reason::PortalChanged),
            message: sentence(breaker),
        }),
    }
}

/// Takes in what a batch found out; an opening is counted once per batch.
#[must_use]
pub fn observe(
    breaker: &FlowBreaker,
    seen: &Observation<'_>,
    limits: &Limits,
) -> Change<FlowBreaker> {
    let trial = effective(breaker, seen.now) == BreakerState::HalfOpen
        && breaker.flows_digest.as_deref() == Some(seen.flows_digest);
    match seen.saw {
        Saw::Answer if trial => {
            let closed = FlowBreaker { counted: breaker.counted.clone(), ..FlowBreaker::default() };
            eased(closed, "The canary got its answer: the flow breaker is closed.".to_owned())
        }
        Saw::StepFailed { step, evidence } if trial => open(
            breaker,
            seen,
            breaker.reason.unwrap_or(Reason::PortalChanged),
            Some(step),
            evidence,
            limits,
        ),
        Saw::Answer | Saw::StepFailed { .. } => Change::none(breaker),
        Saw::Changed { step, evidence } => {
            open(breaker, seen, Reason::PortalChanged, Some(step), evidence, limits)
        }
        Saw::Unavailable { evidence } => {
            open(breaker, seen, Reason::PortalUnavailable, None, evidence, limits)
        }
    }
}

/// What time, changed flows (`flows_digest` as it is now) or a person (`resumed_at`, the annotation `fno.dev/resume`) changes.
#[must_use]
pub fn refresh(
    breaker: &FlowBreaker,
    now: Timestamp,
    flows_digest: &str,
    resumed_at: Option<Timestamp>,
) -> Change<FlowBreaker> {
    let changed = breaker.flows_digest.as_deref() != Some(flows_digest);
    // From here on the digest names the flows on trial: an answer of an older batch with other flows proves nothing.
    let trial = || FlowBreaker {
        state: BreakerState::HalfOpen,
        flows_digest: Some(flows_digest.to_owned()),
        ..breaker.clone()
    };
    let why = match breaker.state {
        BreakerState::Closed => return Change::none(breaker),
        BreakerState::HalfOpen if changed => return Change { breaker: trial(), event: None },
        BreakerState::HalfOpen => return Change::none(breaker),
        BreakerState::Open if changed => "The flows changed",
        BreakerState::Open
            if resumed_at.is_some_and(|resumed| {
                breaker.opened_at.as_ref().is_none_or(|opened| resumed >= opened.0)
            }) =>
        {
            "A person resumed the provider"
        }
        BreakerState::Open if effective(breaker, now) == BreakerState::HalfOpen => {
            "It is time to probe the portal"
        }
        BreakerState::Open => return Change::none(breaker),
    };
    eased(trial(), format!("{why}: the flow breaker lets one job through as a canary."))
}

fn open(
    breaker: &FlowBreaker,
    seen: &Observation<'_>,
    reason: Reason,
    step: Option<&str>,
    evidence: Option<&str>,
    limits: &Limits,
) -> Change<FlowBreaker> {
    let counted = Counted(&breaker.counted);
    if counted.has(seen.batch) {
        return Change::none(breaker);
    }
    let counted = counted.with(seen.batch);
    let before = effective(breaker, seen.now);
    // What else was at work when it opened. Only one thing is worse than a portal that is away: one that has changed.
    if before == BreakerState::Open
        && (reason == Reason::PortalUnavailable || breaker.reason == Some(Reason::PortalChanged))
    {
        return Change { breaker: FlowBreaker { counted, ..breaker.clone() }, event: None };
    }
    let next = FlowBreaker {
        state: BreakerState::Open,
        reason: Some(reason),
        step: step.map(str::to_owned),
        evidence: evidence.map(str::to_owned),
        flows_digest: Some(seen.flows_digest.to_owned()),
        opened_at: Some(Time(seen.now)),
        open_until: (reason == Reason::PortalUnavailable)
            .then(|| Time(after(seen.now, pause(breaker, before, limits)))),
        counted,
    };
    let message = sentence(&next);
    opened(next, reason, message)
}

/// How long a portal that is away is left alone: double the last pause when a probe failed.
fn pause(breaker: &FlowBreaker, before: BreakerState, limits: &Limits) -> SignedDuration {
    let longest = limits.open_for.signed().max(FIRST_PROBE);
    match (&breaker.opened_at, &breaker.open_until) {
        (Some(opened), Some(until)) if before == BreakerState::HalfOpen => {
            until.0.duration_since(opened.0).saturating_mul(2).clamp(FIRST_PROBE, longest)
        }
        _ => FIRST_PROBE,
    }
}

/// The state at a time: an open one whose time is over is half open, stored or not.
fn effective(breaker: &FlowBreaker, now: Timestamp) -> BreakerState {
    let over = breaker.open_until.as_ref().is_some_and(|until| until.0 <= now);
    if breaker.state == BreakerState::Open && over { BreakerState::HalfOpen } else { breaker.state }
}

fn sentence(breaker: &FlowBreaker) -> String {
    let picture =
        breaker.evidence.as_ref().map(|uri| format!(" Picture: {uri}")).unwrap_or_default();
    match (&breaker.open_until, &breaker.step) {
        (Some(until), _) => format!(
            "The portal does not answer, or with an error; it is probed with one job at {}.{picture}",
            until.0
        ),
        (None, Some(step)) => {
            format!(
                "Step {step:?} failed in the same way on several circuits: the portal looks different. Mend the flow, or annotate the provider with fno.dev/resume.{picture}"
            )
        }
        (None, None) => {
            format!(
                "The portal looks different than the flows expect. Mend them, or annotate the provider with fno.dev/resume.{picture}"
            )
        }
    }
}
