//! What an operator wants, by the real decisions on what its watches have told it.

use std::sync::Arc;

use fno_core::{
    claim::{Claim, JobFacts, claim},
    gate::Gate,
    mint::{MintDecision, MintRequest, StepRecord, mint},
    plan::{AccountView, BatchView, NewBatch, ProviderView},
};
use fno_crds::{
    Duration, JobPhase,
    batch::{BatchPhase, Stop},
};
use jiff::Timestamp;

use super::{
    Guards, JOBS, Operator, PERIOD, World,
    stored::{Api, Batch},
};
use crate::world::{self, Plan, Scene};

/// The next write an operator has decided on. Others may act before it happens.
#[derive(Clone, Debug)]
pub enum Intent {
    Create(NewBatch),
    Claim { job: usize, batch: String, version: u64 },
    Launch { batch: String, version: u64, claimed: Vec<usize> },
    BurnStep { batch: String, login: i32, step: i64, version: u64 },
    TakeInValkey { batch: String, login: i32, step: i64 },
    Reserve { batch: String, login: i32, step: i64 },
    Deliver { batch: String, login: i32, step: i64 },
}

impl World {
    /// What the operator's cache makes it want to do; `pick` chooses among several things.
    pub fn decide(&self, operator: usize, pick: usize) -> Option<Intent> {
        let Operator { cache, doubtful, .. } = &self.operators[operator];
        let mut wishes: Vec<Intent> = cache
            .batches
            .iter()
            .filter_map(|(name, batch)| self.wish(cache, name, batch, *doubtful))
            .collect();
        wishes.extend(plan_from(cache, self.now).create.into_iter().map(Intent::Create));
        (!wishes.is_empty()).then(|| wishes.swap_remove(pick % wishes.len()))
    }

    fn wish(
        &self,
        cache: &Api,
        name: &str,
        batch: &Batch,
        doubtful: Option<i64>,
    ) -> Option<Intent> {
        match batch.phase {
            BatchPhase::Created => Some(self.claim_or_launch(name, batch)),
            BatchPhase::Assigned
                if !cache.secrets.contains_key(&(name.to_owned(), batch.login)) =>
            {
                let verdict = mint(&MintRequest {
                    now: self.now,
                    phase: batch.phase,
                    stop: Stop::None,
                    provider_suspended: false,
                    gate: &Gate::Open,
                    period: PERIOD,
                    min_remaining: 10,
                    last_step: cache.last_step.1,
                    doubtful,
                    reserved: batch
                        .reserved
                        .filter(|(login, _)| *login == batch.login)
                        .map(|(_, step)| step),
                    clock_offset: None,
                    valkey: StepRecord::Unknown,
                });
                let (batch, login, version) = (name.to_owned(), batch.login, cache.last_step.0);
                match verdict {
                    MintDecision::Mint { step } => {
                        Some(Intent::BurnStep { batch, login, step, version })
                    }
                    MintDecision::Deliver { step } => Some(Intent::Deliver { batch, login, step }),
                    MintDecision::NotYet { .. } | MintDecision::Never { .. } => None,
                }
            }
            BatchPhase::Assigned
            | BatchPhase::InProgress
            | BatchPhase::Completed
            | BatchPhase::Failed => None,
        }
    }

    /// Jobs are read afresh, the batch is as the cache has it.
    fn claim_or_launch(&self, name: &str, batch: &Batch) -> Intent {
        let mut claimed = Vec::new();
        for &job in &batch.invited {
            let uid = format!("uid-{job}");
            let stored = &self.api.jobs[job];
            let version = stored.version.to_string();
            let seen = JobFacts {
                uid: &uid,
                resource_version: &version,
                phase: stored.phase,
                batch: stored.batch.as_deref(),
                suspend: false,
                cancel_requested: false,
                deadline: None,
                retry_at: None,
            };
            match claim(self.now, &uid, name, Some(&seen)) {
                Claim::Take { resource_version } => {
                    let version = resource_version.parse().expect("the version it was given");
                    return Intent::Claim { job, batch: name.to_owned(), version };
                }
                Claim::Ours => claimed.push(job),
                Claim::Lost(_) => {}
            }
        }
        Intent::Launch { batch: name.to_owned(), version: batch.version, claimed }
    }
}

/// What an operator goes on with after a write that succeeded.
pub fn follow_up(intent: &Intent, guards: Guards) -> Option<Intent> {
    match intent.clone() {
        Intent::BurnStep { batch, login, step, .. } if guards.valkey => {
            Some(Intent::TakeInValkey { batch, login, step })
        }
        Intent::BurnStep { batch, login, step, .. }
        | Intent::TakeInValkey { batch, login, step } => {
            Some(Intent::Reserve { batch, login, step })
        }
        Intent::Create(_)
        | Intent::Claim { .. }
        | Intent::Launch { .. }
        | Intent::Reserve { .. }
        | Intent::Deliver { .. } => None,
    }
}

/// The plan an operator makes of what it sees. Two jobs per batch, two sessions on the one account.
fn plan_from(seen: &Api, now: Timestamp) -> Plan {
    let jobs = (0..JOBS).filter(|&job| seen.jobs[job].phase == JobPhase::Pending).map(|job| {
        fno_core::plan::JobView {
            uid: format!("uid-{job}"),
            resource_version: seen.jobs[job].version.to_string(),
            ..world::job(&job.to_string())
        }
    });
    let batches = seen.batches.iter().map(|(name, batch)| {
        let holds = !batch.phase.is_finished();
        let jobs = match batch.phase {
            BatchPhase::Created => batch.invited.as_slice(),
            BatchPhase::Assigned | BatchPhase::InProgress => &batch.claimed,
            // The model writes the end of a batch into its jobs at once.
            BatchPhase::Completed | BatchPhase::Failed => &[],
        };
        BatchView {
            jobs: jobs.iter().map(|job| format!("uid-{job}")).collect(),
            holds_session: holds,
            holds_runner: holds,
            finished: !holds,
            ..world::batch(name, "ops", &[])
        }
    });
    let scene = Scene {
        now,
        batches: batches.collect(),
        ..Scene::new(vec![provider(seen.last_step.1)], jobs.collect())
    };
    scene.plan()
}

fn provider(last_step: Option<i64>) -> ProviderView {
    let mut provider = world::provider("octotel");
    let spec = Arc::make_mut(&mut provider.spec);
    (spec.batching.max_jobs, spec.batching.linger, spec.session.max_sessions_per_account) =
        (2, Duration::from_secs(0), 2);
    provider.accounts =
        vec![AccountView { totp_period: Some(PERIOD), last_step, ..world::account("ops") }];
    provider
}
