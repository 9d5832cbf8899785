//! The jobs: a compact index of those that wait, the full objects of those in a batch, and when the finished ones are due for the archive.
//!
//! One entry per job, fed by the watch and by the answers to the operator's own writes. There is no reflector of full objects: ten thousand
//! waiting jobs take a few megabytes here. Every method is short and synchronous, and no task awaits anything while it holds the lock.

mod ended;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
};

use fno_cluster::version::Version;
use fno_core::{
    finalizer,
    key::Key,
    plan::JobView,
    unreadable::Unreadable,
    view::job::{ClaimCopy, WaitNotes, view},
};
use fno_crds::{FnoJob, JobPhase, job::Action};
use jiff::Timestamp;

use self::ended::{Ended, EndedJobs};

/// A job whose finalizers are not what they should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misheld {
    /// UID of the job.
    pub uid: String,
    /// The `metadata.resourceVersion` that was seen, which guards the write.
    pub resource_version: String,
    /// The list to write into `metadata.finalizers`.
    pub wanted: Vec<String>,
    /// The job is Batched: the reconcile that claimed it is about to write the same.
    pub batched: bool,
    /// Since when the finalizers have been wrong.
    pub since: Timestamp,
    /// Removing the finalizer deletes the job, so the operator tries until this time to archive its record first.
    pub archive_until: Option<Timestamp>,
}

/// The index of all jobs; see the module.
#[derive(Debug, Default)]
pub struct JobIndex {
    inner: Mutex<Inner>,
}

/// The content of the index, behind its lock.
#[derive(Debug, Default)]
pub struct Inner {
    /// Waiting jobs in one vector, because planning takes them as a slice.
    views: Vec<JobView>,
    /// The notes of the view at the same place.
    notes: Vec<WaitNotes>,
    /// The place of a waiting job in both vectors.
    places: HashMap<Key, usize>,
    /// The full objects of the jobs in a batch.
    at_work: HashMap<Key, Arc<FnoJob>>,
    /// Jobs that have ended.
    ended: EndedJobs,
    /// UID and version of the jobs that cannot be read. Their state is unknown, so the operator does not touch them.
    unreadable: HashMap<Key, (String, Version)>,
    /// Jobs whose finalizers are not what they should be.
    misheld: HashMap<Key, Misheld>,
    /// The jobs that a relist in progress has shown, for each scope.
    relists: HashMap<Option<String>, HashSet<Key>>,
}

/// Which tasks a change of a job affects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The queue changed: plan again.
    pub queue: bool,
    /// The batch to reconcile because one of its jobs changed.
    pub batch: Option<Key>,
    /// A job finished, so its TTL runs from now on.
    pub finished: bool,
    /// A job's finalizers are not what they should be.
    pub misheld: bool,
}

impl JobIndex {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while the lock was held cannot have left a half-done change: every change is a few inserts.
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Stores a job as it is now, from the watch or from the answer to a write. A copy that is older than the known one is ignored.
    pub fn apply(&self, job: FnoJob, now: Timestamp) -> Changed {
        self.lock().apply(job, now)
    }

    /// Stores a job that cannot be read: it exists, but counts neither as waiting nor as batched nor as ended.
    pub fn apply_unreadable(&self, job: &Unreadable) -> Changed {
        self.lock().apply_unreadable(job)
    }

    /// Removes a job that is gone.
    pub fn delete(&self, key: &Key, uid: &str) -> Changed {
        self.lock().delete(key, Some(uid))
    }

    /// A relist of a scope (a namespace, or all of them) has started.
    pub fn relist_started(&self, scope: &Option<String>) {
        self.lock().relists.insert(scope.clone(), HashSet::new());
    }

    /// A relist of a scope is complete: jobs that it has not shown are gone.
    pub fn relist_ends(&self, scope: &Option<String>) -> Vec<Changed> {
        let mut inner = self.lock();
        let Some(seen) = inner.relists.remove(scope) else { return Vec::new() };
        let within =
            |key: &&Key| scope.as_ref().is_none_or(|namespace| *namespace == key.namespace);
        let keys = inner.places.keys().chain(inner.at_work.keys()).chain(inner.ended.keys());
        let keys = keys.chain(inner.unreadable.keys());
        let gone: Vec<_> =
            keys.filter(within).filter(|key| !seen.contains(*key)).cloned().collect();
        gone.iter().map(|key| inner.delete(key, None)).collect()
    }

    /// Reads or changes all waiting jobs under one lock.
    pub fn with_pending<T>(&self, act: impl FnOnce(&mut [JobView], &mut [WaitNotes]) -> T) -> T {
        let inner = &mut *self.lock();
        act(&mut inner.views, &mut inner.notes)
    }

