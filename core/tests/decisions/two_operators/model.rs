//! The two operators and everything they share.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use fno_core::mint::step;
use fno_crds::{
    JobPhase,
    batch::BatchPhase,
    provider_status::{AccountBreaker, AccountStatus, BreakerState},
};
use jiff::{SignedDuration, Timestamp};

use super::{
    Disaster, Guards, JOBS,
    decide::{Intent, SKEW, limits},
    schedule::{Action, Edit, Fault},
    stored::{self, Api, Batch, Job, Provider, Secret, Stage},
};
use crate::world;

/// Credentials that the portal refuses more often than this, without a person's word in between, are typed too often.
const MOST_REFUSALS: usize = 2;
/// The portal locks the account after this many wrong logins in a row, whatever was typed and whether or not the operators learnt of the
/// refusal: two more than the limit. Each thing that a person does may cost one more.
const LOCKED_AFTER: usize = 4;

pub struct Operator {
    /// What its watches have told it: some version of the past.
    pub cache: Rc<Api>,
    pub intent: Option<Intent>,
    /// When a step of a guard whose answer never came ends (seconds).
    pub doubtful: Option<i64>,
}

pub struct World {
    pub guards: Guards,
    pub disaster: Disaster,
    pub now: Timestamp,
    pub api: Api,
    pub history: Vec<Rc<Api>>,
    pub operators: [Operator; 2],
    /// Step and period, and when it was taken.
    pub valkey: BTreeMap<(i64, i64), Timestamp>,
    /// Who got a code, and from when until when (seconds) it is the current one.
    pub codes: Vec<((String, i32), (i64, i64))>,
    /// Steps and periods others used that Valkey knows of.
    pub outsiders: Vec<(i64, i64)>,
    /// The portal takes no code of an earlier time than this.
    pub portal_accepted: i64,
    /// How often the portal refused which password since a person last resumed the provider.
    pub refused: BTreeMap<usize, usize>,
    /// The version of the last login that the portal accepted, and of each one that it refused, by its batch.
    pub accepted_in: u64,
    pub refused_in: BTreeMap<String, u64>,
    /// Wrong logins since the portal last accepted one.
    pub wrong_in_a_row: usize,
    /// What people have changed since then that may allow one more login.
    pub allowed_by_people: usize,
    /// Values of the annotation that an operator has read.
    pub words: BTreeSet<String>,
}

pub type Harm = String;

