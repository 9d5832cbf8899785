//! The ready jobs of one provider, the order in which they are batched, and when.

use std::{cmp::Reverse, collections::HashMap};

use jiff::{SignedDuration, Timestamp};

use super::{Candidate, Gate, JobView, ProviderView, live::Live};
use crate::{time::after, work::size::WORK_BYTES};

/// The schema's maxItems of `FnoBatch.spec.jobs`: `batching.maxJobs` cannot exceed it.
const MOST_JOBS: usize = 200;
/// The part of `session.maxLifetime` that is planned for. Job times are means: half of the batches that are planned to the last second
/// would outlive their session.
const LIFETIME_USED: f64 = 0.9;

/// The ready jobs of one provider; never empty.
pub(super) struct Queue<'a> {
    pub provider: &'a ProviderView,
    /// First as many as can be batched now, in the order in which they are batched; then the rest in any order.
    pub jobs: Vec<Candidate<'a>>,
    /// Expected time of all jobs, in seconds.
    pub seconds: f64,
    /// Maximum time of the jobs of one session, in seconds: what `maxLifetime` leaves after the login.
    pub session_seconds: f64,
    /// Maximum size of the jobs of one session, in bytes: what the provider's part leaves in the work Secret.
    pub session_bytes: usize,
    /// Maximum number of jobs of one session: `maxJobs`, and what fits into `session_seconds` and `session_bytes`.
    pub session_jobs: usize,
    /// How many jobs a batch may have if it includes a certain job, by the job's UID, for jobs whose earlier batch was refused.
    pub limits: HashMap<&'a str, usize>,
}

/// Whether the jobs of a queue are batched now.
pub(super) enum Closing {
    Leaves,
    Lingers {
        /// When the oldest job has lingered, or earlier if a deadline requires it.
        wake_at: Timestamp,
    },
}

impl<'a> Queue<'a> {
    pub fn new(provider: &'a ProviderView, mut jobs: Vec<Candidate<'a>>, live: &Live<'_>) -> Self {
        sort(&mut jobs, provider);
        let seconds: f64 = jobs.iter().map(|job| provider.job_seconds(job.action)).sum();
        let lifetime = provider.spec.session.max_lifetime.std().as_secs_f64();
        let session_seconds = (lifetime * LIFETIME_USED - provider.login_seconds()).max(0.0);
        let max_jobs =
            usize::try_from(provider.spec.batching.max_jobs).unwrap_or(1).clamp(1, MOST_JOBS);
        let mean = seconds / jobs.len() as f64;
        let session_bytes = WORK_BYTES.saturating_sub(provider.work_bytes);
        let mean_bytes =
            jobs.iter().map(|job| job.bytes).sum::<usize>().div_ceil(jobs.len()).max(1);
        let session_jobs = max_jobs
            .min((session_seconds / mean + 1e-9) as usize)
            .min(session_bytes / mean_bytes)
            .max(1);
        let limits = jobs
            .iter()
            .filter_map(|job| Some((job.view.uid.as_str(), live.limit(job)?.jobs)))
            .collect();
        Self { provider, jobs, seconds, session_seconds, session_bytes, session_jobs, limits }
    }

    pub fn mean_job_seconds(&self) -> f64 {
        self.seconds / self.jobs.len() as f64
    }

    /// A queue is batched as a whole: a remainder would only linger for a batch of its own.
    pub fn closing(&self, now: Timestamp) -> Closing {
        let linger = self.provider.spec.batching.linger.signed();
        let until = self
            .jobs
            .iter()
            .map(|job| eligible_since(job))
            .min()
            .map_or(now, |oldest| after(oldest, linger));
        let presses = self
            .jobs
            .iter()
            .enumerate()
            .filter_map(|(rank, job)| {
                Some(earlier(job.deadline?, self.time_until_done(rank) + linger))
            })
            .min();
        let wake_at = presses.map_or(until, |presses| presses.min(until));
        if self.provider.flush || self.jobs.len() >= self.session_jobs || wake_at <= now {
            Closing::Leaves
        } else {
            Closing::Lingers { wake_at }
        }
    }

    /// From the batching to the end of the job at this place in the queue, if a session is free.
    fn time_until_done(&self, rank: usize) -> SignedDuration {
        let place = rank.min(self.session_jobs - 1) + 1;
        SignedDuration::try_from_secs_f64(
            (place as f64).mul_add(self.mean_job_seconds(), self.provider.login_seconds()),
        )
        .unwrap_or(SignedDuration::MAX)
    }

    /// The one job that runs first if it is unknown whether the flow works: a validation if there is one, because it can do no harm.
    pub fn canary(&self) -> (Candidate<'a>, Vec<Candidate<'a>>) {
        let index = self
            .jobs
            .iter()
            .position(|job| job.action == fno_crds::Action::Validation)
            .unwrap_or(0);
        let mut rest = self.jobs.clone();
        let canary = rest.remove(index);
        (canary, rest)
    }
}

/// Sorts only as many jobs as can be batched now: sorting a hundred thousand would take a tenth of a second. A canary is chosen among all
/// jobs.
fn sort(jobs: &mut [Candidate<'_>], provider: &ProviderView) {
    let batches = usize::try_from(provider.spec.batching.max_concurrent_batches).unwrap_or(1);
    let at_once = match provider.flow_gate {
        Gate::Trial(_) => jobs.len(),
        Gate::Open | Gate::Shut(_) => jobs.len().min(MOST_JOBS * batches.max(1)),
    };
    if at_once < jobs.len() {
        jobs.select_nth_unstable_by(at_once, |a, b| order(a).cmp(&order(b)));
    }
    jobs[..at_once].sort_unstable_by(|a, b| order(a).cmp(&order(b)));
}

/// The order in which jobs are batched.
fn order(job: &JobView) -> impl Ord + '_ {
    (
        Reverse(job.priority),
        job.deadline.unwrap_or(Timestamp::MAX),
        job.created_at,
        job.key.name.as_str(),
    )
}

/// The order in which the jobs of a batch run.
pub(super) fn running_order(job: &JobView) -> impl Ord + '_ {
    (
        Reverse(job.priority),
        job.action,
        job.deadline.unwrap_or(Timestamp::MAX),
        job.created_at,
        job.key.name.as_str(),
    )
}

/// When the job became ready; `batching.linger` counts from there.
pub(super) fn eligible_since(job: &JobView) -> Timestamp {
    [job.not_before, job.retry_at].into_iter().flatten().fold(job.eligible_since, Timestamp::max)
}

fn earlier(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_sub(by).unwrap_or(Timestamp::MIN)
}
