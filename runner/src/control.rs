//! What a batch needs besides the portal: permission to log in, codes, orders, and a place to report to.
//!
//! There are two implementations: [`cluster`] speaks to the API server about the runner's own FnoBatch, [`local`] runs without a cluster.

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

/// Permission to log in was refused, and with it the batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// Machine-readable reason.
    pub reason: Reason,
    /// Human-readable explanation of `reason`.
    pub message: String,
}

/// The other side of a batch. Each wait may take long, and may be dropped at any time.
pub trait Control: Sync {
    /// The report, to which progress is added.
    fn reporter(&self) -> &Reporter;

    /// The orders, and every change of them.
    fn orders(&self) -> watch::Receiver<Orders>;

    /// Waits for permission for a login that was reported as asked for.
    fn permission(&self, login: i32) -> impl Future<Output = Result<(), Refused>> + Send;

    /// Waits for the code of a login that was reported as awaiting it.
    fn code(&self, login: i32) -> impl Future<Output = Result<SecretString, NoCode>> + Send;

    /// Waits until the reported end of a login is counted. Only then may the next login be asked for.
    fn counted(&self, login: i32) -> impl Future<Output = ()> + Send;

    /// Waits until everything that was reported has arrived. False if it never will.
    fn delivered(&self) -> impl Future<Output = bool> + Send;
}
