//! The point of no return: who must agree before the irreversible act, and who is told what became of it.

use async_trait::async_trait;
use fno_crds::Reason;
use serde_json::{Map, Value};

use super::failure::Act;

/// What is about to be done, as seen on the page.
#[derive(Clone, Debug, PartialEq)]
pub struct CommitPoint {
    /// The step's name.
    pub step: String,
    /// Address of the page, without secrets.
    pub url: String,
    /// What the identified row or dialog says.
    pub identified: String,
    /// Everything extracted so far. `expect` has been checked against it.
    pub fields: Map<String, Value>,
    /// The picture of the page just before (a file of the trace), if it could be taken.
    pub picture: Option<String>,
}

/// Leave is not given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Held {
    /// What it means for the job.
    pub reason: Reason,
    /// A sentence for people.
    pub message: String,
}

/// Asked once per flow, right before its `commit` step acts.
#[async_trait]
pub trait CommitGate: Send + Sync {
    /// Records the intent so that it cannot be lost. After `Ok` the engine looks again and acts within 10 s, or reports that it did not.
    ///
    /// # Errors
    /// [`Held`]: nothing is done.
    async fn arm(&self, point: &CommitPoint) -> Result<(), Held>;

    /// What became of it: [`Act::NotDone`], or [`Act::Done`] also if nobody knows. Called exactly once after each successful `arm`.
    async fn acted(&self, act: Act);
}

/// Refuses: for flows that have no point of no return, and until cancellations are switched on.
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
