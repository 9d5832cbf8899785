//! What a breaker allows.

use crate::why::Why;

/// Whether an account may log in, or a flow may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Yes.
    Open,
    /// Once, as a trial. Why it is on trial: until it has succeeded, nobody knows whether the fault is gone.
    Trial(Why),
    /// No.
    Shut(Why),
}

impl Gate {
    /// Whether only one try is allowed.
    #[must_use]
    pub const fn is_trial(&self) -> bool {
        matches!(self, Self::Trial(_))
    }

    /// The stricter one of two: both are needed. Of two equal ones, this one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if other.strictness() > self.strictness() { other } else { self }
    }

    /// The laxer one of two: one is enough. Of two equal ones, this one.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if other.strictness() < self.strictness() { other } else { self }
    }

    const fn strictness(&self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Trial(_) => 1,
            Self::Shut(_) => 2,
        }
    }
}
