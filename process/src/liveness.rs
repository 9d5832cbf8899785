//! Whether the tasks of the process make progress. A process that answers probes while one of its tasks hangs is not alive.
//!
//! A task that waits for something to do is not stuck. A task that works reports it with [`Liveness::working`], and reports progress with
//! [`Work::progress`]. It is stuck if it has done neither for longer than its limit.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// What the tasks of the process report. All clones share the same state.
#[derive(Clone, Debug, Default)]
pub struct Liveness(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    at_work: BTreeMap<u64, AtWork>,
}

#[derive(Debug)]
struct AtWork {
    task: &'static str,
    limit: Duration,
    progress: Instant,
}

/// A task that has made no progress for longer than its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Name of the task.
    pub task: &'static str,
    /// Time since the task's last progress.
    pub since: Duration,
}

impl Liveness {
    /// Records that a task has started to work. Dropping the returned value records that it is done.
    #[must_use = "the work is over when this is dropped"]
    pub fn working(&self, task: &'static str, limit: Duration) -> Work {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        state.at_work.insert(id, AtWork { task, limit, progress: Instant::now() });
        Work { liveness: self.clone(), id }
    }

    /// The task that has been stuck for longest at `now`, if any is stuck.
    #[must_use]
    pub fn stuck(&self, now: Instant) -> Option<Stuck> {
        self.state()
            .at_work
            .values()
            .map(|work| (work, now.saturating_duration_since(work.progress)))
            .filter(|(work, since)| *since > work.limit)
            .map(|(work, since)| Stuck { task: work.task, since })
            .max_by_key(|stuck| stuck.since)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The work of a task in progress; see [`Liveness::working`].
#[derive(Debug)]
pub struct Work {
    liveness: Liveness,
    id: u64,
}

impl Work {
    /// Records progress: the limit counts from now.
    pub fn progress(&self) {
        if let Some(work) = self.liveness.state().at_work.get_mut(&self.id) {
            work.progress = Instant::now();
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.liveness.state().at_work.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(60);

    #[test]
    fn a_task_is_stuck_when_it_works_without_progress_for_longer_than_its_limit() {
        let liveness = Liveness::default();
        let (quick, slow) =
            (liveness.working("plan", LIMIT), liveness.working("batch", LIMIT * 10));
        let later = Instant::now() + LIMIT * 2;
        let stuck = liveness.stuck(later).expect("plan is stuck");
        assert_eq!(stuck.task, "plan");
        assert!(stuck.since > LIMIT);
        assert_eq!(liveness.stuck(Instant::now()), None);
        drop(quick);
        assert_eq!(liveness.stuck(later), None, "a finished task is not stuck");
        assert_eq!(liveness.stuck(later + LIMIT * 10).map(|stuck| stuck.task), Some("batch"));
        slow.progress();
        assert_eq!(liveness.stuck(Instant::now() + LIMIT), None);
    }
}
