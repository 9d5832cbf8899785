//! What a batch needs next: one total function from what was seen to one step. Carrying a step out twice does no harm, so a crash anywhere
//! is followed by the same decision again.

mod logins;
mod pod_state;
mod seen;

pub use logins::{LoginEnded, lost, open_grant};
pub use pod_state::PodState;
pub use seen::{Deadlines, Held, JobSeen, Seen, Switches, after};

use fno_crds::{
    JobPhase, Reason,
    batch::{BatchPhase, RunEnd, Stop},
    names::FINALIZER,
};
use jiff::{SignedDuration, Timestamp};

use crate::plan::Blocked;
use logins::LoginNeeds;

/// A Pod that never ran its main container is replaced, at most this often in all.
const MOST_ATTEMPTS: i32 = 3;
/// How long a runner that has reported its end may take to exit, before its log is taken as it is.
const EXIT_PATIENCE: SignedDuration = SignedDuration::from_secs(10);

/// What a batch needs next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Claim the invited jobs.
    Claim,
    /// Make the work Secret, the runner's identity and the Pod of this attempt.
    Launch {
        /// Number of the Pod, from 1.
        attempt: i32,
    },
    /// Tell the runner to stop after the job at hand.
    Drain,
    /// Give or refuse leave for this login.
    Grant {
        /// Which login, from 1.
        login: i32,
    },
    /// Mint the code of this login.
    Mint {
        /// Which login, from 1.
        login: i32,
    },
    /// A login ended: count it, remove its Secret.
    CloseLogin {
        /// Which login, from 1.
        login: i32,
        /// How it ended.
        ended: LoginEnded,
    },
    /// Write new results into their jobs.
    Mirror,
    /// Store the end. If the runner may still act, the phase is stored first: that write is the fence.
    End(End),
    /// The end is stored as the fence: settle every job, keep the log, say so.
    Settle,
    /// Remove Pod, Secrets and roles.
    Clean,
    /// Its time is over: delete it.
    Forget,
    /// Nothing, until something changes or the time has come.
    Wait {
        /// When to look again even if nothing changes.
        until: Option<Timestamp>,
        /// What is waited for, when it is worth saying.
        shown: Option<Blocked>,
    },
}

/// How a batch ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// `Completed` or `Failed`.
    pub phase: BatchPhase,
    /// Why. Jobs without a result go back with it.
    pub why: Blocked,
    /// The runner may still be alive: store the phase before anything else.
    pub fence: bool,
}

