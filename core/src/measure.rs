//! How long a job and a login take: exponentially weighted moving averages of the measured times, in whole milliseconds as they are
//! stored in the status.

use fno_crds::Action;

/// Weight of a new job's time. With 0.2, half of the past is forgotten after three jobs: a busy hour of the portal shows within one
/// batch, and a single unusual job does not decide.
pub const JOB_ALPHA: f64 = 0.2;
/// Weight of a new login's time. Logins are rare, so each says more.
pub const LOGIN_ALPHA: f64 = 0.4;
/// Assumed seconds of a login until one is measured: start of the Pod and of Firefox, and a form of two pages.
pub const UNMEASURED_LOGIN: f64 = 15.0;
/// Longer measurements, in milliseconds, are cut to this: a job's own limit is minutes, so they come from a wrong clock.
const LONGEST: i64 = 3_600_000;
/// Shorter times, in milliseconds, do not come from a browser. The limit also keeps divisions by the mean tame.
const SHORTEST: i64 = 10;

/// Assumed seconds of a job until one is measured. A validation looks something up on a few pages; a cancellation also fills in a form
/// and proves the result.
#[must_use]
pub const fn unmeasured_job(action: Action) -> f64 {
    match action {
        Action::Validation => 5.0,
        Action::Cancellation => 15.0,
    }
}

/// The average after one more measurement. The first measurement is taken as it is; times that are not positive are ignored.
#[must_use]
pub fn ewma(mean: Option<i64>, alpha: f64, time: i64) -> Option<i64> {
    let mean = usable(mean);
    if time <= 0 {
        return mean;
    }
    let time = time.clamp(SHORTEST, LONGEST);
    Some(mean.map_or(time, |mean| mean + (alpha * (time - mean) as f64).round() as i64))
}

/// The average time of a job after these measurements, in their order. Pass only jobs that got an answer: the time of a failed job is
/// mostly that of a timeout.
#[must_use]
pub fn jobs(mean: Option<i64>, times: impl IntoIterator<Item = i64>) -> Option<i64> {
    times.into_iter().fold(usable(mean), |mean, time| ewma(mean, JOB_ALPHA, time))
}

/// The average time of a login after one more that succeeded (`run.loginMilliseconds`).
#[must_use]
pub fn login(mean: Option<i64>, time: i64) -> Option<i64> {
    ewma(mean, LOGIN_ALPHA, time)
}

/// A stored mean in seconds, for planning. None if it is not usable.
#[must_use]
pub fn seconds(mean: i64) -> Option<f64> {
    usable(Some(mean)).map(|milliseconds| milliseconds as f64 / 1000.0)
}

/// A stored mean, if it is usable: a person may have edited the status.
fn usable(mean: Option<i64>) -> Option<i64> {
    mean.filter(|mean| *mean > 0).map(|mean| mean.clamp(SHORTEST, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_measurement_is_taken_as_it_is_and_later_ones_pull_the_mean() {
        assert_eq!(ewma(None, 0.2, 4000), Some(4000));
        assert_eq!(ewma(Some(4000), 0.5, 8000), Some(6000));
        assert_eq!(jobs(None, [10_000, 5000]), Some(9000));
        assert_eq!(login(Some(10_000), 20_000), Some(14_000));
        assert_eq!(jobs(Some(3000), []), Some(3000));
    }

    #[test]
    fn planning_calculates_in_seconds_and_only_with_times_that_can_be_true() {
        assert_eq!(seconds(1250), Some(1.25));
        assert_eq!(seconds(i64::MAX), Some(3600.0));
        assert_eq!([0, -5, i64::MIN].map(seconds), [None; 3]);
    }

    #[test]
    fn a_constant_time_is_reached_from_any_mean() {
        let mean = jobs(Some(100_000), std::iter::repeat_n(2000, 60)).expect("a mean");
        assert!((mean - 2000).abs() <= 2, "{mean}");
    }

    #[test]
    fn a_time_that_is_not_positive_does_not_change_the_mean() {
        for nonsense in [0, -1, i64::MIN] {
            assert_eq!(ewma(Some(4000), 0.2, nonsense), Some(4000), "{nonsense}");
            assert_eq!(ewma(None, 0.2, nonsense), None, "{nonsense}");
            assert_eq!(
                ewma(Some(nonsense), 0.2, 4000),
                Some(4000),
                "a stored {nonsense} is forgotten"
            );
        }
        assert_eq!(ewma(None, 0.2, i64::MAX), Some(LONGEST), "a clock that jumped");
    }
}
