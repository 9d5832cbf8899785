//! The operator's clock. A simulation puts its own in its place.

use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Tells the time. Nothing else in the operator does.
pub trait Clock: Send + Sync {
    /// The time of day: for what is written, and for deadlines that outlive this process.
    fn now(&self) -> Timestamp;

    /// How long this process has run. Unlike the time of day this never goes back, whoever sets the machine's clock.
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
