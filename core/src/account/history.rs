//! The logins of an account that are recorded in the stored batches.

use fno_crds::{
    FnoBatch,
    batch::{Grant, GrantState, LoginResult},
};
use jiff::Timestamp;

/// A login of a stored batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastLogin<'a> {
    /// Name of the batch.
    pub batch: &'a str,
    /// Number of the login within its batch, from 1.
    pub login: i32,
    /// Version of the credentials that were typed.
    pub version: Option<&'a str>,
    /// Permission was given, and the result is not counted yet.
    pub is_open: bool,
    /// How the login ended. None until the operator has counted the result.
    pub result: Option<LoginResult>,
    /// When the operator counted the result.
    pub ended_at: Option<Timestamp>,
    /// The time step that was used for its code.
    pub step: Option<i64>,
    /// The period, in seconds, in which `step` counts.
    pub period: Option<i64>,
}

/// Whether permission was given and the grant is not closed yet.
#[must_use]
pub const fn is_open(grant: &Grant) -> bool {
    matches!(grant.state, GrantState::Granted | GrantState::CodeReady)
}

/// Version of the credentials that a batch's runner types.
#[must_use]
pub fn typed_version(batch: &FnoBatch) -> Option<&str> {
    batch.status.as_ref()?.credentials_version.as_deref()
}

/// The logins of a batch.
pub fn logins(batch: &FnoBatch) -> impl Iterator<Item = PastLogin<'_>> {
    let name = batch.metadata.name.as_deref().unwrap_or_default();
    let status = batch.status.as_ref();
    let version = typed_version(batch);
    let past = move |grant: &Grant| PastLogin {
        batch: name,
        login: grant.login,
        version,
        is_open: is_open(grant) && status.is_some_and(|status| status.finished_at.is_none()),
        result: grant.result,
        ended_at: grant.ended_at.as_ref().map(|at| at.0),
        step: grant.step,
        period: grant.step_period_seconds.map(i64::from),
    };
    status.into_iter().flat_map(|status| &status.grants).map(past)
}

/// The logins of a batch that the portal refused.
pub fn refused(batch: &FnoBatch) -> impl Iterator<Item = PastLogin<'_>> {
    logins(batch).filter(|login| login.result == Some(LoginResult::Rejected))
}
