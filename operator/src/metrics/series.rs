//! A family of metrics whose series can be removed: the library's family cannot remove those of one provider.

use std::{
    collections::HashSet,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::metrics::family::Family;

/// The metrics of one name, one for each set of labels. All clones share the same metrics.
#[derive(Debug)]
pub struct Series<L, M> {
    family: Family<L, M, fn() -> M>,
    labels: Arc<Mutex<HashSet<L>>>,
}

impl<L: Clone + Hash + Eq, M: Default> Default for Series<L, M> {
    fn default() -> Self {
        Self::of(M::default)
    }
}

impl<L, M> Clone for Series<L, M> {
    fn clone(&self) -> Self {
        Self { family: self.family.clone(), labels: Arc::clone(&self.labels) }
    }
}

impl<L: Clone + Hash + Eq, M> Series<L, M> {
    /// A family that creates each series with `new`.
    #[must_use]
    pub fn of(new: fn() -> M) -> Self {
        Self { family: Family::new_with_constructor(new), labels: Arc::default() }
    }

    /// The library's family, to be registered.
    #[must_use]
    pub fn family(&self) -> Family<L, M, fn() -> M> {
        self.family.clone()
    }

    /// Removes the series for whose labels `keep` is false.
    pub fn retain(&self, keep: impl Fn(&L) -> bool) {
        let mut labels = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        labels.retain(|of| {
            let keep = keep(of);
            if !keep {
                self.family.remove(of);
            }
            keep
        });
    }
}

impl<L: Clone + Hash + Eq, M: Clone> Series<L, M> {
    /// The metric with these labels, created if there is none yet.
    pub fn get_or_create(&self, labels: &L) -> M {
        let mut known = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(labels) {
            known.insert(labels.clone());
        }
        self.family.get_or_create_owned(labels)
    }
}
