//! What is known of a batch beyond its object. All of it may be forgotten at any moment: a restart costs a little time, never a mistake.

use std::{
    collections::HashMap,
    ops::Deref,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fno_cluster::version::Version;
use fno_core::{batch_wait::BatchWait, key::Key, lifecycle::Hold};
use fno_crds::FnoBatch;
use jiff::Timestamp;

use super::{Known, caches::Guarded, key};

/// What is known of one batch. Times without a date are those of the clock's [`uptime`](crate::clock::Clock::uptime).
#[derive(Default)]
pub struct Memory {
    /// The answer to our last write, until the watch has caught up: we read our own writes.
    pub latest: Option<Arc<FnoBatch>>,
    /// The last sign of life of the runner, and when we saw it.
    pub life: Option<(String, Duration)>,
    /// What holds the step at hand.
    pub held: Option<Hold>,
    /// When the status was last written.
    pub written: Option<Timestamp>,
    /// Since when the runner waits for a code.
    pub awaiting: Option<Duration>,
    /// Version of the credentials the login at hand was allowed with.
    pub credentials: Option<String>,
    /// What it waits for, and whether its jobs show it.
    pub wait: Option<BatchWait>,
    /// Passes that failed in a row.
    pub failures: u32,
    /// It was in the watch's store.
    pub watched: bool,
}

/// All batches.
#[derive(Default)]
pub struct Batches(Mutex<HashMap<Key, Memory>>);

impl Batches {
    /// Reads or changes what is known of a batch.
    pub fn with<T>(&self, key: &Key, act: impl FnOnce(&mut Memory) -> T) -> T {
        act(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(key.clone()).or_default())
    }

    /// Remembers the answer to a write.
    pub fn wrote(&self, key: &Key, batch: &Arc<FnoBatch>) {
        self.with(key, |memory| memory.latest = Some(Arc::clone(batch)));
    }

    /// The newer one of the watched copy and our own last answer.
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

    /// Own answers that are newer than what is watched, with the batches the watch has not shown yet.
    pub fn latest(&self) -> Vec<(Key, Arc<FnoBatch>)> {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        map.iter()
            .filter_map(|(key, memory)| Some((key.clone(), Arc::clone(memory.latest.as_ref()?))))
            .collect()
    }

    /// Forgets batches that were watched and are no more.
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

/// A batch in its newest known state, without a copy.
pub enum Newest {
    /// The answer to our own last write, which the watch has not shown yet.
    Own(Arc<FnoBatch>),
    /// As watched.
    Watched(Arc<Guarded<FnoBatch>>),
}

impl Deref for Newest {
    type Target = FnoBatch;

    fn deref(&self) -> &FnoBatch {
        match self {
            Self::Own(batch) => batch,
            Self::Watched(guarded) => guarded
                .0
                .as_ref()
                .unwrap_or_else(|_| unreachable!("only readable batches are taken in")),
        }
    }
}

/// Every batch that can be read, in its newest known state.
pub fn all(known: &Known) -> Vec<Newest> {
    let mut own: HashMap<Key, Arc<FnoBatch>> = known.batches.latest().into_iter().collect();
    let mut batches = Vec::new();
    for guarded in known.caches.batches() {
        let Ok(watched) = &guarded.0 else { continue };
        let newer = own.remove(&key(watched)).filter(|own| {
            own.metadata.uid == watched.metadata.uid
                && Version::of(&**own).is_newer_than(Version::of(watched))
        });
        batches.push(newer.map_or_else(|| Newest::Watched(Arc::clone(&guarded)), Newest::Own));
    }
    batches.extend(own.into_values().map(Newest::Own));
    batches
}
