//! Whether a batch gets a job that it has invited. The claim itself is `FnoJob.status.batch`, written by compare-and-set from Pending.

mod patch;

pub use patch::{claim_patch, in_batch};

use std::fmt;

use fno_crds::{FnoJob, JobPhase};
use jiff::Timestamp;

/// A job as it was last read. A stale copy can only lose the compare-and-set, which costs a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobFacts<'a> {
    /// `metadata.uid`.
    pub uid: &'a str,
    /// `metadata.resourceVersion`: what the write compares against.
    pub resource_version: &'a str,
    /// `status.phase`; absent is Pending.
    pub phase: JobPhase,
    /// `status.batch`.
    pub batch: Option<&'a str>,
    /// `spec.suspend`.
    pub suspend: bool,
    /// `spec.cancelRequested`, or the job is being deleted.
    pub cancel_requested: bool,
    /// `spec.deadline`.
    pub deadline: Option<Timestamp>,
    /// `status.retryAt`: in the future if the job was tried and returned to Pending after it was invited.
    pub retry_at: Option<Timestamp>,
}

impl<'a> From<&'a FnoJob> for JobFacts<'a> {
    fn from(job: &'a FnoJob) -> Self {
        let status = job.status.as_ref();
        Self {
            uid: job.metadata.uid.as_deref().unwrap_or_default(),
            resource_version: job.metadata.resource_version.as_deref().unwrap_or_default(),
            phase: job.phase(),
            batch: status.and_then(|s| s.batch.as_deref()),
            suspend: job.spec.suspend,
            cancel_requested: job.spec.cancel_requested
                || job.metadata.deletion_timestamp.is_some(),
            deadline: job.spec.deadline.as_ref().map(|time| time.0),
            retry_at: status.and_then(|s| s.retry_at.as_ref()).map(|time| time.0),
        }
    }
}

/// What to do about one invited job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Write phase Batched and `status.batch`, guarded by this resourceVersion. After a conflict, read the job and decide again.
    Take {
        /// The version that the decision is based on.
        resource_version: String,
    },
    /// An earlier reconcile has claimed the job already (its answer may have been lost). There is nothing to write.
    Ours,
    /// The batch continues without the job.
    Lost(Lost),
}

/// Why a batch does not get a job that it has invited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// The job was deleted.
    Gone,
    /// Another job has the name now.
    Replaced,
    /// Another batch, named here, has claimed the job.
    Elsewhere(String),
    /// The job has ended, or its outcome is unknown.
    Settled(JobPhase),
    /// The job is being withdrawn.
    CancelRequested,
    /// Its deadline has passed.
    DeadlinePassed,
    /// The job is suspended.
    Suspended,
    /// The job was tried meanwhile, and the pause before its next try is not over.
    NotDue(Timestamp),
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("the job was deleted"),
            Self::Replaced => f.write_str("another job has its name now"),
            Self::Elsewhere(batch) => write!(f, "batch {batch} has claimed it"),
            Self::Settled(phase) => write!(f, "the job is {phase}"),
            Self::CancelRequested => f.write_str("its withdrawal is requested"),
            Self::DeadlinePassed => f.write_str("its deadline has passed"),
            Self::Suspended => f.write_str("it is suspended"),
            Self::NotDue(at) => write!(f, "its next try is not due before {at}"),
        }
    }
}

