//! A reason for machines with a sentence for people.

use fno_crds::Reason;

/// Why something is as it is: the same value becomes status, event, metric label and log field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The reason.
    pub reason: Reason,
    /// The sentence.
    pub message: String,
}
