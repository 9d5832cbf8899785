//! The jobs: a compact index of those that wait, the whole objects of those at work, and when the finished ones are due for the archive.
//!
//! One entry per job, fed by the watch and by the answers to our own writes. No reflector of full objects: ten thousand waiting jobs are a few
//! megabytes here. Every method is short and synchronous; nobody waits while holding it.

mod view;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard},
};

use fno_core::{key::Key, plan::JobView};
use fno_crds::{
    FnoJob, JobPhase, Reason,
    condition::{self, types},
    job::Action,
};
use jiff::{SignedDuration, Timestamp};

pub use view::Waiting;

use self::view::view;
use crate::version;

/// A waiting job beside its view: what is told about its waiting.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// `status.reason` as stored.
    pub reason: Option<Reason>,
    /// `status.message` as stored.
    pub message: Option<String>,
    /// When the condition `Succeeded` took its value; none while it was never set.
    pub unknown_since: Option<Timestamp>,
    /// `metadata.generation`.
    pub generation: Option<i64>,
    /// It was in a batch before.
    pub started: bool,
    /// Which reason it has had since when, as planned.
    pub waits: Option<(Reason, Timestamp)>,
    /// When a waiting reason was last written.
    pub told_at: Option<Timestamp>,
}

impl Pending {
    /// As stored in the job.
    pub fn of(job: &FnoJob) -> Self {
        let status = job.status.as_ref();
        Self {
            reason: status.and_then(|s| s.reason),
            message: status.and_then(|s| s.message.clone()),
            unknown_since: status
                .and_then(|s| condition::get(&s.conditions, types::SUCCEEDED))
                .map(|c| c.last_transition_time.0),
            generation: job.metadata.generation,
            started: status.is_some_and(|s| s.started_at.is_some()),
            waits: None,
            told_at: None,
        }
    }
}

/// A job nothing more is done about, until its time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its UID.
    pub uid: String,
    /// What was done.
    pub action: Action,
    /// When it may be archived and deleted; never while its outcome is unknown.
    pub expires: Option<Timestamp>,
    version: u64,
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
    beside: Vec<Pending>,
    /// Where a waiting job is in both.
    places: HashMap<Key, usize>,
    /// Jobs in a batch, whole.
    at_work: HashMap<Key, Arc<FnoJob>>,
    /// Jobs nothing more is done about.
    ended: HashMap<Key, Ended>,
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
        let gone: Vec<_> =
            keys.filter(within).filter(|key| !seen.contains(*key)).cloned().collect();
        gone.iter().map(|key| inner.delete(key, None)).collect()
    }

    /// Looks at the waiting jobs, all at once.
    pub fn with_pending<T>(&self, look: impl FnOnce(&mut [JobView], &mut [Pending]) -> T) -> T {
        let inner = &mut *self.lock();
        look(&mut inner.views, &mut inner.beside)
    }

    /// A job, if it waits.
    pub fn waiting(&self, key: &Key, uid: &str) -> Option<Waiting> {
        let inner = self.lock();
        let (view, beside) = inner.pending(key)?;
        (view.uid == uid).then(|| Waiting::from_index(view, beside))
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
        let over = inner
            .ended
            .iter()
            .filter(|(_, ended)| ended.expires.is_some_and(|at| at <= now))
            .map(|(key, _)| key.clone())
            .collect();
        (over, inner.ended.values().filter_map(|ended| ended.expires).filter(|at| *at > now).min())
    }

    /// Puts off the end of a finished job.
    pub fn put_off(&self, key: &Key, until: Timestamp) {
        if let Some(ended) = self.lock().ended.get_mut(key) {
            ended.expires = Some(until);
        }
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
        for seen in self.relists.values_mut() {
            seen.insert(key.clone());
        }
        let uid = job.metadata.uid.clone().unwrap_or_default();
        if self
            .known(&key)
            .is_some_and(|(known, newest)| known == uid && newest >= version::of(&job))
        {
            return Changed::default();
        }
        let (before, before_work) = (
            self.pending(&key).map(|(view, beside)| (view.clone(), beside.clone())),
            self.at_work.remove(&key),
        );
        self.ended.remove(&key);
        let phase = job.phase();
        let mut changed = Changed { queue: true, ..Changed::default() };
        if phase != JobPhase::Pending {
            self.remove_pending(&key);
        }
        match phase {
            JobPhase::Pending => {
                let mut view = view(key.clone(), &job, now);
                let mut beside = Pending::of(&job);
                if let Some((old, told)) = before.filter(|(old, _)| old.uid == view.uid) {
                    view.eligible_since = old.eligible_since;
                    (beside.waits, beside.told_at) = (told.waits, told.told_at);
                    // A waiting reason we wrote ourselves is no reason to plan again.
                    let same = JobView { resource_version: view.resource_version.clone(), ..old };
                    changed.queue = same != view;
                }
                self.insert_pending(key, view, beside);
            }
            JobPhase::Batched => {
                let withdrawn = |job: &FnoJob| {
                    job.spec.cancel_requested || job.metadata.deletion_timestamp.is_some()
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
                self.ended.insert(key, ended(&job, uid));
                changed.finished = true;
            }
        }
        changed
    }

    fn delete(&mut self, key: &Key, uid: Option<&str>) -> Changed {
        if uid.is_some_and(|uid| self.known(key).is_some_and(|(known, _)| known != uid)) {
            return Changed::default();
        }
        let queue = self.remove_pending(key);
        self.ended.remove(key);
        let batch = self
            .at_work
            .remove(key)
            .and_then(|job| job.status.as_ref().and_then(|status| status.batch.clone()));
        let batch = batch.map(|name| Key { namespace: key.namespace.clone(), name });
        Changed { queue: queue || batch.is_some(), batch, finished: false }
    }

    /// UID and version of the newest known copy.
    fn known(&self, key: &Key) -> Option<(String, u64)> {
        if let Some((view, _)) = self.pending(key) {
            return Some((view.uid.clone(), view.resource_version.parse().unwrap_or(0)));
        }
        if let Some(job) = self.at_work.get(key) {
            return Some((job.metadata.uid.clone().unwrap_or_default(), version::of(&**job)));
        }
        self.ended.get(key).map(|ended| (ended.uid.clone(), ended.version))
    }

    fn pending(&self, key: &Key) -> Option<(&JobView, &Pending)> {
        let place = *self.places.get(key)?;
        Some((&self.views[place], &self.beside[place]))
    }

    fn insert_pending(&mut self, key: Key, view: JobView, beside: Pending) {
        if let Some(place) = self.places.get(&key) {
            (self.views[*place], self.beside[*place]) = (view, beside);
            return;
        }
        self.places.insert(key, self.views.len());
        self.views.push(view);
        self.beside.push(beside);
    }

    fn remove_pending(&mut self, key: &Key) -> bool {
        let Some(place) = self.places.remove(key) else { return false };
        self.views.swap_remove(place);
        self.beside.swap_remove(place);
        if let Some(moved) = self.views.get(place) {
            self.places.insert(moved.key.clone(), place);
        }
        true
    }
}

fn ended(job: &FnoJob, uid: String) -> Ended {
    let finished = job
        .status
        .as_ref()
        .filter(|_| job.phase().is_finished())
        .and_then(|status| status.finished_at.as_ref());
    let ttl = SignedDuration::from_secs(i64::from(job.spec.ttl_seconds_after_finished));
    Ended {
        uid,
        action: job.spec.action,
        expires: finished.and_then(|at| at.0.checked_add(ttl).ok()),
        version: version::of(job),
    }
}

#[cfg(test)]
mod tests;
