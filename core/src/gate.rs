//! What a breaker allows.

use crate::why::Why;

/// Whether an account may log in, or a flow may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Allowed without restriction.
    Open,
    /// Allowed once, as a trial, with the reason for it: until the trial succeeds, it is unknown whether the fault is gone.
    Trial(Why),
    /// Not allowed, with the reason.
    Shut(Why),
}

impl Gate {
    /// Whether only one try is allowed.
    #[must_use]
    pub const fn is_trial(&self) -> bool {
        matches!(self, Self::Trial(_))
    }

    /// The stricter of the two, where both must allow. `self` if they are equally strict.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if other.strictness() > self.strictness() { other } else { self }
    }

    /// The laxer of the two, where one that allows is enough. `self` if they are equally strict.
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
