//! What the existing batches take up.

use std::collections::HashMap;

use super::{BatchView, JobView, Key};

/// Everything the existing batches take up.
#[derive(Default)]
pub(super) struct Live<'a> {
    /// Runner Pods in the whole cluster.
    pub runners: usize,
    /// The unfinished batch that has invited a job, by the job's UID.
    invited: HashMap<&'a str, &'a BatchView>,
    /// By namespace and provider.
    providers: HashMap<(&'a str, &'a str), Taken<'a>>,
}

/// What the batches of one provider take up.
#[derive(Default)]
pub(super) struct Taken<'a> {
    /// Batches that are not finished.
    pub batches: usize,
    /// Sessions that are, or may still be, alive.
    pub sessions: usize,
    /// The same by account.
    pub accounts: HashMap<&'a str, usize>,
    /// Runner Pods.
    pub runners: usize,
}

impl<'a> Live<'a> {
    pub fn of(batches: &'a [BatchView]) -> Self {
        let mut live = Self::default();
        for batch in batches {
            if batch.finished && !batch.holds_session && !batch.holds_runner {
                continue;
            }
            let taken = live.providers.entry((&batch.key.namespace, &batch.provider)).or_default();
            live.runners += usize::from(batch.holds_runner);
            taken.runners += usize::from(batch.holds_runner);
            taken.batches += usize::from(!batch.finished);
            // A batch that is not finished may log in any moment, whatever is said about its session.
            if batch.holds_session || !batch.finished {
                taken.sessions += 1;
                *taken.accounts.entry(&batch.account).or_default() += 1;
            }
            if !batch.finished {
                // Two planners may have invited the same job: one of them is named, always the same one.
                for uid in &batch.jobs {
                    let inviter = live.invited.entry(uid).or_insert(batch);
                    *inviter = if batch.key < inviter.key { batch } else { inviter };
                }
            }
        }
        live
    }

    pub fn inviter(&self, job: &JobView) -> Option<&'a BatchView> {
        self.invited.get(job.uid.as_str()).copied()
    }

    pub fn of_provider<'b>(&'b self, provider: &'b Key) -> Option<&'b Taken<'b>> {
        self.providers.get(&(provider.namespace.as_str(), provider.name.as_str()))
    }
}
