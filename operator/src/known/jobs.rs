//! The jobs: a compact index of those that wait, the whole objects of those at work, and when the finished ones are due for the archive.
//!
//! One entry per job, fed by the watch and by the answers to our own writes. No reflector of full objects: ten thousand waiting jobs are a few
//! megabytes here. Every method is short and synchronous; nobody waits while holding it.

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
    /// Its UID.
    pub uid: String,
    /// The version that was seen: what the write compares against.
    pub resource_version: String,
    /// The list to write.
    pub wanted: Vec<String>,
    /// The job is Batched: whoever claimed it is about to write the same.
    pub batched: bool,
    /// Since when.
    pub since: Timestamp,
    /// The job goes away with the finalizer, so its record is archived first, for as long as this.
    pub archive_until: Option<Timestamp>,
}

/// See the module.
#[derive(Debug, Default)]
pub struct JobIndex {
    inner: Mutex<Inner>,
}

/// The content, locked.
#[derive(Debug, Default)]
pub struct Inner {
    /// Waiting jobs, densely: planning takes them as one slice.
    views: Vec<JobView>,
    /// Beside each view.
    notes: Vec<WaitNotes>,
    /// Where a waiting job is in both.
    places: HashMap<Key, usize>,
    /// Jobs in a batch, whole.
    at_work: HashMap<Key, Arc<FnoJob>>,
    /// Jobs that have ended.
    ended: EndedJobs,
    /// Jobs that cannot be read, by UID and version: each is in whatever state it is, and nothing touches it.
    unreadable: HashMap<Key, (String, Version)>,
    /// Jobs whose finalizers are not what they should be.
    misheld: HashMap<Key, Misheld>,
    /// Per namespace scope: what a relist in progress has seen.
    relists: HashMap<Option<String>, HashSet<Key>>,
}

/// What an event means for others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// The queue changed: plan again.
    pub queue: bool,
    /// The batch that has to look at one of its jobs.
    pub batch: Option<Key>,
    /// A job finished: its time runs from now on.
    pub finished: bool,
    /// A job's finalizers are not what they should be.
    pub misheld: bool,
}

impl JobIndex {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic elsewhere leaves no half-done change here: every change is a few inserts.
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Takes a job as it is now, from the watch or from the answer to a write; an older copy than the known one is left aside.
    pub fn apply(&self, job: FnoJob, now: Timestamp) -> Changed {
        self.lock().apply(job, now)
    }

    /// Takes a job that cannot be read: it is known to exist, and neither waits, nor is at work, nor has ended for anyone here.
    pub fn apply_unreadable(&self, job: &Unreadable) -> Changed {
        self.lock().apply_unreadable(job)
    }

    /// A job is gone.
    pub fn delete(&self, key: &Key, uid: &str) -> Changed {
        self.lock().delete(key, Some(uid))
    }

    /// A relist of a scope (a namespace, or all of them) begins.
    pub fn relist_begins(&self, scope: &Option<String>) {
        self.lock().relists.insert(scope.clone(), HashSet::new());
    }

    /// A relist of a scope is complete: what it has not shown is gone.
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

    /// Reads or changes the waiting jobs, all at once.
    pub fn with_pending<T>(&self, act: impl FnOnce(&mut [JobView], &mut [WaitNotes]) -> T) -> T {
        let inner = &mut *self.lock();
        act(&mut inner.views, &mut inner.notes)
    }

    /// A job, if it waits.
    pub fn waiting(&self, key: &Key, uid: &str) -> Option<ClaimCopy> {
        let inner = self.lock();
        let (view, notes) = inner.pending(key)?;
        (view.uid == uid).then(|| ClaimCopy::from_index(view, notes))
    }

    /// A job at work.
    pub fn at_work(&self, key: &Key) -> Option<Arc<FnoJob>> {
        self.lock().at_work.get(key).cloned()
    }

    /// Whether a job of that UID is known in whatever state.
    pub fn knows(&self, key: &Key, uid: &str) -> bool {
        let inner = self.lock();
        let pending = inner.places.get(key).is_some_and(|place| inner.views[*place].uid == uid);
        pending
            || inner.at_work.get(key).is_some_and(|job| job.metadata.uid.as_deref() == Some(uid))
            || inner.ended.get(key).is_some_and(|e| e.uid == uid)
            || inner.unreadable.get(key).is_some_and(|(known, _)| known == uid)
    }

    /// Whether a job of that UID cannot be read.
    pub fn is_unreadable(&self, key: &Key, uid: &str) -> bool {
        self.lock().unreadable.get(key).is_some_and(|(known, _)| known == uid)
    }

    /// What a job is about, wherever it is.
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

    /// Every job at work.
    pub fn all_at_work(&self) -> Vec<Arc<FnoJob>> {
        self.lock().at_work.values().cloned().collect()
    }

    /// Jobs whose finalizers are not what they should be.
    pub fn misheld(&self) -> Vec<(Key, Misheld)> {
        self.lock().misheld.iter().map(|(key, misheld)| (key.clone(), misheld.clone())).collect()
    }

    /// Jobs at work, per provider.
    pub fn active(&self) -> BTreeMap<Key, usize> {
        let mut active = BTreeMap::new();
        for (key, job) in &self.lock().at_work {
            *active
                .entry(Key { namespace: key.namespace.clone(), name: job.spec.provider.clone() })
                .or_default() += 1;
        }
        active
    }

    /// Finished jobs whose time is over, and when the next one's is.
    pub fn expired(&self, now: Timestamp) -> (Vec<Key>, Option<Timestamp>) {
        let inner = self.lock();
        (inner.ended.expired(now), inner.ended.next_after(now))
    }

    /// Puts off the end of a finished job.
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
                    // A waiting reason we wrote ourselves is no reason to plan again.
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

    /// Notes that a job exists. Tells whether this copy of it is newer than what is known.
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
        let same = before.filter(|before| before.batched == batched);
        let misheld = Misheld {
            uid: job.metadata.uid.clone().unwrap_or_default(),
            resource_version: job.metadata.resource_version.clone().unwrap_or_default(),
            wanted,
            batched,
            since: same.map_or(now, |before| before.since),
            archive_until: finalizer::archive_until(job),
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
