//! When a failure that repeats is worth a log line: an outage of an hour must not write a line every two seconds.

use std::time::Duration;

/// How often an outage is logged again while it lasts.
pub const REMIND: Duration = Duration::from_secs(600);
/// A new cause is logged at most this often: two causes that alternate must not fill the log.
pub const NEW_CAUSE: Duration = Duration::from_secs(30);

/// What is known about the failures of one thing, such as one watch or one connection. Times are those of a clock that never goes back,
/// counted from any fixed moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outage(Option<Current>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Current {
    since: Duration,
    logged: Duration,
    cause: String,
}

impl Outage {
    /// Records a failure. True if it should be logged: the first one, one with a new cause, and a reminder every [`REMIND`].
    pub fn failed(&mut self, cause: &str, now: Duration) -> bool {
        let Some(current) = &mut self.0 else {
            self.0 = Some(Current { since: now, logged: now, cause: cause.to_owned() });
            return true;
        };
        let pause = if current.cause == cause { REMIND } else { NEW_CAUSE };
        if now.saturating_sub(current.logged) < pause {
            return false;
        }
        (current.logged, current.cause) = (now, cause.to_owned());
        true
    }

    /// Records a success. If this ends an outage, returns how long it lasted, which should be logged, too.
    pub fn ended(&mut self, now: Duration) -> Option<Duration> {
        self.0.take().map(|current| now.saturating_sub(current.since))
    }

    /// Whether the last attempt failed.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_logged_when_it_starts_and_ends_and_rarely_in_between() {
        let at = Duration::from_secs;
        let mut outage = Outage::default();
        assert_eq!(outage.ended(at(0)), None);
        let logged = (0..1800).step_by(2).filter(|s| outage.failed("refused", at(*s))).count();
        assert_eq!(logged, 3, "at 0, 10 and 20 minutes");
        assert!(outage.is_on());
        assert_eq!(outage.ended(at(1800)), Some(Duration::from_secs(1800)));
        assert_eq!(outage.ended(at(1801)), None);
        assert!(outage.failed("refused", at(1802)), "a new outage is logged at once");
    }

    #[test]
    fn a_new_cause_is_logged_but_two_that_alternate_do_not_fill_the_log() {
        let at = Duration::from_secs;
        let mut outage = Outage::default();
        assert!(outage.failed("no answer", at(0)));
        assert!(!outage.failed("refused", at(2)));
        assert!(outage.failed("refused", at(30)));
        let causes = ["no answer", "refused"];
        let logged = (32..332).filter(|s| outage.failed(causes[(s % 2) as usize], at(*s))).count();
        assert_eq!(logged, 9);
    }
}
