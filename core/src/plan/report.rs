//! The plan in the making.

use jiff::Timestamp;

use super::{JobView, Key, NewBatch, Plan, Why};

/// Collects the answers. The maps are built at the end in one go: thousands of single insertions would cost more than everything else.
pub(super) struct Report {
    now: Timestamp,
    create: Vec<NewBatch>,
    waits: Vec<(Key, Why)>,
    fail: Vec<(Key, Why)>,
    withdraw: Vec<Key>,
    wake_at: Option<Timestamp>,
}

impl Report {
    pub const fn new(now: Timestamp) -> Self {
        Self {
            now,
            create: Vec::new(),
            waits: Vec::new(),
            fail: Vec::new(),
            withdraw: Vec::new(),
            wake_at: None,
        }
    }

    pub fn create(&mut self, batch: NewBatch) {
        self.create.push(batch);
    }

    /// A job that waits changes by itself when it becomes due, and when its deadline passes.
    pub fn wait(&mut self, job: &JobView, blocked: Why) {
        [job.not_before, job.retry_at, job.deadline]
            .into_iter()
            .flatten()
            .for_each(|at| self.wake(at));
        self.waits.push((job.key.clone(), blocked));
    }

    pub fn wait_all(&mut self, jobs: &[&JobView], blocked: &Why) {
        jobs.iter().for_each(|job| self.wait(job, blocked.clone()));
    }

    pub fn fail(&mut self, job: &JobView, blocked: Why) {
        self.fail.push((job.key.clone(), blocked));
    }

    pub fn withdraw(&mut self, job: &JobView) {
        self.withdraw.push(job.key.clone());
    }

    /// Times that have passed change nothing any more.
    pub fn wake(&mut self, at: Timestamp) {
        if at > self.now {
            self.wake_at = Some(self.wake_at.map_or(at, |earlier| earlier.min(at)));
        }
    }

    pub fn into_plan(mut self) -> Plan {
        self.withdraw.sort_unstable();
        Plan {
            create: self.create,
            waits: self.waits.into_iter().collect(),
            fail: self.fail.into_iter().collect(),
            withdraw: self.withdraw,
            wake_at: self.wake_at,
        }
    }
}
