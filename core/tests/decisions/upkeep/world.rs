//! The world: operators, runners, people, accidents, and what must hold.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use fno_core::lifecycle::PodState;
use fno_crds::{FnoJob, JobPhase, names::FINALIZER};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    JOBS,
    api::{Answer, Api},
    operator::{Look, Operator, Wish},
};
use crate::world;

pub type Harm = String;

/// What keeps the world in order.
#[derive(Clone, Copy, Debug)]
pub struct Guards {
    /// Finalizers are corrected whatever left them wrong.
    pub finalizers_corrected: bool,
    /// A job whose batch is gone is handed back.
    pub owners_checked: bool,
    /// A batch goes on without a job whose status is refused.
    pub refused_set_aside: bool,
}

impl Guards {
    pub const ALL: Self =
        Self { finalizers_corrected: true, owners_checked: true, refused_set_aside: true };
}

#[derive(Clone, Debug)]
pub enum Action {
    /// An operator makes one write, or believes that it has made it.
    Work {
        operator: usize,
        pick: usize,
        is_lost: bool,
    },
    /// Its watches catch up, except for the last `behind` versions.
    Observe {
        operator: usize,
        behind: usize,
    },
    /// A Pod starts, its runner logs in, does one job, or ends.
    Run(usize),
    KillPod(usize),
    DeleteJob(usize),
    Suspend(usize, bool),
    DeleteBatch(usize),
    /// A person removes it by hand.
    RemoveBatchFinalizer(usize),
    /// A newer version wrote it, or it is rolled forward again.
    Unreadable(usize, bool),
    Provider(bool),
    Refuse(Option<usize>),
    /// Jobs and batches are restored from a backup.
    Restore(usize),
    Tick(i64),
}

pub struct World {
    guards: Guards,
    pub now: Timestamp,
    pub api: Api,
    history: Vec<Rc<Api>>,
    operators: [Operator; 2],
    /// When something was last heard of a batch's runner.
    pub heard: BTreeMap<String, Timestamp>,
}

impl World {
    pub fn new(guards: Guards) -> Self {
        let mut api = Api { provider: true, version: 1, ..Api::default() };
        for index in 0..JOBS {
            let name = format!("job-{index}");
            api.jobs.insert(name.clone(), job(&name));
        }
        let seen = Rc::new(api.clone());
        let operator = || Operator { cache: Rc::clone(&seen), refused: BTreeSet::new() };
        Self {
            guards,
            now: world::at(60),
            operators: [operator(), operator()],
            history: vec![seen],
            api,
            heard: BTreeMap::new(),
        }
    }

    pub fn succeeded(&self) -> usize {
        self.api.jobs.values().filter(|job| job.phase() == JobPhase::Succeeded).count()
    }

    pub fn act(&mut self, action: &Action) -> Result<(), Harm> {
        let batch = |api: &Api, index: usize| api.batches.keys().nth(index).cloned();
        match *action {
            Action::Work { operator, pick, is_lost } => self.work(operator, pick, is_lost)?,
            Action::Observe { operator, behind } => {
                let version = self.history.len().saturating_sub(1 + behind);
                self.operators[operator].cache = Rc::clone(&self.history[version]);
            }
            Action::Run(index) => {
                if let Some(name) = batch(&self.api, index) {
                    self.run(&name);
                }
            }
            Action::KillPod(index) => {
                if let Some(name) = batch(&self.api, index)
                    && let Some(pod) = self.api.pods.get_mut(&name)
                {
                    let ran = matches!(pod, PodState::Running { .. });
                    *pod = PodState::Ended { ran, how: "killed".to_owned() };
                    self.api.version += 1;
                }
            }
            Action::DeleteJob(index) => self.api.delete_job(&job_name(index), self.now)?,
            Action::Suspend(index, on) => self.api.suspend_job(&job_name(index), on),
            Action::DeleteBatch(index) => {
                if let Some(name) = batch(&self.api, index) {
                    self.api.delete_batch(&name, self.now);
                }
            }
            Action::RemoveBatchFinalizer(index) => {
                if let Some(name) = batch(&self.api, index) {
                    self.api.release_batch(&name, None);
                    self.api.delete_batch(&name, self.now);
                }
            }
            Action::Unreadable(index, on) => {
                if let Some(name) = batch(&self.api, index) {
                    self.api.version += 1;
                    if on {
                        self.api.unreadable.insert(name);
                    } else {
                        self.api.unreadable.remove(&name);
                    }
                }
            }
            Action::Provider(exists) => {
                (self.api.provider, self.api.version) = (exists, self.api.version + 1);
            }
            Action::Refuse(index) => self.api.refused = index.map(job_name),
            Action::Restore(back) => self.restore(back),
            Action::Tick(seconds) => self.tick(seconds),
        }
        if self.history.last().is_none_or(|seen| seen.version != self.api.version) {
            self.history.push(Rc::new(self.api.clone()));
        }
        Ok(())
    }

