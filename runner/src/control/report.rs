//! The report of a run as it grows. The batch changes it; whoever delivers it takes it as a whole.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fno_crds::batch::Run;
use tokio::sync::watch;

use super::pace::Urgency;

/// A handle on the report. All clones share one report.
#[derive(Clone, Debug)]
pub struct Reporter(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    /// The revision, to wait for a change.
    revision: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    run: Run,
    revision: u64,
    wanted: Option<Urgency>,
}

/// The report at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The content.
    pub run: Run,
    /// Grows with each change.
    pub revision: u64,
    /// The most urgent change since the last snapshot that was taken for delivery.
    pub wanted: Option<Urgency>,
}

impl Reporter {
    /// An empty report.
    #[must_use]
    pub fn new(run: Run) -> Self {
        Self(Arc::new(Shared {
            state: Mutex::new(State { run, revision: 0, wanted: None }),
            revision: watch::Sender::new(0),
        }))
    }

    /// Changes the report.
    pub fn report(&self, urgency: Urgency, change: impl FnOnce(&mut Run)) {
        let mut state = self.state();
        change(&mut state.run);
        state.revision += 1;
        state.wanted = state.wanted.max(Some(urgency));
        self.0.revision.send_replace(state.revision);
    }

    /// The report as it is now.
    #[must_use]
    pub fn look(&self) -> Snapshot {
        let state = self.state();
        Snapshot { run: state.run.clone(), revision: state.revision, wanted: state.wanted }
    }

    /// The most urgent change, and how many jobs are settled, without a copy of the report.
    #[must_use]
    pub fn wanted(&self) -> (Option<Urgency>, usize) {
        let state = self.state();
        (state.wanted, state.run.results.len())
    }

    /// Takes the report for delivery. Changes count as delivered from now on.
    #[must_use]
    pub fn take(&self) -> Snapshot {
        let mut state = self.state();
        Snapshot { wanted: state.wanted.take(), run: state.run.clone(), revision: state.revision }
    }

    /// Notes that a delivery failed: its changes still have to be delivered.
    pub fn put_back(&self, wanted: Option<Urgency>) {
        let mut state = self.state();
        state.wanted = state.wanted.max(wanted);
    }

    /// The revision, and every change of it.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.0.revision.subscribe()
    }

    /// A panic elsewhere must not cost the results.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_urgent_change_counts_and_a_failed_delivery_loses_nothing() {
        let reporter = Reporter::new(Run::default());
        reporter.report(Urgency::Now, |run| run.logins = Some(1));
        reporter.report(Urgency::Soon, |run| run.job = Some("j".to_owned()));
        let taken = reporter.take();
        assert_eq!(
            (taken.wanted, taken.revision, taken.run.logins, taken.run.job.as_deref()),
            (Some(Urgency::Now), 2, Some(1), Some("j"))
        );
        assert_eq!(reporter.look().wanted, None);
        reporter.report(Urgency::WithNext, |run| run.job = None);
        reporter.put_back(taken.wanted);
        assert_eq!((reporter.look().wanted, reporter.look().revision), (Some(Urgency::Now), 3));
    }
}
