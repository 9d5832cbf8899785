//! One job: its flow, what came of it, and whether it is done again.

use std::time::Duration;

use fno_core::{
    flow::{kind::FlowKind, scope::Scope},
    work::{JobWork, size},
};
use fno_crds::{Action, JobPhase, Reason};
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::time::Instant;
use tracing::Instrument as _;

use super::{
    Batch, End, Portal, Session, Shown,
    record::{self, Tried},
    recovery::{self, Budget, Look, Next},
    uploads::Parcel,
    verdict::{self, Session as Found, Verdict},
};
use crate::{
    control::{Control, Urgency},
    engine::{Act, ClosedGate, Failure, FailureKind, FlowEnd, FlowRun, StepResult, Trace},
};

/// How long after its deadline a flow that does not come back is given up, and its browser with it.
const NOT_BACK: Duration = Duration::from_secs(30);

/// One walk through a job's flow.
struct Walked {
    end: FlowEnd,
    fields: Map<String, Value>,
    started_at: Timestamp,
    took: Duration,
}

impl<P: Portal, C: Control> Batch<'_, P, C> {
    pub(super) async fn job(&mut self, job: &JobWork) -> Result<(), End> {
        let span = tracing::error_span!(
            "job",
            job = job.name,
            batch = self.work.batch,
            provider = self.work.provider
        );
        self.settle_job(job).instrument(span).await
    }

    async fn settle_job(&mut self, job: &JobWork) -> Result<(), End> {
        let Some(flow) = self.work.flow(job.action) else {
            let message =
                format!("The provider {} has no flow for a {}.", self.work.provider, job.action);
            return self.settle_without_try(job, Verdict::without_try(Reason::NoFlow, &message));
        };
        let kind = FlowKind::from(job.action);
        let mut trace = Trace::default();
        let (mut started, mut repeated) = (false, false);
        loop {
            if let Some(verdict) = self.must_not_start(job, started) {
                return self.settle_without_try(job, verdict);
            }
            self.ensure_session(job).await?;
            if let Some(halt) = self.halts.now() {
                return Err(halt.into());
            }
            // A login may have taken minutes.
            if self.must_not_start(job, started).is_some() {
                continue;
            }
            // Named before the probe: if the session is lost again and again, the operator counts that for the job.
            self.control
                .reporter()
                .report(Urgency::WithNext, |run| run.job = Some(job.name.clone()));
            if !self.is_session_alive().await? {
                continue;
            }
            (started, self.worked) = (true, true);
            let walked = self.walk(job, kind, flow, &mut trace).await?;
            let verdict = verdict::of(kind, &walked.end);
            self.take_picture(&verdict, &mut trace).await;
            let found = match recovery::look(&verdict) {
                Look::Nothing => None,
                Look::Known(found) => {
                    self.found(found);
                    Some(found)
                }
                Look::Probe => Some(self.probe(&mut trace).await?),
            };
            let budget = Budget { login: self.may_log_in(), browser: !self.reopened, repeated };
            match recovery::next(verdict, found, budget) {
                Next::Again => {
                    tracing::info!(?found, "the job is started again");
                    repeated |= found == Some(Found::Over);
                }
                Next::Settle(verdict) => return self.settle(job, verdict, walked, trace),
                Next::SettleAndEnd(verdict, reason) => {
                    let message = verdict.message.clone().unwrap_or_default();
                    let end = End {
                        step: verdict.step.clone(),
                        shown: Shown::Job(job.uid.clone()),
                        ..End::new(reason, &message)
                    };
                    self.settle(job, verdict, walked, trace)?;
                    return Err(end);
                }
            }
        }
    }

    /// Probes a session that was idle for too long, or is too old. False: the next job needs a new one.
    async fn is_session_alive(&mut self) -> Result<bool, End> {
        if !self.probe_is_due() {
            return Ok(true);
        }
        let mut session_trace = std::mem::take(&mut self.trace);
        let found = self.probe(&mut session_trace).await;
        self.trace = session_trace;
        match found? {
            Found::Alive | Found::Reachable => {
                self.touch();
                Ok(true)
            }
            Found::Over | Found::Crashed => Ok(false),
            Found::Unavailable => Err(End {
                shown: Shown::Session,
                ..End::new(Reason::PortalUnavailable, "The portal does not answer.")
            }),
        }
    }

    /// How a job is settled that must not start now. A withdrawn job goes back: the operator knows whether it was cancelled or only
    /// suspended. A deadline says when a job must have started, so it no longer counts for one that starts again in a new session.
    fn must_not_start(&self, job: &JobWork, started: bool) -> Option<Verdict> {
        if self.halts.withdrawn(&job.uid) {
            let message = "Withdrawn before the runner started it.";
            return Some(Verdict {
                phase: JobPhase::Pending,
                ..Verdict::without_try(Reason::Withdrawn, message)
            });
        }
        let deadline = job.missed_deadline(Timestamp::now()).filter(|_| !started)?;
        let message = format!("spec.deadline ({deadline}) passed before the job was started.");
        Some(Verdict::without_try(Reason::DeadlineExceeded, &message))
    }

    async fn walk(
        &mut self,
        job: &JobWork,
        kind: FlowKind,
        flow: &fno_crds::Flow,
        trace: &mut Trace,
    ) -> Result<Walked, End> {
        let (began, started_at) = (Instant::now(), Timestamp::now());
        let deadline = began + self.job_deadline;
        let mut run = FlowRun {
            name: kind.as_str(),
            flow,
            subflows: &self.work.flows.subflows,
            scope: Scope::of_job(self.work, job),
            rules: &self.rules,
            secrets: self.credentials,
            gate: &ClosedGate,
            expect: &job.expect,
            deadline,
        };
        let end = tokio::select! {
            end = self.portal.run(&mut run, trace) => end,
            // The gate is closed: whatever the flow was at, it was nothing irreversible.
            () = tokio::time::sleep_until(deadline + NOT_BACK) => not_back(trace),
            halt = self.halts.cut_short() => return Err(halt.into()),
        };
        let fields = run.scope.fields;
        self.touch();
        Ok(Walked { end, fields, started_at, took: began.elapsed() })
    }

    fn touch(&mut self) {
        if let Session::LoggedIn { used, .. } = &mut self.session {
            *used = Instant::now();
        }
    }

    /// After an answer; after a failure unless the engine has taken one.
    async fn take_picture(&mut self, verdict: &Verdict, trace: &mut Trace) {
        let taken = || {
            trace
                .entries
                .iter()
                .rev()
                .find(|entry| entry.result == StepResult::Failed)
                .is_some_and(|entry| !entry.files.is_empty())
        };
        let name = match verdict.phase {
            JobPhase::Succeeded => "after",
            _ if verdict.reason == Reason::BrowserCrashed || taken() => return,
            _ => "failure",
        };
        if let Err(error) = self.portal.picture(trace, name).await {
            tracing::debug!(%error, "no picture");
        }
    }

    fn settle_without_try(&mut self, job: &JobWork, verdict: Verdict) -> Result<(), End> {
        tracing::info!(phase = %verdict.phase, reason = %verdict.reason, "job settled without a try");
        let tried = Tried {
            job: Some(job),
            verdict: &verdict,
            fields: Map::new(),
            started_at: Timestamp::now(),
            took: Duration::ZERO,
        };
        let result = record::result(job, &tried, &Trace::default());
        self.control.reporter().report(Urgency::Soon, |run| run.results.push(result));
        Ok(())
    }

    /// Sends result and evidence on their way. An end follows when the same step has failed on too many circuits in a row.
    fn settle(
        &mut self,
        job: &JobWork,
        verdict: Verdict,
        walked: Walked,
        trace: Trace,
    ) -> Result<(), End> {
        let Walked { fields, started_at, took, .. } = walked;
        let milliseconds = took.as_millis();
        tracing::info!(phase = %verdict.phase, reason = %verdict.reason, outcome = verdict.outcome, step = verdict.step, message = verdict.message, milliseconds, "job settled");
        let tried = Tried { job: Some(job), verdict: &verdict, fields, started_at, took };
        let mut result = record::result(job, &tried, &trace);
        size::fit(&mut result, size::share(self.work.jobs.len()));
        let (manifest, files) = record::evidence(&self.common, tried, trace);
        let plain = verdict.phase == JobPhase::Succeeded && job.action == Action::Validation;
        let urgency = if plain { Urgency::Soon } else { Urgency::Now };
        self.uploads.send(Parcel { job: Some((result, job.attempt, urgency)), manifest, files });
        self.judge_flow(job, &verdict)
    }

    fn judge_flow(&mut self, job: &JobWork, verdict: &Verdict) -> Result<(), End> {
        match (verdict.reason, &verdict.step) {
            (Reason::Answered, _) => self.streak.succeeded(),
            (Reason::StepFailed | Reason::Timeout, Some(step))
                if self.streak.failed(step, verdict.reason, &job.circuit_number) =>
            {
                let message = format!(
                    "Step {step} failed in the same way on several circuits in a row, the last time: {}",
                    verdict.message.as_deref().unwrap_or("no message")
                );
                return Err(End {
                    step: Some(step.clone()),
                    shown: Shown::Job(job.uid.clone()),
                    ..End::new(Reason::PortalChanged, &message)
                });
            }
            _ => {}
        }
        Ok(())
    }
}

fn not_back(trace: &Trace) -> FlowEnd {
    FlowEnd::Failed(Failure {
        reason: Reason::BrowserCrashed,
        kind: FailureKind::Crashed,
        step: trace.entries.last().map(|entry| entry.step.clone()).unwrap_or_default(),
        message: "The browser did not come back from a command.".to_owned(),
        act: Act::NotReached,
    })
}