    fn tick(&mut self, seconds: i64) {
        self.now = self.now.checked_add(SignedDuration::from_secs(seconds)).expect("a time");
        // A refused write is tried again after a minute.
        self.operators.iter_mut().for_each(|operator| operator.refused.clear());
    }

    /// After a restore every operator starts anew: its watches are of another past.
    fn restore(&mut self, back: usize) {
        let old = Rc::clone(&self.history[self.history.len().saturating_sub(1 + back)]);
        self.api.restore(&old);
        let seen = Rc::new(self.api.clone());
        for operator in &mut self.operators {
            (operator.cache, operator.refused) = (Rc::clone(&seen), BTreeSet::new());
        }
        self.history.push(seen);
    }

    fn work(&mut self, operator: usize, pick: usize, is_lost: bool) -> Result<(), Harm> {
        let (heard, now) = (&self.heard, self.now);
        let silent_for = |name: &str| {
            heard.get(name).map_or(SignedDuration::ZERO, |heard| now.duration_since(*heard))
        };
        let look = Look {
            now,
            guards: self.guards,
            operator: &self.operators[operator],
            live: &self.api,
            silent_for: &silent_for,
        };
        let mut wishes = look.wishes();
        if wishes.is_empty() || is_lost {
            return Ok(());
        }
        let wish = wishes.swap_remove(pick % wishes.len());
        self.write(operator, wish)
    }

    fn write(&mut self, operator: usize, wish: Wish) -> Result<(), Harm> {
        match wish {
            Wish::Create(batch) => {
                self.api.create_batch(*batch);
            }
            Wish::Job { name, version, status } => {
                if self.api.write_job(&name, version.as_ref(), *status)? == Answer::Refused {
                    let uid = self.api.jobs[&name].metadata.uid.clone().expect("a UID");
                    self.operators[operator].refused.insert(uid);
                }
            }
            Wish::Finalizers { name, version, finalizers } => {
                self.api.write_job_finalizers(&name, version.as_ref(), finalizers)?;
            }
            Wish::Batch { name, version, status, launches } => {
                let answer = self.api.write_batch(&name, version.as_ref(), *status);
                if answer == Answer::Stored && launches {
                    self.api.pods.insert(name.clone(), PodState::Starting(None));
                    self.heard.insert(name, self.now);
                }
            }
            Wish::Clean { name, version } => {
                if self.api.release_batch(&name, version.as_ref()) == Answer::Stored {
                    self.api.pods.remove(&name);
                }
            }
            Wish::Forget { name } => self.api.delete_batch(&name, self.now),
        }
        Ok(())
    }

    pub fn delete_everything(&mut self) {
        let (jobs, batches): (Vec<_>, Vec<_>) =
            (self.api.jobs.keys().cloned().collect(), self.api.batches.keys().cloned().collect());
        self.api.provider = false;
        // The order in which a namespace is emptied is anybody's guess; Pods go at once.
        for pod in self.api.pods.values_mut() {
            *pod = PodState::Ended { ran: true, how: "deleted".to_owned() };
        }
        batches.iter().for_each(|name| self.api.delete_batch(name, self.now));
        for name in jobs {
            // Nothing runs any more, so nothing can be at work.
            _ = self.api.delete_job(&name, self.now);
        }
        self.api.version += 1;
        self.history.push(Rc::new(self.api.clone()));
    }

    /// Batches that cannot be read stay so; everything else has to get done.
    pub fn settle_while_unreadable(&mut self) -> Result<(), Harm> {
        self.api.refused = None;
        let untouched: Vec<String> = self.jobs_of_unreadable();
        self.go_on(100)?;
        for name in &untouched {
            let phase = self.api.jobs.get(name).map(FnoJob::phase);
            if self.jobs_of_unreadable().contains(name) && phase != Some(JobPhase::Batched) {
                return Err(format!("{name} is {phase:?} although its batch cannot be read"));
            }
        }
        let mut excused: BTreeSet<String> = self.jobs_of_unreadable().into_iter().collect();
        // What cannot be read counts as occupied: there may be no session left for those that wait.
        if !self.api.unreadable.is_empty() {
            let waiting = self.api.jobs.iter().filter(|(_, job)| job.phase() == JobPhase::Pending);
            let free = waiting.filter(|(_, job)| job.metadata.deletion_timestamp.is_none());
            excused.extend(free.map(|(name, _)| name.clone()));
        }
        self.nothing_is_stuck(&excused)
    }