/// What the batch needs next.
#[must_use]
pub fn next(seen: &Seen<'_>) -> Step {
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

fn created(seen: &Seen<'_>) -> Step {
    if draining(seen) {
        return failed(Reason::Drained, "The batch was drained before it began.");
    }
    let deadline = after(seen.created(), seen.deadlines.pod_running);
    if seen.now >= deadline {
        return End {
            phase: BatchPhase::Failed,
            why: not_started(seen, seen.held.map(|held| &held.why)),
            fence: true,
        }
        .into();
    }
    if let Some(held) = seen.held.filter(|held| seen.now < held.until) {
        return Step::Wait { until: Some(held.until.min(deadline)), shown: Some(held.why.clone()) };
    }
    let claimed = seen.batch.status.as_ref().is_some_and(|status| !status.claimed.is_empty());
    if claimed { Step::Launch { attempt: 1 } } else { Step::Claim }
}

fn assigned(seen: &Seen<'_>) -> Step {
    let status = seen.batch.status.clone().unwrap_or_default();
    let needs = logins::needs(seen);
    if let Some(LoginNeeds::Closing(login, ended)) = needs {
        return Step::CloseLogin { login, ended };
    }
    let run = seen.run();
    let reported = |job: &JobSeen| {
        run.is_some_and(|run| run.results.iter().any(|result| result.uid == job.uid))
    };
    if seen.jobs.iter().any(|job| job.at_work && reported(job)) {
        return Step::Mirror;
    }
    if let Some(end) = run.and_then(|run| run.end.as_ref()) {
        let patience = after(end.at.0, EXIT_PATIENCE);
        // By a node's clock, so never longer than the patience from now.
        return if seen.pod.is_over() || seen.now >= patience || seen.silent_for >= EXIT_PATIENCE {
            ended(seen, end).into()
        } else {
            Step::Wait { until: Some(patience.min(after(seen.now, EXIT_PATIENCE))), shown: None }
        };
    }
    let deadline = after(seen.created(), seen.deadlines.pod_running);
    match seen.pod {
        PodState::Missing | PodState::Ended { .. } => {
            pod_over(seen, status.attempt.unwrap_or(1), deadline)
        }
        PodState::Starting(_) if draining(seen) => {
            failed(Reason::Drained, "The batch was drained before its Pod ran.")
        }
        // No Pod of this batch gets them; the next batch's does.
        PodState::Starting(Some(problem))
            if problem.reason == Reason::ImageUnavailable && seen.images_replaced =>
        {
            failed(problem.reason, &format!("Other images are set by now. {}", problem.message))
        }
        PodState::Starting(problem) if seen.now >= deadline => {
            End { phase: BatchPhase::Failed, why: not_started(seen, problem.as_ref()), fence: true }
                .into()
        }
        PodState::Starting(problem) => Step::Wait { until: Some(deadline), shown: problem.clone() },
        PodState::Running { since } => running(seen, *since, needs),
    }
}

fn pod_over(seen: &Seen<'_>, attempt: i32, deadline: Timestamp) -> Step {
    let (ran, how) = match seen.pod {
        PodState::Ended { ran, how } => (*ran, how.as_str()),
        _ => (false, "the Pod is gone"),
    };
    // A Pod that vanished may have run; without a report of it nothing can have been done on the portal: no leave was given.
    let untouched = !ran && seen.run().is_none();
    if untouched && attempt < MOST_ATTEMPTS && seen.now < deadline && !draining(seen) {
        return match seen.held.filter(|held| seen.now < held.until) {
            Some(held) => {
                Step::Wait { until: Some(held.until.min(deadline)), shown: Some(held.why.clone()) }
            }
            None => Step::Launch { attempt: attempt + 1 },
        };
    }
    failed(Reason::RunnerLost, &format!("The runner was lost: {how}."))
}

fn running(seen: &Seen<'_>, since: Timestamp, needs: Option<LoginNeeds>) -> Step {
    if seen.silent_for >= seen.deadlines.heartbeat {
        let limit = fno_crds::Duration::from(seen.deadlines.heartbeat.unsigned_abs());
        return failed(
            Reason::RunnerLost,
            &format!("The runner gave no sign of life for {limit}."),
        );
    }
    if seen.switches.suspend && seen.batch.spec.stop == Stop::None {
        return Step::Drain;
    }
    let late = logins::deadline(seen, since);
    if let Some((_, why)) = late.as_ref().filter(|(limit, _)| seen.now >= *limit) {
        return End { phase: BatchPhase::Failed, why: why.clone(), fence: true }.into();
    }
    let held = seen.held.filter(|held| seen.now < held.until);
    if held.is_none() {
        match needs {
            Some(LoginNeeds::Leave(login)) => return Step::Grant { login },
            Some(LoginNeeds::Code(login)) => return Step::Mint { login },
            Some(LoginNeeds::Closing(..)) | None => {}
        }
    }
    let silence = after(seen.now, seen.deadlines.heartbeat - seen.silent_for);
    let until = [Some(silence), late.map(|(limit, _)| limit), held.map(|held| held.until)]
        .into_iter()
        .flatten()
        .min();
    Step::Wait { until, shown: held.map(|held| held.why.clone()).or_else(|| logins::refusal(seen)) }
}

fn after_the_end(seen: &Seen<'_>) -> Step {
    let batch = seen.batch;
    let Some(finished) = batch.status.as_ref().and_then(|status| status.finished_at.as_ref())
    else {
        return Step::Settle;
    };
    if seen.jobs.iter().any(|job| job.at_work) {
        return Step::Settle;
    }
    if batch.metadata.finalizers.iter().flatten().any(|finalizer| finalizer == FINALIZER) {
        return Step::Clean;
    }
    if batch.metadata.deletion_timestamp.is_some() {
        return Step::Wait { until: None, shown: None };
    }
    let over = after(
        finished.0,
        SignedDuration::from_secs(i64::from(batch.spec.ttl_seconds_after_finished)),
    );
    if seen.now >= over { Step::Forget } else { Step::Wait { until: Some(over), shown: None } }
}

/// The runner said how its session ended. Completed only if the session ended in order and every job is settled for this try.
fn ended(seen: &Seen<'_>, end: &RunEnd) -> End {
    let settled = |job: &JobSeen| {
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
        // It says it is done, and it is not: its jobs go back as after a drain.
        (_, Reason::Completed) => Reason::Drained,
        (_, reason) => reason,
    };
    End {
        phase,
        why: Blocked { reason, message: end.message.clone().unwrap_or_default() },
        fence: false,
    }
}

fn not_started(seen: &Seen<'_>, problem: Option<&Blocked>) -> Blocked {
    let limit = fno_crds::Duration::from(seen.deadlines.pod_running.unsigned_abs());
    match problem {
        Some(problem) => Blocked {
            reason: problem.reason,
            message: format!("The Pod did not run within {limit}: {}", problem.message),
        },
        None => Blocked {
            reason: Reason::RunnerLost,
            message: format!("The Pod did not run within {limit}."),
        },
    }
}

fn draining(seen: &Seen<'_>) -> bool {
    seen.switches.suspend || seen.batch.spec.stop != Stop::None
}

fn failed(reason: Reason, message: &str) -> Step {
    End {
        phase: BatchPhase::Failed,
        why: Blocked { reason, message: message.to_owned() },
        fence: true,
    }
    .into()
}

impl From<End> for Step {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

#[cfg(test)]
mod tests;
