//! Writes jobs into the archive, in bounded time: a store that hangs must not stop the task that waits for it.

use std::time::Duration;

use fno_crds::FnoJob;
use tokio::time::timeout;

use crate::{
    context::Context,
    error::{Error, Result},
};

/// How long the operator waits for the archive's answer.
const ANSWER: Duration = Duration::from_secs(10);

/// Archives a job.
///
/// # Errors
/// [`Error::Evidence`] if the store fails or does not answer within 10 s.
pub async fn archive(context: &Context, job: &FnoJob) -> Result<()> {
    let why = match timeout(ANSWER, context.store.archive(job)).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => anyhow::Error::from(error),
        Err(_) => anyhow::anyhow!("no answer within {} s", ANSWER.as_secs()),
    };
    Err(Error::Evidence(why))
}
