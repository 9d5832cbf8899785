//! A family of metrics whose series can end: the library's has no way to remove those of one provider.

use std::{
    collections::HashSet,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

use prometheus_client::metrics::family::Family;

/// Metrics of one name, one per set of labels. All clones are the same one.
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
    /// Series that start with what `new` makes.
    #[must_use]
    pub fn of(new: fn() -> M) -> Self {
        Self { family: Family::new_with_constructor(new), labels: Arc::default() }
    }

    /// What is registered.
    #[must_use]
    pub fn family(&self) -> Family<L, M, fn() -> M> {
        self.family.clone()
    }

    /// Removes the series whose labels are not to be kept.
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
    /// The metric with these labels.
    pub fn get_or_create(&self, labels: &L) -> M {
        let mut known = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(labels) {
            known.insert(labels.clone());
        }
        self.family.get_or_create_owned(labels)
    }
}
