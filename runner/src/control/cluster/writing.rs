//! Sends the reports: coalesced, repeated until they arrive, given up once the operator must have given up this Pod.

use std::{sync::Arc, time::Duration};

use fno_cluster::{failure::sentence, patch};
use fno_core::outage::Outage;
use fno_crds::{FnoBatch, batch::Run, names};
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

/// One request may take this long.
const REQUEST: Duration = Duration::from_secs(10);

/// Sends reports until nothing reads them any more. `delivery` tells which revision has arrived, and is closed at the end.
pub(super) async fn write(own: Arc<OwnBatch>, delivery: watch::Sender<u64>) {
    let mut writer = Writer::new(own);
    loop {
        match writer.deliver().await {
            Ok(Some(revision)) => _ = delivery.send_replace(revision),
            Ok(None) => return,
            Err(Failure::Gone) => return writer.own.unheard("The batch does not exist any more."),
            Err(Failure::Unanswered(error)) => {
                if !writer.may_try_again(&error) {
                    return;
                }
                sleep(writer.pause).await;
                writer.pause = (writer.pause * 2).min(LONGEST_PAUSE);
            }
        }
    }
}

enum Failure {
    /// The batch does not exist.
    Gone,
    /// An error, or no answer. Whether a change was stored is not known.
    Unanswered(String),
}

struct Writer {
    own: Arc<OwnBatch>,
    pace: Pace,
    /// `status.run` as the API server has it; none while that is not known.
    known: Option<Value>,
    /// When the API server last stored a report.
    stored_at: Instant,
    pause: Duration,
    started: Instant,
    outage: Outage,
}

impl Writer {
    fn new(own: Arc<OwnBatch>) -> Self {
        let now = Instant::now();
        let pace = Pace {
            began: now,
            sent: None,
            progressed: false,
            wanted: None,
            jobs: own.identity.jobs,
            settled: 0,
        };
        let (pause, outage) = (FIRST_PAUSE, Outage::default());
        Self { own, pace, known: None, stored_at: now, pause, started: now, outage }
    }

    /// Delivers the next report when it is due. The revision that has arrived; none when nothing reads reports any more.
    async fn deliver(&mut self) -> Result<Option<u64>, Failure> {
        if self.own.is_unheard() {
            return Ok(None);
        }
        // What the API server has comes first: a Pod that was replaced must not report over its successor, and after a request without an
        // answer the difference must start from what was stored.
        let known = match self.known.take() {
            Some(known) => known,
            None => {
                let batch = request(self.own.api.get(&self.own.identity.batch)).await?;
                self.own.saw(&batch);
                run_of(&batch)
            }
        };
        wait_until_due(&self.own, &mut self.pace).await;
        if self.own.is_unheard() {
            return Ok(None);
        }
        let report = self.own.reporter.take();
        match self.send(&known, report.run).await {
            Ok(stored) => self.known = Some(stored),
            Err(failure) => {
                self.own.reporter.put_back(report.wanted);
                return Err(failure);
            }
        }
        self.pace.sent = Some(self.stored_at);
        self.pace.progressed |= report.wanted == Some(Urgency::Soon) || self.pace.settled > 0;
        Ok(Some(report.revision))
    }

    /// Sends the difference to a new report, and gives what the API server has after it.
    async fn send(&mut self, known: &Value, run: Run) -> Result<Value, Failure> {
        let new = json_of(run, Timestamp::now())
            .map_err(|error| Failure::Unanswered(error.to_string()))?;
        let (params, patch) =
            (patch::parameters(names::RUNNER), Patch::Merge(run_patch(known, &new)));
        let name = &self.own.identity.batch;
        let batch = request(self.own.api.patch_status(name, &params, &patch)).await?;
        self.own.saw(&batch);
        self.stored();
        Ok(new)
    }

    /// Notes that a report was stored. A batch that can only be read does not count: the operator sees no heartbeat then.
    fn stored(&mut self) {
        (self.stored_at, self.pause) = (Instant::now(), FIRST_PAUSE);
        if let Some(lasted) = self.outage.ended(self.started.elapsed()) {
            tracing::info!(seconds = lasted.as_secs(), "reports reach the API server again");
        }
    }

    /// Whether there is any use in trying again: by then the operator may have given up this Pod.
    fn may_try_again(&mut self, error: &str) -> bool {
        if self.outage.failed(error, self.started.elapsed()) {
            tracing::warn!(error, "a report did not arrive: trying again");
        }
        let patience = self.own.identity.patience;
        if self.stored_at.elapsed() < patience {
            return true;
        }
        let patience = fno_crds::Duration::from(patience);
        self.own.unheard(&format!("The API server has not taken a report for {patience}: {error}"));
        false
    }
}

async fn request(call: impl Future<Output = kube::Result<FnoBatch>>) -> Result<FnoBatch, Failure> {
    match timeout(REQUEST, call).await {
        Ok(Ok(batch)) => Ok(batch),
        Ok(Err(kube::Error::Api(status))) if status.is_not_found() => Err(Failure::Gone),
        Ok(Err(error)) => Err(Failure::Unanswered(sentence(&error))),
        Err(_) => Err(Failure::Unanswered(format!(
            "no answer from the API server within {} s",
            REQUEST.as_secs()
        ))),
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

/// `status.run` of a batch as JSON; an empty object if it has none.
fn run_of(batch: &FnoBatch) -> Value {
    let run = batch.status.as_ref().and_then(|status| status.run.as_ref());
    run.and_then(|run| serde_json::to_value(run).ok()).unwrap_or_else(|| json!({}))
}

/// A report as JSON, with the heartbeat in it.
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
    fn only_the_heartbeat_is_sent_when_nothing_else_changed() {
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
