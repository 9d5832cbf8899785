//! What the operator remembers about a batch in addition to its object. All of it may be lost at any moment: a restart costs a little time
//! but never leads to a wrong decision.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fno_cluster::version::Version;
use fno_core::{
    batch_wait::BatchWait,
    key::Key,
    lifecycle::{Hold, Progress},
    outage::Outage,
    unreadable::Unreadable,
};
use fno_crds::FnoBatch;
use jiff::Timestamp;
use kube::Resource as _;

use super::{Known, key, parsed::Parsed};

/// What is remembered about one batch. A `Duration` is a time of the clock's [`uptime`](crate::clock::Clock::uptime).
#[derive(Default)]
pub struct Memory {
    /// The answer to the operator's last write, until the watch has caught up: the operator reads its own writes.
    pub latest: Option<Arc<FnoBatch>>,
    /// UID of the batch, and since when this process has known it.
    pub known: Option<(String, Duration)>,
    /// The runner's last sign of life, and when the operator saw it.
    pub life: Option<(String, Duration)>,
    /// The runner's progress, and since when it has not changed.
    pub progress: Option<(Progress, Duration)>,
    /// UIDs of jobs whose status the API server rejected, and when the write is repeated.
    pub refused: HashMap<String, Duration>,
    /// What holds up the current action.
    pub held: Option<Hold>,
    /// When the status was last written.
    pub written: Option<Timestamp>,
    /// Since when the runner has waited for a code.
    pub awaiting: Option<Duration>,
    /// The state of the runner's login, and since when the operator has seen it.
    pub login: Option<(String, Duration)>,
    /// What the batch waits for, and whether its jobs show it.
    pub wait: Option<BatchWait>,
    /// Number of reconciles that failed in a row.
    pub failures: u32,
    /// Which of these failures are worth a log line.
    pub outage: Outage,
    /// The watch's store has shown the batch.
    pub watched: bool,
}

impl Memory {
    /// Since when this process has known the batch with this UID, at `uptime`.
    pub fn known_since(&mut self, uid: &str, uptime: Duration) -> Duration {
        match &self.known {
            Some((known, since)) if known == uid => *since,
            _ => {
                self.known = Some((uid.to_owned(), uptime));
                uptime
            }
        }
    }
}

/// What is remembered about every batch.
#[derive(Default)]
pub struct Batches(Mutex<HashMap<Key, Memory>>);

impl Batches {
    /// Reads or changes what is remembered about a batch.
    pub fn with<T>(&self, key: &Key, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default())
    }

    /// Remembers the answer to a write.
    pub fn wrote(&self, key: &Key, batch: &Arc<FnoBatch>) {
        self.with(key, |memory| memory.latest = Some(Arc::clone(batch)));
    }

    /// The watched copy or the answer to the operator's last write, whichever is newer.
    pub fn newest(&self, key: &Key, watched: Arc<FnoBatch>) -> Arc<FnoBatch> {
        self.with(key, |memory| {
            memory.watched = true;
            match &memory.latest {
                Some(latest)
                    if latest.metadata.uid == watched.metadata.uid
                        && Version::of(&**latest).is_newer_than(Version::of(&*watched)) =>
                {
                    Arc::clone(latest)
                }
                _ => {
                    memory.latest = None;
                    watched
                }
            }
        })
    }

    /// Answers to the operator's own writes that are newer than the watched copies, including batches that the watch has not shown yet.
    pub fn latest(&self) -> Vec<(Key, Arc<FnoBatch>)> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.iter()
            .filter_map(|(key, memory)| Some((key.clone(), Arc::clone(memory.latest.as_ref()?))))
            .collect()
    }

    /// Forgets batches that were watched and no longer exist.
    pub fn retain(&self, exists: impl Fn(&Key) -> bool) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|key, memory| !memory.watched || exists(key));
    }

    /// Forgets a batch.
    pub fn forget(&self, key: &Key) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(key);
    }
}

