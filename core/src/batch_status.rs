//! What the operator writes into a batch's status: one function derives all of it from the observed facts. It never touches `run`.

use fno_crds::{
    FnoBatchStatus, JobPhase, Reason,
    batch::{BatchPhase, JobResult, LoginState},
    condition::{self, Status, types},
    reason::ReasonClass,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    job_status::class_of,
    lifecycle::{BatchFacts, PodState},
    text::at_most,
    why::Why,
};

/// Minimum time between two writes of mere progress: people cannot follow more, and each write costs the API server.
pub const PROGRESS_EVERY: SignedDuration = SignedDuration::from_secs(5);

/// Counts over the jobs of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Jobs that are settled for this try, no matter how; a job that a person withdrew is settled, too.
    pub settled: i32,
    /// Jobs with an answer.
    pub completed: i32,
    /// Jobs whose try failed.
    pub failed: i32,
    /// Jobs with an unknown outcome.
    pub unknown: i32,
}

/// Counts results.
#[must_use]
pub fn count(results: &[JobResult]) -> Counts {
    let mut counts = Counts::default();
    for result in results {
        let failed = result.phase == JobPhase::Failed
            || (result.phase == JobPhase::Pending && class_of(result) == ReasonClass::RetryCounted);
        counts.completed += i32::from(result.phase == JobPhase::Succeeded);
        counts.unknown += i32::from(result.phase == JobPhase::OutcomeUnknown);
        counts.failed += i32::from(failed);
        let withdrawn = result.reason == Reason::Withdrawn;
        counts.settled += i32::from(failed || withdrawn || result.phase != JobPhase::Pending);
    }
    counts
}

/// Whether a batch did what it was for with this job: the job is settled for this try, or a person withdrew it.
#[must_use]
pub fn is_work(result: &JobResult) -> bool {
    count(std::slice::from_ref(result)).settled > 0
}

/// The status that follows from the observed facts, starting from `status` (the stored one, with the changes of the action just carried
/// out). `shown` is what the batch waits for.
#[must_use]
pub fn derive(
    seen: &BatchFacts<'_>,
    mut status: FnoBatchStatus,
    shown: Option<&Why>,
) -> FnoBatchStatus {
    let (now, generation) = (seen.now, seen.batch.metadata.generation);
    if status.phase.unwrap_or_default().is_finished() {
        return status;
    }
    let run = seen.run();
    let logged_in = run.and_then(|run| run.logins).unwrap_or(0);

    status.observed_generation = generation;
    status.cancellations_held = seen.switches.suspend_cancellations;
    for job in seen.jobs.iter().filter(|job| job.withdrawn) {
        if !status.withdrawn.contains(&job.uid) {
            status.withdrawn.push(job.uid.clone());
        }
    }
    tally(&mut status, run.map(|run| run.results.as_slice()).unwrap_or_default());
    status.logins = Some(logged_in).filter(|n| *n > 0).or(status.logins);
    if status.phase == Some(BatchPhase::Assigned) && logged_in > 0 {
        status.phase = Some(BatchPhase::InProgress);
        status.started_at = Some(Time(now));
    }

    let phase = status.phase.unwrap_or_default();
    // The batch was Assigned before its Pod was recorded. Its runner may report only once the Pod is recorded.
    if matches!(phase, BatchPhase::Assigned | BatchPhase::InProgress) && status.pod_uid.is_none() {
        status.pod_uid = seen.pod_uid.map(str::to_owned);
    }
    let normal = Why {
        reason: if phase == BatchPhase::InProgress { Reason::Running } else { Reason::Starting },
        message: String::new(),
    };
    let why = shown.unwrap_or(&normal);
    say(&mut status, why);

    let running = Why { reason: Reason::Running, message: String::new() };
    let pod_ready = matches!(seen.pod, PodState::Running { .. });
    set(
        &mut status,
        now,
        generation,
        types::POD_READY,
        Status::from(pod_ready),
        if pod_ready { &running } else { why },
    );
    let in_session = run
        .and_then(|run| run.login.as_ref())
        .is_some_and(|login| login.state == LoginState::LoggedIn);
    set(
        &mut status,
        now,
        generation,
        types::LOGGED_IN,
        Status::from(in_session),
        if in_session { &running } else { why },
    );
    set(&mut status, now, generation, types::SUCCEEDED, Status::Unknown, why);
    status
}

