//! Which finalizers a job should have. The decision depends on the job alone, so it can be repeated at any time, even after a crash.
//!
//! A Batched job has [`FINALIZER`]: deleting the job asks for its withdrawal, and the object stays until its result is stored. No other
//! job has it, so that the operator never keeps a job, or its namespace, in Terminating.

use fno_crds::{FnoJob, JobPhase, names::FINALIZER};
use jiff::{SignedDuration, Timestamp};

use crate::time::after;

/// How long the operator tries to archive the record of a deleted job. After that the job is deleted without it.
const ARCHIVE_PATIENCE: SignedDuration = SignedDuration::from_secs(30);

/// The list to write into `metadata.finalizers`. None if it is right already. Finalizers of others are kept, in their order.
#[must_use]
pub fn wanted(phase: JobPhase, present: &[String], deleted: bool) -> Option<Vec<String>> {
    let ours = present.iter().any(|finalizer| finalizer == FINALIZER);
    match phase {
        // The API server refuses new finalizers on an object that is being deleted.
        JobPhase::Batched if ours || deleted => None,
        JobPhase::Batched => {
            Some(present.iter().map(String::as_str).chain([FINALIZER]).map(str::to_owned).collect())
        }
        JobPhase::Pending
        | JobPhase::Succeeded
        | JobPhase::Failed
        | JobPhase::OutcomeUnknown
        | JobPhase::Resolved
        | JobPhase::Cancelled => ours
            .then(|| present.iter().filter(|finalizer| *finalizer != FINALIZER).cloned().collect()),
    }
}

/// The list to write into `metadata.finalizers` of a job; see [`wanted`].
#[must_use]
pub fn wanted_for(job: &FnoJob) -> Option<Vec<String>> {
    let present = job.metadata.finalizers.as_deref().unwrap_or_default();
    wanted(job.phase(), present, job.metadata.deletion_timestamp.is_some())
}

/// Until when the operator tries to archive the job before it removes the finalizer, if it first sees at `now` that this is due. None if
/// removing the finalizer does not delete the job: then retention archives it later. The deletion time is not used, because the API
/// server's clock may be wrong.
#[must_use]
pub fn archive_until(job: &FnoJob, now: Timestamp) -> Option<Timestamp> {
    job.metadata.deletion_timestamp.as_ref()?;
    job.phase().is_finished().then(|| after(now, ARCHIVE_PATIENCE))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OTHER: &str = "example.net/audit";
    const PHASES: [JobPhase; 7] = [
        JobPhase::Pending,
        JobPhase::Batched,
        JobPhase::Succeeded,
        JobPhase::Failed,
        JobPhase::OutcomeUnknown,
        JobPhase::Resolved,
        JobPhase::Cancelled,
    ];

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_batched_job_gets_the_finalizer_and_every_other_job_loses_it() {
        assert_eq!(wanted(JobPhase::Batched, &[], false), Some(list(&[FINALIZER])));
        assert_eq!(
            wanted(JobPhase::Batched, &list(&[OTHER]), false),
            Some(list(&[OTHER, FINALIZER]))
        );
        for phase in PHASES.into_iter().filter(|phase| *phase != JobPhase::Batched) {
            for deleted in [false, true] {
                assert_eq!(
                    wanted(phase, &list(&[FINALIZER, OTHER]), deleted),
                    Some(list(&[OTHER])),
                    "{phase}"
                );
                assert_eq!(wanted(phase, &list(&[OTHER]), deleted), None, "{phase}");
            }
        }
    }

    #[test]
    fn a_list_that_is_right_is_not_written_again() {
        for phase in PHASES {
            for present in
                [list(&[]), list(&[OTHER]), list(&[FINALIZER]), list(&[FINALIZER, OTHER])]
            {
                if let Some(written) = wanted(phase, &present, false) {
                    assert_eq!(wanted(phase, &written, false), None, "{phase} {present:?}");
                }
            }
        }
    }

    #[test]
    fn a_job_that_is_being_deleted_gets_no_new_finalizer() {
        assert_eq!(wanted(JobPhase::Batched, &list(&[OTHER]), true), None);
    }

    #[test]
    fn only_an_ended_job_that_is_being_deleted_is_archived_first_and_not_for_long() {
        let job = |phase: &str, deleted: serde_json::Value| -> FnoJob {
            serde_json::from_value(json!({
                "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob",
                "metadata": {"name": "j", "deletionTimestamp": deleted},
                "spec": {"provider": "p", "action": "Validation", "circuitNumber": "C1"},
                "status": {"phase": phase},
            }))
            .expect("a job")
        };
        let now = "2030-01-01T00:00:00Z".parse().expect("a time");
        let until = |job: FnoJob| archive_until(&job, now).map(|at| at.to_string());
        assert_eq!(until(job("Succeeded", json!(null))), None);
        for deleted in ["2029-12-31T23:00:00Z", "2030-01-01T01:00:00Z"] {
            assert_eq!(until(job("Pending", json!(deleted))), None);
            let expected = Some("2030-01-01T00:00:30Z".to_owned());
            assert_eq!(until(job("Succeeded", json!(deleted))), expected, "{deleted}");
        }
    }
}
