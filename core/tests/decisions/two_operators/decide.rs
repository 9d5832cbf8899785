//! What an operator wants, by the real decisions. Jobs, provider, Secret and grants are read afresh, as the operator does before a
//! decision that must not rest on a stale copy; the rest is as its watches have told it.

use std::sync::Arc;

use fno_core::{
    account::{self, PastLogin},
    breaker::{self, account::Failure},
    claim::{Claim, JobFacts, claim},
    mint::{
        LoginPermission, LoginRequest, MintDecision, MintRequest, StepRecord, clock::PortalClock,
        may_login, mint, step,
    },
    plan::{AccountView, BatchView, NewBatch, ProviderView},
};
use fno_crds::{
    Duration, JobPhase,
    batch::{BatchPhase, Grant, GrantState, LoginResult, Stop},
    provider::Limits,
};
use jiff::Timestamp;

use super::{
    Guards, JOBS, Operator, World,
    stored::{self, Api, Batch, Provider, Stage},
};
use crate::world::{self, Plan, Scene};

/// Steps that the portal accepts either side of its own.
pub const SKEW: i64 = 1;

/// The next write an operator has decided on. Others may act before it happens. `version` is the provider's that was read.
#[derive(Clone, Debug)]
pub enum Intent {
    Create(NewBatch),
    Claim { job: usize, batch: String, version: u64 },
    Launch { batch: String, version: u64, claimed: Vec<usize> },
    Refresh { provider: Provider, version: u64 },
    EnterLogin { batch: String, login: i32, version: u64, provider: Provider },
    Grant { batch: String, login: i32 },
    End { batch: String, login: i32 },
    BurnStep { batch: String, login: i32, step: i64, version: u64, provider: Provider },
    TakeInValkey { batch: String, login: i32, step: i64, period: i64 },
    Reserve { batch: String, login: i32, step: i64, period: i64 },
    Deliver { batch: String, login: i32, step: i64, period: i64 },
    Count { batch: String, login: i32, result: LoginResult, version: u64, provider: Provider },
    Close { batch: String, login: i32, result: LoginResult },
}

pub fn limits() -> Limits {
    Limits { login_failures_to_open: 2, open_for: Duration::from_secs(30), ..Limits::default() }
}

impl World {
    /// What the operator's cache makes it want to do; `pick` chooses among several things.
    pub fn decide(&self, operator: usize, pick: usize) -> Option<Intent> {
        let Operator { cache, doubtful, .. } = &self.operators[operator];
        let mut wishes: Vec<Intent> = cache
            .batches
            .iter()
            .filter_map(|(name, batch)| self.wish(name, batch, *doubtful))
            .collect();
        wishes.extend(self.refresh());
        wishes
            .extend(plan_from(cache, self.now, self.guards).create.into_iter().map(Intent::Create));
        (!wishes.is_empty()).then(|| wishes.swap_remove(pick % wishes.len()))
    }

    fn wish(&self, name: &str, cached: &Batch, doubtful: Option<i64>) -> Option<Intent> {
        // What was seen of the batch decides whether it is looked at, what is stored decides what is written.
        let stored = self.api.batches.get(name)?;
        match cached.phase {
            BatchPhase::Created => Some(self.claim_or_launch(name, cached)),
            _ if stored.grant().is_some_and(account::history::is_open) => {
                self.ended(stored).map_or_else(
                    || self.wish_of_code(name, stored, doubtful),
                    |result| Some(self.count(name, stored, result)),
                )
            }
            BatchPhase::Assigned if stored.phase == BatchPhase::Assigned => {
                self.wish_of_login(name, stored)
            }
            _ => None,
        }
    }

    /// How the open login ended, if it has.
    fn ended(&self, batch: &Batch) -> Option<LoginResult> {
        match batch.stage {
            Stage::LoggedIn => Some(LoginResult::LoggedIn),
            Stage::Rejected => Some(LoginResult::Rejected),
            Stage::Asking | Stage::AwaitingCode if batch.phase.is_finished() => {
                Some(LoginResult::Unclear)
            }
            Stage::Asking | Stage::AwaitingCode => None,
        }
    }