/// Decides about the job that `batch` invited under `uid`. `seen` is the job that has the name now, if any.
#[must_use]
pub fn claim(now: Timestamp, uid: &str, batch: &str, seen: Option<&JobFacts<'_>>) -> Claim {
    let Some(job) = seen else { return Claim::Lost(Lost::Gone) };
    if job.uid != uid {
        return Claim::Lost(Lost::Replaced);
    }
    match job.phase {
        JobPhase::Pending => {}
        JobPhase::Batched => {
            return match job.batch {
                Some(holder) if holder == batch => Claim::Ours,
                holder => Claim::Lost(Lost::Elsewhere(holder.unwrap_or_default().to_owned())),
            };
        }
        phase @ (JobPhase::Succeeded
        | JobPhase::Failed
        | JobPhase::OutcomeUnknown
        | JobPhase::Resolved
        | JobPhase::Cancelled) => {
            return Claim::Lost(Lost::Settled(phase));
        }
    }
    if job.cancel_requested {
        return Claim::Lost(Lost::CancelRequested);
    }
    if job.deadline.is_some_and(|deadline| now >= deadline) {
        return Claim::Lost(Lost::DeadlinePassed);
    }
    if job.suspend {
        return Claim::Lost(Lost::Suspended);
    }
    if let Some(at) = job.retry_at.filter(|at| now < *at) {
        return Claim::Lost(Lost::NotDue(at));
    }
    Claim::Take { resource_version: job.resource_version.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time within range")
    }

    fn pending() -> JobFacts<'static> {
        JobFacts {
            uid: "u1",
            resource_version: "42",
            phase: JobPhase::Pending,
            batch: None,
            suspend: false,
            cancel_requested: false,
            deadline: Some(at(100)),
            retry_at: Some(at(0)),
        }
    }

    #[test]
    fn a_pending_job_is_taken_against_the_version_that_was_read() {
        assert_eq!(
            claim(at(0), "u1", "b", Some(&pending())),
            Claim::Take { resource_version: "42".to_owned() }
        );
        let handed_back = JobFacts { batch: Some("old"), ..pending() };
        assert!(
            matches!(claim(at(0), "u1", "b", Some(&handed_back)), Claim::Take { .. }),
            "the phase decides, not the name of an earlier batch"
        );
    }

    #[test]
    fn a_claim_whose_answer_was_lost_is_found_again() {
        let ours = JobFacts {
            phase: JobPhase::Batched,
            batch: Some("b"),
            suspend: true,
            cancel_requested: true,
            ..pending()
        };
        assert_eq!(
            claim(at(500), "u1", "b", Some(&ours)),
            Claim::Ours,
            "whatever else has changed since"
        );
    }

    #[test]
    fn each_way_to_lose_a_job_says_why() {
        let cases = [
            (None, Lost::Gone),
            (Some(JobFacts { uid: "u2", ..pending() }), Lost::Replaced),
            (
                Some(JobFacts { phase: JobPhase::Batched, batch: Some("other"), ..pending() }),
                Lost::Elsewhere("other".to_owned()),
            ),
            (
                Some(JobFacts { phase: JobPhase::Batched, batch: None, ..pending() }),
                Lost::Elsewhere(String::new()),
            ),
            (
                Some(JobFacts { phase: JobPhase::Succeeded, batch: Some("b"), ..pending() }),
                Lost::Settled(JobPhase::Succeeded),
            ),
            (
                Some(JobFacts { phase: JobPhase::Failed, ..pending() }),
                Lost::Settled(JobPhase::Failed),
            ),
            (
                Some(JobFacts { phase: JobPhase::OutcomeUnknown, ..pending() }),
                Lost::Settled(JobPhase::OutcomeUnknown),
            ),
            (
                Some(JobFacts { phase: JobPhase::Resolved, ..pending() }),
                Lost::Settled(JobPhase::Resolved),
            ),
            (
                Some(JobFacts { phase: JobPhase::Cancelled, ..pending() }),
                Lost::Settled(JobPhase::Cancelled),
            ),
            (Some(JobFacts { cancel_requested: true, ..pending() }), Lost::CancelRequested),
            (Some(JobFacts { deadline: Some(at(0)), ..pending() }), Lost::DeadlinePassed),
            (Some(JobFacts { suspend: true, ..pending() }), Lost::Suspended),
            (Some(JobFacts { retry_at: Some(at(30)), ..pending() }), Lost::NotDue(at(30))),
        ];
        for (seen, why) in cases {
            assert!(!why.to_string().is_empty());
            assert_eq!(claim(at(0), "u1", "b", seen.as_ref()), Claim::Lost(why));
        }
    }
}
