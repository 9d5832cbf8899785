//! What the end of a flow means: for the job, and for a login.

use fno_core::{
    flow::{
        kind::FlowKind,
        outcome::{self, Meaning},
    },
    text::at_most,
};
use fno_crds::{JobPhase, Reason, reason::ReasonClass};

use crate::engine::{Act, Failure, FlowEnd};

/// `maxLength` of messages in a status.
pub(super) const MESSAGE: usize = 2000;
/// `maxLength` of step names in a status.
const STEP: usize = 200;
/// `maxLength` of an outcome.
const OUTCOME: usize = 63;

/// How a try of a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What is reported: a try that failed is `Failed` even if another follows; `Pending` costs none.
    pub phase: JobPhase,
    /// The portal's answer.
    pub outcome: Option<String>,
    /// Why.
    pub reason: Reason,
    /// Human-readable explanation of `reason`.
    pub message: Option<String>,
    /// The step that failed.
    pub step: Option<String>,
}

impl Verdict {
    /// Nothing was tried, or nothing that counts.
    #[must_use]
    pub fn without_try(reason: Reason, message: &str) -> Self {
        Self { phase: phase(reason), outcome: None, reason, message: text(message), step: None }
    }

    /// This failure, seen as another one. What may be irreversible stays what it is.
    #[must_use]
    pub fn seen_as(self, reason: Reason, remark: &str) -> Self {
        if self.phase == JobPhase::OutcomeUnknown {
            return self;
        }
        let message = match &self.message {
            Some(message) => text(&format!("{message} ({remark})")),
            None => text(remark),
        };
        Self { phase: phase(reason), reason, message, ..self }
    }
}

/// What the end of a job's flow means.
#[must_use]
pub fn of(kind: FlowKind, end: &FlowEnd) -> Verdict {
    match end {
        FlowEnd::Finished => Verdict::without_try(
            Reason::StepFailed,
            "The flow ran to its end without an outcome: its last step must be one without `when`.",
        ),
        FlowEnd::Outcome { code, message, step } => match outcome::meaning(kind, code) {
            Meaning::Answer => Verdict {
                phase: JobPhase::Succeeded,
                outcome: text_of(code, OUTCOME),
                reason: Reason::Answered,
                message: text(message),
                step: None,
            },
            Meaning::Done => Verdict::without_try(
                Reason::StepFailed,
                &format!("The outcome {code} has no meaning in the flow {}.", kind.as_str()),
            ),
            Meaning::Failure(reason) => Verdict {
                step: text_of(step, STEP),
                ..Verdict::without_try(reason, &or_code(message, code))
            },
        },
        FlowEnd::Failed(failure) => of_failure(failure),
    }
}

fn of_failure(failure: &Failure) -> Verdict {
    let verdict = |phase, reason| Verdict {
        phase,
        outcome: None,
        reason,
        message: text(&failure.message),
        step: text_of(&failure.step, STEP),
    };
    match failure.act {
        Act::Done => verdict(JobPhase::OutcomeUnknown, Reason::Unproven),
        Act::Refused => verdict(JobPhase::Failed, Reason::Refused),
        Act::NotReached | Act::NotDone => verdict(phase(failure.reason), failure.reason),
    }
}

/// A try that counts, or ends the job, is `Failed`; what costs nothing hands the job back.
const fn phase(reason: Reason) -> JobPhase {
    match reason.class() {
        ReasonClass::Waiting | ReasonClass::RetryFree => JobPhase::Pending,
        ReasonClass::RetryCounted | ReasonClass::Final | ReasonClass::Normal => JobPhase::Failed,
    }
}

/// How a login flow ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginVerdict {
    /// Logged in.
    LoggedIn,
    /// The portal refused a credential.
    Rejected {
        /// `LoginRejected` or `AccountLocked`.
        reason: Reason,
        /// The portal's words.
        message: String,
    },
    /// The login failed before the portal could judge a credential.
    Failed {
        /// Why.
        reason: Reason,
        /// Human-readable explanation of `reason`.
        message: String,
        /// The step.
        step: Option<String>,
    },
}

/// What the end of a login flow means.
#[must_use]
pub fn of_login(end: &FlowEnd) -> LoginVerdict {
    match end {
        FlowEnd::Finished => LoginVerdict::LoggedIn,
        FlowEnd::Outcome { code, message, step } => match outcome::meaning(FlowKind::Login, code) {
            Meaning::Done => LoginVerdict::LoggedIn,
            Meaning::Failure(reason @ (Reason::LoginRejected | Reason::AccountLocked)) => {
                LoginVerdict::Rejected {
                    reason,
                    message: at_most(&or_code(message, code), MESSAGE),
                }
            }
            Meaning::Failure(reason) => LoginVerdict::Failed {
                reason: login_reason(reason),
                message: at_most(&or_code(message, code), MESSAGE),
                step: text_of(step, STEP),
            },
            Meaning::Answer => LoginVerdict::LoggedIn,
        },
        FlowEnd::Failed(failure) => LoginVerdict::Failed {
            reason: login_reason(failure.reason),
            message: at_most(&failure.message, MESSAGE),
            step: text_of(&failure.step, STEP),
        },
    }
}

/// A failed step of a login is a failed login; what says more than that stands.
const fn login_reason(reason: Reason) -> Reason {
    match reason {
        Reason::StepFailed | Reason::Timeout | Reason::AmbiguousMatch => Reason::LoginFailed,
        other => other,
    }
}

/// What a session probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// The session is alive.
    Alive,
    /// The portal answers; there is no flow that could tell more.
    Reachable,
    /// The session is over.
    Over,
    /// The portal does not answer.
    Unavailable,
    /// The browser does not.
    Crashed,
}

/// What the end of a session probe means. `told` is false for a mere visit to the portal.
#[must_use]
pub fn of_probe(end: &FlowEnd, told: bool) -> Session {
    let by_reason = |reason| match reason {
        Reason::PortalUnavailable => Session::Unavailable,
        Reason::BrowserCrashed => Session::Crashed,
        _ if told => Session::Over,
        _ => Session::Reachable,
    };
    match end {
        FlowEnd::Finished => {
            if told {
                Session::Alive
            } else {
                Session::Reachable
            }
        }
        FlowEnd::Outcome { code, .. } => match outcome::meaning(FlowKind::SessionProbe, code) {
            Meaning::Answer | Meaning::Done => Session::Alive,
            Meaning::Failure(reason) => by_reason(reason),
        },
        FlowEnd::Failed(failure) => by_reason(failure.reason),
    }
}

fn or_code(message: &str, code: &str) -> String {
    if message.is_empty() { format!("The portal says {code}.") } else { message.to_owned() }
}

fn text(text: &str) -> Option<String> {
    text_of(text, MESSAGE)
}

fn text_of(text: &str, limit: usize) -> Option<String> {
    Some(at_most(text, limit)).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
