//! The flow breaker: stops a provider whose flow no longer fits its portal, or whose portal is away.
//!
//! This breaker never closes by itself: corrected flows, a person, or (portal away) time make it half open, and one job as a canary decides.

mod row;

use fno_crds::{
    Reason,
    provider::Limits,
    provider_status::{BreakerState, FlowBreaker},
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub use row::Row;

use super::{Change, counted_with, eased, opened};
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
    /// Its last jobs, where they failed in the same step.
    pub row: Option<Row<'a>>,
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
    /// The batch ended because a step of the login flow failed, and no credential was refused.
    LoginFailed {
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
        BreakerState::HalfOpen => Gate::Trial(Why {
            reason: breaker.reason.unwrap_or(Reason::PortalChanged),
            message: format!("{} One job tries as a canary.", what_happened(breaker)),
        }),
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
            Found {
                reason: breaker.reason.unwrap_or(Reason::PortalChanged),
                step: Some(step),
                evidence,
                login_failures: 0,
            },
            limits,
        ),
        Saw::Answer | Saw::StepFailed { .. } => in_a_row(breaker, seen, limits),
        Saw::Changed { step, evidence } => {
            let found = Found {
                reason: Reason::PortalChanged,
                step: Some(step),
                evidence,
                login_failures: 0,
            };
            open(breaker, seen, found, limits)
        }
        Saw::LoginFailed { step, evidence } => {
            login_failed(breaker, seen, step, evidence, trial, limits)
        }
        Saw::Unavailable { evidence } => {
            let found = Found {
                reason: Reason::PortalUnavailable,
                step: None,
                evidence,
                login_failures: 0,
            };
            open(breaker, seen, found, limits)
        }
    }
}

/// Failures in a row go on over batches.
fn in_a_row(breaker: &FlowBreaker, seen: &Observation<'_>, limits: &Limits) -> Change<FlowBreaker> {
    if effective(breaker, seen.now) != BreakerState::Closed {
        return Change::none(breaker);
    }
    let Some(row) = &seen.row else {
        return Change::silent(FlowBreaker { step_failures: None, ..breaker.clone() });
    };
    let failures = row.after(breaker.step_failures.as_ref(), seen.flows_digest);
    let limit = usize::try_from(limits.flow_failures_to_open).unwrap_or(1).max(1);
    if failures.jobs.len() < limit {
        return Change::silent(FlowBreaker { step_failures: Some(failures), ..breaker.clone() });
    }
    let found = Found {
        reason: Reason::PortalChanged,
        step: Some(row.step()),
        evidence: row.evidence,
        login_failures: 0,
    };
    open(breaker, seen, found, limits)
}

/// A batch logged in: failures of the login flow are no longer in a row.
#[must_use]
pub fn logged_in(breaker: &FlowBreaker) -> FlowBreaker {
    match breaker.state {
        BreakerState::Closed => FlowBreaker { login_failures: 0, ..breaker.clone() },
        BreakerState::Open | BreakerState::HalfOpen => breaker.clone(),
    }
}

/// The limit of failed logins in a row opens it, and so does a canary that does not get in.
fn login_failed(
    breaker: &FlowBreaker,
    seen: &Observation<'_>,
    step: &str,
    evidence: Option<&str>,
    trial: bool,
    limits: &Limits,
) -> Change<FlowBreaker> {
    let of_older_flows = !trial && effective(breaker, seen.now) == BreakerState::HalfOpen;
    if of_older_flows || breaker.counted.iter().any(|counted| counted == seen.batch) {
        return Change::none(breaker);
    }
    let login_failures = breaker.login_failures.saturating_add(1);
    if trial || login_failures >= limits.login_failures_to_open.max(1) {
        let found =
            Found { reason: Reason::PortalChanged, step: Some(step), evidence, login_failures };
        return open(breaker, seen, found, limits);
    }
    let counted = counted_with(&breaker.counted, seen.batch);
    Change::silent(FlowBreaker { login_failures, counted, ..breaker.clone() })
}

/// What time, changed flows (`flows_digest` as it is now) or a person (`resumed_at`: a `fno.dev/resume` that was accepted just now)
/// changes.
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

/// What opens it.
#[derive(Clone, Copy)]
struct Found<'a> {
    reason: Reason,
    step: Option<&'a str>,
    evidence: Option<&'a str>,
    /// Set where the step is one of the login flow.
    login_failures: i32,
}

fn open(
    breaker: &FlowBreaker,
    seen: &Observation<'_>,
    found: Found<'_>,
    limits: &Limits,
) -> Change<FlowBreaker> {
    let Found { reason, step, evidence, login_failures } = found;
    if breaker.counted.iter().any(|counted| counted == seen.batch) {
        return Change::none(breaker);
    }
    let counted = counted_with(&breaker.counted, seen.batch);
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
        login_failures,
        step_failures: None,
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
    let next = match &breaker.open_until {
        Some(until) => format!("The portal is probed with one job at {}.", until.0),
        None => "Correct the flow, or annotate the provider with fno.dev/resume.".to_owned(),
    };
    let picture =
        breaker.evidence.as_ref().map(|uri| format!(" Picture: {uri}")).unwrap_or_default();
    format!("{} {next}{picture}", what_happened(breaker))
}

fn what_happened(breaker: &FlowBreaker) -> String {
    match (breaker.reason, &breaker.step) {
        (Some(Reason::PortalUnavailable), _) => {
            "The portal does not answer, or answers with an error.".to_owned()
        }
        (_, Some(step)) if breaker.login_failures > 0 => format!(
            "Step {step:?} of the login flow failed, {} login(s) in a row, and no credential was refused: the login page looks different than the flow expects.",
            breaker.login_failures
        ),
        (_, Some(step)) => format!(
            "Step {step:?} failed in the same way on several circuits: the portal looks different than the flow expects."
        ),
        (_, None) => "The portal looks different than the flows expect.".to_owned(),
    }
}

#[cfg(test)]
mod tests;
