//! What the existing batches take up.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{AccountName, BatchView, JobView, Key, World};

/// Everything the existing batches take up.
#[derive(Default)]
pub(super) struct Live<'a> {
    /// Runner Pods in the whole cluster.
    pub runners: usize,
    /// When the first of those that are only presumed no longer counts.
    pub wake_at: Option<Timestamp>,
    /// The batch that has a job, or has invited it, by the job's UID.
    invited: HashMap<&'a str, &'a BatchView>,
    /// How large a batch may be that a job is in, by the job's UID, where the API server refused the content of an earlier one.
    limits: HashMap<&'a str, Limit<'a>>,
    /// By namespace and provider.
    providers: HashMap<(&'a str, &'a str), Taken>,
    /// Sessions by namespace and account, whatever providers they belong to.
    accounts: HashMap<(&'a str, &'a AccountName), usize>,
}

/// What a refusal means for a job.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Limit<'a> {
    /// Jobs of a batch that it may be in, itself included. 0: it was refused alone.
    pub jobs: usize,
    /// What the API server said.
    pub message: &'a str,
}

/// What the batches of one provider take up.
#[derive(Clone, Copy, Default)]
pub(super) struct Taken {
    /// Batches that are not finished.
    pub batches: usize,
    /// Sessions that are, or may still be, alive.
    pub sessions: usize,
    /// Runner Pods.
    pub runners: usize,
}

impl<'a> Live<'a> {
    pub fn of(world: &World<'a>) -> Self {
        let mut live = Self::default();
        for batch in world.batches {
            live.hold(batch);
            live.split(batch);
            if batch.finished && !batch.holds_session && !batch.holds_runner {
                continue;
            }
            let runners = usize::from(live.runner_counts(batch, world));
            let taken = live.providers.entry((&batch.key.namespace, &batch.provider)).or_default();
            live.runners += runners;
            taken.runners += runners;
            taken.batches += usize::from(!batch.finished);
            // A batch that is not finished may log in any moment, whatever is said about its session.
            if batch.holds_session || !batch.finished {
                taken.sessions += 1;
                *live.accounts.entry((&batch.key.namespace, &batch.identity)).or_default() += 1;
            }
        }
        live
    }

    /// Whether the batch holds a runner. Where the operator cannot work, it may have ended unseen; it counts while it may be at work.
    fn runner_counts(&mut self, batch: &BatchView, world: &World<'_>) -> bool {
        if !batch.holds_runner {
            return false;
        }
        let Some(until) = world.out_of_service.counts_until(batch) else { return true };
        let counts = world.now < until;
        if counts {
            self.wake_at = Some(self.wake_at.map_or(until, |earlier| earlier.min(until)));
        }
        counts
    }

    /// Two planners may have invited the same job: one of them is named, always the same one.
    fn hold(&mut self, batch: &'a BatchView) {
        for uid in &batch.jobs {
            let inviter = self.invited.entry(uid).or_insert(batch);
            *inviter = if batch.key < inviter.key { batch } else { inviter };
        }
    }

    /// A batch that was refused is tried in halves; the smallest refused one counts.
    fn split(&mut self, batch: &'a BatchView) {
        let Some(rejected) = &batch.rejected else { return };
        let limit = Limit { jobs: rejected.jobs.len() / 2, message: &rejected.message };
        for uid in &rejected.jobs {
            let known = self.limits.entry(uid).or_insert(limit);
            *known = limit.min(*known);
        }
    }

    /// What an earlier refusal means for the job.
    pub fn limit(&self, job: &JobView) -> Option<Limit<'a>> {
        self.limits.get(job.uid.as_str()).copied()
    }

    pub fn inviter(&self, job: &JobView) -> Option<&'a BatchView> {
        self.invited.get(job.uid.as_str()).copied()
    }

    pub fn of_provider(&self, provider: &Key) -> Taken {
        self.providers
            .get(&(provider.namespace.as_str(), provider.name.as_str()))
            .copied()
            .unwrap_or_default()
    }

    /// Sessions of an account of that namespace, with those that are promised already.
    pub fn sessions_of(&self, namespace: &str, account: &AccountName) -> usize {
        self.accounts.get(&(namespace, account)).copied().unwrap_or(0)
    }

    /// Another provider that leaves in the same planning may have the same account.
    pub fn promise(&mut self, namespace: &'a str, account: &'a AccountName) {
        *self.accounts.entry((namespace, account)).or_default() += 1;
    }
}
