//! What the operator writes into a job's status: one function for each thing that can happen to a job, from the old status to the new one.

use fno_crds::{
    FnoJob, FnoJobStatus, JobPhase, Reason,
    batch::{JobResult, Run},
    condition::{self, Status, types},
    job::Intent,
    reason::ReasonClass,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    plan::sentences,
    text::{at_most, sentence},
    why::Why,
};

const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(30);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(10);

/// The pause after the `attempts`-th failed try (from 1): 30 s, doubling, at most 10 min.
#[must_use]
pub fn pause(attempts: i32) -> SignedDuration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

/// Number of losses that do not use up a try. The runner, the browser or the session of a batch may be lost for many reasons, but a job
/// that loses them again and again is probably the reason itself.
const FREE_LOSSES: i32 = 2;

/// A try ended with a result. `intent` is the irreversible step the runner armed for this job, if it did.
#[must_use]
pub fn settled(
    job: &FnoJob,
    result: &JobResult,
    intent: Option<&Intent>,
    now: Timestamp,
) -> FnoJobStatus {
    let mut status = FnoJobStatus {
        outcome: result.outcome.clone(),
        result: result.fields.clone(),
        evidence: result.evidence.clone(),
        ..job.status.clone().unwrap_or_default()
    };
    status.intent = intent.cloned().or(status.intent);
    let armed = status.intent.is_some();
    let why = Why { reason: result.reason, message: result.message.clone().unwrap_or_default() };
    match (result.phase, class_of(result)) {
        (JobPhase::Succeeded, _) => {
            status.attempts = Some(tries(&status) + 1);
            end(job, status, JobPhase::Succeeded, &why, now)
        }
        // An armed job is never tried again, no matter what the runner reports about it.
        (JobPhase::OutcomeUnknown, _) => unproven(job, status, &why, now),
        (JobPhase::Failed, _) if armed => {
            status.attempts = Some(tries(&status) + 1);
            end(job, status, JobPhase::Failed, &why, now)
        }
        (_, _) if armed => unproven(job, status, &why, now),
        // The job was not started.
        (JobPhase::Cancelled, _) => handed_back(job, &why, now),
        (_, _) if is_withdrawn(job) => withdrawn(job, now),
        (JobPhase::Failed, _) if result.reason == Reason::DeadlineExceeded => {
            end(job, status, JobPhase::Failed, &why, now)
        }
        (JobPhase::Failed, ReasonClass::Final | ReasonClass::Normal) => {
            status.attempts = Some(tries(&status) + 1);
            end(job, status, JobPhase::Failed, &why, now)
        }
        (JobPhase::Failed | JobPhase::Pending, ReasonClass::RetryCounted) => {
            failed_try(job, status, &why, now)
        }
        (JobPhase::Pending | JobPhase::Failed, ReasonClass::RetryFree)
            if result.reason.is_loss() =>
        {
            lost(job, status, &why, now)
        }
        (JobPhase::Pending | JobPhase::Batched | JobPhase::Failed | JobPhase::Resolved, _) => {
            pending(job, status, &why, now)
        }
    }
}

/// The class of a result's reason. A try that failed for a reason this version does not know is used up: the portal was used, and a free
/// try could be repeated for ever.
#[must_use]
pub const fn class_of(result: &JobResult) -> ReasonClass {
    match result.reason {
        Reason::Unrecognized(_) => ReasonClass::RetryCounted,
        reason => reason.class(),
    }
}

/// The batch ended and the runner reported no result for the job. The outcome is unknown if the irreversible step was armed. Otherwise
/// the job counts a loss if it was running, and returns to Pending without losing a try if it was not started.
#[must_use]
pub fn without_result(job: &FnoJob, run: Option<&Run>, why: &Why, now: Timestamp) -> FnoJobStatus {
    let name = job.metadata.name.as_deref();
    let intent =
        run.and_then(|run| run.intents.iter().find(|intent| Some(intent.job.as_str()) == name));
    if let Some(intent) = intent {
        return outcome_unknown(job, intent, why, now);
    }
    let at_work = name.is_some() && run.and_then(|run| run.job.as_deref()) == name;
    let status = job.status.clone().unwrap_or_default();
    if at_work && why.reason.is_loss() && status.intent.is_none() && !is_withdrawn(job) {
        return lost(job, status, why, now);
    }
    handed_back(job, why, now)
}

