//! Two operators at once, as a leader that was paused and woke up makes them: a model of everything they share, in which every write
//! may be lost, be applied without an answer, or be the last thing an operator does, and every watch may lag behind or go back.
//!
//! The decisions are the real ones ([`plan`], [`claim`], [`mint`]). Whatever the schedule, no step gives two codes, the portal takes every
//! code, no job is at work in two batches, and once the faults stop everything gets done. Each guard is needed: taken away, the same
//! schedules find the harm it prevents.

use std::{collections::BTreeMap, rc::Rc, sync::Arc};

use fno_core::{
    claim::{Claim, Seen, claim},
    mint::{Request, Valkey, Verdict, mint, step},
    plan::{AccountView, BatchView, Gate, NewBatch, Plan, ProviderView},
};
use fno_crds::{
    Duration, JobPhase,
    batch::{BatchPhase, Stop},
};
use jiff::Timestamp;
use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};

use crate::world::{self, Scene};

const PERIOD: i64 = 30;
const JOBS: usize = 5;

/// Which guards are in place.
#[derive(Clone, Copy, Debug)]
struct Guards {
    /// `lastStep` is written by compare-and-set.
    last_step_compared: bool,
    /// A step is taken in Valkey before its code leaves.
    valkey: bool,
    /// A step whose write was not answered counts as used.
    doubt_burns: bool,
    /// A job is claimed by compare-and-set.
    claim_compared: bool,
}

const ALL: Guards = Guards { last_step_compared: true, valkey: true, doubt_burns: true, claim_compared: true };

/// What is lost on the way. The two guards of a step cover for one another, so only one of them is lost at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Disaster {
    ValkeyFlushed,
    ProviderRestoredFromBackup,
}

#[derive(Clone, Debug)]
struct Job {
    version: u64,
    phase: JobPhase,
    batch: Option<String>,
}

#[derive(Clone, Debug)]
struct Batch {
    version: u64,
    phase: BatchPhase,
    invited: Vec<usize>,
    claimed: Vec<usize>,
    /// Which login waits for its code.
    login: i32,
    /// The step burnt for which login.
    reserved: Option<(i32, i64)>,
    /// It ended with answers.
    answered: bool,
}

/// What is stored in the API server.
#[derive(Clone, Debug)]
struct Api {
    version: u64,
    jobs: Vec<Job>,
    batches: BTreeMap<String, Batch>,
    /// Version and content of the provider's status.
    last_step: (u64, Option<i64>),
    /// By batch and login.
    secrets: BTreeMap<(String, i32), i64>,
}

impl Api {
    fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }
}

/// The next write an operator has decided on. Others may act before it happens.
#[derive(Clone, Debug)]
enum Intent {
    Create(NewBatch),
    Claim { job: usize, batch: String, version: u64 },
    Launch { batch: String, version: u64, claimed: Vec<usize> },
    BurnStep { batch: String, login: i32, step: i64, version: u64 },
    TakeInValkey { batch: String, login: i32, step: i64 },
    Reserve { batch: String, login: i32, step: i64 },
    Deliver { batch: String, login: i32, step: i64 },
}

struct Operator {
    /// What its watches have told it: some version of the past.
    cache: Rc<Api>,
    intent: Option<Intent>,
    doubtful: Option<i64>,
}

/// What happens to a write.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    NotApplied,
    AnswerLost,
    CrashAfter,
}

#[derive(Clone, Debug)]
enum Action {
    /// An operator decides, or does what it has decided.
    Work {
        operator: usize,
        pick: usize,
        fault: Fault,
    },
    /// Its watches catch up, except for the last `behind` versions.
    Observe {
        operator: usize,
        behind: usize,
    },
    /// The runner of a batch goes on; at its end it has answers or not.
    Run {
        batch: usize,
        answered: bool,
    },
    /// A deadline ends a batch.
    Fail {
        batch: usize,
    },
    /// The job of an ended batch is settled or handed back.
    HandBack {
        job: usize,
    },
    /// Somebody else uses the account.
    OutsiderLogsIn,
    Strike,
    Tick {
        seconds: i64,
    },
}

