//! Walks step by step: whether a step is due, how often it is tried, what is noted about it.

use std::{collections::BTreeSet, time::Duration};

use fno_core::flow::{
    scope::Page,
    selector::Chain,
    step_name::{nested_name, step_name},
};
use fno_crds::{Flow, Step, StepType, flow::ScreenshotPolicy};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    FlowRun,
    clock::Clock,
    failure::{Act, Failure, FailureKind, FlowEnd},
    place::Place,
    problem::{Done, Problem},
    safe_url::safe_url,
    trace::{Drift, Entry, StepResult, Trace},
};
use crate::browser::Browser;

/// Default timeout of a step, as in the DevTools Recorder.
const STEP: Duration = Duration::from_secs(5);

/// A flow that is being walked.
pub(super) struct Walk<'r, 'a> {
    pub(super) browser: &'r mut Browser,
    pub(super) run: &'r mut FlowRun<'a>,
    pub(super) trace: &'r mut Trace,
    pub(super) place: Place,
    /// State of the irreversible act.
    pub(super) act: Act,
    /// CEL that holds if the portal refused the act.
    pub(super) refused_when: Option<String>,
    /// Fields with a sensitive value, which every picture leaves out.
    pub(super) sensitive: Vec<Chain>,
    /// Names of extracted fields whose value must not be shown.
    pub(super) sensitive_fields: BTreeSet<String>,
    /// Whether something sensitive was typed inside a frame.
    pub(super) sensitive_frame: bool,
    /// Whether keys are held down.
    pub(super) keys_down: bool,
    /// Names of the steps whose subflows are running, outermost first.
    pub(super) callers: Vec<String>,
    /// HTTP status of the last document.
    pub(super) status: u16,
    pub(super) note: Note,
}

/// What the timeline says about a step.
#[derive(Debug, Default)]
pub(super) struct Note {
    pub(super) url: Option<String>,
    pub(super) drift: Option<Drift>,
    pub(super) message: Option<String>,
    pub(super) files: Vec<String>,
}

/// What follows a step.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// The next step.
    Step,
    /// The end of the flow with an outcome.
    Outcome { code: String, message: String },
    /// The end of the flow, as a subflow has determined it.
    End(FlowEnd),
}

impl<'r, 'a> Walk<'r, 'a> {
    pub(super) fn new(
        browser: &'r mut Browser,
        run: &'r mut FlowRun<'a>,
        trace: &'r mut Trace,
    ) -> Self {
        Self {
            browser,
            run,
            trace,
            place: Place::default(),
            act: Act::NotReached,
            refused_when: None,
            sensitive: Vec::new(),
            sensitive_fields: BTreeSet::new(),
            sensitive_frame: false,
            keys_down: false,
            callers: Vec::new(),
            status: 0,
            note: Note::default(),
        }
    }

    /// Walks the whole flow.
    pub(super) async fn walk(&mut self) -> FlowEnd {
        let flow = self.run.flow;
        let end = match self.begin().await {
            Ok(()) => self.steps(flow).await,
            Err(problem) => FlowEnd::Failed(self.failure("begin", problem)),
        };
        if self.keys_down {
            _ = self.browser.release().await;
        }
        end
    }

    /// Walks the steps of the flow or of a subflow.
    pub(super) async fn steps(&mut self, flow: &Flow) -> FlowEnd {
        for (index, step) in flow.steps.iter().enumerate() {
            let own = step_name(index, step);
            let name =
                self.callers.iter().rev().fold(own, |name, caller| nested_name(caller, &name));
            let limit = step.timeout.or(flow.timeout).map_or(STEP, millis);
            match self.step(step, &name, limit).await {
                Ok(Next::Step) => {}
                Ok(Next::Outcome { code, message }) => {
                    return FlowEnd::Outcome { code, message, step: name };
                }
                Ok(Next::End(end)) => return end,
                Err(failure) => return FlowEnd::Failed(failure),
            }
        }
        FlowEnd::Finished
    }