    /// A copy of a job, if it waits.
    pub fn waiting(&self, key: &Key, uid: &str) -> Option<ClaimCopy> {
        let inner = self.lock();
        let (view, notes) = inner.pending(key)?;
        (view.uid == uid).then(|| ClaimCopy::from_index(view, notes))
    }

    /// A job that is in a batch.
    pub fn at_work(&self, key: &Key) -> Option<Arc<FnoJob>> {
        self.lock().at_work.get(key).cloned()
    }

    /// Whether a job with that UID is known, in any state.
    pub fn knows(&self, key: &Key, uid: &str) -> bool {
        let inner = self.lock();
        let pending = inner.places.get(key).is_some_and(|place| inner.views[*place].uid == uid);
        pending
            || inner.at_work.get(key).is_some_and(|job| job.metadata.uid.as_deref() == Some(uid))
            || inner.ended.get(key).is_some_and(|e| e.uid == uid)
            || inner.unreadable.get(key).is_some_and(|(known, _)| known == uid)
    }

    /// Whether a job with that UID is known but cannot be read.
    pub fn is_unreadable(&self, key: &Key, uid: &str) -> bool {
        self.lock().unreadable.get(key).is_some_and(|(known, _)| known == uid)
    }

    /// The action of a job, in any state.
    pub fn action_of(&self, key: &Key) -> Option<Action> {
        let inner = self.lock();
        let pending = || inner.pending(key).map(|(view, _)| view.action);
        inner
            .at_work
            .get(key)
            .map(|job| job.spec.action)
            .or_else(|| inner.ended.get(key).map(|ended| ended.action))
            .or_else(pending)
    }

    /// Every job that is in a batch.
    pub fn all_at_work(&self) -> Vec<Arc<FnoJob>> {
        self.lock().at_work.values().cloned().collect()
    }

    /// Jobs whose finalizers are not what they should be.
    pub fn misheld(&self) -> Vec<(Key, Misheld)> {
        self.lock().misheld.iter().map(|(key, misheld)| (key.clone(), misheld.clone())).collect()
    }

    /// Number of jobs in a batch, by provider.
    pub fn active(&self) -> BTreeMap<Key, usize> {
        let mut active = BTreeMap::new();
        for (key, job) in &self.lock().at_work {
            *active
                .entry(Key { namespace: key.namespace.clone(), name: job.spec.provider.clone() })
                .or_default() += 1;
        }
        active
    }

    /// Finished jobs whose TTL has passed, and when that of the next one passes.
    pub fn expired(&self, now: Timestamp) -> (Vec<Key>, Option<Timestamp>) {
        let inner = self.lock();
        (inner.ended.expired(now), inner.ended.next_after(now))
    }

    /// Postpones the deletion of a finished job.
    pub fn put_off(&self, key: &Key, until: Timestamp) {
        self.lock().ended.put_off(key, until);
    }
}

impl Inner {
    fn apply(&mut self, job: FnoJob, now: Timestamp) -> Changed {
        let (Some(namespace), Some(name)) =
            (job.metadata.namespace.clone(), job.metadata.name.clone())
        else {
            return Changed::default();
        };
        let key = Key { namespace, name };
        let uid = job.metadata.uid.clone().unwrap_or_default();
        if !self.is_news(&key, &uid, Version::of(&job)) {
            return Changed::default();
        }
        self.unreadable.remove(&key);
        let (before, before_work) = (
            self.pending(&key).map(|(view, notes)| (view.clone(), notes.clone())),
            self.at_work.remove(&key),
        );
        self.ended.remove(&key);
        let phase = job.phase();
        let mut changed = Changed { queue: true, ..Changed::default() };
        changed.misheld = self.note_finalizers(&key, &job, now);
        if phase != JobPhase::Pending {
            self.remove_pending(&key);
        }
        match phase {
            JobPhase::Pending => {
                let mut view = view(key.clone(), &job, now);
                let mut notes = WaitNotes::of(&job);
                if let Some((old, kept)) = before.filter(|(old, _)| old.uid == view.uid) {
                    view.eligible_since = old.eligible_since;
                    (notes.planned, notes.written_at) = (kept.planned, kept.written_at);
                    // A waiting reason that the operator itself wrote does not need a new plan.
                    let same = JobView { resource_version: view.resource_version.clone(), ..old };
                    changed.queue = same != view;
                }
                self.insert_pending(key, view, notes);
            }
            JobPhase::Batched => {
                let withdrawn = |job: &FnoJob| {
                    job.spec.cancel_requested
                        || job.spec.suspend
                        || job.metadata.deletion_timestamp.is_some()
                };
                let news =
                    before_work.as_deref().is_none_or(|old| withdrawn(old) != withdrawn(&job));
                if let Some(batch) =
                    job.status.as_ref().and_then(|status| status.batch.clone()).filter(|_| news)
                {
                    changed.batch = Some(Key { namespace: key.namespace.clone(), name: batch });
                }
                changed.queue = before.is_some() || before_work.is_none();
                self.at_work.insert(key, Arc::new(job));
            }
            JobPhase::Succeeded
            | JobPhase::Failed
            | JobPhase::Resolved
            | JobPhase::Cancelled
            | JobPhase::OutcomeUnknown => {
                self.ended.insert(key, Ended::of(&job));
                changed.finished = true;
            }
        }
        changed
    }

