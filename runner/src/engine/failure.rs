//! Why a step could not be done, as data: what happened, what it means for the job, and in which words.

use fno_crds::Reason;
use strum::{Display, IntoStaticStr};

/// How a flow ended.
#[derive(Clone, Debug, PartialEq)]
pub enum FlowEnd {
    /// It ran off its end.
    Finished,
    /// An `outcome` step held. What its code means is for `fno_core::flow::outcome::meaning` to say.
    Outcome {
        /// The step's `code`.
        code: String,
        /// Its `message` with the templates worked out; empty if it has none.
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
    /// What it means for the job.
    pub reason: Reason,
    /// What happened.
    pub kind: FailureKind,
    /// The step's name, `caller/step` inside subflows.
    pub step: String,
    /// A sentence for people: the step, what was looked for, the page. No secrets.
    pub message: String,
    /// Whether the portal may have done something that cannot be undone.
    pub act: Act,
}

/// What happened when a step failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, IntoStaticStr)]
pub enum FailureKind {
    /// No displayed element matched within the step's time.
    NotFound,
    /// The element is there, but disabled, covered by another one, or moving.
    NotActionable,
    /// Something else took longer than it may.
    TimedOut,
    /// A native dialog is open that nobody expected, or says something else, or did not open.
    Dialog,
    /// The browser shows its own error page: no answer, no such host, a bad certificate.
    ErrorPage,
    /// The portal answered with an HTTP error (5xx).
    HttpStatus,
    /// The browser or its driver is gone.
    Crashed,
    /// More rows match than may.
    Ambiguous,
    /// A value is not there, cannot be read, or is not as it must be.
    Value,
    /// The flow itself is wrong: an undefined name, a selector the browser refuses.
    Flow,
    /// A secret was to be typed into a page of another origin.
    ForeignOrigin,
    /// No code, or no leave to log in.
    Secret,
    /// The irreversible act was not allowed.
    Gate,
    /// The time for the whole flow is over.
    Deadline,
    /// The driver refused a command.
    Driver,
}

/// What is known about the irreversible act of a flow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Display, IntoStaticStr)]
pub enum Act {
    /// Not reached, or stopped before it: nothing irreversible happened.
    #[default]
    NotReached,
    /// The gate had armed, but the act was provably not done.
    NotDone,
    /// Done, or maybe done: only the portal can tell.
    Done,
    /// Done, and the portal refused it explicitly.
    Refused,
}

impl FailureKind {
    /// Whether a step's `optional` or `retry` may pass over it: not where the flow has nothing left to stand on.
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

    /// What it means for the job.
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
