//! Orders as they come: a watch on one name.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt as _, pin_mut};
use kube::api::{WatchEvent, WatchParams};

use super::OwnBatch;

/// A watch lives this long; a connection that has silently died is noticed soon after.
pub(super) const LIFE_SECONDS: u32 = 55;
pub(super) const SILENCE: Duration = Duration::from_secs(LIFE_SECONDS as u64 + 10);
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(250);
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The parameters of a watch on one name. A role that names its objects allows it only with this selector.
pub(super) fn of(name: &str) -> WatchParams {
    WatchParams::default().fields(&format!("metadata.name={name}")).timeout(LIFE_SECONDS)
}

/// Watches the batch until it is over. Each watch begins with the batch as it is ("0": the server's cache will do).
pub(super) async fn watch(own: Arc<OwnBatch>) {
    let mut pause = FIRST_PAUSE;
    while !own.is_unheard() {
        match once(&own).await {
            Ok(()) => pause = FIRST_PAUSE,
            Err(error) => {
                tracing::warn!(error, "the watch on the batch broke");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

async fn once(own: &OwnBatch) -> Result<(), String> {
    let stream =
        own.api.watch(&of(&own.identity.batch), "0").await.map_err(|error| error.to_string())?;
    pin_mut!(stream);
    loop {
        match tokio::time::timeout(SILENCE, stream.next()).await {
            Ok(Some(Ok(WatchEvent::Added(batch) | WatchEvent::Modified(batch)))) => own.saw(&batch),
            Ok(Some(Ok(WatchEvent::Deleted(_)))) => own.unheard("The batch was deleted."),
            Ok(Some(Ok(WatchEvent::Bookmark(_)))) => {}
            Ok(Some(Ok(WatchEvent::Error(status)))) => return Err(status.to_string()),
            Ok(Some(Err(error))) => return Err(error.to_string()),
            Ok(None) => return Ok(()),
            Err(_) => return Err("no sign of life".to_owned()),
        }
    }
}