impl World {
    pub fn new(guards: Guards, disaster: Disaster) -> Self {
        let job = Job { version: 1, phase: JobPhase::Pending, batch: None };
        let provider = Provider {
            is_known: true,
            entry: AccountStatus { name: "ops".to_owned(), ..AccountStatus::default() },
            resume: None,
            annotation: None,
            period: 30,
        };
        let api = Api {
            version: 1,
            jobs: vec![job; JOBS],
            batches: BTreeMap::new(),
            provider: (1, provider),
            secret: Secret::default(),
            codes: BTreeMap::new(),
        };
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
            codes: Vec::new(),
            outsiders: Vec::new(),
            portal_accepted: 0,
            refused: BTreeMap::new(),
            accepted_in: 0,
            refused_in: BTreeMap::new(),
            wrong_in_a_row: 0,
            allowed_by_people: 0,
            words: BTreeSet::new(),
        }
    }

    pub fn act(&mut self, action: &Action) -> Result<(), Harm> {
        match *action {
            Action::Work { operator, pick, fault } => {
                match self.operators[operator].intent.take() {
                    None => self.operators[operator].intent = self.decide(operator, pick),
                    Some(intent) => self.write(operator, intent, fault)?,
                }
            }
            Action::Observe { operator, behind } => self.observe(operator, behind),
            Action::Run { batch, answered } => self.run(batch, answered, false)?,
            Action::Lose { batch } => self.run(batch, false, true)?,
            Action::Fail { batch } => {
                let version = self.api.next_version();
                if let Some(batch) = self
                    .api
                    .batches
                    .values_mut()
                    .nth(batch)
                    .filter(|batch| !batch.phase.is_finished())
                {
                    (batch.phase, batch.version) = (BatchPhase::Failed, version);
                }
            }
            Action::HandBack { job } => self.hand_back(job),
            Action::OutsiderLogsIn => self.outsider_logs_in(),
            Action::Strike => self.strike(),
            Action::Tick { seconds } => {
                self.now =
                    self.now.checked_add(SignedDuration::from_secs(seconds)).expect("a time");
                let now = self.now;
                self.valkey.retain(|(_, period), taken| {
                    let ttl = i64::try_from(step::key_ttl(*period, SKEW)).expect("small");
                    now.duration_since(*taken).as_secs() < ttl
                });
            }
            Action::Edit(edit) => self.edit(edit),
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

    /// Against others only Valkey helps: where it forgets, nothing does.
    fn outsider_logs_in(&mut self) {
        let period = self.api.provider.1.period;
        let step = step::at(self.now, period);
        if self.disaster != Disaster::ValkeyFlushed && !self.valkey.contains_key(&(step, period)) {
            self.valkey.insert((step, period), self.now);
            self.outsiders.push((step, period));
            self.portal_accepted = self.portal_accepted.max((step + 1) * period);
        }
    }

    fn strike(&mut self) {
        match self.disaster {
            Disaster::ValkeyFlushed => self.valkey.clear(),
            Disaster::ProviderRestoredFromBackup => {
                let version = self.api.next_version();
                self.api.provider.0 = version;
                self.api.provider.1.entry =
                    AccountStatus { name: "ops".to_owned(), ..AccountStatus::default() };
            }
        }
    }

    fn edit(&mut self, edit: Edit) {
        let version = self.api.next_version();
        self.api.provider.0 = version;
        let provider = &mut self.api.provider.1;
        if !matches!(edit, Edit::Label | Edit::Period(_) | Edit::Expire) {
            self.allowed_by_people += 1;
        }
        match edit {
            Edit::Secret(password) => self.api.secret.set(password),
            Edit::Label => self.api.secret.label(),
            Edit::Period(period) => provider.period = period,
            Edit::Resume(from_now) => {
                let time = self.now + SignedDuration::from_secs(from_now);
                provider.annotation = Some(time.to_string());
            }
            Edit::Recreate => {
                provider.is_known = false;
                provider.entry =
                    AccountStatus { name: "ops".to_owned(), ..AccountStatus::default() };
                provider.resume = None;
            }
            Edit::Restore(behind) => {
                let older = &self.history[self.history.len().saturating_sub(1 + behind)];
                provider.entry = older.provider.1.entry.clone();
                provider.resume = older.provider.1.resume.clone();
                // Whoever restores a status gives the word that stands beside it again.
                if let Some(value) = &provider.annotation {
                    self.words.remove(value);
                }
            }
            Edit::Expire => self.expire(),
        }
    }

    /// The batches that have ended and that nothing needs any more are deleted. A refusal before the portal's last acceptance is forgiven
    /// with its batch: the portal has started to count anew.
    fn expire(&mut self) {
        let (current, limits) = (self.current(), limits());
        let account = stored::account(&self.api.provider.1, &current, &limits, self.api.past());
        let must_remember = |name: &String| {
            let own = account.past.iter().filter(|login| login.batch == name);
            self.guards.kept && own.clone().any(|login| account.must_remember(login))
        };
        let is_needed = |(name, batch): (&String, &Batch)| {
            let has =
                |job: &&Job| job.phase == JobPhase::Batched && job.batch.as_ref() == Some(name);
            !batch.phase.is_finished()
                || batch.grants.iter().any(fno_core::account::history::is_open)
                || self.api.jobs.iter().any(|job| has(&job))
                || must_remember(name)
        };
        let expired = self.api.batches.iter().filter(|entry| !is_needed(*entry));
        let expired: Vec<String> = expired.map(|(name, _)| name.clone()).collect();
        for name in expired {
            let Some(batch) = self.api.batches.remove(&name) else { continue };
            let before = |refused: u64| refused < self.accepted_in;
            if self.refused_in.remove(&name).is_some_and(before)
                && let Some(times) = self.refused.get_mut(&batch.pinned.0)
            {
                *times = times.saturating_sub(1);
            }
        }
    }

    /// An operator has read the annotation. A person's word is given once, whatever becomes of the record of it: then what the portal
    /// refused before is forgiven. A value that was in the future does not count.
    pub fn listen(&mut self, provider: &Provider) {
        let Some(resume) = &provider.resume else { return };
        let counts = resume.resumed_at.as_ref().is_some_and(|at| at.0 <= self.now);
        if self.words.insert(resume.value.clone()) && counts {
            self.refused.clear();
            self.refused_in.clear();
        }
    }

    fn run(&mut self, batch: usize, answered: bool, lost: bool) -> Result<(), Harm> {
        let version = self.api.next_version();
        let Some((name, batch)) = self.api.batches.iter_mut().nth(batch) else { return Ok(()) };
        let granted = batch.grant().is_some_and(fno_core::account::history::is_open);
        match (batch.phase, batch.stage) {
            (BatchPhase::Assigned, Stage::Asking) if granted => {
                let (password, _) = batch.pinned;
                batch.version = version;
                if password == 0 {
                    batch.stage = Stage::AwaitingCode;
                    return Ok(());
                }
                self.wrong_in_a_row += 1;
                if self.wrong_in_a_row >= LOCKED_AFTER + self.allowed_by_people {
                    return Err(format!("the portal locked the account: {name} was one too many"));
                }
                if lost {
                    batch.phase = BatchPhase::Failed;
                } else {
                    batch.stage = Stage::Rejected;
                    let times = self.refused.entry(password).or_default();
                    *times += 1;
                    self.refused_in.insert(name.clone(), version);
                    if *times > MOST_REFUSALS {
                        return Err(format!("password {password} was typed {times} times"));
                    }
                }
            }
            (BatchPhase::Assigned, Stage::AwaitingCode) => {
                let Some((step, period)) = self.api.codes.get(&(name.clone(), batch.login)) else {
                    return Ok(());
                };
                let (from, until) = (step * period, (step + 1) * period);
                batch.version = version;
                if self.now.as_second() >= until {
                    // Too late: it is not typed, and the batch ends.
                    batch.phase = BatchPhase::Failed;
                } else if from < self.portal_accepted {
                    return Err(format!("the portal refuses the code of step {step} for {name}"));
                } else {
                    (self.portal_accepted, self.accepted_in) = (until, version);
                    (self.wrong_in_a_row, self.allowed_by_people) = (0, 0);
                    (batch.stage, batch.phase) = (Stage::LoggedIn, BatchPhase::InProgress);
                }
            }
            (BatchPhase::InProgress, _) => {
                (batch.version, batch.phase, batch.answered) =
                    (version, BatchPhase::Completed, answered);
            }
            _ => {}
        }
        Ok(())
    }

    fn hand_back(&mut self, job: usize) {
        let version = self.api.next_version();
        let Api { jobs, batches, .. } = &mut self.api;
        let stored = &mut jobs[job];
        let Some(name) = stored.batch.as_ref().filter(|_| stored.phase == JobPhase::Batched) else {
            return;
        };
        // A claim that arrives after its batch was deleted leaves an orphan, which returns to Pending.
        let Some(batch) = batches.get(name) else {
            *stored = Job { version, phase: JobPhase::Pending, batch: None };
            return;
        };
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
                .filter(|(_, batch)| {
                    matches!(batch.phase, BatchPhase::Assigned | BatchPhase::InProgress)
                        && batch.claimed.contains(&job)
                })
                .map(|(name, _)| name)
                .collect();
            if at_work.len() > 1 {
                return Err(format!("job {job} is at work in {at_work:?}"));
            }
        }
        Ok(())
    }

    /// The faults stop, and a person corrects the Secret and resumes: both operators see everything and what they write arrives.
    pub fn settle(&mut self) -> Result<(), Harm> {
        self.act(&Action::Tick { seconds: 1 })?;
        self.act(&Action::Edit(Edit::Secret(0)))?;
        for round in 0..400 {
            // A login from before may end without a verdict after the first resume. Then the breaker asks the person again.
            let breaker = self.api.provider.1.entry.breaker.as_ref();
            let asks = |breaker: &AccountBreaker| {
                breaker.state == BreakerState::Open && breaker.open_until.is_none()
            };
            if round == 0 || round % 50 == 0 && breaker.is_some_and(asks) {
                self.act(&Action::Edit(Edit::Resume(0)))?;
            }
            for operator in 0..2 {
                self.act(&Action::Observe { operator, behind: 0 })?;
                for pick in 0..4 {
                    self.act(&Action::Work { operator, pick, fault: Fault::None })?;
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
