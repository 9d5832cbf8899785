//! The flow breaker: stops a provider whose flow no longer fits its portal, or whose portal is down.
//!
//! This breaker never closes by itself: corrected flows, a person or, if the portal was down, time make it half open. Then one job is
//! run as a canary and decides.

mod row;

use fno_crds::{
    Reason,
    batch::JobResult,
    provider::Limits,
    provider_status::{BreakerState, FlowBreaker},
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub use row::Row;

use super::{Change, counted_with, eased, last_words, opened};
use crate::{flow::kind::FlowKind, gate::Gate, text::at_most, time::after, why::Why};

/// The first pause before a portal that is down is probed. Each failed probe doubles it, up to `limits.openFor`.
const FIRST_PROBE: SignedDuration = SignedDuration::from_mins(1);
/// The schema's maxLength of `FlowBreaker.message`.
const MESSAGE: usize = 500;

/// What a batch found out about the portal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation<'a> {
    /// When it was counted.
    pub now: Timestamp,
    /// Name of the batch.
    pub batch: &'a str,
    /// `spec.flowsDigest` of the batch.
    pub flows_digest: &'a str,
    /// What the batch met.
    pub saw: Saw<'a>,
    /// The results at the end of the batch that failed in the same step, if its last one is a failed step.
    pub row: Option<Row<'a>>,
}

/// What a batch met on the portal; the part of an [`Observation`] that decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saw<'a> {
    /// A job got an answer: the flow fits.
    Answer,
    /// A job failed in a step (`StepFailed`, `Timeout`). A single failure matters only if the job is the canary.
    StepFailed {
        /// Name of the step.
        step: &'a str,
        /// What it showed.
        shown: Shown<'a>,
    },
    /// The batch ended with `PortalChanged`: several jobs in a row failed in the same step.
    Changed {
        /// Name of the step.
        step: &'a str,
        /// What it showed.
        shown: Shown<'a>,
    },
    /// The batch ended because a step of the login flow failed, and no credential was refused. The step is `sessionProbe` if the batch
    /// logged in, but lost the session or the browser before its first job.
    LoginFailed {
        /// Name of the step.
        step: &'a str,
        /// What it showed.
        shown: Shown<'a>,
    },
    /// The batch ended with `PortalUnavailable`.
    Unavailable {
        /// What the portal showed last.
        shown: Shown<'a>,
    },
}

/// What is known about a failure, for the person who looks for its cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shown<'a> {
    /// What the failed step says.
    pub message: Option<&'a str>,
    /// URI of its screenshot.
    pub evidence: Option<&'a str>,
}

impl<'a> Shown<'a> {
    /// What a failed job showed.
    #[must_use]
    pub fn of(result: &'a JobResult) -> Self {
        Self {
            message: result.message.as_deref(),
            evidence: result.evidence.as_ref().map(|evidence| evidence.uri.as_str()),
        }
    }
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

/// Counts what a batch found out; each batch can open the breaker only once.
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
        Saw::StepFailed { step, shown } if trial => open(
            breaker,
            seen,
            Found {
                reason: breaker.reason.unwrap_or(Reason::PortalChanged),
                step: Some(step),
                shown,
                login_failures: 0,
            },
            limits,
        ),
        Saw::Answer | Saw::StepFailed { .. } => in_a_row(breaker, seen, limits),
        Saw::Changed { step, shown } => {
            let found =
                Found { reason: Reason::PortalChanged, step: Some(step), shown, login_failures: 0 };
            open(breaker, seen, found, limits)
        }
        Saw::LoginFailed { step, shown } => login_failed(breaker, seen, step, shown, trial, limits),
        Saw::Unavailable { shown } => {
            let found =
                Found { reason: Reason::PortalUnavailable, step: None, shown, login_failures: 0 };
            open(breaker, seen, found, limits)
        }
    }
}

/// Counts failures of the same step in a row, also across batches.
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
        shown: row.shown,
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

