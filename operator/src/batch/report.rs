//! Report: one write of the status, by compare-and-set, and what follows from its success.

use std::sync::Arc;

use fno_cluster::patch::status_patch;
use fno_core::batch_status::is_due;
use fno_crds::{FnoBatch, FnoBatchStatus};
use jiff::Timestamp;
use kube::{Api, ResourceExt as _};

use crate::{context::Context, error::Result, known::key, patch::write_status};

/// Writes the status if it differs. The answer is the newest batch.
///
/// # Errors
/// A conflict when somebody was quicker, or whatever the API server answers.
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

/// As [`write`], but mere progress waits for company. The time says when to look again for what was left unwritten.
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
    let later = (old != *status).then(|| {
        now.saturating_add(fno_core::batch_status::PROGRESS_EVERY).unwrap_or(Timestamp::MAX)
    });
    Ok((Arc::clone(batch), later))
}
