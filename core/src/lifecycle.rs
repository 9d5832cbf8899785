//! What a batch needs next: one total function from the observed facts to one action. Every action is idempotent, so after a crash
//! anywhere the operator simply decides again.

mod facts;
mod logins;
mod pod_state;
mod switches;

pub use facts::{BatchFacts, Deadlines, Hold, JobState, Progress, Switches, exists_for};
pub use logins::{LoginEnded, ended_without_grant, lost, may_hold_session, open_grant};
pub use pod_state::{PodState, browser_end};

use fno_crds::{
    JobPhase, Reason,
    batch::{BatchPhase, LoginState, RunEnd, Stop},
    names::FINALIZER,
};
use jiff::{SignedDuration, Timestamp};

use crate::{time::after, why::Why};
use logins::LoginNeeds;

/// Number of Pods of a batch, at most. A Pod that never ran its main container is replaced by the next one.
const MOST_ATTEMPTS: i32 = 3;
/// How long the operator waits for a runner that has reported its end to exit, before it stores the log as it is.
const EXIT_PATIENCE: SignedDuration = SignedDuration::from_secs(10);

/// What a batch needs next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NextAction {
    /// Claim the invited jobs.
    Claim,
    /// Create the work Secret, the runner's identity and the Pod of this attempt.
    Launch {
        /// Number of the Pod, from 1.
        attempt: i32,
    },
    /// Tell the runner to stop after the current job.
    Drain,
    /// Grant or refuse permission for this login.
    Grant {
        /// Number of the login within the batch, from 1.
        login: i32,
    },
    /// Mint the code of this login.
    Mint {
        /// Number of the login within the batch, from 1.
        login: i32,
    },
    /// A login ended: count it and delete its Secret.
    CloseLogin {
        /// Number of the login within the batch, from 1.
        login: i32,
        /// How the login ended.
        ended: LoginEnded,
    },
    /// Write new results into their jobs.
    Mirror,
    /// Store the end state. If the runner may still act, the phase is stored first: that write is the fence.
    End(End),
    /// The end is stored as the fence: settle every job, store the log, and record that this is done.
    Settle,
    /// Delete the Pod, the Secrets and the roles.
    Clean,
    /// Its `ttlSecondsAfterFinished` has passed: delete the batch.
    Forget,
    /// Do nothing until something changes or `until` has come.
    Wait {
        /// When to decide again even if nothing changes.
        until: Option<Timestamp>,
        /// What the batch waits for, if people should be told.
        shown: Option<Why>,
    },
}

/// How a batch ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// `Completed` or `Failed`.
    pub phase: BatchPhase,
    /// Why. Jobs without a result return to Pending with this reason.
    pub why: Why,
    /// Whether the runner may still be alive: then the phase is stored before anything else.
    pub fence: bool,
}

/// Decides what the batch needs next.
#[must_use]
pub fn next(seen: &BatchFacts<'_>) -> NextAction {
    let batch = seen.batch;
    if batch.phase().is_finished() {
        return after_the_end(seen);
    }
    if batch.metadata.deletion_timestamp.is_some() {
        return failed(Reason::Aborted, "The batch was deleted.");
    }
    if batch.spec.stop == Stop::Abort {
        return failed(Reason::Aborted, "The batch was stopped with Abort.");
    }
    match batch.phase() {
        BatchPhase::Created => created(seen),
        BatchPhase::Assigned | BatchPhase::InProgress => assigned(seen),
        BatchPhase::Completed | BatchPhase::Failed => after_the_end(seen),
    }
}

fn created(seen: &BatchFacts<'_>) -> NextAction {
    if draining(seen) {
        return failed(Reason::Drained, "The batch was drained before it started.");
    }
    let deadline = pod_deadline(seen);
    if seen.now >= deadline {
        return fenced(not_started(seen, seen.held.map(|held| &held.why))).into();
    }
    if let Some(held) = seen.held.filter(|held| seen.now < held.until) {
        return NextAction::Wait {
            until: Some(held.until.min(deadline)),
            shown: Some(held.why.clone()),
        };
    }
    let claimed = seen.batch.status.as_ref().is_some_and(|status| !status.claimed.is_empty());
    if claimed { NextAction::Launch { attempt: 1 } } else { NextAction::Claim }
}