/// Every batch in its newest known state: the watched copy, or the answer to the operator's last write if the watch has not shown that yet.
#[derive(Clone, Debug, Default)]
pub struct NewestBatches {
    /// The batches that can be read.
    pub readable: Vec<Arc<FnoBatch>>,
    /// The batches that cannot be read. Each counts as active.
    pub unreadable: Vec<Arc<Unreadable>>,
}

impl NewestBatches {
    /// The batches that can be read and are not finished.
    pub fn running(&self) -> impl Iterator<Item = &Arc<FnoBatch>> {
        self.readable.iter().filter(|batch| !batch.phase().is_finished())
    }
}

impl Known {
    /// Every batch in its newest known state.
    pub fn newest_batches(&self) -> NewestBatches {
        newest(self.batches.latest().into_iter().collect(), self.caches.batches())
    }
}

fn newest(
    mut own: HashMap<Key, Arc<FnoBatch>>,
    watched: Vec<Arc<Parsed<FnoBatch>>>,
) -> NewestBatches {
    let mut batches = NewestBatches::default();
    for watched in watched {
        let newer = own.remove(&key(&*watched)).filter(|own| {
            own.metadata.uid == watched.meta().uid
                && Version::of(&**own).is_newer_than(Version::of(&*watched))
        });
        match (newer, &*watched) {
            (Some(own), _) => batches.readable.push(own),
            (None, Parsed::Readable(batch)) => batches.readable.push(Arc::clone(batch)),
            (None, Parsed::Unreadable(batch)) => batches.unreadable.push(Arc::clone(batch)),
        }
    }
    batches.readable.extend(own.into_values());
    batches
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn raw(name: &str, version: u64, stop: &str) -> serde_json::Value {
        json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch",
            "metadata": {"name": name, "namespace": "n", "uid": name, "resourceVersion": version.to_string()},
            "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "d", "stop": stop, "jobs": [{"name": "j", "uid": "u"}]},
        })
    }

    fn watched(name: &str, version: u64, stop: &str) -> Arc<Parsed<FnoBatch>> {
        Arc::new(serde_json::from_value(raw(name, version, stop)).expect("a batch"))
    }

    fn own(name: &str, version: u64) -> (Key, Arc<FnoBatch>) {
        let batch: FnoBatch = serde_json::from_value(raw(name, version, "None")).expect("a batch");
        (key(&batch), Arc::new(batch))
    }

    fn versions(batches: &NewestBatches) -> Vec<&str> {
        batches.readable.iter().filter_map(|b| b.metadata.resource_version.as_deref()).collect()
    }

    #[test]
    fn our_own_writes_are_read_until_the_watch_has_caught_up() {
        let batches = newest([own("b", 5)].into(), vec![watched("b", 4, "None")]);
        assert_eq!(versions(&batches), ["5"]);
        let batches = newest([own("b", 5)].into(), vec![watched("b", 6, "None")]);
        assert_eq!(versions(&batches), ["6"]);
        let batches = newest([own("new", 5)].into(), Vec::new());
        assert_eq!(versions(&batches), ["5"], "the watch has not shown it yet");
    }

    #[test]
    fn a_batch_is_known_since_it_was_first_seen_and_another_of_its_name_is_another_batch() {
        let mut memory = Memory::default();
        let seconds = Duration::from_secs;
        assert_eq!(memory.known_since("u", seconds(5)), seconds(5));
        assert_eq!(memory.known_since("u", seconds(9)), seconds(5));
        assert_eq!(memory.known_since("v", seconds(9)), seconds(9));
    }

    #[test]
    fn a_batch_that_became_unreadable_is_not_hidden_by_an_older_write_of_ours() {
        let batches = newest([own("b", 5)].into(), vec![watched("b", 6, "Newer")]);
        assert_eq!((batches.readable.len(), batches.unreadable.len()), (0, 1));
    }
}
