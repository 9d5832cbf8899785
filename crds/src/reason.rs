//! Why something is as it is: one enum for status, events, metric labels and log fields, so they cannot disagree.

mod document;
mod unknown;

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use strum::{Display, EnumIter, EnumMessage, EnumString, IntoStaticStr};

pub use self::{document::document, unknown::UnknownReason};

// This is the only list of reasons; `docs/reasons.md` is generated from it. The schema's list is closed. Reading is not: after a
// rollback, objects may hold reasons of the newer version, and an object that cannot be read is worse than a word that is not
// understood. Such a word is kept as `Reason::Unrecognized`.
/// Machine-readable reason, one word. `docs/reasons.md` explains each of them and says what to do.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    JsonSchema,
    Display,
    EnumIter,
    EnumMessage,
    EnumString,
    IntoStaticStr,
)]
pub enum Reason {
    // Waiting: costs nothing.
    /// Accepted; the operator has not written to the job yet: it is about to leave, or many others are told first.
    Submitted,
    /// The queue is shorter than a full batch; it leaves when the oldest job has lingered.
    WaitingForLinger,
    /// Every session the provider and its accounts allow is in use.
    WaitingForSession,
    /// The cluster-wide number of runner Pods is reached.
    WaitingForRunner,
    /// The next TOTP step of the account has to begin: each gives one code, once.
    WaitingForCode,
    /// `spec.notBefore` is still to come.
    NotBefore,
    /// The job or its provider is suspended.
    Suspended,
    /// A person must approve the cancellation.
    AwaitingApproval,
    /// The portal refused the account's password or code too often: its breaker is open.
    BreakerOpen,
    /// Several logins of the account ended without a verdict, for example because the runner was lost. Logins pause for `limits.openFor`,
    /// and, if the next one ends in the same way, until a person resumes the provider.
    LoginsPaused,
    /// One flow step failed on several circuits: the portal no longer looks as the flow expects.
    PortalChanged,
    /// The portal does not answer, or answers with a server error or a maintenance page.
    PortalUnavailable,
    /// There is no FnoProvider of that name in the job's namespace.
    ProviderNotFound,
    /// The provider exists but cannot be used yet.
    ProviderNotReady,
    /// A flow of the provider does not pass the linter.
    FlowInvalid,
    /// A referenced Secret, or a key in it, is missing.
    SecretNotFound,
    /// The TOTP seed is not base32, or too short.
    SeedInvalid,
    /// Cancellations are held back by a person or by unknown outcomes.
    CancellationsHeld,
    /// The provider's daily number of cancellations is used up.
    DailyLimitReached,
    /// Valkey does not answer, so no code may be minted.
    ValkeyUnavailable,
    /// The portal's clock and ours differ by more than half a TOTP period.
    ClockSkew,
    /// Cancellations need the evidence store, and it does not answer.
    EvidenceUnavailable,
    /// An image of the runner Pod cannot be pulled.
    ImageUnavailable,
    /// No node can take the runner Pod.
    PodUnschedulable,
    /// The API server refused the runner Pod or its Secrets (quota, admission policy).
    PodRejected,
    /// The API server refused the Secret with the jobs' inputs. The jobs are tried again in smaller batches; a job that is refused
    /// alone fails.
    WorkRejected,
    /// The API server refused what the operator has to write into the job's status.
    StatusRejected,
    /// Another job holds an armed claim on the same circuit.
    CircuitClaimed,
    /// The last try failed; the next one comes after a pause.
    RetryBackoff,

    // Tried again, uses up a try.
    /// A flow step failed.
    StepFailed,
    /// The job took longer than its limit.
    Timeout,
    /// The browser ended or stopped answering.
    BrowserCrashed,
    /// Several rows match the circuit.
    AmbiguousMatch,

    // Tried again, costs nothing.
    /// The portal session ended and could not be renewed within the batch.
    SessionLost,
    /// The runner Pod ended, or went silent, before the job was done.
    RunnerLost,
    /// No login succeeded, so nothing was tried.
    LoginFailed,
    /// The portal refused the password or the code.
    LoginRejected,
    /// The portal says that the account is locked.
    AccountLocked,
    /// The batch was drained before the job was started.
    Drained,
    /// The batch was aborted before the job was done.
    Aborted,

    // Final.
    /// The provider has no flow for this action.
    NoFlow,
    /// What the portal shows differs from `spec.expect`.
    ExpectMismatch,
    /// `spec.deadline` passed before the job was started.
    DeadlineExceeded,
    /// Every try allowed by `spec.backoffLimit` failed.
    TriesExhausted,
    /// The portal refused explicitly.
    Refused,
    /// Another job has already cancelled this circuit.
    AlreadyClaimed,
    /// The job cannot be carried out as it is written.
    InvalidJob,

