//! Reports as they go: coalesced, repeated until they arrive, given up when the operator has given us up.

use std::{sync::Arc, time::Duration};

use fno_crds::names;
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use serde_json::Map;
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    OwnBatch, patch,
    watching::{FIRST_PAUSE, LONGEST_PAUSE},
};
use crate::control::pace::{self, Pace, Urgency};

/// One request.
const REQUEST: Duration = Duration::from_secs(10);

/// Delivers reports until nobody listens any more; then `delivery` is closed.
pub(super) async fn write(own: Arc<OwnBatch>, delivery: watch::Sender<u64>) {
    let params =
        PatchParams { field_manager: Some(names::RUNNER.to_owned()), ..PatchParams::default() };
    let mut pace = Pace {
        began: Instant::now(),
        sent: None,
        progressed: false,
        wanted: None,
        jobs: own.identity.jobs,
        settled: 0,
    };
    let (mut known, mut heard, mut pause) = (Map::new(), Instant::now(), FIRST_PAUSE);
    let mut looked = false;
    loop {
        // Whose batch it is comes first: a Pod that was replaced must not report over its successor.
        if looked {
            wait_until_due(&own, &mut pace).await;
        }
        if own.is_unheard() {
            return;
        }
        let report = own.reporter.take();
        let request = async {
            if !looked {
                return own.api.get(&own.identity.batch).await.map(|batch| (batch, None));
            }
            let new =
                patch::json_of(report.run, Timestamp::now()).map_err(kube::Error::SerdeError)?;
            let batch = own
                .api
                .patch_status(
                    &own.identity.batch,
                    &params,
                    &Patch::Merge(patch::patch(&known, &new)),
                )
                .await?;
            Ok((batch, Some(new)))
        };
        let error = match timeout(REQUEST, request).await {
            Ok(Ok((batch, written))) => {
                own.saw(&batch);
                (heard, pause) = (Instant::now(), FIRST_PAUSE);
                if let Some(written) = written {
                    known = written;
                    pace.sent = Some(heard);
                    pace.progressed |= report.wanted == Some(Urgency::Soon) || pace.settled > 0;
                    delivery.send_replace(report.revision);
                } else {
                    looked = true;
                    own.reporter.put_back(report.wanted);
                }
                continue;
            }
            Ok(Err(kube::Error::Api(status))) if status.is_not_found() => {
                return own.unheard("The batch is gone.");
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", REQUEST.as_secs()),
        };
        // Whether it was applied is not known; it goes again whole.
        own.reporter.put_back(report.wanted);
        tracing::warn!(error, "the report did not arrive yet");
        if heard.elapsed() >= own.identity.patience {
            let patience = fno_crds::Duration::from(own.identity.patience);
            return own.unheard(&format!(
                "The API server has not taken a report for {patience}: {error}"
            ));
        }
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

async fn wait_until_due(own: &OwnBatch, pace: &mut Pace) {
    let (mut changes, mut orders) = (own.reporter.changes(), own.orders.subscribe());
    loop {
        (pace.wanted, pace.settled) = own.reporter.wanted();
        let now = Instant::now();
        let due = pace::due(pace, now);
        if due <= now || own.is_unheard() {
            return;
        }
        tokio::select! {
            () = sleep_until(due) => {}
            _ = changes.changed() => {}
            _ = orders.changed() => {}
        }
    }
}
