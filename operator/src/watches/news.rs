//! Decides whether a change that a watch shows matters to planning. Most changes of a batch are heartbeats, which planning does not read.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use fno_core::{key::Key, view::mark::Mark};

/// The mark of each object of a kind, as it was last seen.
#[derive(Debug, Default)]
pub struct News(Mutex<HashMap<Key, Mark>>);

impl News {
    /// Whether the change matters to planning. `mark` is None if the object is gone or cannot be read, which always matters.
    pub fn is(&self, of: Key, mark: Option<Mark>) -> bool {
        let mut known = self.lock();
        match mark {
            Some(mark) => known.insert(of, mark) != Some(mark),
            None => {
                known.remove(&of);
                true
            }
        }
    }

    /// Forgets all marks. Called after a relist: objects that it no longer shows are gone without an event of their own.
    pub fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Mark>> {
        // A panic while the lock was held cannot have left a half-done change: every change is one insert.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use fno_core::lifecycle::PodState;

    use super::*;

    #[test]
    fn only_a_change_that_planning_reads_or_a_deletion_is_news() {
        let (news, of) = (News::default(), Key { namespace: "n".to_owned(), name: "b".to_owned() });
        let starting = Mark::of_pod(Some("u"), &PodState::Starting(None));
        let over = Mark::of_pod(Some("u"), &PodState::Ended { ran: true, how: String::new() });
        let is = |mark| news.is(of.clone(), mark);
        assert!(is(Some(starting)) && !is(Some(starting)) && is(Some(over)));
        assert!(is(None) && is(None) && is(Some(over)));
        news.forget();
        assert!(is(Some(over)));
    }
}
