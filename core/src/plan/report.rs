//! Collects the parts of the plan while it is computed.

use std::collections::BTreeMap;

use fno_crds::{Reason, provider_status::Pending};
use jiff::Timestamp;

use super::{
    Candidate, JobEnd, Key, NewBatch, Plan, ProviderQueue, Why,
    waits::{Cause, Causes},
};

/// Collects the parts of the plan. The maps are built at the end in one go: thousands of single insertions would cost more than
/// everything else.
pub(super) struct Report<'a> {
    now: Timestamp,
    pub causes: Causes<'a>,
    create: Vec<NewBatch>,
    counts: Vec<Counts>,
    end: Vec<JobEnd>,
    wake_at: Option<Timestamp>,
}

/// The jobs that wait for one provider.
#[derive(Clone, Default)]
struct Counts {
    by_reason: BTreeMap<Reason, i32>,
    oldest_since: Option<Timestamp>,
}

impl<'a> Report<'a> {
    pub fn new(now: Timestamp, jobs: usize) -> Self {
        Self {
            now,
            causes: Causes::new(jobs),
            create: Vec::new(),
            counts: Vec::new(),
            end: Vec::new(),
            wake_at: None,
        }
    }

    pub fn create(&mut self, batch: NewBatch) {
        self.create.push(batch);
    }

    /// Adds a job that waits. Its state changes without any event when it becomes due and when its deadline passes.
    pub fn wait(&mut self, job: Candidate<'_>, cause: Cause) {
        [job.not_before, job.retry_at, job.deadline]
            .into_iter()
            .flatten()
            .for_each(|at| self.wake(at));
        let reason = self.causes.wait(job.place, cause);
        if self.counts.len() <= job.queue {
            self.counts.resize(job.queue + 1, Counts::default());
        }
        let counts = &mut self.counts[job.queue];
        *counts.by_reason.entry(reason).or_default() += 1;
        if !matches!(reason, Reason::Suspended | Reason::NotBefore) {
            let since = job.created_at;
            counts.oldest_since = Some(counts.oldest_since.map_or(since, |old| old.min(since)));
        }
    }

    pub fn wait_all(&mut self, jobs: &[Candidate<'_>], why: Why) {
        let cause = self.causes.add(why);
        jobs.iter().for_each(|job| self.wait(*job, cause));
    }

    pub fn fail(&mut self, job: Candidate<'_>, why: Why) {
        self.end(job, Some(why));
    }

    pub fn withdraw(&mut self, job: Candidate<'_>) {
        self.end(job, None);
    }

    fn end(&mut self, job: Candidate<'_>, why: Option<Why>) {
        self.end.push(JobEnd { key: job.key.clone(), uid: job.uid.clone(), why });
    }

    /// Asks for a new plan at `at`. Times that have passed are ignored: this plan takes them into account already.
    pub fn wake(&mut self, at: Timestamp) {
        if at > self.now {
            self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
        }
    }

    /// The finished plan. `queues` are the providers that jobs name, by [`Candidate::queue`].
    pub fn into_plan(mut self, queues: impl Iterator<Item = Key>) -> Plan {
        self.end.sort_unstable_by(|one, other| one.key.cmp(&other.key));
        let counts = self.counts.into_iter().chain(std::iter::repeat(Counts::default()));
        Plan {
            create: self.create,
            waits: self.causes.into_waits(),
            end: self.end,
            queues: queues.zip(counts.map(Counts::into_queue)).collect(),
            wake_at: self.wake_at,
        }
    }
}

impl Counts {
    fn into_queue(self) -> ProviderQueue {
        let by_reason = self.by_reason.iter().map(|(reason, n)| (reason.to_string(), *n));
        ProviderQueue {
            pending: Pending {
                count: self.by_reason.values().sum(),
                by_reason: by_reason.collect(),
            },
            oldest_since: self.oldest_since,
        }
    }
}
