//! When the jobs of a batch show what their batch waits for: once the batch has waited for a while, and only as long as it waits.

use fno_crds::Reason;
use jiff::{SignedDuration, Timestamp};

use crate::{time::after, why::Why};

/// How long a batch has to wait for a reason before its jobs show it: a shorter wait is not worth a write per job.
const SHOWN_AFTER: SignedDuration = SignedDuration::from_secs(10);

/// What a batch waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchWait {
    /// What the batch waits for.
    pub reason: Reason,
    /// Since when the batch has waited for this reason.
    pub since: Timestamp,
    /// Whether the jobs of the batch show the reason.
    pub shown: bool,
}

/// What to write into the jobs of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OnJobs {
    /// Nothing, at least until that time, if there is one.
    Nothing(Option<Timestamp>),
    /// What their batch waits for; an event is published as well.
    Waiting(Why),
    /// That they are Batched: their batch no longer waits.
    Batched,
}

/// The next state and what to write. `before` is the state after the last write that succeeded, and `why` what the batch waits for now.
#[must_use]
pub fn on_jobs(
    before: Option<BatchWait>,
    why: Option<&Why>,
    now: Timestamp,
) -> (Option<BatchWait>, OnJobs) {
    // Waiting for a turn to log in is normal and not shown.
    let why =
        why.filter(|why| !matches!(why.reason, Reason::WaitingForSession | Reason::WaitingForCode));
    let Some(why) = why else {
        let shown = before.is_some_and(|wait| wait.shown);
        return (None, if shown { OnJobs::Batched } else { OnJobs::Nothing(None) });
    };
    let wait = before.filter(|wait| wait.reason == why.reason).unwrap_or(BatchWait {
        reason: why.reason,
        since: now,
        shown: false,
    });
    let due = after(wait.since, SHOWN_AFTER);
    if wait.shown {
        (Some(wait), OnJobs::Nothing(None))
    } else if now < due {
        (Some(wait), OnJobs::Nothing(Some(due)))
    } else {
        (Some(BatchWait { shown: true, ..wait }), OnJobs::Waiting(why.clone()))
    }
}

/// Whether a reason keeps the runner Pods of a provider from running, so that the provider shows it, too.
#[must_use]
pub const fn keeps_pods_away(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::ImageUnavailable
            | Reason::PodUnschedulable
            | Reason::PodRejected
            | Reason::WorkRejected
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + seconds).expect("in range")
    }

    fn why(reason: Reason) -> Why {
        Why { reason, message: "said".to_owned() }
    }

    #[test]
    fn a_reason_is_shown_once_after_it_has_held_and_removed_when_it_is_over() {
        let image = why(Reason::ImageUnavailable);
        let (wait, write) = on_jobs(None, Some(&image), at(0));
        assert_eq!(write, OnJobs::Nothing(Some(at(10))));
        let (wait, write) = on_jobs(wait, Some(&image), at(9));
        assert_eq!(write, OnJobs::Nothing(Some(at(10))));
        let (shown, write) = on_jobs(wait, Some(&image), at(10));
        assert_eq!(write, OnJobs::Waiting(image.clone()));
        let (shown, write) = on_jobs(shown, Some(&image), at(60));
        assert_eq!(write, OnJobs::Nothing(None));
        assert_eq!(on_jobs(shown, None, at(61)), (None, OnJobs::Batched));
        assert_eq!(
            on_jobs(wait, None, at(61)),
            (None, OnJobs::Nothing(None)),
            "it was never shown"
        );
    }

    #[test]
    fn another_reason_counts_from_its_own_start() {
        let (wait, _) = on_jobs(None, Some(&why(Reason::ImageUnavailable)), at(0));
        let (wait, write) = on_jobs(wait, Some(&why(Reason::PodUnschedulable)), at(9));
        assert_eq!(write, OnJobs::Nothing(Some(at(19))));
        assert_eq!(wait.expect("a wait").since, at(9));
    }

    #[test]
    fn a_write_that_failed_is_due_again() {
        let image = why(Reason::ImageUnavailable);
        let (before, _) = on_jobs(None, Some(&image), at(0));
        for seconds in [10, 11] {
            assert_eq!(
                on_jobs(before, Some(&image), at(seconds)).1,
                OnJobs::Waiting(image.clone())
            );
        }
    }

    #[test]
    fn waiting_for_a_turn_is_never_shown() {
        for reason in [Reason::WaitingForSession, Reason::WaitingForCode] {
            assert_eq!(on_jobs(None, Some(&why(reason)), at(0)), (None, OnJobs::Nothing(None)));
        }
    }
}
