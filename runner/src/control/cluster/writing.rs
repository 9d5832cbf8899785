//! Reports as they go: coalesced, repeated until they arrive, given up when the operator has given us up.

use std::{sync::Arc, time::Duration};

use fno_cluster::patch;
use fno_crds::{batch::Run, names};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::Patch;
use serde_json::{Value, json};
use tokio::{
    sync::watch,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    OwnBatch,
    watching::{FIRST_PAUSE, LONGEST_PAUSE},
};
use crate::control::pace::{self, Pace, Urgency};

/// One request.
const REQUEST: Duration = Duration::from_secs(10);

/// Delivers reports until nobody listens any more; then `delivery` is closed.
pub(super) async fn write(own: Arc<OwnBatch>, delivery: watch::Sender<u64>) {
    let params = patch::parameters(names::RUNNER);
    let mut pace = Pace {
        began: Instant::now(),
        sent: None,
        progressed: false,
        wanted: None,
        jobs: own.identity.jobs,
        settled: 0,
    };
    let (mut known, mut heard, mut pause) = (json!({}), Instant::now(), FIRST_PAUSE);
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
            let new = json_of(report.run, Timestamp::now()).map_err(kube::Error::SerdeError)?;
            let batch = own
                .api
                .patch_status(&own.identity.batch, &params, &Patch::Merge(run_patch(&known, &new)))
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

/// The report as JSON, with the heartbeat in it.
fn json_of(run: Run, now: Timestamp) -> serde_json::Result<Value> {
    serde_json::to_value(Run { heartbeat: Some(MicroTime(now)), ..run })
}

/// The merge patch from what the API server has to the new report.
fn run_patch(known: &Value, new: &Value) -> Value {
    json!({"status": {"run": patch::difference(known, new).unwrap_or_else(|| json!({}))}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_heartbeat_is_all_that_is_sent_when_nothing_else_changed() {
        let run =
            Run { pod_uid: Some("p".to_owned()), job: Some("j".to_owned()), ..Run::default() };
        let first = json_of(run.clone(), Timestamp::UNIX_EPOCH).expect("JSON");
        assert_eq!(
            run_patch(&json!({}), &first),
            json!({"status": {"run": {"podUid": "p", "job": "j", "heartbeat": "1970-01-01T00:00:00.000000Z"}}})
        );
        let later =
            json_of(run.clone(), Timestamp::from_second(30).expect("a time")).expect("JSON");
        assert_eq!(
            run_patch(&first, &later),
            json!({"status": {"run": {"heartbeat": "1970-01-01T00:00:30.000000Z"}}})
        );
        let done = json_of(Run { job: None, ..run }, Timestamp::UNIX_EPOCH).expect("JSON");
        assert_eq!(run_patch(&first, &done), json!({"status": {"run": {"job": null}}}));
    }
}