    // Good ends, decisions and the way there.
    /// The portal gave an answer.
    Answered,
    /// An irreversible step may have happened, without proof either way.
    Unproven,
    /// A person decided.
    Decided,
    /// Withdrawn before anything irreversible happened.
    Withdrawn,
    /// In a batch.
    Batched,
    /// At work.
    Running,
    /// Waiting for the runner Pod.
    Starting,
    /// Every job of the batch is settled and the session ended in order.
    Completed,
    /// Everything needed is there.
    Available,
    /// The annotation `fno.dev/resume` is not a time, or not one that counts.
    ResumeIgnored,

    // Not ours.
    /// A reason of a newer version of the operator. It is shown and kept as that version wrote it.
    #[strum(transparent)]
    #[schemars(skip)]
    Unrecognized(UnknownReason),
}

impl Serialize for Reason {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::read(&Cow::<str>::deserialize(deserializer)?))
    }
}

/// What follows from a [`Reason`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display)]
pub enum ReasonClass {
    /// The job stays Pending and no try is used up; it continues by itself once the cause is gone.
    Waiting,
    /// Back to Pending after a pause; a try is used up.
    RetryCounted,
    /// Back to Pending at once; no try is used up.
    RetryFree,
    /// The job is Failed.
    Final,
    /// Not a complaint: progress, success, or a person's decision.
    Normal,
}

impl Reason {
    /// Whether runner, session or browser were lost, which the job that was running may have caused. The first two losses of a job cost
    /// nothing but a pause; from the third on each one uses up a try.
    #[must_use]
    pub const fn is_loss(self) -> bool {
        matches!(self, Self::RunnerLost | Self::SessionLost | Self::BrowserCrashed)
    }

    /// What follows from this reason. Total on purpose: a new reason must say what it means.
    #[must_use]
    pub const fn class(self) -> ReasonClass {
        match self {
            Self::Submitted
            | Self::WaitingForLinger
            | Self::WaitingForSession
            | Self::WaitingForRunner
            | Self::WaitingForCode
            | Self::NotBefore
            | Self::Suspended
            | Self::AwaitingApproval
            | Self::BreakerOpen
            | Self::LoginsPaused
            | Self::PortalChanged
            | Self::PortalUnavailable
            | Self::ProviderNotFound
            | Self::ProviderNotReady
            | Self::FlowInvalid
            | Self::SecretNotFound
            | Self::SeedInvalid
            | Self::CancellationsHeld
            | Self::DailyLimitReached
            | Self::ValkeyUnavailable
            | Self::ClockSkew
            | Self::EvidenceUnavailable
            | Self::ImageUnavailable
            | Self::PodUnschedulable
            | Self::PodRejected
            | Self::WorkRejected
            | Self::StatusRejected
            | Self::CircuitClaimed
            | Self::RetryBackoff
            // Never final, because that would end a job for a word that was not understood.
            | Self::Unrecognized(_) => ReasonClass::Waiting,
            Self::StepFailed | Self::Timeout | Self::BrowserCrashed | Self::AmbiguousMatch => {
                ReasonClass::RetryCounted
            }
            Self::SessionLost
            | Self::RunnerLost
            | Self::LoginFailed
            | Self::LoginRejected
            | Self::AccountLocked
            | Self::Drained
            | Self::Aborted => ReasonClass::RetryFree,
            Self::NoFlow
            | Self::ExpectMismatch
            | Self::DeadlineExceeded
            | Self::TriesExhausted
            | Self::Refused
            | Self::AlreadyClaimed
            | Self::InvalidJob => ReasonClass::Final,
            Self::Answered
            | Self::Unproven
            | Self::Decided
            | Self::Withdrawn
            | Self::Batched
            | Self::Running
            | Self::Starting
            | Self::Completed
            | Self::Available
            | Self::ResumeIgnored => ReasonClass::Normal,
        }
    }

    /// The word in status, events, metric labels and logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// Reads the word; one that this version does not know is kept.
    #[must_use]
    pub fn read(word: &str) -> Self {
        word.parse().unwrap_or_else(|_| Self::Unrecognized(UnknownReason::of(word)))
    }

