//! The gate in front of the irreversible act: permits it, and learns how it ended.

use async_trait::async_trait;
use fno_crds::Reason;
use serde_json::{Map, Value};

use super::failure::Act;

/// The act that is about to be done, as the page shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct CommitPoint {
    /// Name of the step.
    pub step: String,
    /// Address of the page, without secrets.
    pub url: String,
    /// Text of the identified row or dialog.
    pub identified: String,
    /// All fields extracted so far. They have been compared with `expect`.
    pub fields: Map<String, Value>,
    /// File in the trace with the picture of the page just before the act, if it could be taken.
    pub picture: Option<String>,
}

/// Permission is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Held {
    /// Reason of the job.
    pub reason: Reason,
    /// Human-readable sentence.
    pub message: String,
}

/// Permits irreversible acts. Asked once per flow, immediately before its `commit` step acts.
#[async_trait]
pub trait CommitGate: Send + Sync {
    /// Records the intent durably. After `Ok` the engine checks the page again and acts within 10 s, or reports that it did not act.
    ///
    /// # Errors
    /// [`Held`]: the act is not done.
    async fn arm(&self, point: &CommitPoint) -> Result<(), Held>;

    /// Takes how the act ended: [`Act::NotDone`], or [`Act::Done`], which includes an unknown end. Called exactly once after each
    /// successful `arm`.
    async fn acted(&self, act: Act);
}

/// Refuses every act: for flows without an irreversible step, and until cancellations are switched on.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClosedGate;

#[async_trait]
impl CommitGate for ClosedGate {
    async fn arm(&self, point: &CommitPoint) -> Result<(), Held> {
        Err(Held {
            reason: Reason::CancellationsHeld,
            message: format!(
                "step {} is irreversible, and this runner does not act irreversibly",
                point.step
            ),
        })
    }

    async fn acted(&self, _: Act) {}
}
