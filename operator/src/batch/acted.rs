//! What an act hands back to the driver, and how that is stored.

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

/// What an act did, and what is stored and published because of it. An act itself stores only fences and guards.
pub struct Acted {
    /// The batch after the act: newer than before if the act stored something itself.
    pub batch: Arc<FnoBatch>,
    /// The status with what the act changed in it; none if the act has nothing to say there. The driver adds all that follows from what was
    /// observed.
    pub status: Option<FnoBatchStatus>,
    /// What the batch waits for.
    pub shown: Option<Why>,
    /// Published once the status is stored.
    pub events: Vec<BatchEvent>,
    /// What comes next.
    pub then: Then,
    /// The turn of the account, kept until the status is stored: the next decision about the account has to see it.
    pub turn: Option<OwnedMutexGuard<()>>,
}

/// What follows an act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// Decide again at once.
    Decide,
    /// Nothing until then, or until something changes.
    Wait(Option<Timestamp>),
}

impl Acted {
    /// An act that has nothing to say in the status. Decide again about this batch.
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

    /// An act that changed the status. Decide again once it is stored.
    #[must_use]
    pub fn stated(batch: Arc<FnoBatch>, status: FnoBatchStatus) -> Self {
        Self { status: Some(status), ..Self::silent(batch) }
    }
}

/// Writes a status by compare-and-set, if it differs. The answer is the newest batch.
///
/// # Errors
/// A conflict when another writer was quicker, or whatever the API server answers.
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

/// As [`write`], but mere progress waits for company. The time says when to decide again about what was left unwritten.
///
/// # Errors
/// As [`write`].
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
