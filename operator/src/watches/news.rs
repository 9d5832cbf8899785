//! Whether what a watch shows of an object is news for planning. Heartbeats are most of all changes of a batch, and planning reads none.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use fno_core::{key::Key, view::mark::Mark};

/// What planning reads of each object of a kind, as it was last seen.
#[derive(Debug, Default)]
pub struct News(Mutex<HashMap<Key, Mark>>);

impl News {
    /// Whether planning reads something else now than before. `mark` is none where the object is gone or cannot be read: news each time.
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

    /// After a relist: what it no longer shows is gone without an event of its own.
    pub fn forget(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Mark>> {
        // A panic elsewhere leaves no half-done change here: every change is one insert.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use fno_core::lifecycle::PodState;

    use super::*;

    #[test]
    fn only_a_change_that_planning_reads_is_news_and_so_is_whatever_is_gone() {
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