    fn jobs_of_unreadable(&self) -> Vec<String> {
        let named = |job: &FnoJob| job.status.as_ref().and_then(|status| status.batch.clone());
        let unreadable = |name: &String| self.api.unreadable.contains(name);
        let at_work = |job: &&FnoJob| job.phase() == JobPhase::Batched;
        let jobs = self.api.jobs.values().filter(at_work);
        jobs.filter(|job| named(job).is_some_and(|batch| unreadable(&batch)))
            .filter_map(|job| job.metadata.name.clone())
            .collect()
    }

    /// One job's status stays refused; everything else has to get done.
    pub fn settle_while_refused(&mut self) -> Result<(), Harm> {
        self.api.unreadable.clear();
        self.go_on(100)?;
        let excused: BTreeSet<String> = self.api.refused.iter().cloned().collect();
        self.nothing_is_stuck(&excused)
    }

    /// The accidents stop and everything is put right: operators see everything, and what they write arrives.
    pub fn settle(&mut self) -> Result<(), Harm> {
        self.api.unreadable.clear();
        self.api.refused = None;
        self.go_on(100)?;
        self.nothing_is_stuck(&BTreeSet::new())?;
        // Every finished batch is kept for a day, and then it goes.
        self.tick(200_000);
        self.go_on(30)?;
        match self.api.batches.keys().next() {
            Some(name) => Err(format!("batch {name} is stuck: {:?}", self.api.batches[name])),
            None => Ok(()),
        }
    }

    fn go_on(&mut self, rounds: usize) -> Result<(), Harm> {
        for round in 0..rounds {
            self.history = vec![Rc::new(self.api.clone())];
            for operator in 0..2 {
                for pick in 0..3 {
                    self.act(&Action::Observe { operator, behind: 0 })?;
                    self.act(&Action::Work { operator, pick: round + pick, is_lost: false })?;
                }
            }
            for batch in 0..self.api.batches.len() {
                self.act(&Action::Run(batch))?;
            }
            self.act(&Action::Tick(20))?;
        }
        Ok(())
    }

    fn nothing_is_stuck(&self, excused: &BTreeSet<String>) -> Result<(), Harm> {
        for (name, job) in self.api.jobs.iter().filter(|(name, _)| !excused.contains(*name)) {
            let held = job.metadata.finalizers.iter().flatten().any(|held| held == FINALIZER);
            if held && job.phase() != JobPhase::Batched {
                return Err(format!("{name} is {} and held by {FINALIZER}", job.phase()));
            }
            if job.metadata.deletion_timestamp.is_some() {
                return Err(format!("{name} is stuck: it terminates for ever as {}", job.phase()));
            }
            let may_wait = !self.api.provider || job.spec.suspend;
            match job.phase() {
                JobPhase::Succeeded | JobPhase::Failed | JobPhase::Cancelled => {}
                JobPhase::Pending if may_wait => {}
                phase => return Err(format!("{name} is stuck as {phase}: {:?}", job.status)),
            }
        }
        for (name, batch) in &self.api.batches {
            let unreadable = self.api.unreadable.contains(name);
            let open = !batch.phase().is_finished() || batch.metadata.deletion_timestamp.is_some();
            let held = batch.metadata.finalizers.iter().flatten().next().is_some();
            if !unreadable && (open || held) {
                return Err(format!("batch {name} is stuck as {}", batch.phase()));
            }
        }
        Ok(())
    }
}

pub fn from<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("a value of the API")
}

fn job_name(index: usize) -> String {
    format!("job-{index}")
}

fn job(name: &str) -> FnoJob {
    from(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob",
        "metadata": {"name": name, "namespace": "fibre", "uid": format!("uid-{name}"), "resourceVersion": "1",
                     "creationTimestamp": world::at(0).to_string()},
        "spec": {"provider": "octotel", "action": "Validation", "circuitNumber": "C1"},
    }))
}