/// Nothing irreversible was started, so the job returns to Pending without losing a try, unless it has to end or wait for a reason of
/// its own.
#[must_use]
pub fn handed_back(job: &FnoJob, why: &Why, now: Timestamp) -> FnoJobStatus {
    let status = job.status.clone().unwrap_or_default();
    // An armed job never returns to Pending, no matter which batch armed it.
    if status.intent.is_some() {
        return unproven(job, status, why, now);
    }
    if is_withdrawn(job) {
        return withdrawn(job, now);
    }
    if let Some(deadline) = job.spec.deadline.as_ref().filter(|deadline| deadline.0 <= now) {
        return end(job, status, JobPhase::Failed, &sentences::deadline_exceeded(deadline.0), now);
    }
    if job.spec.suspend {
        return pending(job, status, &sentences::job_suspended(), now);
    }
    if matches!(why.reason.class(), ReasonClass::Normal | ReasonClass::Final) {
        let message = "The batch ended before the job was started.".to_owned();
        return pending(job, status, &Why { reason: Reason::Drained, message }, now);
    }
    pending(job, status, why, now)
}

fn is_withdrawn(job: &FnoJob) -> bool {
    job.spec.cancel_requested || job.metadata.deletion_timestamp.is_some()
}

fn tries(status: &FnoJobStatus) -> i32 {
    status.attempts.unwrap_or(0)
}

/// Runner, browser or session were lost while the job was running. A pause follows each time, so that the job is not run first again at
/// once and does not take the other jobs of its batch down with it.
fn lost(job: &FnoJob, mut status: FnoJobStatus, why: &Why, now: Timestamp) -> FnoJobStatus {
    let losses = status.lost_runs.unwrap_or(0).saturating_add(1);
    status.lost_runs = Some(losses);
    if losses > FREE_LOSSES {
        let cause = sentence(&why.message);
        let message = format!("{cause} This was loss {losses} while the job was running.");
        return failed_try(job, status, &Why { reason: why.reason, message }, now);
    }
    status.retry_at = now.checked_add(pause(losses)).ok().map(Time);
    pending(job, status, why, now)
}

/// A try is used up: another one follows after a pause, if any is left.
fn failed_try(job: &FnoJob, mut status: FnoJobStatus, why: &Why, now: Timestamp) -> FnoJobStatus {
    let tries = tries(&status) + 1;
    status.attempts = Some(tries);
    if tries > job.spec.backoff_limit {
        let message = match tries {
            1 => format!("The only try failed ({}): {}", why.reason, why.message),
            n => format!("All {n} tries failed, the last one with {}: {}", why.reason, why.message),
        };
        let why = Why { reason: Reason::TriesExhausted, message };
        return end(job, status, JobPhase::Failed, &why, now);
    }
    let pauses = tries.max(status.lost_runs.unwrap_or(0));
    status.retry_at = now.checked_add(pause(pauses)).ok().map(Time);
    pending(job, status, why, now)
}

/// The batch ended after the irreversible step was armed, and there is no result.
#[must_use]
pub fn outcome_unknown(job: &FnoJob, intent: &Intent, why: &Why, now: Timestamp) -> FnoJobStatus {
    let mut status = job.status.clone().unwrap_or_default();
    status.intent = Some(intent.clone());
    unproven(job, status, why, now)
}

