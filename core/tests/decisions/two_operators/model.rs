//! The two operators and everything they share.

use std::{collections::BTreeMap, rc::Rc};

use fno_core::mint::step;
use fno_crds::{JobPhase, batch::BatchPhase};
use jiff::Timestamp;

use super::{
    Disaster, Guards, JOBS, PERIOD,
    decide::Intent,
    schedule::{Action, Fault},
    stored::{Api, Job},
};
use crate::world;

pub struct Operator {
    /// What its watches have told it: some version of the past.
    pub cache: Rc<Api>,
    pub intent: Option<Intent>,
    pub doubtful: Option<i64>,
}

pub struct World {
    pub guards: Guards,
    pub disaster: Disaster,
    pub now: Timestamp,
    pub api: Api,
    pub history: Vec<Rc<Api>>,
    pub operators: [Operator; 2],
    /// Step, and when it was taken.
    pub valkey: BTreeMap<i64, Timestamp>,
    /// Whose code a step gave.
    pub codes: BTreeMap<i64, (String, i32)>,
    /// Steps others used that Valkey knows of.
    pub outsiders: Vec<i64>,
    pub portal_accepted: i64,
}

pub type Harm = String;

impl World {
    pub fn new(guards: Guards, disaster: Disaster) -> Self {
        let job = Job { version: 1, phase: JobPhase::Pending, batch: None };
        let api = Api {
            version: 1,
            jobs: vec![job; JOBS],
            batches: BTreeMap::new(),
            last_step: (1, None),
            secrets: BTreeMap::new(),
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
            codes: BTreeMap::new(),
            outsiders: Vec::new(),
            portal_accepted: 0,
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
            Action::Run { batch, answered } => self.run(batch, answered)?,
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
                self.now =
                    self.now.checked_add(jiff::SignedDuration::from_secs(seconds)).expect("a time");
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

    fn run(&mut self, batch: usize, answered: bool) -> Result<(), Harm> {
        let version = self.api.next_version();
        let Some((name, batch)) = self.api.batches.iter_mut().nth(batch) else { return Ok(()) };
        match batch.phase {
            BatchPhase::Assigned => match self.api.secrets.get(&(name.clone(), batch.login)) {
                Some(step) if self.now >= step::ends(*step, PERIOD) => {
                    (batch.version, batch.login) = (version, batch.login + 1)
                }
                Some(step) if *step <= self.portal_accepted => {
                    return Err(format!("the portal refuses the code of step {step} for {name}"));
                }
                Some(step) => {
                    self.portal_accepted = *step;
                    (batch.version, batch.phase) = (version, BatchPhase::InProgress);
                }
                None => {}
            },
            BatchPhase::InProgress => {
                (batch.version, batch.phase, batch.answered) =
                    (version, BatchPhase::Completed, answered)
            }
            BatchPhase::Created | BatchPhase::Completed | BatchPhase::Failed => {}
        }
        Ok(())
    }

    fn hand_back(&mut self, job: usize) {
        let version = self.api.next_version();
        let Api { jobs, batches, .. } = &mut self.api;
        let stored = &mut jobs[job];
        let Some(batch) = stored
            .batch
            .as_ref()
            .filter(|_| stored.phase == JobPhase::Batched)
            .and_then(|name| batches.get(name))
        else {
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

    /// The faults stop: both operators see everything and what they write arrives.
    pub fn settle(&mut self) -> Result<(), Harm> {
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
