//! Where a job stands.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr};

/// Where a job stands.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    Display,
    EnumIter,
    EnumString,
    IntoStaticStr,
)]
pub enum JobPhase {
    /// Waiting; `reason` says for what.
    #[default]
    Pending,
    /// Claimed by exactly one FnoBatch.
    Batched,
    /// The portal gave an answer; `NotFound` is an answer.
    Succeeded,
    /// Nothing irreversible happened, or the portal refused explicitly.
    Failed,
    /// An irreversible step may have happened, without proof either way. A person decides; never retried.
    OutcomeUnknown,
    /// A person decided.
    Resolved,
    /// Withdrawn before anything irreversible.
    Cancelled,
}

impl JobPhase {
    /// Whether the job has ended. An unknown outcome is not an end: it waits for proof or for a person.
    #[must_use]
    pub const fn is_finished(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Resolved | Self::Cancelled)
    }
}
