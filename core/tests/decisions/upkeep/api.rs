//! What an API server does: compare-and-set, finalizers, deletion.

use std::collections::{BTreeMap, BTreeSet};

use fno_core::lifecycle::PodState;
use fno_crds::{
    FnoBatch, FnoBatchStatus, FnoJob, FnoJobStatus, JobPhase, batch::BatchPhase, names::FINALIZER,
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::world::Harm;

/// Everything that is stored, as of one version.
#[derive(Clone, Debug, Default)]
pub struct Api {
    pub version: u64,
    pub jobs: BTreeMap<String, FnoJob>,
    pub batches: BTreeMap<String, FnoBatch>,
    /// By the batch's name. A batch has one Pod in this model.
    pub pods: BTreeMap<String, PodState>,
    pub provider: bool,
    /// Batches that only a newer version can read.
    pub unreadable: BTreeSet<String>,
    /// A job whose status is refused, whatever it says.
    pub refused: Option<String>,
    /// Jobs at work that a restore brought back without their finalizer, until an operator has added it again.
    pub unheld: BTreeSet<String>,
}

/// What came of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Stored,
    /// Another write came first, or the object is gone.
    Conflict,
    Refused,
}

impl Api {
    fn touch(&mut self, meta: &mut ObjectMeta) {
        self.version += 1;
        meta.resource_version = Some(self.version.to_string());
    }

    pub fn write_job(
        &mut self,
        name: &str,
        read: Option<&String>,
        status: FnoJobStatus,
    ) -> Result<Answer, Harm> {
        let Some(mut job) = self.jobs.get(name).cloned() else { return Ok(Answer::Conflict) };
        if job.metadata.resource_version.as_ref() != read {
            return Ok(Answer::Conflict);
        }
        let ends = status.phase != Some(JobPhase::Batched);
        if ends && self.refused.as_deref() == Some(name) {
            return Ok(Answer::Refused);
        }
        let old = job.clone();
        job.status = Some(status);
        job.validate_cel_update(&old)
            .map_err(|error| format!("the schema refuses a status of {name}: {error:?}"))?;
        self.touch(&mut job.metadata);
        self.jobs.insert(name.to_owned(), job);
        Ok(Answer::Stored)
    }

    pub fn write_job_finalizers(
        &mut self,
        name: &str,
        read: Option<&String>,
        finalizers: Vec<String>,
    ) -> Result<Answer, Harm> {
        let Some(mut job) = self.jobs.get(name).cloned() else { return Ok(Answer::Conflict) };
        if job.metadata.resource_version.as_ref() != read {
            return Ok(Answer::Conflict);
        }
        let deleted = job.metadata.deletion_timestamp.is_some();
        let before = job.metadata.finalizers.clone().unwrap_or_default();
        if deleted && finalizers.iter().any(|new| !before.contains(new)) {
            return Err(format!("{name} gets a finalizer while it is being deleted"));
        }
        if job.phase() == JobPhase::Batched && before.len() > finalizers.len() {
            return Err(format!("{name} loses its finalizer while it is Batched"));
        }
        self.unheld.remove(name);
        self.touch(&mut job.metadata);
        if deleted && finalizers.is_empty() {
            self.jobs.remove(name);
        } else {
            job.metadata.finalizers = Some(finalizers);
            self.jobs.insert(name.to_owned(), job);
        }
        Ok(Answer::Stored)
    }

    pub fn delete_job(&mut self, name: &str, now: Timestamp) -> Result<(), Harm> {
        let Some(mut job) = self.jobs.get(name).cloned() else { return Ok(()) };
        if job.metadata.finalizers.as_deref().unwrap_or_default().is_empty() {
            let started = job.status.as_ref().and_then(|status| status.batch.as_ref());
            // A Pod that a restore has left behind of a batch that is only claiming (again) is at work on nothing that is recorded.
            let has_launched = |batch: &String| {
                self.batches.get(batch).is_none_or(|batch| batch.phase() != BatchPhase::Created)
            };
            let running =
                started.is_some_and(|batch| self.pods.contains_key(batch) && has_launched(batch));
            if job.phase() == JobPhase::Batched && running && !self.unheld.contains(name) {
                return Err(format!("{name} vanishes while it is at work"));
            }
            self.version += 1;
            self.jobs.remove(name);
        } else if job.metadata.deletion_timestamp.is_none() {
            job.metadata.deletion_timestamp = Some(Time(now));
            self.touch(&mut job.metadata);
            self.jobs.insert(name.to_owned(), job);
        }
        Ok(())
    }