/// The status reduced to what is necessary, for a job whose full status the API server rejects.
#[must_use]
pub fn bare(mut status: FnoJobStatus, refusal: &str) -> FnoJobStatus {
    let message = format!(
        "{} The API server rejected the full status, so the fields are only in the evidence: {}",
        sentence(&at_most(status.message.as_deref().unwrap_or_default(), 200)),
        at_most(refusal, 300)
    );
    status.result.clear();
    for condition in &mut status.conditions {
        condition.message = at_most(&condition.message, 200);
    }
    FnoJobStatus { message: Some(message.trim_start().to_owned()), ..status }
}

/// The job was withdrawn before anything irreversible happened.
#[must_use]
pub fn withdrawn(job: &FnoJob, now: Timestamp) -> FnoJobStatus {
    let why = Why {
        reason: Reason::Withdrawn,
        message: "Withdrawn before anything irreversible happened.".to_owned(),
    };
    end(job, job.status.clone().unwrap_or_default(), JobPhase::Cancelled, &why, now)
}

/// The job ends without a try (`DeadlineExceeded`, `NoFlow`, `InvalidJob`, …).
#[must_use]
pub fn failed(job: &FnoJob, why: &Why, now: Timestamp) -> FnoJobStatus {
    end(job, job.status.clone().unwrap_or_default(), JobPhase::Failed, why, now)
}

/// The job waits, for the reason in `why`.
#[must_use]
pub fn waiting(job: &FnoJob, why: &Why, now: Timestamp) -> FnoJobStatus {
    let mut status = job.status.clone().unwrap_or_default();
    status.phase = Some(job.phase());
    tell(job, &mut status, why, Status::Unknown, now);
    status
}

fn pending(job: &FnoJob, mut status: FnoJobStatus, why: &Why, now: Timestamp) -> FnoJobStatus {
    status.phase = Some(JobPhase::Pending);
    status.batch = None;
    // The try is over without an outcome; an old one that stayed in the status would be misleading.
    status.outcome = None;
    status.result.clear();
    tell(job, &mut status, why, Status::Unknown, now);
    status
}

fn unproven(job: &FnoJob, mut status: FnoJobStatus, why: &Why, now: Timestamp) -> FnoJobStatus {
    let why = Why {
        reason: Reason::Unproven,
        message: format!(
            "The irreversible step was armed, and what followed cannot be proven ({}): {}",
            why.reason, why.message
        ),
    };
    status.phase = Some(JobPhase::OutcomeUnknown);
    status.attempts = Some(status.attempts.unwrap_or(0) + 1);
    status.retry_at = None;
    tell(job, &mut status, &why, Status::Unknown, now);
    condition::set(
        &mut status.conditions,
        now,
        job.metadata.generation,
        types::STALLED,
        true,
        why.reason,
        why.reason.remedy(),
    );
    status
}

fn end(
    job: &FnoJob,
    mut status: FnoJobStatus,
    phase: JobPhase,
    why: &Why,
    now: Timestamp,
) -> FnoJobStatus {
    status.phase = Some(phase);
    status.retry_at = None;
    status.finished_at = Some(Time(now));
    tell(job, &mut status, why, Status::from(phase == JobPhase::Succeeded), now);
    if phase == JobPhase::Succeeded {
        let stored = status.evidence.is_some();
        let (reason, message) = if stored {
            (Reason::Available, "")
        } else {
            (
                Reason::EvidenceUnavailable,
                "The evidence could not be stored before the batch ended.",
            )
        };
        condition::set(
            &mut status.conditions,
            now,
            job.metadata.generation,
            types::EVIDENCE_STORED,
            stored,
            reason,
            message,
        );
    }
    status
}

fn tell(job: &FnoJob, status: &mut FnoJobStatus, why: &Why, succeeded: Status, now: Timestamp) {
    let message = at_most(&why.message, 2000);
    status.reason = Some(why.reason);
    status.message = Some(message.clone()).filter(|m| !m.is_empty());
    status.observed_generation = job.metadata.generation;
    condition::set(
        &mut status.conditions,
        now,
        job.metadata.generation,
        types::SUCCEEDED,
        succeeded,
        why.reason,
        &message,
    );
}

#[cfg(test)]
mod tests;
