//! A queue whose jobs are to be batched now, and the sessions that it would like to open.

use fno_crds::{
    FnoBatchSpec,
    batch::{JobReference, PinnedLimits, Stop},
};
use jiff::Timestamp;

use super::{
    Candidate, NewBatch, ProviderView,
    deal::{self, Bounds, Card},
    live::Live,
    name::Names,
    queue::{self, Queue},
    report::Report,
    runners, sentences,
    slots::{self, Limit, Sessions, Slot},
};
use crate::session_count;

/// `spec.ttlSecondsAfterFinished` of a batch: the schema's default.
const BATCH_TTL_SECONDS: i32 = 86_400;

pub(super) struct Departure<'a> {
    queue: Queue<'a>,
    possible: Sessions<'a>,
    wanted: usize,
    runners_held: usize,
}

impl<'a> Departure<'a> {
    pub fn new(queue: Queue<'a>, live: &mut Live<'a>, now: Timestamp) -> Self {
        let provider = queue.provider;
        let possible = slots::sessions(provider, live, now);
        let starts: Vec<f64> = possible.slots.iter().map(|slot| slot.start).collect();
        let wanted = session_count::choose(&session_count::Work {
            jobs: queue.jobs.len(),
            job_seconds: queue.mean_job_seconds(),
            login_seconds: provider.login_seconds(),
            session_jobs: queue.session_jobs,
            starts: &starts,
            login_gap: possible.login_gap,
            objective: provider.spec.batching.objective,
        });
        for slot in &possible.slots[..wanted] {
            live.promise(&provider.key.namespace, slot.identity);
        }
        let runners_held = live.of_provider(&provider.key).runners;
        Self { queue, possible, wanted, runners_held }
    }

    /// The runners that the queue asks for.
    pub fn claim(&self) -> runners::Claim<'_> {
        let (priority, since) =
            self.queue.jobs.first().map_or((0, Timestamp::MAX), |first| {
                (first.priority, queue::eligible_since(first))
            });
        runners::Claim {
            wanted: self.wanted,
            held: self.runners_held,
            priority,
            since,
            key: &self.queue.provider.key,
        }
    }

    /// Deals the jobs to the sessions that got a runner. The remaining jobs wait, for the reason that limited the sessions.
    pub fn go(
        self,
        runners: usize,
        max_runners: usize,
        names: &mut Names<'_>,
        report: &mut Report<'_>,
    ) {
        let provider = self.queue.provider;
        let slots = &self.possible.slots[..runners];
        let (hands, left) = self.deal(slots);
        for (slot, mut jobs) in slots.iter().zip(hands) {
            if jobs.is_empty() {
                continue;
            }
            jobs.sort_unstable_by(|a, b| queue::running_order(a).cmp(&queue::running_order(b)));
            report.create(NewBatch {
                key: names.give(&provider.key, slot.account, &jobs),
                spec: spec(provider, slot.account, &jobs),
            });
        }
        let short = if runners < self.wanted {
            sentences::runners(max_runners)
        } else if runners < self.possible.slots.len() {
            sentences::limit(Limit::Objective, provider)
        } else {
            sentences::limit(self.possible.limit, provider)
        };
        report.wait_all(&left, short);
    }

    fn deal(&self, slots: &[Slot<'_>]) -> (Vec<Vec<Candidate<'a>>>, Vec<Candidate<'a>>) {
        let Queue { provider, jobs, session_seconds, session_bytes, session_jobs, limits, .. } =
            &self.queue;
        if provider.flow_gate.is_trial() && !slots.is_empty() {
            let (canary, rest) = self.queue.canary();
            return (vec![vec![canary]], rest);
        }
        let starts: Vec<f64> = slots.iter().map(|slot| slot.start).collect();
        deal::deal(
            jobs,
            &starts,
            &Bounds { jobs: *session_jobs, seconds: *session_seconds, bytes: *session_bytes },
            |job| Card {
                seconds: provider.job_seconds(job.action),
                bytes: job.bytes,
                company: limits.get(job.uid.as_str()).copied().unwrap_or(usize::MAX),
            },
        )
    }
}

/// The complete spec of the batch: whoever carries out the plan has nothing left to decide.
fn spec(provider: &ProviderView, account: &str, jobs: &[Candidate<'_>]) -> FnoBatchSpec {
    FnoBatchSpec {
        provider: provider.key.name.clone(),
        account: account.to_owned(),
        provider_generation: provider.generation,
        flows_digest: provider.flows_digest.clone(),
        limits: Some(PinnedLimits {
            max_logins: provider.spec.session.max_logins,
            login_failures_to_open: provider.spec.limits.login_failures_to_open,
            max_lifetime: provider.spec.session.max_lifetime,
        }),
        jobs: jobs
            .iter()
            .map(|job| JobReference { name: job.key.name.clone(), uid: job.uid.clone() })
            .collect(),
        stop: Stop::None,
        ttl_seconds_after_finished: BATCH_TTL_SECONDS,
    }
}
