//! How long a job and a login take: exponentially weighted moving averages of what was measured.

use fno_crds::Action;

/// Weight of a new job's time. 0.2 forgets half of the past in three jobs: a portal's busy hour shows within one batch, one odd job does not decide.
pub const JOB_ALPHA: f64 = 0.2;
/// Weight of a new login's time. Logins are rare, so each says more.
pub const LOGIN_ALPHA: f64 = 0.4;
/// Seconds a login is taken to need until one is measured: start of the Pod and of Firefox, and a form of two pages.
pub const UNMEASURED_LOGIN: f64 = 15.0;
/// Longer measurements are cut to this: a job's own limit is minutes, so this is a broken clock.
const LONGEST: f64 = 3600.0;
/// Shorter ones are no measurement of a browser; also keeps divisions by the mean tame.
const SHORTEST: f64 = 0.01;

/// Seconds a job is taken to need until one is measured: a look-up on a portal with a few pages; a cancellation fills a form and proves it.
#[must_use]
pub const fn unmeasured_job(action: Action) -> f64 {
    match action {
        Action::Validation => 5.0,
        Action::Cancellation => 15.0,
    }
}

/// The average after one more measurement, in seconds. The first one is taken as it is; what is no positive number is left out.
#[must_use]
pub fn ewma(mean: Option<f64>, alpha: f64, seconds: f64) -> Option<f64> {
    let mean = usable(mean);
    if !seconds.is_finite() || seconds <= 0.0 {
        return mean;
    }
    let seconds = seconds.clamp(SHORTEST, LONGEST);
    Some(mean.map_or(seconds, |mean| alpha.mul_add(seconds - mean, mean)))
}

/// The average time of a job after `seconds`, measured one after the other. Pass only jobs that gave an answer: a failure's time is a timeout's.
#[must_use]
pub fn jobs(mean: Option<f64>, seconds: impl IntoIterator<Item = f64>) -> Option<f64> {
    seconds.into_iter().fold(usable(mean), |mean, seconds| ewma(mean, JOB_ALPHA, seconds))
}

/// The average time of a login after one more that succeeded (`run.loginSeconds`: without waiting for leave and code).
#[must_use]
pub fn login(mean: Option<f64>, seconds: f64) -> Option<f64> {
    ewma(mean, LOGIN_ALPHA, seconds)
}

/// A mean as stored, if it can be calculated with: a status can be edited by hand.
pub(crate) fn usable(mean: Option<f64>) -> Option<f64> {
    mean.filter(|mean| mean.is_finite() && *mean > 0.0).map(|mean| mean.clamp(SHORTEST, LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_measurement_is_taken_as_it_is_and_later_ones_pull_the_mean() {
        assert_eq!(ewma(None, 0.2, 4.0), Some(4.0));
        assert_eq!(ewma(Some(4.0), 0.5, 8.0), Some(6.0));
        assert_eq!(jobs(None, [10.0, 5.0]), Some(9.0));
        assert_eq!(login(Some(10.0), 20.0), Some(14.0));
        assert_eq!(jobs(Some(3.0), []), Some(3.0));
    }

    #[test]
    fn a_constant_time_is_reached_whatever_was_before() {
        let mean = jobs(Some(100.0), std::iter::repeat_n(2.0, 60)).expect("a mean");
        assert!((mean - 2.0).abs() < 0.001, "{mean}");
    }

    #[test]
    fn what_is_no_time_leaves_the_mean_alone() {
        for nonsense in [0.0, -1.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert_eq!(ewma(Some(4.0), 0.2, nonsense), Some(4.0), "{nonsense}");
            assert_eq!(ewma(None, 0.2, nonsense), None, "{nonsense}");
            assert_eq!(
                ewma(Some(nonsense), 0.2, 4.0),
                Some(4.0),
                "a stored {nonsense} is forgotten"
            );
        }
        assert_eq!(ewma(None, 0.2, 1e9), Some(LONGEST), "a clock that jumped");
    }
}
