//! Receives orders as they are given: a watch on one name.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fno_cluster::failure::sentence;
use fno_core::outage::Outage;
use futures::{StreamExt as _, pin_mut};
use kube::api::{WatchEvent, WatchParams};

use super::OwnBatch;

/// A watch lives this long. A connection that died in silence is noticed soon after.
pub(super) const LIFE_SECONDS: u32 = 55;
pub(super) const SILENCE: Duration = Duration::from_secs(LIFE_SECONDS as u64 + 10);
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(250);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The parameters of a watch on one name. A Role that names its objects allows a watch only with this selector.
pub(super) fn of(name: &str) -> WatchParams {
    WatchParams::default().fields(&format!("metadata.name={name}")).timeout(LIFE_SECONDS)
}

/// Watches the batch until it is over. Each watch starts with the batch as it is (version 0: the API server's cache will do).
pub(super) async fn watch(own: Arc<OwnBatch>) {
    let (mut pause, mut outage, started) = (FIRST_PAUSE, Outage::default(), Instant::now());
    while !own.is_unheard() {
        match once(&own).await {
            Ok(()) => {
                pause = FIRST_PAUSE;
                if let Some(lasted) = outage.ended(started.elapsed()) {
                    tracing::info!(
                        seconds = lasted.as_secs(),
                        "the watch on the batch works again"
                    );
                }
            }
            Err(error) => {
                if outage.failed(&error, started.elapsed()) {
                    tracing::warn!(error, "the watch on the batch failed and is started again");
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn once(own: &OwnBatch) -> Result<(), String> {
    let stream =
        own.api.watch(&of(&own.identity.batch), "0").await.map_err(|error| sentence(&error))?;
    pin_mut!(stream);
    loop {
        match tokio::time::timeout(SILENCE, stream.next()).await {
            Ok(Some(Ok(WatchEvent::Added(batch) | WatchEvent::Modified(batch)))) => own.saw(&batch),
            Ok(Some(Ok(WatchEvent::Deleted(_)))) => own.unheard("The batch was deleted."),
            Ok(Some(Ok(WatchEvent::Bookmark(_)))) => {}
            Ok(Some(Ok(WatchEvent::Error(status)))) => {
                return Err(sentence(&kube::Error::Api(status.boxed())));
            }
            Ok(Some(Err(error))) => return Err(sentence(&error)),
            Ok(None) => return Ok(()),
            Err(_) => return Err("no event within the life of a watch".to_owned()),
        }
    }
}