struct World {
    guards: Guards,
    disaster: Disaster,
    now: Timestamp,
    api: Api,
    history: Vec<Rc<Api>>,
    operators: [Operator; 2],
    /// Step, and when it was taken.
    valkey: BTreeMap<i64, Timestamp>,
    /// Whose code a step gave.
    codes: BTreeMap<i64, (String, i32)>,
    /// Steps others used that Valkey knows of.
    outsiders: Vec<i64>,
    portal_accepted: i64,
}

type Harm = String;

impl World {
    fn new(guards: Guards, disaster: Disaster) -> Self {
        let job = Job { version: 1, phase: JobPhase::Pending, batch: None };
        let api = Api { version: 1, jobs: vec![job; JOBS], batches: BTreeMap::new(), last_step: (1, None), secrets: BTreeMap::new() };
        let seen = Rc::new(api.clone());
        let operator = || Operator { cache: Rc::clone(&seen), intent: None, doubtful: None };
        let operators = [operator(), operator()];
        Self {
            guards,
            disaster,
            now: world::at(0),
            api,
            history: vec![seen],
            operators,
            valkey: BTreeMap::new(),
            codes: BTreeMap::new(),
            outsiders: Vec::new(),
            portal_accepted: 0,
        }
    }

    fn act(&mut self, action: &Action) -> Result<(), Harm> {
        match *action {
            Action::Work { operator, pick, fault } => match self.operators[operator].intent.take() {
                None => self.operators[operator].intent = self.decide(operator, pick),
                Some(intent) => self.write(operator, intent, fault)?,
            },
            Action::Observe { operator, behind } => self.observe(operator, behind),
            Action::Run { batch, answered } => self.run(batch, answered)?,
            Action::Fail { batch } => {
                let version = self.api.next_version();
                if let Some(batch) = self.api.batches.values_mut().nth(batch).filter(|batch| !batch.phase.is_finished()) {
                    (batch.phase, batch.version) = (BatchPhase::Failed, version);
                }
            }
            Action::HandBack { job } => self.hand_back(job),
            // Against others only Valkey helps: where it forgets, nothing does.
            Action::OutsiderLogsIn => {
                let step = step::at(self.now, PERIOD);
                if self.disaster != Disaster::ValkeyFlushed && !self.valkey.contains_key(&step) {
                    self.valkey.insert(step, self.now);
                    self.outsiders.push(step);
                    self.portal_accepted = self.portal_accepted.max(step);
                }
            }
            Action::Strike => self.strike(),
            Action::Tick { seconds } => {
                self.now = self.now.checked_add(jiff::SignedDuration::from_secs(seconds)).expect("a time");
                let ttl = i64::try_from(step::key_ttl(PERIOD, 1)).expect("small");
                self.valkey.retain(|_, taken| self.now.duration_since(*taken).as_secs() < ttl);
            }
        }
        if self.history.last().is_none_or(|seen| seen.version != self.api.version) {
            self.history.push(Rc::new(self.api.clone()));
        }
        self.no_job_is_at_work_twice()
    }

    fn observe(&mut self, operator: usize, behind: usize) {
        let version = self.history.len().saturating_sub(1 + behind);
        self.operators[operator].cache = Rc::clone(&self.history[version]);
    }

    fn strike(&mut self) {
        match self.disaster {
            Disaster::ValkeyFlushed => self.valkey.clear(),
            Disaster::ProviderRestoredFromBackup => {
                let version = self.api.next_version();
                self.api.last_step = (version, None);
            }
        }
    }

