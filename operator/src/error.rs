//! What can go wrong while acting. A decision is never an error: this is only what is tried again.

use fno_cluster::{conflict::is_conflict, failure};

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The API server refused or did not answer.
    #[error("{}", failure::sentence(.0))]
    Api(#[from] kube::Error),
    /// A value of ours does not serialise.
    #[error("a value does not serialise: {0}")]
    Json(#[from] serde_json::Error),
    /// An object that decides cannot be read: nothing is done before it can.
    #[error("{kind} {name} cannot be read ({error})")]
    Unreadable {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The field and what is wrong with it.
        error: String,
    },
    /// The evidence store did not take something.
    #[error("the evidence store: {0:#}")]
    Evidence(anyhow::Error),
    /// The API server refuses an object for what is in it.
    #[error("{0}")]
    Content(String),
    /// The operator is losing its rights in a namespace: nothing new starts there.
    #[error("{0}")]
    RightsWithdrawn(String),
    /// Another object has a name that is ours by right.
    #[error("{0}")]
    Taken(String),
}

impl Error {
    /// Another write came first: read again, decide again.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api(error) if is_conflict(error))
    }
}

/// The usual result.
pub type Result<T> = std::result::Result<T, Error>;