/// The status at the end of the batch. `finished` is false for the fence and true once everything else is done, too.
#[must_use]
pub fn end(
    seen: &BatchFacts<'_>,
    mut status: FnoBatchStatus,
    phase: BatchPhase,
    why: &Why,
    finished: bool,
) -> FnoBatchStatus {
    let (now, generation) = (seen.now, seen.batch.metadata.generation);
    let results = status.run.as_ref().map(|run| run.results.clone()).unwrap_or_default();
    tally(&mut status, &results);
    status.logins = status.run.as_ref().and_then(|run| run.logins).or(status.logins);
    status.phase = Some(phase);
    status.observed_generation = generation;
    say(&mut status, why);
    set(&mut status, now, generation, types::POD_READY, Status::False, why);
    set(&mut status, now, generation, types::LOGGED_IN, Status::False, why);
    set(
        &mut status,
        now,
        generation,
        types::SUCCEEDED,
        Status::from(phase == BatchPhase::Completed),
        why,
    );
    if finished {
        status.finished_at = Some(Time(now));
    }
    status
}

/// Whether the change is worth a write now. Mere progress waits for a tenth of the jobs and [`PROGRESS_EVERY`]. That the Pod runs waits for
/// the same time, because by then the runner has usually asked for permission to log in. Any other write includes both.
#[must_use]
pub fn is_due(
    old: &FnoBatchStatus,
    new: &FnoBatchStatus,
    written: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    if old == new {
        return false;
    }
    if essence(old) != essence(new) {
        return true;
    }
    let settled = |status: &FnoBatchStatus| {
        status.jobs_completed.unwrap_or(0) + status.jobs_failed.unwrap_or(0)
    };
    let tenth = (new.jobs_total.unwrap_or(0) / 10).max(1);
    let enough = settled(new) - settled(old) >= tenth
        || old.message != new.message
        || pod_ready(old) != pod_ready(new);
    enough && written.is_none_or(|at| now.duration_since(at) >= PROGRESS_EVERY)
}

fn pod_ready(status: &FnoBatchStatus) -> Option<&str> {
    condition::get(&status.conditions, types::POD_READY).map(|condition| condition.status.as_str())
}

/// Everything that is not mere progress.
fn essence(status: &FnoBatchStatus) -> FnoBatchStatus {
    let mut essence = FnoBatchStatus {
        progress: None,
        jobs_completed: None,
        jobs_failed: None,
        message: None,
        run: None,
        observed_generation: None,
        ..status.clone()
    };
    essence.conditions.retain(|condition| condition.type_ != types::POD_READY);
    for condition in &mut essence.conditions {
        condition.message.clear();
        condition.observed_generation = None;
    }
    essence
}

fn tally(status: &mut FnoBatchStatus, results: &[JobResult]) {
    let Ok(total) = i32::try_from(status.claimed.len()) else { return };
    if total == 0 {
        return;
    }
    let counts = count(results);
    status.jobs_total = Some(total);
    status.jobs_completed = Some(counts.completed);
    status.jobs_failed = Some(counts.failed);
    status.jobs_unknown = Some(counts.unknown).filter(|n| *n > 0);
    status.progress = Some(format!("{}/{total}", counts.settled));
}

fn say(status: &mut FnoBatchStatus, why: &Why) {
    status.reason = Some(why.reason);
    status.message = Some(at_most(&why.message, 2000)).filter(|m| !m.is_empty());
}

fn set(
    status: &mut FnoBatchStatus,
    now: Timestamp,
    generation: Option<i64>,
    type_: &str,
    value: Status,
    why: &Why,
) {
    condition::set(
        &mut status.conditions,
        now,
        generation,
        type_,
        value,
        why.reason,
        &at_most(&why.message, 2000),
    );
}

#[cfg(test)]
mod tests;
