//! What a breaker allows.

use crate::why::Why;

/// Whether an account may log in, or a flow may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Yes.
    Open,
    /// Once, as a trial.
    Trial,
    /// No.
    Shut(Why),
}
