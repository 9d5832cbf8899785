//! The two API errors that are part of normal operation: a lost compare-and-set and an object that does not exist.

/// Whether the API server refused a write because the object has changed since it was read (409 Conflict).
#[must_use]
pub fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_conflict())
}

/// Whether the API server reports that the object does not exist (404 Not Found).
#[must_use]
pub fn is_not_found(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.is_not_found())
}