fn assigned(seen: &BatchFacts<'_>) -> NextAction {
    // Checked before anything that has to be written elsewhere: a write that never succeeds must not keep the batch from ending.
    if let Some(end) = overdue(seen) {
        return end.into();
    }
    let needs = logins::needs(seen);
    if let Some(LoginNeeds::Closing(login, ended)) = needs {
        return NextAction::CloseLogin { login, ended };
    }
    let run = seen.run();
    let reported = |job: &JobState| {
        run.is_some_and(|run| run.results.iter().any(|result| result.uid == job.uid))
    };
    if seen.jobs.iter().any(|job| job.is_due() && reported(job)) {
        return NextAction::Mirror;
    }
    if let Some(end) = run.and_then(|run| run.end.as_ref()) {
        let patience = after(end.at.0, EXIT_PATIENCE);
        // The end was reported by a node's clock, so the operator also waits no longer than this by its own.
        return if seen.pod.is_over() || seen.now >= patience || seen.silent_for >= EXIT_PATIENCE {
            ended(seen, end).into()
        } else {
            NextAction::Wait {
                until: Some(patience.min(after(seen.now, EXIT_PATIENCE))),
                shown: None,
            }
        };
    }
    match seen.pod {
        PodState::Missing | PodState::Ended { .. } => pod_over(seen),
        PodState::Starting(_) if draining(seen) => {
            failed(Reason::Drained, "The batch was drained before its Pod ran.")
        }
        // Only Pods of later batches use the new images, so the batch does not wait for this one any longer.
        PodState::Starting(Some(problem))
            if problem.reason == Reason::ImageUnavailable && seen.images_replaced =>
        {
            failed(
                problem.reason,
                &format!("The images in the settings have changed since. {}", problem.message),
            )
        }
        PodState::Starting(problem) => {
            let until =
                seen.deadline_of_a_job().into_iter().fold(pod_deadline(seen), Timestamp::min);
            NextAction::Wait { until: Some(until), shown: problem.clone() }
        }
        PodState::Running { .. } => running(seen, needs),
    }
}

/// How the batch ends, if one of its deadlines has passed.
fn overdue(seen: &BatchFacts<'_>) -> Option<End> {
    let silent = seen.silent_for >= seen.deadlines.heartbeat;
    if let Some(end) = seen.run().and_then(|run| run.end.as_ref()) {
        return silent.then(|| End { fence: true, ..ended(seen, end) });
    }
    match seen.pod {
        PodState::Starting(problem) => {
            (seen.now >= pod_deadline(seen)).then(|| fenced(not_started(seen, problem.as_ref())))
        }
        PodState::Running { .. } if silent => {
            let limit = fno_crds::Duration::from(seen.deadlines.heartbeat.unsigned_abs());
            let message = format!("The runner sent no heartbeat for {limit}.");
            Some(fenced(Why { reason: Reason::RunnerLost, message }))
        }
        PodState::Running { .. } => {
            late(seen).filter(|(limit, _)| seen.now >= *limit).map(|(_, why)| fenced(why))
        }
        PodState::Missing | PodState::Ended { .. } => {
            (silent && seen.run().is_some()).then(|| fenced(runner_lost(seen)))
        }
    }
}

/// When, and why, a running Pod is given up although its runner sends heartbeats: the runner does not log in, or makes no progress.
fn late(seen: &BatchFacts<'_>) -> Option<(Timestamp, Why)> {
    if seen.login().is_none_or(|login| login.state != LoginState::LoggedIn) {
        return logins::deadline(seen);
    }
    let limit = seen.deadlines.progress();
    let job = seen.run().and_then(|run| run.job.as_deref());
    let message = format!(
        "The runner is alive but has made no progress for {}{}.",
        fno_crds::Duration::from(limit.unsigned_abs()),
        job.map(|job| format!(" (job {job} was running)")).unwrap_or_default()
    );
    Some((after(seen.now, limit - seen.idle_for), Why { reason: Reason::RunnerLost, message }))
}

fn pod_over(seen: &BatchFacts<'_>) -> NextAction {
    let attempt = seen.batch.status.as_ref().and_then(|status| status.attempt).unwrap_or(1);
    let deadline = pod_deadline(seen);
    let ran = matches!(seen.pod, PodState::Ended { ran: true, .. });
    // A Pod that disappeared may have run. If its runner never reported, it had no permission to log in and cannot have touched the portal.
    let untouched = !ran && seen.run().is_none();
    if untouched && attempt < MOST_ATTEMPTS && seen.now < deadline && !draining(seen) {
        return match seen.held.filter(|held| seen.now < held.until) {
            Some(held) => NextAction::Wait {
                until: Some(held.until.min(deadline)),
                shown: Some(held.why.clone()),
            },
            None => NextAction::Launch { attempt: attempt + 1 },
        };
    }
    fenced(runner_lost(seen)).into()
}

fn runner_lost(seen: &BatchFacts<'_>) -> Why {
    let how = match seen.pod {
        PodState::Ended { how, .. } => how.as_str(),
        _ => "the Pod is gone",
    };
    let message = with_browser(seen, format!("The runner was lost: {how}."));
    Why { reason: Reason::RunnerLost, message }
}

