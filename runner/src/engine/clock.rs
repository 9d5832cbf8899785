//! The time limit of a step.

use std::time::Duration;

use tokio::time::Instant;

/// Runs while a step searches and acts, and pauses while the portal loads a page, which has a limit of its own.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    ends: Instant,
    /// Remaining time for page loads.
    page_load: Duration,
    /// Time at which the whole flow ends.
    deadline: Instant,
}

impl Clock {
    pub(super) fn start(limit: Duration, page_load: Duration, deadline: Instant) -> Self {
        Self { ends: Instant::now() + limit, page_load, deadline }
    }

    pub(super) fn remaining(&self) -> Duration {
        self.ends.min(self.deadline).saturating_duration_since(Instant::now())
    }

    pub(super) fn is_over(&self) -> bool {
        self.remaining().is_zero()
    }

    /// Whether the time of the flow is over, not only that of the step.
    pub(super) fn is_deadline(&self) -> bool {
        self.deadline <= Instant::now()
    }

    /// Gives the step the time back that the page took to load, up to the limit of page loads.
    pub(super) fn page_took(&mut self, time: Duration) {
        let back = time.min(self.page_load);
        self.page_load -= back;
        self.ends += back;
    }

    /// Gives the step the time back that something else took.
    pub(super) fn pause(&mut self, time: Duration) {
        self.ends += time;
    }

    /// A copy of this clock with at most `limit` remaining.
    pub(super) fn at_most(&self, limit: Duration) -> Self {
        Self { ends: self.ends.min(Instant::now() + limit), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_slow_page_does_not_use_up_the_step_but_its_own_time() {
        let mut clock = Clock::start(5 * S, 30 * S, Instant::now() + 100 * S);
        tokio::time::advance(20 * S).await;
        assert!(clock.is_over());
        clock.page_took(20 * S);
        assert_eq!(clock.remaining(), 5 * S);
        tokio::time::advance(20 * S).await;
        clock.page_took(20 * S);
        assert!(clock.is_over(), "only 10 of the 30 seconds were left");
        assert!(!clock.is_deadline());
    }

    #[tokio::test(start_paused = true)]
    async fn the_flows_deadline_ends_every_step() {
        let mut clock = Clock::start(5 * S, 30 * S, Instant::now() + 3 * S);
        assert_eq!(clock.remaining(), 3 * S);
        clock.pause(60 * S);
        assert_eq!(clock.remaining(), 3 * S);
        tokio::time::advance(3 * S).await;
        assert!(clock.is_over() && clock.is_deadline());
    }
}
