//! The annotation `fno.dev/resume`: a person states, once, that the cause of a fault is known.
//!
//! A value counts when the operator first sees it, or never: a time in the future is refused for good, even after that time has passed.
//! Otherwise such a value would close every breaker that opens before that time, and the portal would lock the account. A value that a
//! provider was created with does not count either: a manifest that is applied again is not a person's decision.

use fno_crds::{names::ANNOTATION_RESUME, provider_status::Resume};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::text::at_most;

/// The schema's maxLength of `status.resume.value`.
const VALUE: usize = 100;

/// What the annotation's current value means.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// What to store as `status.resume`.
    pub stored: Option<Resume>,
    /// The accepted time, if this value is seen for the first time.
    pub accepted: Option<Timestamp>,
    /// Why the current value is ignored.
    pub refused: Option<String>,
    /// The refused value is seen for the first time, so an event is published.
    pub is_new: bool,
}

/// Reads the annotation's current value. `stored` is `status.resume` as it is; `is_known` says whether the operator has written the
/// provider's status before.
#[must_use]
pub fn read(
    annotation: Option<&str>,
    stored: Option<&Resume>,
    is_known: bool,
    now: Timestamp,
) -> Reading {
    let Some(value) = annotation else {
        // The stored value is kept, so that a value that is removed and put back does not count again.
        return Reading { stored: stored.cloned(), ..Reading::default() };
    };
    let value = at_most(value, VALUE);
    if let Some(known) = stored.filter(|known| known.value == value) {
        let refused = known.resumed_at.is_none().then(|| refusal(&value));
        return Reading { stored: Some(known.clone()), refused, ..Reading::default() };
    }
    let accepted = value.parse::<Timestamp>().ok().filter(|time| is_known && *time <= now);
    Reading {
        refused: accepted.is_none().then(|| refusal(&value)),
        is_new: accepted.is_none(),
        stored: Some(Resume { value, resumed_at: accepted.map(Time) }),
        accepted,
    }
}

fn refusal(value: &str) -> String {
    format!(
        "The annotation {ANNOTATION_RESUME} ({value:?}) is ignored, now and later: it must be a time such as 2030-01-31T12:00:00Z that is not in the future when the operator first sees it, and be set after the provider was created."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Option<&str>, stored: Option<&Resume>, now: Timestamp) -> Reading {
        super::read(value, stored, true, now)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time within range")
    }

    #[test]
    fn a_time_that_is_not_in_the_future_counts_once() {
        for past in [at(0), at(-1), at(-1_000_000)] {
            let first = read(Some(&past.to_string()), None, at(0));
            assert_eq!((first.accepted, &first.refused), (Some(past), &None));
            let again = read(Some(&past.to_string()), first.stored.as_ref(), at(5));
            assert_eq!(
                again,
                Reading { stored: first.stored.clone(), ..Reading::default() },
                "it counts only once"
            );
            let removed = read(None, first.stored.as_ref(), at(5));
            assert_eq!(removed.stored, first.stored, "and is remembered when it is removed");
        }
    }

    #[test]
    fn a_time_in_the_future_never_counts_not_even_when_it_has_come() {
        let value = at(3600).to_string();
        let first = read(Some(&value), None, at(0));
        assert_eq!((first.accepted, first.is_new), (None, true));
        assert!(first.refused.is_some_and(|message| message.contains("future")));
        for later in [1, 3600, 1_000_000] {
            let then = read(Some(&value), first.stored.as_ref(), at(later));
            assert_eq!((then.accepted, then.is_new, &then.stored), (None, false, &first.stored));
            assert!(then.refused.is_some(), "the refusal is reported as long as the value is set");
        }
    }

    #[test]
    fn a_value_that_the_provider_was_created_with_never_counts() {
        let first = super::read(Some(&at(-10).to_string()), None, false, at(0));
        assert_eq!((first.accepted, first.is_new), (None, true));
        assert_eq!(read(Some(&at(-10).to_string()), first.stored.as_ref(), at(5)).accepted, None);
    }

    #[test]
    fn what_is_not_a_time_is_refused_and_a_new_value_is_looked_at() {
        let wrong = read(Some("now"), None, at(0));
        assert_eq!((wrong.accepted, wrong.is_new), (None, true));
        let right = read(Some(&at(5).to_string()), wrong.stored.as_ref(), at(5));
        assert_eq!((right.accepted, right.refused), (Some(at(5)), None));
        let long = read(Some(&"x".repeat(1000)), None, at(0));
        let stored = long.stored.expect("stored");
        assert!(stored.value.len() <= VALUE);
        assert!(!read(Some(&"x".repeat(1000)), Some(&stored), at(1)).is_new);
    }
}
