//! What is written about a job: one function per thing that can happen to it, each from the old status to the new one.

use fno_crds::{
    FnoJob, FnoJobStatus, JobPhase, Reason,
    batch::JobResult,
    condition::{self, Status, types},
    job::Intent,
    reason::ReasonClass,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::why::Why;

const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(30);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(10);

/// The pause after the `attempts`-th failed try (from 1): 30 s, doubling, at most 10 min.
#[must_use]
pub fn pause(attempts: i32) -> SignedDuration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

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
        intent: intent.cloned(),
        ..job.status.clone().unwrap_or_default()
    };
    let why = Why { reason: result.reason, message: result.message.clone().unwrap_or_default() };
    let tries = status.attempts.unwrap_or(0) + 1;
    match (result.phase, class_of(result)) {
        (JobPhase::Succeeded, _) => {
            status.attempts = Some(tries);
            end(job, status, JobPhase::Succeeded, &why, now)
        }
        // What was armed is never tried again, whatever the runner says of it.
        (JobPhase::OutcomeUnknown, _) => unproven(job, status, &why, now),
        (JobPhase::Failed, _) if intent.is_some() => {
            status.attempts = Some(tries);
            end(job, status, JobPhase::Failed, &why, now)
        }
        (_, _) if intent.is_some() => unproven(job, status, &why, now),
        (JobPhase::Cancelled, _) => withdrawn(job, now),
        (_, _) if job.spec.cancel_requested || job.metadata.deletion_timestamp.is_some() => {
            withdrawn(job, now)
        }
        (JobPhase::Failed | JobPhase::Pending, ReasonClass::RetryCounted) => {
            status.attempts = Some(tries);
            if tries > job.spec.backoff_limit {
                let message = match tries {
                    1 => format!("The only try failed ({}): {}", why.reason, why.message),
                    n => format!(
                        "All {n} tries failed, the last one by {}: {}",
                        why.reason, why.message
                    ),
                };
                return end(
                    job,
                    status,
                    JobPhase::Failed,
                    &Why { reason: Reason::TriesExhausted, message },
                    now,
                );
            }
            status.retry_at = now.checked_add(pause(tries)).ok().map(Time);
            pending(job, status, &why, now)
        }
        (JobPhase::Failed, ReasonClass::Final | ReasonClass::Normal) => {
            status.attempts = Some(tries);
            end(job, status, JobPhase::Failed, &why, now)
        }
        (JobPhase::Pending | JobPhase::Batched | JobPhase::Failed | JobPhase::Resolved, _) => {
            pending(job, status, &why, now)
        }
    }
}

/// What follows from a result. A try whose reason this version does not know counts: the portal was used, and a try that
/// costs nothing may be repeated without end.
#[must_use]
pub const fn class_of(result: &JobResult) -> ReasonClass {
    match result.reason {
        Reason::Unrecognized(_) => ReasonClass::RetryCounted,
        reason => reason.class(),
    }
}

/// The batch ended and there is no result: nothing irreversible was begun, so the job goes back without losing a try.
#[must_use]
pub fn handed_back(job: &FnoJob, why: &Why, now: Timestamp) -> FnoJobStatus {
    if job.spec.cancel_requested || job.metadata.deletion_timestamp.is_some() {
        return withdrawn(job, now);
    }
    pending(job, job.status.clone().unwrap_or_default(), why, now)
}

/// The batch ended after the irreversible step was armed, and there is no result.
#[must_use]
pub fn outcome_unknown(job: &FnoJob, intent: &Intent, why: &Why, now: Timestamp) -> FnoJobStatus {
    let mut status = job.status.clone().unwrap_or_default();
    status.intent = Some(intent.clone());
    unproven(job, status, why, now)
}

/// Withdrawn before anything irreversible.
#[must_use]
pub fn withdrawn(job: &FnoJob, now: Timestamp) -> FnoJobStatus {
    let why = Why {
        reason: Reason::Withdrawn,
        message: "Withdrawn before anything irreversible happened.".to_owned(),
    };
    end(job, job.status.clone().unwrap_or_default(), JobPhase::Cancelled, &why, now)
}

/// Ends without a try (`DeadlineExceeded`, `NoFlow`, `InvalidJob`, …).
#[must_use]
pub fn failed(job: &FnoJob, why: &Why, now: Timestamp) -> FnoJobStatus {
    end(job, job.status.clone().unwrap_or_default(), JobPhase::Failed, why, now)
}

/// What the job waits for.
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
    // The try is over and has no outcome: what it left behind would read like one.
    status.outcome = None;
    status.result.clear();
    tell(job, &mut status, why, Status::Unknown, now);
    status
}

fn unproven(job: &FnoJob, mut status: FnoJobStatus, why: &Why, now: Timestamp) -> FnoJobStatus {
    let why = Why {
        reason: Reason::Unproven,
        message: format!(
            "The irreversible step was armed and nobody can prove what followed ({}): {}",
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
                "The evidence store did not take it until the batch's end.",
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
    let message = crate::text::at_most(&why.message, 2000);
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