    fn wish_of_login(&self, name: &str, batch: &Batch) -> Option<Intent> {
        if batch.stage != Stage::Asking || batch.grant().is_some() {
            return None;
        }
        let (version, provider) = (self.api.provider.0, self.api.provider.1.clone());
        let (past, current, limits) = (self.past(), self.current(), limits());
        let account = stored::account(&provider, &current, &limits, past);
        let own = format!("{name}/{}", batch.login);
        let is_gone =
            |batch: &str| self.api.batches.get(batch).is_none_or(|batch| batch.phase.is_finished());
        let permission = may_login(&LoginRequest {
            now: self.now,
            phase: batch.phase,
            stop: Stop::None,
            provider_suspended: false,
            pinned: Some(if self.guards.pinned { &batch.pinned.1 } else { &current }),
            current: Some(&current),
            gate: &account.gate(self.now),
            failures: account.failures(),
            failures_to_open: limits.login_failures_to_open,
            undecided: account.undecided(&own, is_gone).len(),
            login: batch.login,
            max_logins: 100,
            sessions: 0,
            max_sessions: 100,
            period: Some(provider.period),
            clock: PortalClock::default(),
            valkey_unreachable: false,
        });
        let (batch, login) = (name.to_owned(), batch.login);
        match permission {
            LoginPermission::Granted => {
                let is_over = |login: &str| account.is_over(login, is_gone);
                let entry = account::with_login(&provider.entry, &own, is_over)?;
                let provider = Provider { entry, ..provider.clone() };
                Some(Intent::EnterLogin { batch, login, version, provider })
            }
            LoginPermission::NotYet { .. } => None,
            LoginPermission::Refused { .. } => Some(Intent::End { batch, login }),
        }
    }

    fn wish_of_code(&self, name: &str, batch: &Batch, doubtful: Option<i64>) -> Option<Intent> {
        let owner = (name.to_owned(), batch.login);
        if batch.stage != Stage::AwaitingCode || self.api.codes.contains_key(&owner) {
            return None;
        }
        let (version, provider) = (self.api.provider.0, self.api.provider.1.clone());
        let (past, current, limits) = (self.past(), self.current(), limits());
        let account = stored::account(&provider, &current, &limits, past);
        let period = provider.period;
        // A step that was used in another period gives no code of this one.
        let in_period = |grant: &&Grant| grant.step_period_seconds.map(i64::from) == Some(period);
        let reserved = batch
            .reserved
            .filter(|(login, _)| *login == batch.login && batch.grant().filter(in_period).is_some())
            .map(|(_, step)| step);
        let verdict = mint(&MintRequest {
            now: self.now,
            phase: batch.phase,
            stop: Stop::None,
            provider_suspended: false,
            pinned: Some(&batch.pinned.1),
            current: Some(&current),
            gate: &account.gate(self.now),
            period,
            skew: SKEW,
            min_remaining: period / 3,
            last_step: if self.guards.period_kept {
                account.last_step(self.now, period, SKEW)
            } else {
                provider.entry.last_step
            },
            recorded_in: account.recorded_in(period),
            doubtful: doubtful.map(|ends| step::rebased(ends - 1, 1, period)),
            reserved,
            clock: PortalClock { own: Some(0), earlier: None },
            valkey: StepRecord::Unknown,
        });
        let (batch, login) = owner;
        let used = |step| {
            let period = i32::try_from(period).expect("a period");
            let entry = account::with_last_step(&provider.entry, step, period);
            Provider { entry, ..provider.clone() }
        };
        match verdict {
            MintDecision::Mint { step } => {
                let provider = used(step);
                Some(Intent::BurnStep { batch, login, step, version, provider })
            }
            MintDecision::Rebase { step } => {
                Some(Intent::Refresh { provider: used(step), version })
            }
            MintDecision::Deliver { step } => Some(Intent::Deliver { batch, login, step, period }),
            MintDecision::Never { .. } => Some(Intent::End { batch, login }),
            MintDecision::NotYet { .. } => None,
        }
    }

    fn count(&self, name: &str, batch: &Batch, result: LoginResult) -> Intent {
        let (version, mut provider) = (self.api.provider.0, self.api.provider.1.clone());
        let (breaker, current) =
            (provider.entry.breaker.clone().unwrap_or_default(), self.current());
        let typed = if self.guards.pinned { &batch.pinned.1 } else { &current };
        let failure = |refused| {
            let failure = Failure {
                now: self.now,
                batch: name,
                login: batch.login,
                refused,
                locked: false,
                message: "",
                typed: Some(typed),
                current: Some(&current),
            };
            breaker::account::failed("ops", &breaker, &failure, &limits(), &Default::default())
        };
        let change = match result {
            LoginResult::LoggedIn => breaker::account::succeeded("ops", &breaker, Some(typed)),
            LoginResult::Rejected => failure(true),
            LoginResult::Unclear => failure(false),
            LoginResult::Failed | LoginResult::NotJudged => unreachable!("no login of this model"),
        };
        provider.entry.breaker = Some(change.breaker);
        provider.entry = account::without_login(provider.entry, &format!("{name}/{}", batch.login));
        let (batch, login) = (name.to_owned(), batch.login);
        Intent::Count { batch, login, result, version, provider }
    }

