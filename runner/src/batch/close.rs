//! The end of a batch: log out, store what is left, say how it was.

use std::time::Duration;

use fno_core::flow::{
    kind::FlowKind,
    outcome::{Meaning, meaning},
};
use fno_crds::{JobPhase, batch::RunEnd};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde_json::Map;
use tokio::time::Instant;

use super::{
    Batch, End, Ended, Portal, Session, Shown,
    record::{self, Tried},
    session_flow::session_flow,
    uploads::Parcel,
    verdict::Verdict,
};
use crate::{
    control::{Control, Urgency},
    engine::FlowEnd,
};

/// The logout flow. Its steps have their own, shorter times.
const LOGOUT: Duration = Duration::from_secs(30);
/// Evidence that could not be stored yet.
const LAST_UPLOADS: Duration = Duration::from_secs(20);

impl<P: Portal, C: Control> Batch<'_, P, C> {
    pub(super) async fn close(mut self, end: End) -> Ended {
        tracing::info!(reason = %end.reason, message = end.message, step = end.step, "the batch ends");
        let logged_out = self.log_out().await;
        self.portal.quit().await;
        if !end.heard {
            self.uploads.abandon().await;
            return Ended { reason: end.reason, message: end.message, reported: false };
        }
        self.send_session(&end);
        let session = self.uploads.finish(LAST_UPLOADS).await;
        let reporter = self.control.reporter();
        reporter.report(Urgency::Now, |run| {
            let evidence = match &end.shown {
                Shown::Nowhere => None,
                Shown::Session => session.map(|evidence| evidence.uri),
                Shown::Job(uid) => run
                    .results
                    .iter()
                    .find(|result| result.uid == *uid)
                    .and_then(|result| result.evidence.as_ref())
                    .map(|e| e.uri.clone()),
            };
            // A job without a result was at work when the session, the browser or the runner was lost: the operator counts that.
            run.job =
                run.job.take().filter(|job| run.results.iter().all(|result| result.job != *job));
            run.end = Some(RunEnd {
                reason: end.reason,
                message: end.message.clone().filter(|message| !message.is_empty()),
                step: end.step.clone(),
                evidence,
                logged_out,
                at: MicroTime(Timestamp::now()),
            });
        });
        let reported = self.control.delivered().await;
        if !reported {
            tracing::error!("the end could not be reported");
        }
        Ended { reason: end.reason, message: end.message, reported }
    }

    /// Whether the logout flow ended the session.
    async fn log_out(&mut self) -> bool {
        let (Some(flow), Session::LoggedIn { .. }) = (&self.work.flows.logout, self.session) else {
            return false;
        };
        let deadline = Instant::now() + LOGOUT;
        let mut run = session_flow(
            FlowKind::Logout,
            flow,
            self.work,
            &self.rules,
            self.credentials,
            deadline,
        );
        let end =
            tokio::time::timeout_at(deadline, self.portal.run(&mut run, &mut self.trace)).await;
        match end {
            Ok(FlowEnd::Finished) => true,
            Ok(FlowEnd::Outcome { code, .. }) => meaning(FlowKind::Logout, &code) == Meaning::Done,
            Ok(FlowEnd::Failed(failure)) => {
                tracing::warn!(step = failure.step, message = failure.message, "the logout failed");
                false
            }
            Err(_) => {
                tracing::warn!("the logout took longer than {} s", LOGOUT.as_secs());
                false
            }
        }
    }

    /// Logins, probes and logout as evidence of the batch.
    fn send_session(&mut self, end: &End) {
        let trace = std::mem::take(&mut self.trace);
        if trace.entries.is_empty() && trace.files.is_empty() {
            return;
        }
        let verdict = Verdict {
            phase: JobPhase::Pending,
            outcome: None,
            reason: end.reason,
            message: end.message.clone(),
            step: end.step.clone(),
        };
        let tried = Tried {
            job: None,
            verdict: &verdict,
            fields: Map::new(),
            started_at: self.began_at,
            took: self.began.elapsed(),
        };
        let (manifest, files) = record::evidence(&self.common, tried, trace);
        self.uploads.send(Parcel { job: None, manifest, files });
    }
}