    /// Records that a job exists. Returns whether this copy is newer than the known one.
    fn is_news(&mut self, key: &Key, uid: &str, version: Version) -> bool {
        for seen in self.relists.values_mut() {
            seen.insert(key.clone());
        }
        self.known(key).is_none_or(|(known, newest)| known != uid || !newest.is_at_least(version))
    }

    fn apply_unreadable(&mut self, job: &Unreadable) -> Changed {
        let key = job.key();
        let uid = job.metadata.uid.clone().unwrap_or_default();
        let version =
            job.metadata.resource_version.as_deref().map_or_else(Version::default, Version::parse);
        if !self.is_news(&key, &uid, version) {
            return Changed::default();
        }
        let changed = self.delete(&key, None);
        self.unreadable.insert(key, (uid, version));
        changed
    }

    /// Whether the job's finalizers have to be corrected.
    fn note_finalizers(&mut self, key: &Key, job: &FnoJob, now: Timestamp) -> bool {
        let before = self.misheld.remove(key);
        let Some(wanted) = finalizer::wanted_for(job) else { return false };
        let batched = job.phase() == JobPhase::Batched;
        let uid = job.metadata.uid.clone().unwrap_or_default();
        let same = before.filter(|before| before.batched == batched && before.uid == uid);
        let noted = same.as_ref().and_then(|before| before.archive_until);
        let misheld = Misheld {
            uid,
            resource_version: job.metadata.resource_version.clone().unwrap_or_default(),
            wanted,
            batched,
            since: same.map_or(now, |before| before.since),
            archive_until: finalizer::archive_until(job, now).map(|until| noted.unwrap_or(until)),
        };
        self.misheld.insert(key.clone(), misheld);
        true
    }

    fn delete(&mut self, key: &Key, uid: Option<&str>) -> Changed {
        if uid.is_some_and(|uid| self.known(key).is_some_and(|(known, _)| known != uid)) {
            return Changed::default();
        }
        self.misheld.remove(key);
        let queue = self.remove_pending(key);
        self.ended.remove(key);
        self.unreadable.remove(key);
        let batch = self
            .at_work
            .remove(key)
            .and_then(|job| job.status.as_ref().and_then(|status| status.batch.clone()));
        let batch = batch.map(|name| Key { namespace: key.namespace.clone(), name });
        Changed { queue: queue || batch.is_some(), batch, ..Changed::default() }
    }

    /// UID and version of the newest known copy.
    fn known(&self, key: &Key) -> Option<(String, Version)> {
        if let Some((view, _)) = self.pending(key) {
            return Some((view.uid.clone(), Version::parse(&view.resource_version)));
        }
        if let Some(job) = self.at_work.get(key) {
            return Some((job.metadata.uid.clone().unwrap_or_default(), Version::of(&**job)));
        }
        if let Some(known) = self.unreadable.get(key) {
            return Some(known.clone());
        }
        self.ended.get(key).map(|ended| (ended.uid.clone(), ended.version))
    }

    fn pending(&self, key: &Key) -> Option<(&JobView, &WaitNotes)> {
        let place = *self.places.get(key)?;
        Some((&self.views[place], &self.notes[place]))
    }

    fn insert_pending(&mut self, key: Key, view: JobView, notes: WaitNotes) {
        if let Some(place) = self.places.get(&key) {
            (self.views[*place], self.notes[*place]) = (view, notes);
            return;
        }
        self.places.insert(key, self.views.len());
        self.views.push(view);
        self.notes.push(notes);
    }

    fn remove_pending(&mut self, key: &Key) -> bool {
        let Some(place) = self.places.remove(key) else { return false };
        self.views.swap_remove(place);
        self.notes.swap_remove(place);
        if let Some(moved) = self.views.get(place) {
            self.places.insert(moved.key.clone(), place);
        }
        true
    }
}

#[cfg(test)]
mod tests;