    /// What the operator's cache makes it want to do; `pick` chooses among several things.
    fn decide(&self, operator: usize, pick: usize) -> Option<Intent> {
        let Operator { cache, doubtful, .. } = &self.operators[operator];
        let mut wishes: Vec<Intent> = cache.batches.iter().filter_map(|(name, batch)| self.wish(cache, name, batch, *doubtful)).collect();
        wishes.extend(plan_from(cache, self.now).create.into_iter().map(Intent::Create));
        (!wishes.is_empty()).then(|| wishes.swap_remove(pick % wishes.len()))
    }

    fn wish(&self, cache: &Api, name: &str, batch: &Batch, doubtful: Option<i64>) -> Option<Intent> {
        match batch.phase {
            BatchPhase::Created => Some(self.claim_or_launch(name, batch)),
            BatchPhase::Assigned if !cache.secrets.contains_key(&(name.to_owned(), batch.login)) => {
                let verdict = mint(&Request {
                    now: self.now,
                    phase: batch.phase,
                    stop: Stop::None,
                    provider_suspended: false,
                    gate: &Gate::Open,
                    period: PERIOD,
                    min_remaining: 10,
                    last_step: cache.last_step.1,
                    doubtful,
                    reserved: batch.reserved.filter(|(login, _)| *login == batch.login).map(|(_, step)| step),
                    clock_offset: None,
                    valkey: Valkey::Unknown,
                });
                let (batch, login, version) = (name.to_owned(), batch.login, cache.last_step.0);
                match verdict {
                    Verdict::Mint { step } => Some(Intent::BurnStep { batch, login, step, version }),
                    Verdict::Deliver { step } => Some(Intent::Deliver { batch, login, step }),
                    Verdict::NotYet { .. } | Verdict::Never { .. } => None,
                }
            }
            BatchPhase::Assigned | BatchPhase::InProgress | BatchPhase::Completed | BatchPhase::Failed => None,
        }
    }

