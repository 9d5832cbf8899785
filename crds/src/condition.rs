//! Conditions in the standard shape (`metav1.Condition`), one short function to set them.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::reason::Reason;

/// Condition types. CamelCase words, as the Kubernetes API conventions ask.
pub mod types {
    /// Provider: it has everything it needs to work.
    pub const READY: &str = "Ready";
    /// Provider: a new generation is being processed (kstatus, abnormal-true).
    pub const RECONCILING: &str = "Reconciling";
    /// Provider, job: it cannot continue without a person (kstatus, abnormal-true).
    pub const STALLED: &str = "Stalled";
    /// Job, batch: ended well. `Unknown` while active.
    pub const SUCCEEDED: &str = "Succeeded";
    /// Job: its evidence is in the store.
    pub const EVIDENCE_STORED: &str = "EvidenceStored";
    /// Batch: the runner Pod is running.
    pub const POD_READY: &str = "PodReady";
    /// Batch: a portal session is open.
    pub const LOGGED_IN: &str = "LoggedIn";
}

/// A condition's three values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// The condition holds.
    True,
    /// The condition does not hold.
    False,
    /// Not decided yet.
    Unknown,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

impl From<bool> for Status {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// Sets one condition. `lastTransitionTime` moves only when the value changes (`meta.SetStatusCondition`).
pub fn set(
    conditions: &mut Vec<Condition>,
    now: Timestamp,
    generation: Option<i64>,
    type_: &str,
    status: impl Into<Status>,
    reason: Reason,
    message: &str,
) {
    let status = status.into().as_str();
    let changed = |old: &Condition| old.status != status;
    match conditions.iter_mut().find(|c| c.type_ == type_) {
        Some(old) => {
            if changed(old) {
                old.last_transition_time = Time(now);
                old.status = status.to_owned();
            }
            old.reason = reason.as_str().to_owned();
            message.clone_into(&mut old.message);
            old.observed_generation = generation;
        }
        None => conditions.push(Condition {
            type_: type_.to_owned(),
            status: status.to_owned(),
            reason: reason.as_str().to_owned(),
            message: message.to_owned(),
            last_transition_time: Time(now),
            observed_generation: generation,
        }),
    }
}

/// The condition of that type, if it was ever set.
#[must_use]
pub fn get<'a>(conditions: &'a [Condition], type_: &str) -> Option<&'a Condition> {
    conditions.iter().find(|c| c.type_ == type_)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_transition_time_moves_only_with_the_value() {
        let (first, later) = (Timestamp::UNIX_EPOCH, Timestamp::from_second(60).expect("in range"));
        let mut conditions = Vec::new();
        set(&mut conditions, first, Some(1), types::READY, true, Reason::Available, "a");
        set(&mut conditions, later, Some(2), types::READY, true, Reason::Available, "b");
        assert_eq!(conditions[0].last_transition_time, Time(first));
        assert_eq!(
            (conditions[0].message.as_str(), conditions[0].observed_generation),
            ("b", Some(2))
        );
        set(&mut conditions, later, Some(2), types::READY, false, Reason::SecretNotFound, "c");
        assert_eq!(conditions[0].last_transition_time, Time(later));
        assert_eq!(conditions.len(), 1);
    }
}
