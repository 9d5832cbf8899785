//! The operator's clock, which a simulation can replace.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// The only source of time in the operator.
pub trait Clock: Send + Sync {
    /// The current time: for what is written, and for deadlines that outlive this process.
    fn now(&self) -> Timestamp;

    /// How long this process has run. Unlike [`Clock::now`] this never goes back, even if the machine's clock is set.
    fn uptime(&self) -> Duration;
}

/// The machine's clock.
#[derive(Debug)]
pub struct MachineClock {
    started: Instant,
}

impl MachineClock {
    /// A clock whose uptime counts from now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }
}

impl Clock for MachineClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}
