//! What an operator wants to write, by the real decisions on what its watches have told it.

use std::{collections::BTreeSet, rc::Rc};

use fno_core::{
    account::AccountName,
    batch_status,
    claim::{Claim, JobFacts, claim},
    finalizer, job_status,
    key::Key,
    lifecycle::{BatchFacts, Deadlines, JobState, NextAction, PodState, Switches, next},
    ownership::{NamedBatch, orphaned},
    plan::BatchView,
    view,
    why::Why,
};
use fno_crds::{
    FnoBatch, FnoBatchStatus, FnoJob, FnoJobStatus, JobPhase, Reason,
    batch::BatchPhase,
    names::{FINALIZER, pod},
    provider::Session,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::{api::Api, world::Guards};
use crate::world::{self, Scene};

const DEADLINES: Deadlines = Deadlines {
    pod_running: SignedDuration::from_mins(5),
    logged_in: SignedDuration::from_mins(5),
    heartbeat: SignedDuration::from_mins(2),
    job: SignedDuration::from_mins(3),
};

/// One write. Everything an operator does is made of these, and it may end after each.
#[derive(Clone, Debug)]
pub enum Wish {
    Create(Box<FnoBatch>),
    Job { name: String, version: Option<String>, status: Box<FnoJobStatus> },
    Finalizers { name: String, version: Option<String>, finalizers: Vec<String> },
    Batch { name: String, version: Option<String>, status: Box<FnoBatchStatus>, launches: bool },
    Clean { name: String, version: Option<String> },
    Forget { name: String },
}

pub struct Operator {
    pub cache: Rc<Api>,
    /// UIDs of jobs whose status was refused a moment ago.
    pub refused: BTreeSet<String>,
}

/// What an operator looks at.
pub struct Look<'a> {
    pub now: Timestamp,
    pub guards: Guards,
    pub operator: &'a Operator,
    /// For what is read afresh before it is decided.
    pub live: &'a Api,
    /// How long nothing has been heard of the runner of a batch.
    pub silent_for: &'a dyn Fn(&str) -> SignedDuration,
}

