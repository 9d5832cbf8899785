//! The time a step may take.

use std::time::Duration;

use tokio::time::Instant;

/// Runs while a step looks and acts; stands still while the portal loads a page, because that has a time of its own.
#[derive(Clone, Debug)]
pub(super) struct Clock {
    ends: Instant,
    /// Page loads the step may still wait for.
    page_load: Duration,
    /// When the whole flow is over.
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

    /// Whether it is the flow's time that is over, not only the step's.
    pub(super) fn is_deadline(&self) -> bool {
        self.deadline <= Instant::now()
    }

    /// The page took so long to be there: the step gets it back, up to what a page may take.
    pub(super) fn page_took(&mut self, time: Duration) {
        let back = time.min(self.page_load);
        self.page_load -= back;
        self.ends += back;
    }

    /// Something that is not the step's business took so long.
    pub(super) fn pause(&mut self, time: Duration) {
        self.ends += time;
    }

    /// The same clock, cut short.
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
