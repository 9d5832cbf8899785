//! A reason for machines with a sentence for people.

use fno_crds::Reason;

/// Why something is the way it is. One value becomes status, event, metric label and log field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The machine-readable reason.
    pub reason: Reason,
    /// The sentence for people.
    pub message: String,
}