    /// Jobs are read afresh, the batch is as the cache has it.
    fn claim_or_launch(&self, name: &str, batch: &Batch) -> Intent {
        let mut claimed = Vec::new();
        for &job in &batch.invited {
            let uid = format!("uid-{job}");
            let stored = &self.api.jobs[job];
            let version = stored.version.to_string();
            let seen = Seen {
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

    fn write(&mut self, operator: usize, intent: Intent, fault: Fault) -> Result<(), Harm> {
        let burning = match &intent {
            Intent::BurnStep { step, .. } | Intent::TakeInValkey { step, .. } => Some(*step),
            Intent::Create(_) | Intent::Claim { .. } | Intent::Launch { .. } | Intent::Reserve { .. } | Intent::Deliver { .. } => None,
        };
        let next = follow_up(&intent, self.guards);
        let applied = fault != Fault::NotApplied && self.apply(intent)?;
        let operator = &mut self.operators[operator];
        match fault {
            Fault::None if applied => operator.intent = next,
            // A conflict: somebody was quicker. Its next look at the cache decides anew.
            Fault::None => {}
            Fault::NotApplied | Fault::AnswerLost if self.guards.doubt_burns => operator.doubtful = operator.doubtful.max(burning),
            Fault::NotApplied | Fault::AnswerLost => operator.intent = next,
            Fault::CrashAfter => (operator.intent, operator.doubtful) = (None, None),
        }
        Ok(())
    }

    /// Whether the write succeeded.
    fn apply(&mut self, intent: Intent) -> Result<bool, Harm> {
        let version = self.api.next_version();
        let guards = self.guards;
        Ok(match intent {
            Intent::Create(new) => {
                let invited = new.spec.jobs.iter().map(|job| job.uid["uid-".len()..].parse().expect("an index")).collect();
                let batch = Batch { version, phase: BatchPhase::Created, invited, claimed: Vec::new(), login: 1, reserved: None, answered: false };
                let free = !self.api.batches.contains_key(&new.key.name);
                self.api.batches.entry(new.key.name).or_insert(batch);
                free
            }
            Intent::Claim { job, batch, version: read } => {
                let job = &mut self.api.jobs[job];
                let unchanged = job.version == read || !guards.claim_compared;
                if unchanged {
                    *job = Job { version, phase: JobPhase::Batched, batch: Some(batch) };
                }
                unchanged
            }
            Intent::Launch { batch, version: read, claimed } => {
                let batch = self.api.batches.get_mut(&batch).expect("batches stay");
                let unchanged = batch.version == read;
                if unchanged {
                    // Without a job there is nothing to run.
                    let phase = if claimed.is_empty() { BatchPhase::Failed } else { BatchPhase::Assigned };
                    (batch.version, batch.phase, batch.claimed) = (version, phase, claimed);
                }
                unchanged
            }
            Intent::BurnStep { step, version: read, .. } => {
                let unchanged = self.api.last_step.0 == read || !guards.last_step_compared;
                if unchanged {
                    self.api.last_step = (version, Some(step));
                }
                unchanged
            }
            Intent::TakeInValkey { step, .. } => {
                let free = !self.valkey.contains_key(&step);
                self.valkey.entry(step).or_insert(self.now);
                free
            }
            // Compared by content: the same login, not reserved with a later step.
            Intent::Reserve { batch, login, step } => {
                let batch = self.api.batches.get_mut(&batch).expect("batches stay");
                let fits = batch.phase == BatchPhase::Assigned && batch.login == login && batch.reserved.is_none_or(|(n, s)| n < login || s < step);
                if fits {
                    (batch.version, batch.reserved) = (version, Some((login, step)));
                }
                fits
            }
            Intent::Deliver { batch, login, step } => {
                let owner = (batch, login);
                let free = !self.api.secrets.contains_key(&owner);
                if free {
                    self.api.secrets.insert(owner.clone(), step);
                    let first = self.codes.entry(step).or_insert_with(|| owner.clone());
                    if *first != owner {
                        return Err(format!("step {step} gave a code to {first:?} and to {owner:?}"));
                    }
                    if self.outsiders.contains(&step) {
                        return Err(format!("step {step} gave a code to {owner:?} although somebody else had used it"));
                    }
                }
                free
            }
        })
    }

    fn run(&mut self, batch: usize, answered: bool) -> Result<(), Harm> {
        let version = self.api.next_version();
        let Some((name, batch)) = self.api.batches.iter_mut().nth(batch) else { return Ok(()) };
        match batch.phase {
            BatchPhase::Assigned => match self.api.secrets.get(&(name.clone(), batch.login)) {
                Some(step) if self.now >= step::ends(*step, PERIOD) => (batch.version, batch.login) = (version, batch.login + 1),
                Some(step) if *step <= self.portal_accepted => return Err(format!("the portal refuses the code of step {step} for {name}")),
                Some(step) => {
                    self.portal_accepted = *step;
                    (batch.version, batch.phase) = (version, BatchPhase::InProgress);
                }
                None => {}
            },
            BatchPhase::InProgress => (batch.version, batch.phase, batch.answered) = (version, BatchPhase::Completed, answered),
            BatchPhase::Created | BatchPhase::Completed | BatchPhase::Failed => {}
        }
        Ok(())
    }

    fn hand_back(&mut self, job: usize) {
        let version = self.api.next_version();
        let Api { jobs, batches, .. } = &mut self.api;
        let stored = &mut jobs[job];
        let Some(batch) = stored.batch.as_ref().filter(|_| stored.phase == JobPhase::Batched).and_then(|name| batches.get(name)) else { return };
        if batch.phase.is_finished() {
            let answered = batch.answered && batch.claimed.contains(&job);
            *stored = if answered {
                Job { version, phase: JobPhase::Succeeded, batch: stored.batch.clone() }
            } else {
                Job { version, phase: JobPhase::Pending, batch: None }
            };
        }
    }

    fn no_job_is_at_work_twice(&self) -> Result<(), Harm> {
        for job in 0..JOBS {
            let at_work: Vec<&String> = self
                .api
                .batches
                .iter()
                .filter(|(_, batch)| matches!(batch.phase, BatchPhase::Assigned | BatchPhase::InProgress) && batch.claimed.contains(&job))
                .map(|(name, _)| name)
                .collect();
            if at_work.len() > 1 {
                return Err(format!("job {job} is at work in {at_work:?}"));
            }
        }
        Ok(())
    }

    /// The faults stop: both operators see everything and what they write arrives.
    fn settle(&mut self) -> Result<(), Harm> {
        for _ in 0..300 {
            for operator in 0..2 {
                self.act(&Action::Observe { operator, behind: 0 })?;
                for _ in 0..2 {
                    self.act(&Action::Work { operator, pick: 0, fault: Fault::None })?;
                }
            }
            for batch in 0..self.api.batches.len() {
                self.act(&Action::Run { batch, answered: true })?;
            }
            for job in 0..JOBS {
                self.act(&Action::HandBack { job })?;
            }
            self.act(&Action::Tick { seconds: 3 })?;
            if self.api.jobs.iter().all(|job| job.phase == JobPhase::Succeeded) {
                return Ok(());
            }
        }
        Err(format!("not everything gets done: {:?}", self.api))
    }
}

/// What an operator goes on with after a write that succeeded.
fn follow_up(intent: &Intent, guards: Guards) -> Option<Intent> {
    match intent.clone() {
        Intent::BurnStep { batch, login, step, .. } if guards.valkey => Some(Intent::TakeInValkey { batch, login, step }),
        Intent::BurnStep { batch, login, step, .. } | Intent::TakeInValkey { batch, login, step } => Some(Intent::Reserve { batch, login, step }),
        Intent::Create(_) | Intent::Claim { .. } | Intent::Launch { .. } | Intent::Reserve { .. } | Intent::Deliver { .. } => None,
    }
}

/// The plan an operator makes of what it sees. Two jobs per batch, two sessions on the one account.
fn plan_from(seen: &Api, now: Timestamp) -> Plan {
    let jobs = (0..JOBS).filter(|&job| seen.jobs[job].phase == JobPhase::Pending).map(|job| fno_core::plan::JobView {
        uid: format!("uid-{job}"),
        resource_version: seen.jobs[job].version.to_string(),
        ..world::job(&job.to_string())
    });
    let batches = seen.batches.iter().map(|(name, batch)| {
        let holds = !batch.phase.is_finished();
        let jobs = if batch.phase == BatchPhase::Created { &batch.invited } else { &batch.claimed };
        BatchView {
            jobs: jobs.iter().map(|job| format!("uid-{job}")).collect(),
            holds_session: holds,
            holds_runner: holds,
            finished: !holds,
            ..world::batch(name, "ops", &[])
        }
    });
    let scene = Scene { now, batches: batches.collect(), ..Scene::new(vec![provider(seen.last_step.1)], jobs.collect()) };
    scene.plan()
}

fn provider(last_step: Option<i64>) -> ProviderView {
    let mut provider = world::provider("octotel");
    let spec = Arc::make_mut(&mut provider.spec);
    (spec.batching.max_jobs, spec.batching.linger, spec.session.max_sessions_per_account) = (2, Duration::from_secs(0), 2);
    provider.accounts = vec![AccountView { totp_period: Some(PERIOD), last_step, ..world::account("ops") }];
    provider
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![12 => Just(Fault::None), 1 => Just(Fault::NotApplied), 1 => Just(Fault::AnswerLost), 1 => Just(Fault::CrashAfter)]
}

/// How often each kind of action comes, in the order of [`Action`].
type Mix = [u32; 8];
const EVERYTHING: Mix = [16, 6, 4, 1, 3, 1, 1, 2];
/// Batches come and go without ever logging in: who gets the jobs?
const CLAIMS: Mix = [16, 3, 0, 3, 6, 0, 0, 0];

fn any_action([work, observe, run, fail, hand_back, outsider, strike, tick]: Mix) -> impl Strategy<Value = Action> {
    prop_oneof![
        work => (0..2_usize, 0..4_usize, any_fault()).prop_map(|(operator, pick, fault)| Action::Work { operator, pick, fault }),
        observe => (0..2_usize, prop_oneof![3 => Just(0_usize), 1 => 0..8_usize]).prop_map(|(operator, behind)| Action::Observe { operator, behind }),
        run => (0..6_usize, any::<bool>()).prop_map(|(batch, answered)| Action::Run { batch, answered }),
        fail => (0..6_usize).prop_map(|batch| Action::Fail { batch }),
        hand_back => (0..JOBS).prop_map(|job| Action::HandBack { job }),
        outsider => Just(Action::OutsiderLogsIn),
        strike => Just(Action::Strike),
        tick => (1..35_i64).prop_map(|seconds| Action::Tick { seconds }),
    ]
}

fn any_schedule() -> impl Strategy<Value = Vec<Action>> {
    prop_oneof![3 => vec(any_action(EVERYTHING), 0..250), 1 => vec(any_action(CLAIMS), 0..150)]
}

fn any_disaster() -> impl Strategy<Value = Disaster> {
    prop_oneof![Just(Disaster::ValkeyFlushed), Just(Disaster::ProviderRestoredFromBackup)]
}

fn play(guards: Guards, disaster: Disaster, schedule: &[Action]) -> Result<World, Harm> {
    let mut world = World::new(guards, disaster);
    for action in schedule {
        world.act(action)?;
    }
    Ok(world)
}

proptest! {
    #[test]
    fn no_step_gives_two_codes_and_no_job_is_at_work_twice(disaster in any_disaster(), schedule in any_schedule()) {
        let mut world = play(ALL, disaster, &schedule).map_err(TestCaseError::fail)?;
        world.settle().map_err(TestCaseError::fail)?;
    }
}

#[test]
fn without_faults_every_job_is_done_with_one_code_per_batch() {
    let mut world = World::new(ALL, Disaster::ValkeyFlushed);
    world.settle().expect("no harm");
    let used = world.api.batches.values().filter(|batch| batch.phase == BatchPhase::Completed).count();
    assert_eq!((used, world.codes.len()), (3, 3), "five jobs, two per batch");
}

/// The harm that random schedules find when a guard is missing. The schedules are always the same ones.
fn harm_without(guards: Guards, disaster: Disaster) -> Option<String> {
    let config = Config { cases: 20_000, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));

    match runner.run(&any_schedule(), |schedule| play(guards, disaster, &schedule).map(|_| ()).map_err(TestCaseError::fail)) {
        Ok(()) => None,
        Err(TestError::Fail(reason, _)) => Some(reason.to_string()),
        Err(abort) => panic!("{abort}"),
    }
}

#[test]
fn without_compare_and_set_of_the_last_step_a_step_gives_two_codes() {
    let harm = harm_without(Guards { last_step_compared: false, ..ALL }, Disaster::ValkeyFlushed).expect("the model finds it");
    assert!(harm.contains("gave a code to"), "{harm}");
}

#[test]
fn without_valkey_a_step_gives_two_codes_after_a_restore() {
    let harm = harm_without(Guards { valkey: false, ..ALL }, Disaster::ProviderRestoredFromBackup).expect("the model finds it");
    assert!(harm.contains("gave a code to"), "{harm}");
}

#[test]
fn when_a_lost_answer_is_taken_for_a_success_a_step_gives_two_codes() {
    let harm = harm_without(Guards { doubt_burns: false, ..ALL }, Disaster::ValkeyFlushed).expect("the model finds it");
    assert!(harm.contains("gave a code to"), "{harm}");
}

#[test]
fn without_compare_and_set_of_the_claim_a_job_is_at_work_twice() {
    let harm = harm_without(Guards { claim_compared: false, ..ALL }, Disaster::ValkeyFlushed).expect("the model finds it");
    assert!(harm.contains("is at work in"), "{harm}");
}