    async fn step(&mut self, step: &Step, name: &str, limit: Duration) -> Result<Next, Failure> {
        let mut tries_left = step.retry.map_or(0, |retry| retry.attempts);
        loop {
            let (at, began) = (Timestamp::now(), Instant::now());
            self.note = Note::default();
            let tried = self.try_step(step, name, limit).await;
            let (result, message) = match &tried {
                Ok(Some(Next::End(FlowEnd::Failed(failure)))) => {
                    (StepResult::Failed, Some(failure.message.clone()))
                }
                Ok(Some(_)) => (StepResult::Done, None),
                Ok(None) => (StepResult::Skipped, None),
                Err(problem) => {
                    (self.verdict(step, problem, tries_left), Some(problem.message.clone()))
                }
            };
            if let Err(problem) = &tried {
                self.after_failure(step, name, problem).await;
            }
            let note = std::mem::take(&mut self.note);
            // The steps of a subflow are in the timeline already; the call follows them.
            self.trace.entries.push(Entry {
                flow: self.run.name.to_owned(),
                step: name.to_owned(),
                type_: step.type_,
                label: step.label.clone(),
                started_at: at,
                millis: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
                result,
                url: note.url,
                drift: note.drift,
                message: message.or(note.message),
                files: note.files,
            });
            tracing::debug!(
                flow = self.run.name,
                step = name,
                ?result,
                millis = began.elapsed().as_millis(),
                "step"
            );
            match (tried, result) {
                (Ok(next), _) => return Ok(next.unwrap_or(Next::Step)),
                (Err(_), StepResult::Passed) => return Ok(Next::Step),
                (Err(_), StepResult::Retried) => {
                    tries_left -= 1;
                    let pause = step.retry.map_or(Duration::ZERO, |retry| retry.delay.std());
                    tokio::time::sleep_until((Instant::now() + pause).min(self.run.deadline)).await;
                }
                (Err(problem), _) => return Err(self.fail(name, problem).await),
            }
        }
    }

    /// Tries the step once. None if the step is not due.
    async fn try_step(&mut self, step: &Step, name: &str, limit: Duration) -> Done<Option<Next>> {
        let clock =
            |walk: &Self| Clock::start(limit, walk.browser.page_load_timeout(), walk.run.deadline);
        if clock(self).is_deadline() {
            return Err(self.deadline());
        }
        if matches!(
            step.type_,
            StepType::Close | StepType::CustomStep | StepType::EmulateNetworkConditions
        ) {
            self.note.message = Some("accepted from recordings and ignored".to_owned());
            return Ok(None);
        }
        let outer = self.place.clone();
        self.enter_frame_of(step, &mut clock(self)).await?;
        let done = self.do_step(step, name, &mut clock(self)).await;
        if !matches!(
            step.type_,
            StepType::SwitchTo | StepType::Navigate | StepType::RunFlow | StepType::ForEach
        ) {
            self.place.back_to(outer);
        }
        let next = done?;
        if next.is_some()
            && step.screenshot == Some(ScreenshotPolicy::After)
            && step.type_ != StepType::Screenshot
        {
            self.settle(&mut clock(self)).await?;
            self.picture(name, false).await?;
        }
        Ok(next)
    }

    async fn do_step(&mut self, step: &Step, name: &str, clock: &mut Clock) -> Done<Option<Next>> {
        if let Some(when) = &step.when
            && !self.holds(when, &mut clock.clone()).await?
        {
            return Ok(None);
        }
        self.execute(step, name, clock).await.map(Some)
    }

    fn verdict(&self, step: &Step, problem: &Problem, tries_left: i32) -> StepResult {
        // After the irreversible step nothing is tried again.
        if tries_left > 0 && problem.kind.is_of_step() && self.act == Act::NotReached {
            StepResult::Retried
        } else if step.optional == Some(true) && problem.kind.is_of_step() {
            StepResult::Passed
        } else {
            StepResult::Failed
        }
    }

    /// Takes the picture of a failure, and dismisses an unexpected dialog, which would block everything that follows.
    async fn after_failure(&mut self, step: &Step, name: &str, problem: &Problem) {
        if problem.kind == FailureKind::Crashed {
            return;
        }
        if problem.kind == FailureKind::Dialog {
            _ = self.browser.answer_dialog(false).await;
        }
        // The failed step of the subflow has its picture already.
        let is_call = matches!(step.type_, StepType::RunFlow | StepType::ForEach);
        if step.screenshot != Some(ScreenshotPolicy::Never) && !is_call {
            _ = self.picture(name, false).await;
        }
    }

    async fn fail(&mut self, name: &str, problem: Problem) -> Failure {
        if self.act == Act::Done && self.was_refused().await {
            self.act = Act::Refused;
            let message = format!("the portal refused it: {}", problem.message);
            return self
                .failure(name, Problem::because(fno_crds::Reason::Refused, problem.kind, message));
        }
        self.failure(name, problem)
    }

    pub(super) fn failure(&self, name: &str, problem: Problem) -> Failure {
        let status =
            if self.status >= 400 { format!(", HTTP {}", self.status) } else { String::new() };
        let page = if self.run.scope.page.url.is_empty() {
            String::new()
        } else {
            format!(" (page {}{status})", safe_url(&self.run.scope.page.url))
        };
        Failure {
            reason: problem.reason,
            kind: problem.kind,
            step: name.to_owned(),
            message: format!("step {name}: {}{page}", problem.message),
            act: self.act,
        }
    }

    pub(super) fn deadline(&self) -> Problem {
        Problem::new(FailureKind::Deadline, "the time for the whole flow is over")
    }

    /// Notes the current page.
    pub(super) fn seen(&mut self, url: String, title: String) {
        self.note.url = Some(safe_url(&url));
        self.run.scope.page = Page { url, title };
    }
}

pub(super) fn millis(ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