    pub fn suspend_job(&mut self, name: &str, on: bool) {
        let Some(mut job) = self.jobs.get(name).cloned() else { return };
        job.spec.suspend = on;
        self.touch(&mut job.metadata);
        self.jobs.insert(name.to_owned(), job);
    }

    pub fn create_batch(&mut self, mut batch: FnoBatch) -> Answer {
        let name = batch.metadata.name.clone().expect("a name");
        if self.batches.contains_key(&name) {
            return Answer::Conflict;
        }
        self.touch(&mut batch.metadata);
        batch.metadata.uid = Some(format!("{name}-{}", self.version));
        self.batches.insert(name, batch);
        Answer::Stored
    }

    pub fn write_batch(
        &mut self,
        name: &str,
        read: Option<&String>,
        status: FnoBatchStatus,
    ) -> Answer {
        let Some(mut batch) = self.batches.get(name).cloned() else { return Answer::Conflict };
        if batch.metadata.resource_version.as_ref() != read {
            return Answer::Conflict;
        }
        batch.status = Some(status);
        self.touch(&mut batch.metadata);
        self.batches.insert(name.to_owned(), batch);
        Answer::Stored
    }

    /// The runner's report: its field only.
    pub fn report(&mut self, name: &str, change: impl FnOnce(&mut FnoBatchStatus)) {
        let Some(mut batch) = self.batches.get(name).cloned() else { return };
        change(batch.status.get_or_insert_default());
        self.touch(&mut batch.metadata);
        self.batches.insert(name.to_owned(), batch);
    }

    pub fn delete_batch(&mut self, name: &str, now: Timestamp) {
        let Some(mut batch) = self.batches.get(name).cloned() else { return };
        if batch.metadata.finalizers.as_deref().unwrap_or_default().is_empty() {
            self.remove_batch(name);
        } else if batch.metadata.deletion_timestamp.is_none() {
            batch.metadata.deletion_timestamp = Some(Time(now));
            self.touch(&mut batch.metadata);
            self.batches.insert(name.to_owned(), batch);
        }
    }

    /// By the operator after its work, guarded, or by a person at any time.
    pub fn release_batch(&mut self, name: &str, read: Option<&String>) -> Answer {
        let Some(mut batch) = self.batches.get(name).cloned() else { return Answer::Conflict };
        if read.is_some() && batch.metadata.resource_version.as_ref() != read {
            return Answer::Conflict;
        }
        batch.metadata.finalizers.get_or_insert_default().retain(|name| name != FINALIZER);
        if batch.metadata.deletion_timestamp.is_some() {
            self.remove_batch(name);
        } else {
            self.touch(&mut batch.metadata);
            self.batches.insert(name.to_owned(), batch);
        }
        Answer::Stored
    }

    /// What a batch owns goes with it.
    fn remove_batch(&mut self, name: &str) {
        self.version += 1;
        self.batches.remove(name);
        self.pods.remove(name);
        self.unreadable.remove(name);
    }

    /// Jobs and batches are again what they were; everything looks changed to whoever watches.
    pub fn restore(&mut self, old: &Self) {
        (self.jobs, self.batches) = (old.jobs.clone(), old.batches.clone());
        let names: Vec<_> = self.jobs.keys().cloned().collect();
        for name in names {
            let mut job = self.jobs[&name].clone();
            self.touch(&mut job.metadata);
            if job.metadata.finalizers.as_deref().unwrap_or_default().is_empty() {
                self.unheld.insert(name.clone());
            }
            self.jobs.insert(name, job);
        }
        let names: Vec<_> = self.batches.keys().cloned().collect();
        for name in names {
            let mut batch = self.batches[&name].clone();
            self.touch(&mut batch.metadata);
            self.batches.insert(name, batch);
        }
        let Self { pods, batches, unreadable, .. } = self;
        pods.retain(|name, _| batches.contains_key(name));
        unreadable.retain(|name| batches.contains_key(name));
    }
}