impl Look<'_> {
    pub fn wishes(&self) -> Vec<Wish> {
        let cache = &self.operator.cache;
        let mut wishes = Vec::new();
        for (name, batch) in &cache.batches {
            if !cache.unreadable.contains(name) {
                wishes.extend(self.for_batch(name, batch));
            }
        }
        wishes.extend(self.planned());
        for (name, job) in &cache.jobs {
            wishes.extend(self.corrected(name, job));
            wishes.extend(self.handed_back(name, job));
        }
        wishes
    }

    fn corrected(&self, name: &str, job: &FnoJob) -> Option<Wish> {
        let finalizers = finalizer::wanted_for(job).filter(|_| self.guards.finalizers_corrected)?;
        let version = job.metadata.resource_version.clone();
        Some(Wish::Finalizers { name: name.to_owned(), version, finalizers })
    }

    fn handed_back(&self, name: &str, job: &FnoJob) -> Option<Wish> {
        let cache = &self.operator.cache;
        let batch = job.status.as_ref()?.batch.as_ref()?;
        let named = match cache.batches.get(batch) {
            _ if !self.guards.owners_checked => return None,
            Some(_) if cache.unreadable.contains(batch) => NamedBatch::Unreadable,
            Some(batch) => NamedBatch::Readable(batch),
            None if self.live.batches.contains_key(batch) => return None,
            None => NamedBatch::Absent,
        };
        let why = orphaned(job, named)?;
        Some(write(name, job, job_status::handed_back(job, &why, self.now)))
    }

    fn planned(&self) -> Vec<Wish> {
        let cache = &self.operator.cache;
        let key = |name: &String| Key { namespace: "fibre".to_owned(), name: name.clone() };
        let jobs = cache
            .jobs
            .iter()
            .filter(|(_, job)| job.phase() == JobPhase::Pending)
            .map(|(name, job)| view::job::view(key(name), job, self.now));
        let batches = cache.batches.iter().map(|(name, batch)| {
            if cache.unreadable.contains(name) {
                return BatchView { jobs: Vec::new(), ..world::batch(name, "ops", &[]) };
            }
            let (account, pod) = (AccountName::of(batch), cache.pods.get(name));
            view::batch::view(batch, account, pod, &Session::default(), &DEADLINES, self.now)
        });
        let mut provider = world::provider("octotel");
        let spec = std::sync::Arc::make_mut(&mut provider.spec);
        (spec.batching.max_jobs, spec.session.max_sessions_per_account) = (2, 2);
        let scene = Scene {
            now: self.now,
            batches: batches.collect(),
            ..Scene::new(if cache.provider { vec![provider] } else { Vec::new() }, jobs.collect())
        };
        let plan = scene.plan();
        let created = plan.create.into_iter().map(|new| {
            Wish::Create(Box::new(FnoBatch {
                metadata: ObjectMeta {
                    name: Some(new.key.name),
                    namespace: Some(new.key.namespace),
                    finalizers: Some(vec![FINALIZER.to_owned()]),
                    creation_timestamp: Some(Time(self.now)),
                    ..ObjectMeta::default()
                },
                spec: new.spec,
                status: None,
            }))
        });
        let failed = plan.fail.iter().filter_map(|(key, why)| {
            let job = cache.jobs.get(&key.name)?;
            Some(write(&key.name, job, job_status::failed(job, why, self.now)))
        });
        let withdrawn = plan.withdraw.iter().filter_map(|key| {
            let job = cache.jobs.get(&key.name)?;
            Some(write(&key.name, job, job_status::withdrawn(job, self.now)))
        });
        created.chain(failed).chain(withdrawn).collect()
    }

    fn for_batch(&self, name: &str, batch: &FnoBatch) -> Option<Wish> {
        let states = self.job_states(batch);
        let live = self.live.pods.get(name).unwrap_or(&PodState::Missing);
        let pod_state = self.operator.cache.pods.get(name).unwrap_or(live);
        let silent_for = (self.silent_for)(name);
        // The model has one clock.
        let created = batch.metadata.creation_timestamp.as_ref();
        let facts = BatchFacts {
            now: self.now,
            batch,
            pod: pod_state,
            pod_uid: (*pod_state != PodState::Missing).then_some("pod"),
            images_replaced: false,
            switches: Switches::default(),
            exists_for: self.now.duration_since(created.map_or(self.now, |at| at.0)),
            silent_for,
            idle_for: silent_for,
            browser: None,
            login_state_for: silent_for,
            jobs: &states,
            held: None,
            deadlines: &DEADLINES,
        };
        let status = batch.status.clone().unwrap_or_default();
        let store = |status, launches| Wish::Batch {
            name: name.to_owned(),
            version: batch.metadata.resource_version.clone(),
            status: Box::new(status),
            launches,
        };
        match next(&facts) {
            NextAction::Claim => self.claimed(name, batch, &facts),
            NextAction::Launch { attempt } => Some(store(assigned(name, status, attempt), true)),
            NextAction::Mirror => self.settled(batch, &states, None),
            NextAction::End(end) if end.fence => {
                Some(store(batch_status::end(&facts, status, end.phase, &end.why, false), false))
            }
            NextAction::End(end) => self.settled(batch, &states, Some(&end.why)).or_else(|| {
                Some(store(batch_status::end(&facts, status, end.phase, &end.why, true), false))
            }),
            NextAction::Settle => {
                let why = Why {
                    reason: status.reason.unwrap_or(Reason::RunnerLost),
                    message: status.message.clone().unwrap_or_default(),
                };
                let phase = status.phase.unwrap_or(BatchPhase::Failed);
                let open = status.finished_at.is_none();
                self.settled(batch, &states, Some(&why)).or_else(|| {
                    open.then(|| store(batch_status::end(&facts, status, phase, &why, true), false))
                })
            }
            NextAction::Clean => Some(Wish::Clean {
                name: name.to_owned(),
                version: batch.metadata.resource_version.clone(),
            }),
            NextAction::Forget => Some(Wish::Forget { name: name.to_owned() }),
            NextAction::Wait { shown, .. } => {
                let derived = batch_status::derive(&facts, status.clone(), shown.as_ref());
                (derived != status).then(|| store(derived, false))
            }
            NextAction::Drain
            | NextAction::Grant { .. }
            | NextAction::Mint { .. }
            | NextAction::CloseLogin { .. } => None,
        }
    }

    fn job_states(&self, batch: &FnoBatch) -> Vec<JobState> {
        let claimed = batch.status.as_ref().map(|s| s.claimed.clone()).unwrap_or_default();
        let states = batch.spec.jobs.iter().filter_map(|invited| {
            let known = self.operator.cache.jobs.get(&invited.name);
            let known = known.filter(|job| job.metadata.uid.as_ref() == Some(&invited.uid));
            if let Some(job) = known.filter(|job| is_in(job, batch)) {
                let refused = self.operator.refused.contains(&invited.uid);
                return Some(JobState::at_work(job, refused, self.now));
            }
            let exists = known.is_some();
            claimed.contains(&invited.uid).then(|| JobState::settled(invited.uid.clone(), exists))
        });
        states.collect()
    }

    /// The first of the invited jobs that is not claimed and held yet; after the last one the Pod.
    fn claimed(&self, name: &str, batch: &FnoBatch, facts: &BatchFacts<'_>) -> Option<Wish> {
        let mut claimed = Vec::new();
        for invited in &batch.spec.jobs {
            let live = self.live.jobs.get(&invited.name);
            match claim(self.now, &invited.uid, name, live.map(JobFacts::from).as_ref()) {
                Claim::Take { .. } => {
                    let job = live?;
                    let status = FnoJobStatus {
                        phase: Some(JobPhase::Batched),
                        batch: Some(name.to_owned()),
                        reason: Some(Reason::Batched),
                        retry_at: None,
                        ..job.status.clone().unwrap_or_default()
                    };
                    return Some(write(&invited.name, job, status));
                }
                Claim::Ours => {
                    let job = live?;
                    if let Some(finalizers) = finalizer::wanted_for(job) {
                        let version = job.metadata.resource_version.clone();
                        let name = invited.name.clone();
                        return Some(Wish::Finalizers { name, version, finalizers });
                    }
                    claimed.push(invited.uid.clone());
                }
                Claim::Lost(_) => {}
            }
        }
        let status = batch.status.clone().unwrap_or_default();
        let status = if claimed.is_empty() {
            let why = Why { reason: Reason::Completed, message: String::new() };
            batch_status::end(facts, status, BatchPhase::Completed, &why, true)
        } else {
            assigned(name, FnoBatchStatus { claimed: claimed.clone(), ..status }, 1)
        };
        Some(Wish::Batch {
            name: name.to_owned(),
            version: batch.metadata.resource_version.clone(),
            status: Box::new(status),
            launches: !claimed.is_empty(),
        })
    }

    /// The first job there is something to write about.
    fn settled(&self, batch: &FnoBatch, states: &[JobState], end: Option<&Why>) -> Option<Wish> {
        let run = batch.status.as_ref().and_then(|status| status.run.as_ref());
        let due = states.iter().filter(|state| {
            if self.guards.refused_set_aside { state.is_due() } else { state.at_work }
        });
        for state in due {
            let jobs = &self.operator.cache.jobs;
            let job = jobs.values().find(|job| job.metadata.uid.as_ref() == Some(&state.uid))?;
            let name = job.metadata.name.clone()?;
            let result = run.and_then(|run| run.results.iter().find(|r| r.uid == state.uid));
            let status = match (result, end) {
                (Some(result), _) => job_status::settled(job, result, None, self.now),
                (None, Some(why)) => job_status::without_result(job, run, why, self.now),
                (None, None) => continue,
            };
            return Some(write(&name, job, status));
        }
        None
    }
}

fn is_in(job: &FnoJob, batch: &FnoBatch) -> bool {
    job.phase() == JobPhase::Batched
        && job.status.as_ref().and_then(|status| status.batch.as_ref())
            == batch.metadata.name.as_ref()
}

fn assigned(name: &str, status: FnoBatchStatus, attempt: i32) -> FnoBatchStatus {
    FnoBatchStatus {
        phase: Some(BatchPhase::Assigned),
        worker: Some(pod(name, attempt)),
        attempt: Some(attempt),
        ..status
    }
}

fn write(name: &str, job: &FnoJob, status: FnoJobStatus) -> Wish {
    Wish::Job {
        name: name.to_owned(),
        version: job.metadata.resource_version.clone(),
        status: Box::new(status),
    }
}
