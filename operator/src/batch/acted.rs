//! What an action returns to the driver, and how that is stored.

use std::sync::Arc;

use fno_cluster::patch::status_patch;
use fno_core::{
    batch_status::{PROGRESS_EVERY, is_due},
    time::after,
    why::Why,
};
use fno_crds::{FnoBatch, FnoBatchStatus};
use jiff::Timestamp;
use kube::{Api, ResourceExt as _};
use tokio::sync::OwnedMutexGuard;

use super::events::BatchEvent;
use crate::{context::Context, error::Result, known::key, patch::write_status};

/// What an action did, and what the driver stores and publishes because of it. An action itself stores only fences and guards.
pub struct Acted {
    /// The batch after the action, in a newer version if the action stored something itself.
    pub batch: Arc<FnoBatch>,
    /// The status with the action's changes. None if the action changed nothing there. The driver adds everything that follows from the
    /// observed facts.
    pub status: Option<FnoBatchStatus>,
    /// What the batch waits for.
    pub shown: Option<Why>,
    /// Events to publish once the status is stored.
    pub events: Vec<BatchEvent>,
    /// What the driver does next.
    pub then: Then,
    /// The lock of the account, held until the status is stored: the next decision about the account has to see that status.
    pub turn: Option<OwnedMutexGuard<()>>,
}

/// What the driver does after an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Decide again at once.
    Decide,
    /// Wait until that time, or until something changes.
    Wait(Option<Timestamp>),
}

impl Acted {
    /// An action that does not change the status. The driver decides again about this batch.
    #[must_use]
    pub const fn silent(batch: Arc<FnoBatch>) -> Self {
        Self {
            batch,
            status: None,
            shown: None,
            events: Vec::new(),
            then: Then::Decide,
            turn: None,
        }
    }

    /// An action that changed the status. The driver decides again once the status is stored.
    #[must_use]
    pub fn stated(batch: Arc<FnoBatch>, status: FnoBatchStatus) -> Self {
        Self { status: Some(status), ..Self::silent(batch) }
    }
}

/// Writes a status by compare-and-set if it differs, and returns the newest batch.
///
/// # Errors
/// A conflict if another writer was quicker, or any other error of the API server.
pub async fn write(
    context: &Context,
    batch: &Arc<FnoBatch>,
    status: &FnoBatchStatus,
) -> Result<Arc<FnoBatch>> {
    let Some(patch) =
        status_patch(batch.metadata.resource_version.as_deref(), batch.status.as_ref(), status)?
    else {
        return Ok(Arc::clone(batch));
    };
    let api: Api<FnoBatch> =
        Api::namespaced(context.client.clone(), &batch.namespace().unwrap_or_default());
    let mut written = write_status(&api, &batch.name_any(), &patch).await?;
    written.metadata.managed_fields = None;
    let (of, written) = (key(&**batch), Arc::new(written));
    context.known.batches.with(&of, |memory| memory.written = Some(context.now()));
    context.known.batches.wrote(&of, &written);
    Ok(written)
}

/// As [`write()`], but mere progress waits for other changes. The returned time says when to decide again about what was not written.
///
/// # Errors
/// As [`write()`].
pub async fn write_if_due(
    context: &Context,
    batch: &Arc<FnoBatch>,
    status: &FnoBatchStatus,
) -> Result<(Arc<FnoBatch>, Option<Timestamp>)> {
    let old = batch.status.clone().unwrap_or_default();
    let written = context.known.batches.with(&key(&**batch), |memory| memory.written);
    let now = context.now();
    if is_due(&old, status, written, now) {
        return write(context, batch, status).await.map(|batch| (batch, None));
    }
    let later = (old != *status).then(|| after(now, PROGRESS_EVERY));
    Ok((Arc::clone(batch), later))
}
