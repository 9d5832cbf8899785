//! Failures in a row across batches: with short queues or `maxJobs: 1`, three of them never occur in one batch.

use fno_crds::{Reason, batch::JobResult, provider_status::StepFailures};

use super::Shown;

/// The results at the end of a batch that failed in the same step in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    step: &'a str,
    reason: Reason,
    /// UIDs of the jobs.
    jobs: Vec<&'a str>,
    /// What the last of them showed.
    pub shown: Shown<'a>,
    /// The batch has no other results, so failures of the batch before it are still in a row with these.
    is_whole: bool,
}

impl<'a> Row<'a> {
    /// The failures at the end of these results. None if the last result is not a failed step.
    #[must_use]
    pub fn of(results: &'a [JobResult]) -> Option<Self> {
        let last = results.last()?;
        let failed = |result: &JobResult| {
            matches!(result.reason, Reason::StepFailed | Reason::Timeout)
                && (result.reason, &result.step) == (last.reason, &last.step)
        };
        let (step, count) = (
            last.step.as_deref()?,
            results.iter().rev().take_while(|result| failed(result)).count(),
        );
        let row = &results[results.len() - count..];
        (count > 0).then(|| Self {
            step,
            reason: last.reason,
            jobs: row.iter().map(|result| result.uid.as_str()).collect(),
            shown: Shown::of(last),
            is_whole: count == results.len(),
        })
    }

    /// Name of the step that failed.
    #[must_use]
    pub const fn step(&self) -> &'a str {
        self.step
    }

    /// The failures in a row, including those `before` this batch if they continue. A job that is tried again counts once.
    pub(super) fn after(&self, before: Option<&StepFailures>, flows_digest: &str) -> StepFailures {
        let same = before.filter(|before| {
            self.is_whole
                && (before.step.as_str(), before.reason, before.flows_digest.as_str())
                    == (self.step, self.reason, flows_digest)
        });
        let mut jobs: Vec<String> = same.map(|before| before.jobs.clone()).unwrap_or_default();
        for job in &self.jobs {
            if jobs.len() < MOST_JOBS && !jobs.iter().any(|known| known == job) {
                jobs.push((*job).to_owned());
            }
        }
        StepFailures {
            step: self.step.to_owned(),
            reason: self.reason,
            flows_digest: flows_digest.to_owned(),
            jobs,
        }
    }
}

/// The schema's maxItems of `StepFailures.jobs`, and the largest value of `limits.flowFailuresToOpen`.
const MOST_JOBS: usize = 20;

#[cfg(test)]
mod tests {
    use fno_crds::{
        provider::Limits,
        provider_status::{BreakerState, FlowBreaker},
    };
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::breaker::flow::{Observation, Saw, observe};

    /// Results of jobs: the UID, and the step that failed or an answer.
    fn results(of: &[(&str, Option<&str>)]) -> Vec<JobResult> {
        let result = |(uid, step): &(&str, Option<&str>)| {
            let (phase, reason) =
                if step.is_some() { ("Pending", "StepFailed") } else { ("Succeeded", "Answered") };
            serde_json::from_value(
                json!({"job": uid, "uid": uid, "phase": phase, "reason": reason, "step": step,
                "startedAt": "2030-01-01T00:00:00.000000Z", "milliseconds": 1}),
            )
            .expect("a result")
        };
        of.iter().map(result).collect()
    }

    fn after(
        breaker: &FlowBreaker,
        batch: &str,
        digest: &str,
        of: &[(&str, Option<&str>)],
    ) -> FlowBreaker {
        let results = results(of);
        let answered = of.iter().any(|(_, step)| step.is_none());
        let saw = if answered {
            Saw::Answer
        } else {
            Saw::StepFailed { step: "any", shown: Shown::default() }
        };
        let row = Row::of(&results);
        let seen =
            Observation { now: Timestamp::UNIX_EPOCH, batch, flows_digest: digest, saw, row };
        observe(breaker, &seen, &Limits { flow_failures_to_open: 3, ..Limits::default() }).breaker
    }

    type Batch<'a> = (&'a str, &'a [(&'a str, Option<&'a str>)]);

    fn state(batches: &[Batch<'_>]) -> BreakerState {
        let mut breaker = FlowBreaker::default();
        for (n, (digest, results)) in batches.iter().enumerate() {
            breaker = after(&breaker, &format!("b{n}"), digest, results);
        }
        breaker.state
    }

    #[test]
    fn three_jobs_in_a_row_open_it_also_across_batches() {
        let (a, b, c) = (("1", Some("x")), ("2", Some("x")), ("3", Some("x")));
        let (other, answer) = (("4", Some("y")), ("5", None));
        for (batches, opens) in [
            (&[("d", &[a][..]), ("d", &[b]), ("d", &[c])][..], true),
            (&[("d", &[answer, a, b]), ("d", &[c])], true),
            (&[("d", &[a]), ("d", &[b])], false),
            // One job that is tried again and again.
            (&[("d", &[a]), ("d", &[a]), ("d", &[a])], false),
            // An answer, another step or other flows in between.
            (&[("d", &[a]), ("d", &[b]), ("d", &[answer]), ("d", &[c])], false),
            (&[("d", &[a, b]), ("d", &[answer, c])], false),
            (&[("d", &[a, b]), ("d", &[other, c])], false),
            (&[("d", &[a]), ("d", &[other]), ("d", &[b, c])], false),
            (&[("d", &[a, b]), ("e", &[c])], false),
        ] {
            let expected = if opens { BreakerState::Open } else { BreakerState::Closed };
            assert_eq!(state(batches), expected, "{batches:?}");
        }
    }
}