/// Opens the breaker when the limit of failed logins in a row is reached, or when the canary's login fails.
fn login_failed(
    breaker: &FlowBreaker,
    seen: &Observation<'_>,
    step: &str,
    shown: Shown<'_>,
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
            Found { reason: Reason::PortalChanged, step: Some(step), shown, login_failures };
        return open(breaker, seen, found, limits);
    }
    let counted = counted_with(&breaker.counted, seen.batch);
    Change::silent(FlowBreaker { login_failures, counted, ..breaker.clone() })
}

/// Applies the passing of time, changed flows (`flows_digest` as it is now) and a person's resume (`resumed_at`: a `fno.dev/resume` that
/// was accepted just now).
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

/// What opens the breaker.
#[derive(Clone, Copy)]
struct Found<'a> {
    reason: Reason,
    step: Option<&'a str>,
    shown: Shown<'a>,
    /// Failed logins in a row, if the step belongs to the login flow; otherwise 0.
    login_failures: i32,
}

fn open(
    breaker: &FlowBreaker,
    seen: &Observation<'_>,
    found: Found<'_>,
    limits: &Limits,
) -> Change<FlowBreaker> {
    let Found { reason, step, shown, login_failures } = found;
    if breaker.counted.iter().any(|counted| counted == seen.batch) {
        return Change::none(breaker);
    }
    let counted = counted_with(&breaker.counted, seen.batch);
    let before = effective(breaker, seen.now);
    // Batches that were running when the breaker opened. A portal that has changed is the only thing worse than one that is down, so
    // only that replaces the reason.
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
        message: shown.message.map(|message| at_most(message, MESSAGE)),
        evidence: shown.evidence.map(str::to_owned),
        flows_digest: Some(seen.flows_digest.to_owned()),
        opened_at: Some(Time(seen.now)),
        open_until: (reason == Reason::PortalUnavailable)
            .then(|| Time(after(seen.now, pause(breaker, before, limits)))),
        counted,
    };
    let message = sentence(&next);
    opened(next, reason, message)
}

/// How long to wait before a portal that is down is probed: twice the last pause if a probe has failed.
fn pause(breaker: &FlowBreaker, before: BreakerState, limits: &Limits) -> SignedDuration {
    let longest = limits.open_for.signed().max(FIRST_PROBE);
    match (&breaker.opened_at, &breaker.open_until) {
        (Some(opened), Some(until)) if before == BreakerState::HalfOpen => {
            until.0.duration_since(opened.0).saturating_mul(2).clamp(FIRST_PROBE, longest)
        }
        _ => FIRST_PROBE,
    }
}

/// The state at `now`: a breaker whose `openUntil` has passed is half open, even if that is not stored yet.
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
    let last = last_words(breaker.message.as_deref());
    match (breaker.reason, &breaker.step) {
        (Some(Reason::PortalUnavailable), _) => {
            format!("The portal does not answer, or answers with an error{last}.")
        }
        (_, Some(step))
            if breaker.login_failures > 0 && step == FlowKind::SessionProbe.as_str() =>
        {
            format!(
                "{} batch(es) in a row logged in and lost the session or the browser before the first job{last}: the flow {step} does not recognize the session, or the page after the login looks different from what it expects.",
                breaker.login_failures
            )
        }
        (_, Some(step)) if breaker.login_failures > 0 => format!(
            "Step {step:?} of the login flow failed, {} login(s) in a row, and the flow reported no refusal{last}: the login page looks different from what the flow expects. Look at the picture first: if it shows a refusal, the flow needs an outcome LoginRejected, because the next login types the credentials again.",
            breaker.login_failures
        ),
        (_, Some(step)) => format!(
            "Step {step:?} failed in the same way on several circuits{last}: the portal looks different from what the flow expects."
        ),
        (_, None) => "The portal looks different from what the flows expect.".to_owned(),
    }
}

#[cfg(test)]
mod tests;