/// The message with how the browser's container ended: the driver's error says neither that the browser was killed nor why.
fn with_browser(seen: &BatchFacts<'_>, message: String) -> String {
    match seen.browser {
        Some(browser) => format!("{message} {browser}").trim_start().to_owned(),
        None => message,
    }
}

fn pod_deadline(seen: &BatchFacts<'_>) -> Timestamp {
    after(seen.now, seen.deadlines.pod_running - seen.exists_for)
}

fn running(seen: &BatchFacts<'_>, needs: Option<LoginNeeds>) -> NextAction {
    if seen.switches.suspend && seen.batch.spec.stop == Stop::None {
        return NextAction::Drain;
    }
    let held = seen.held.filter(|held| seen.now < held.until);
    if held.is_none() {
        match needs {
            Some(LoginNeeds::LoginPermission(login)) => return NextAction::Grant { login },
            Some(LoginNeeds::Code(login)) => return NextAction::Mint { login },
            Some(LoginNeeds::Closing(..)) | None => {}
        }
    }
    let silence = after(seen.now, seen.deadlines.heartbeat - seen.silent_for);
    let late = late(seen).map(|(limit, _)| limit);
    let until = [Some(silence), late, held.map(|held| held.until), seen.deadline_of_a_job()]
        .into_iter()
        .flatten()
        .min();
    NextAction::Wait {
        until,
        shown: held.map(|held| held.why.clone()).or_else(|| logins::refusal(seen)),
    }
}

fn after_the_end(seen: &BatchFacts<'_>) -> NextAction {
    let batch = seen.batch;
    let Some(finished) = batch.status.as_ref().and_then(|status| status.finished_at.as_ref())
    else {
        return NextAction::Settle;
    };
    if seen.jobs.iter().any(JobState::is_due) {
        return NextAction::Settle;
    }
    if batch.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER) {
        return NextAction::Clean;
    }
    if batch.metadata.deletion_timestamp.is_some() {
        return NextAction::Wait { until: None, shown: None };
    }
    let over = after(
        finished.0,
        SignedDuration::from_secs(i64::from(batch.spec.ttl_seconds_after_finished)),
    );
    // A result that could not be written into its job yet is stored only in this batch.
    if seen.jobs.iter().any(|job| job.at_work) {
        return NextAction::Wait { until: None, shown: None };
    }
    if seen.now >= over {
        NextAction::Forget
    } else {
        NextAction::Wait { until: Some(over), shown: None }
    }
}

/// How the batch ends by the runner's report. `Completed` only if the session ended in order and every job is settled for this try.
fn ended(seen: &BatchFacts<'_>, end: &RunEnd) -> End {
    let settled = |job: &JobState| {
        job.withdrawn
            || seen.run().is_some_and(|run| {
                run.results
                    .iter()
                    .any(|result| result.uid == job.uid && result.phase != JobPhase::Pending)
            })
    };
    let in_order =
        end.reason == Reason::Completed || (end.reason == Reason::Drained && end.logged_out);
    let phase = if in_order && seen.jobs.iter().all(settled) {
        BatchPhase::Completed
    } else {
        BatchPhase::Failed
    };
    let reason = match (phase, end.reason) {
        (BatchPhase::Completed, _) => Reason::Completed,
        // The runner reports that it is done although jobs are left: they return to Pending as after a drain.
        (_, Reason::Completed) => Reason::Drained,
        (_, reason) => reason,
    };
    let message = end.message.clone().unwrap_or_default();
    let message = match reason {
        Reason::BrowserCrashed => with_browser(seen, message),
        _ => message,
    };
    End { phase, why: Why { reason, message }, fence: false }
}

fn not_started(seen: &BatchFacts<'_>, problem: Option<&Why>) -> Why {
    let limit = fno_crds::Duration::from(seen.deadlines.pod_running.unsigned_abs());
    match problem {
        Some(problem) => Why {
            reason: problem.reason,
            message: format!("The Pod did not run within {limit}: {}", problem.message),
        },
        None => Why {
            reason: Reason::RunnerLost,
            message: format!("The Pod did not run within {limit}."),
        },
    }
}

fn draining(seen: &BatchFacts<'_>) -> bool {
    seen.switches.suspend || seen.batch.spec.stop != Stop::None
}

fn failed(reason: Reason, message: &str) -> NextAction {
    fenced(Why { reason, message: message.to_owned() }).into()
}

const fn fenced(why: Why) -> End {
    End { phase: BatchPhase::Failed, why, fence: true }
}

impl From<End> for NextAction {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

#[cfg(test)]
mod tests;
