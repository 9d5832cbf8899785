//! What can go wrong while the operator acts. A decision is never an error: every error here is retried.

use fno_cluster::{conflict::is_conflict, failure};

/// An error of an action, which is retried.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused a request or did not answer.
    #[error("{}", failure::sentence(.0))]
    Api(#[from] kube::Error),
    /// A value cannot be serialised.
    #[error("a value cannot be serialised: {0}")]
    Json(#[from] serde_json::Error),
    /// An object that a decision depends on cannot be read. Nothing is done until it can.
    #[error("{kind} {name} cannot be read ({error})")]
    Unreadable {
        /// Kind of the object.
        kind: &'static str,
        /// Name of the object.
        name: String,
        /// Which field is wrong, and why.
        error: String,
    },
    /// The evidence store failed.
    #[error("the evidence store: {0:#}")]
    Evidence(anyhow::Error),
    /// The API server rejects an object for its content.
    #[error("{0}")]
    Content(String),
    /// The operator is losing its permissions in a namespace, so nothing new starts there.
    #[error("{0}")]
    RightsWithdrawn(String),
    /// Another writer undoes what the operator writes, every time.
    #[error("{0}")]
    Undone(String),
    /// Another object has a name that belongs to the operator.
    #[error("{0}")]
    Taken(String),
}

impl Error {
    /// Whether another write came first, after which the operator reads and decides again.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api(error) if is_conflict(error))
    }
}

/// A result with this module's error.
pub type Result<T> = std::result::Result<T, Error>;
