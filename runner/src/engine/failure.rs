//! A failed step as data: what happened, what it means for the job, and a sentence about it.

use fno_crds::Reason;
use strum::{Display, IntoStaticStr};

/// How a flow ended.
#[derive(Clone, Debug, PartialEq)]
pub enum FlowEnd {
    /// All steps ran, and none was an outcome that held.
    Finished,
    /// The condition of an `outcome` step held. `fno_core::flow::outcome::meaning` says what its code means.
    Outcome {
        /// The step's `code`.
        code: String,
        /// The rendered `message` of the step; empty without one.
        message: String,
        /// The step's name.
        step: String,
    },
    /// A step failed and was not optional.
    Failed(Failure),
}

/// A failed step.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Reason of the job.
    pub reason: Reason,
    /// What happened.
    pub kind: FailureKind,
    /// Name of the step, `caller/step` in subflows.
    pub step: String,
    /// Human-readable sentence with the step, what was searched for, and the page. Holds no secrets.
    pub message: String,
    /// Whether the portal may have done something that cannot be undone.
    pub act: Act,
}

/// What happened when a step failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, IntoStaticStr)]
pub enum FailureKind {
    /// No displayed element matched within the step's time.
    NotFound,
    /// The element is in the page, but disabled, covered by another one, or moving.
    NotActionable,
    /// Something else took too long.
    TimedOut,
    /// A native dialog is open unexpectedly, has an unexpected text, or did not open.
    Dialog,
    /// The browser shows its own error page: no answer, no such host, a bad certificate.
    ErrorPage,
    /// The portal answered with HTTP 5xx or 429.
    HttpStatus,
    /// The browser or its driver is gone.
    Crashed,
    /// More rows match than the cardinality allows.
    Ambiguous,
    /// A value is missing, cannot be read, or is not the required one.
    Value,
    /// The flow itself is wrong: an undefined name, a selector that the browser refuses.
    Flow,
    /// A secret would have been typed into a page of an origin that is not allowed.
    ForeignOrigin,
    /// No code, or no permission to log in.
    Secret,
    /// The irreversible act was not allowed.
    Gate,
    /// The time for the whole flow is over.
    Deadline,
    /// The driver refused a command.
    Driver,
}

/// State of the irreversible act of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Display, IntoStaticStr)]
pub enum Act {
    /// The flow ended before the act: nothing irreversible happened.
    #[default]
    NotReached,
    /// The gate was armed, but the act was provably not done.
    NotDone,
    /// The act was done, or may have been: only the portal knows.
    Done,
    /// The act was done, and the portal refused it explicitly.
    Refused,
}

impl FailureKind {
    /// Whether `optional` and `retry` of a step cover this failure. They do not where the flow has no page or permission to go on with.
    pub(crate) const fn is_of_step(self) -> bool {
        !matches!(
            self,
            Self::Crashed
                | Self::ErrorPage
                | Self::HttpStatus
                | Self::ForeignOrigin
                | Self::Secret
                | Self::Gate
                | Self::Deadline
        )
    }

    /// Reason of the job.
    #[must_use]
    pub const fn reason(self) -> Reason {
        match self {
            Self::TimedOut | Self::Deadline => Reason::Timeout,
            Self::ErrorPage | Self::HttpStatus => Reason::PortalUnavailable,
            Self::Crashed => Reason::BrowserCrashed,
            Self::Ambiguous => Reason::AmbiguousMatch,
            Self::Gate => Reason::CancellationsHeld,
            Self::Secret => Reason::LoginFailed,
            Self::NotFound
            | Self::NotActionable
            | Self::Dialog
            | Self::Value
            | Self::Flow
            | Self::ForeignOrigin
            | Self::Driver => Reason::StepFailed,
        }
    }
}