    /// What the provider's reconcile changes.
    fn refresh(&self) -> Option<Intent> {
        let (version, stored) = &self.api.provider;
        let (past, current, limits) = (self.past(), self.current(), limits());
        let reading = breaker::resume::read(
            stored.annotation.as_deref(),
            stored.resume.as_ref().filter(|_| self.guards.resume_once),
            stored.is_known,
            self.now,
        );
        let resumed_at = reading.stored.as_ref().and_then(|r| r.resumed_at.as_ref()).map(|at| at.0);
        let account = stored::account(stored, &current, &limits, past);
        let mut provider =
            Provider { resume: reading.stored.clone(), is_known: true, ..stored.clone() };
        provider.entry.breaker = Some(account.refreshed(self.now, resumed_at).breaker);
        if let Some(resumed_at) = resumed_at {
            let totp = (i32::try_from(stored.period).expect("a period"), 1);
            provider.entry = account::resumed(&provider.entry, resumed_at, self.now, Some(totp));
        }
        (provider != *stored).then_some(Intent::Refresh { provider, version: *version })
    }

    pub fn current(&self) -> String {
        self.api.secret.version(self.guards.digest)
    }

    fn past(&self) -> Vec<PastLogin<'_>> {
        if self.guards.history { self.api.past() } else { Vec::new() }
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
        Intent::EnterLogin { batch, login, .. } => Some(Intent::Grant { batch, login }),
        Intent::BurnStep { batch, login, step, provider, .. } => {
            let period = provider.period;
            Some(if guards.valkey {
                Intent::TakeInValkey { batch, login, step, period }
            } else {
                Intent::Reserve { batch, login, step, period }
            })
        }
        Intent::TakeInValkey { batch, login, step, period } => {
            Some(Intent::Reserve { batch, login, step, period })
        }
        Intent::Count { batch, login, result, .. } => Some(Intent::Close { batch, login, result }),
        Intent::Create(_)
        | Intent::Claim { .. }
        | Intent::Launch { .. }
        | Intent::Refresh { .. }
        | Intent::Grant { .. }
        | Intent::End { .. }
        | Intent::Reserve { .. }
        | Intent::Deliver { .. }
        | Intent::Close { .. } => None,
    }
}

/// The plan an operator makes of what it sees. Two jobs per batch, two sessions on the one account.
fn plan_from(seen: &Api, now: Timestamp, guards: Guards) -> Plan {
    let jobs = (0..JOBS).filter(|&job| seen.jobs[job].phase == JobPhase::Pending).map(|job| {
        fno_core::plan::JobView {
            uid: format!("uid-{job}"),
            resource_version: seen.jobs[job].version.to_string(),
            ..world::job(&job.to_string())
        }
    });
    let batches = seen.batches.iter().map(|(name, batch)| {
        let holds = !batch.phase.is_finished();
        let jobs = if batch.phase == BatchPhase::Created { &batch.invited } else { &batch.claimed };
        // What it gives back leaves together, once all of it is given back.
        let unsettled = |job: &usize| {
            let job = &seen.jobs[*job];
            job.phase == JobPhase::Batched && job.batch.as_deref() == Some(name)
        };
        let held = if holds || jobs.iter().any(unsettled) { jobs.as_slice() } else { &[] };
        BatchView {
            jobs: held.iter().map(|job| format!("uid-{job}")).collect(),
            holds_session: holds,
            holds_runner: holds,
            finished: !holds,
            ..world::batch(name, "ops", &[])
        }
    });
    let scene = Scene {
        now,
        batches: batches.collect(),
        ..Scene::new(vec![planned(seen, now, guards)], jobs.collect())
    };
    scene.plan()
}

fn planned(seen: &Api, now: Timestamp, guards: Guards) -> ProviderView {
    let (stored, current, limits) =
        (&seen.provider.1, seen.secret.version(guards.digest), limits());
    let past = seen.past();
    let account = stored::account(stored, &current, &limits, past);
    let mut provider = world::with(world::provider("octotel"), |spec| {
        (spec.batching.max_jobs, spec.batching.linger, spec.session.max_sessions_per_account) =
            (2, Duration::from_secs(0), 2);
    });
    provider.accounts = vec![AccountView {
        gate: account.gate(now),
        max_sessions: 2,
        totp_period: Some(stored.period),
        last_step: account.last_step(now, stored.period, SKEW),
        ..world::account("ops")
    }];
    provider.spec = Arc::clone(&provider.spec);
    provider
}

/// The permission, as it is written into the batch.
pub fn granted(login: i32) -> Grant {
    Grant {
        login,
        state: GrantState::Granted,
        step: None,
        step_period_seconds: None,
        secret: None,
        at: None,
        result: None,
        ended_at: None,
    }
}
