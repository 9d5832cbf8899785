//! What a batch needs of the world outside the portal: leave to log in, codes, orders, and somebody to report to.
//!
//! Two of a kind: [`cluster`] speaks to the API server about the runner's own FnoBatch, [`local`] needs nobody.

pub mod cluster;
pub mod local;
pub mod orders;
pub mod pace;
pub mod report;

use std::future::Future;

use fno_crds::Reason;
use secrecy::SecretString;
use tokio::sync::watch;

pub use self::{orders::Orders, pace::Urgency, report::Reporter};
use crate::engine::NoCode;

/// Leave to log in was refused, and with it the batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// Why.
    pub reason: Reason,
    /// The same for people.
    pub message: String,
}

/// The outside. Waiting here may take long and may be dropped at any time.
pub trait Control: Sync {
    /// Where progress is reported to.
    fn reporter(&self) -> &Reporter;

    /// What is ordered, and every change of it.
    fn orders(&self) -> watch::Receiver<Orders>;

    /// Waits for leave for a login that was reported as asked for.
    fn leave(&self, login: i32) -> impl Future<Output = Result<(), Refused>> + Send;

    /// Gets the code for a login that was reported as awaiting it.
    fn code(&self, login: i32) -> impl Future<Output = Result<SecretString, NoCode>> + Send;

    /// Waits until the end of a login, as reported, is counted: only then may the next one be asked for.
    fn counted(&self, login: i32) -> impl Future<Output = ()> + Send;

    /// Waits until everything reported has arrived. False: it cannot.
    fn delivered(&self) -> impl Future<Output = bool> + Send;
}