    /// What a person can do about it, one sentence.
    #[must_use]
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Submitted => {
                "Nothing: status.pending of the provider counts what its jobs wait for. If that does not change either, check that the operator is running and watches this namespace."
            }
            Self::WaitingForLinger => {
                "Nothing: it leaves after batching.linger; annotate the provider with fno.dev/flush to send it now."
            }
            Self::WaitingForSession => {
                "Nothing, or raise batching.maxConcurrentBatches, session.maxSessionsPerAccount or the number of accounts."
            }
            Self::WaitingForRunner => "Nothing, or raise maxRunners in the chart.",
            Self::WaitingForCode => {
                "Nothing: at most one login per TOTP period and account; more accounts log in faster."
            }
            Self::NotBefore => "Nothing: it becomes due at spec.notBefore.",
            Self::Suspended => "Set suspend to false on the job or its provider.",
            Self::AwaitingApproval => "Approve it (verb approve on fnojobs).",
            Self::BreakerOpen => {
                "Correct the account's Secret, or annotate the provider with fno.dev/resume once the cause is known."
            }
            Self::LoginsPaused => {
                "See the batches' messages for the cause. One login tries again after limits.openFor; if it ends in the same way, too, check the account on the portal, then annotate the provider with fno.dev/resume."
            }
            Self::PortalChanged => {
                "Compare the named step with its picture, correct the provider's flow, or annotate it with fno.dev/resume."
            }
            Self::PortalUnavailable => "Wait for the portal: it is probed from time to time.",
            Self::ProviderNotFound => {
                "Create the FnoProvider in the job's namespace, or correct spec.provider in a new job."
            }
            Self::ProviderNotReady => "See the provider's conditions.",
            Self::FlowInvalid => "Correct the flow as the provider's Ready condition says.",
            Self::SecretNotFound => {
                "Create the Secret or the key that the provider's Ready condition names."
            }
            Self::SeedInvalid => {
                "Store the TOTP seed as base32 (A-Z, 2-7), at least 16 characters."
            }
            Self::CancellationsHeld => {
                "Settle the unknown outcomes, then set suspendCancellations to false or annotate fno.dev/resume."
            }
            Self::DailyLimitReached => {
                "Wait for the next day in limits.timeZone, or raise limits.maxCancellationsPerDay."
            }
            Self::ValkeyUnavailable => "Bring Valkey back: it continues by itself.",
            Self::ClockSkew => {
                "Correct the clock of the cluster's nodes, or wait until the portal's is right."
            }
            Self::EvidenceUnavailable => "Bring the evidence store back: it continues by itself.",
            Self::ImageUnavailable => {
                "Correct the image or its pull secret in the chart: it continues by itself."
            }
            Self::PodUnschedulable => {
                "Add capacity, or correct the runner's resources, nodeSelector or tolerations."
            }
            Self::PodRejected => {
                "See the message: a quota or an admission policy refuses the runner Pod."
            }
            Self::WorkRejected => {
                "Nothing: the batch is split until the job that is refused stands alone; see the message for what refuses it."
            }
            Self::StatusRejected => {
                "Correct the admission policy or right that the message names: the write is repeated every minute."
            }
            Self::CircuitClaimed => "Wait until the other job on this circuit is settled.",
            Self::RetryBackoff => "Nothing: it is tried again at status.retryAt.",
            Self::StepFailed => "See the step and the picture in the evidence.",
            Self::Timeout => "See the slowest step in the evidence.",
            Self::BrowserCrashed => {
                "Give the browser more memory (spec.runner.browserResources of the provider)."
            }
            Self::AmbiguousMatch => {
                "Make the flow's match rule exact, or correct the circuit number."
            }
            Self::SessionLost => {
                "Nothing: it is tried again; if it recurs, lower batching.maxJobs or session.maxLifetime."
            }
            Self::RunnerLost => {
                "Nothing: it is tried again; see the Pod's end in the batch's events."
            }
            Self::LoginFailed => "See the picture of the login in the batch's evidence.",
            Self::LoginRejected => "Correct the account's Secret.",
            Self::AccountLocked => {
                "Unlock the account on the portal, then annotate the provider with fno.dev/resume."
            }
            Self::Drained | Self::Aborted => "Nothing: it is tried again in another batch.",
            Self::NoFlow => "Add the flow to the provider, then submit a new job.",
            Self::ExpectMismatch => {
                "Nothing was submitted: check which line is meant, then submit a new job."
            }
            Self::DeadlineExceeded => "Submit a new job with a later deadline.",
            Self::TriesExhausted => {
                "See the last failure in the message and the evidence, then submit a new job with retryOf."
            }
            Self::Refused => "See the portal's own words in the message.",
            Self::AlreadyClaimed => {
                "Look at the job named in the message: it has cancelled this circuit."
            }
            Self::InvalidJob => "Correct the job as the message says and submit it as a new job.",
            Self::Unrecognized(_) => {
                "Read the message, or upgrade the operator to the version that wrote the reason."
            }
            Self::Unproven => "Look at the portal, then resolve the job (verb resolve on fnojobs).",
            Self::ResumeIgnored => {
                "Annotate the provider with fno.dev/resume again, with the present time in UTC."
            }
            Self::Answered
            | Self::Decided
            | Self::Withdrawn
            | Self::Batched
            | Self::Running
            | Self::Starting
            | Self::Completed
            | Self::Available => "Nothing.",
        }
    }
}
