//! How many sessions the waiting work is split into.
//!
//! With N jobs of J seconds, a login of L and one login per T seconds, the k-th session starts T later than the one before it. Work is
//! dealt so that all end together, at about L + NJ/k + T(k-1)/2: the k-th session pays off while NJ/(k(k-1)) > T/2. Here every start is
//! given (an account's next free step may be at any time) and jobs cannot be split, so the time is counted, not approximated. With
//! evenly spaced starts the result is the same k.

use fno_crds::provider::Objective;

/// A session is worth its login if it saves at least this part of the time (`Objective::Balanced`).
const WORTH: f64 = 0.1;
/// Two times, in seconds, that are closer than this count as the same: they are results of a bisection.
const SAME: f64 = 1e-3;

/// The waiting work, and the sessions and objective it is split by.
#[derive(Clone, Debug, PartialEq)]
pub struct Work<'a> {
    /// Number of jobs that are ready.
    pub jobs: usize,
    /// Seconds per job, more than 0.
    pub job_seconds: f64,
    /// Seconds per login.
    pub login_seconds: f64,
    /// Maximum number of jobs per session, at least 1.
    pub session_jobs: usize,
    /// When each session that may be opened could log in: seconds from now, ascending.
    pub starts: &'a [f64],
    /// Seconds between two logins over all accounts; 0 without TOTP.
    pub login_gap: f64,
    /// Whether to save logins or time.
    pub objective: Objective,
}

/// How many of the possible sessions to open, counted from the first of `starts`. 0 only if there are no jobs or no starts.
#[must_use]
pub fn choose(work: &Work<'_>) -> usize {
    let most = work.starts.len().min(work.jobs);
    if most == 0 {
        return 0;
    }
    match work.objective {
        Objective::MinLogins => 1,
        Objective::Balanced => {
            let (mut best, mut seconds) = (1, makespan(work, 1));
            while best < most {
                let next = makespan(work, best + 1);
                if seconds - next < WORTH * seconds {
                    break;
                }
                (best, seconds) = (best + 1, next);
            }
            best
        }
        Objective::MinMakespan => {
            let (mut best, mut seconds) = (1, makespan(work, 1));
            for sessions in 2..=most {
                let next = makespan(work, sessions);
                if next < seconds - SAME {
                    (best, seconds) = (sessions, next);
                }
            }
            best
        }
    }
}

/// Seconds until the last job is done with `sessions` (1 ..= `starts.len()`) of the possible sessions at once.
///
/// Exact if every job fits into one of these sessions. With more jobs, further sessions follow and the time is a lower bound: the work
/// is shared evenly with one login per round, but is never faster than one login per `login_gap` allows.
#[must_use]
pub fn makespan(work: &Work<'_>, sessions: usize) -> f64 {
    let starts = &work.starts[..sessions];
    let batches = work.jobs.div_ceil(work.session_jobs);
    if batches <= sessions {
        return work.login_seconds + level(starts, work.jobs, work.session_jobs, work.job_seconds);
    }
    let shared = work.login_seconds * batches.div_ceil(sessions) as f64
        + level(starts, work.jobs, work.jobs, work.job_seconds);
    let last = work.jobs.div_ceil(batches) as f64 * work.job_seconds;
    let login_bound =
        work.login_gap.mul_add((batches - 1) as f64, starts.first().copied().unwrap_or(0.0))
            + work.login_seconds
            + last;
    shared.max(login_bound)
}

/// The earliest time by which sessions that start at `starts` have done `jobs` jobs, with at most `most` jobs per session.
fn level(starts: &[f64], jobs: usize, most: usize, job_seconds: f64) -> f64 {
    let fits =
        |start: f64, end: f64| (((end - start) / job_seconds + 1e-9).max(0.0) as usize).min(most);
    let (mut too_early, mut enough) =
        (0.0, (jobs as f64).mul_add(job_seconds, starts.last().copied().unwrap_or(0.0)));
    while enough - too_early > SAME / 10.0 {
        let middle = f64::midpoint(too_early, enough);
        if starts.iter().map(|&start| fits(start, middle)).sum::<usize>() >= jobs {
            enough = middle
        } else {
            too_early = middle
        }
    }
    enough
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spaced(n: usize, gap: f64) -> Vec<f64> {
        (0..n).map(|i| i as f64 * gap).collect()
    }

    fn work(
        jobs: usize,
        job_seconds: f64,
        login_seconds: f64,
        starts: &[f64],
        objective: Objective,
    ) -> Work<'_> {
        let login_gap = starts.get(1).map_or(0.0, |second| second - starts[0]);
        Work { jobs, job_seconds, login_seconds, session_jobs: 200, starts, login_gap, objective }
    }

    #[test]
    fn the_law_of_the_makespan_is_met() {
        // Jobs, J, L, possible sessions, and the best k: about sqrt(2NJ/T) with T = 30 s, computed by an integer simulation.
        for (jobs, j, l, possible, best, seconds) in [
            (50, 4.9, 55.0, 3, 3, 168.0),
            (50, 4.9, 55.0, 10, 4, 163.0),
            (50, 5.0, 8.0, 3, 3, 123.0),
            (50, 5.0, 8.0, 10, 4, 118.0),
            (150, 5.0, 8.0, 3, 3, 288.0),
            (50, 1.5, 6.0, 3, 2, 59.0),
            (150, 1.5, 6.0, 10, 4, 108.0),
            (1, 5.0, 8.0, 10, 1, 13.0),
        ] {
            let starts = spaced(possible, 30.0);
            let work = work(jobs, j, l, &starts, Objective::MinMakespan);
            let k = choose(&work);
            assert_eq!(k, best, "{jobs} jobs of {j} s, login {l} s, at most {possible} sessions");
            assert!(
                (makespan(&work, k) - seconds).abs() <= 1.0,
                "{jobs} jobs of {j} s: {} s, expected {seconds} s",
                makespan(&work, k)
            );
        }
    }

    #[test]
    fn objectives_trade_logins_for_time() {
        let starts = spaced(10, 30.0);
        let with = |objective| choose(&work(50, 5.0, 8.0, &starts, objective));
        // 258 s, 148 s, 123 s, 118 s with 1, 2, 3, 4 logins: the fourth saves 4 %.
        assert_eq!(
            [with(Objective::MinLogins), with(Objective::Balanced), with(Objective::MinMakespan)],
            [1, 3, 4]
        );
    }

    #[test]
    fn without_one_time_codes_min_makespan_opens_every_session_and_balanced_stops_before_the_tenth()
    {
        let starts = [0.0; 20];
        assert_eq!(choose(&work(100, 5.0, 0.0, &starts, Objective::MinMakespan)), 20);
        let balanced = choose(&work(100, 5.0, 0.0, &starts, Objective::Balanced));
        assert!((7..=10).contains(&balanced), "{balanced}");
        assert_eq!(
            choose(&work(3, 5.0, 8.0, &starts, Objective::MinMakespan)),
            3,
            "never more sessions than jobs"
        );
    }

    #[test]
    fn without_jobs_or_possible_sessions_no_session_is_opened() {
        assert_eq!(choose(&work(0, 5.0, 8.0, &[0.0], Objective::Balanced)), 0);
        assert_eq!(choose(&work(5, 5.0, 8.0, &[], Objective::MinLogins)), 0);
    }

    #[test]
    fn sessions_that_could_only_wait_for_a_code_are_not_opened() {
        // 10 000 quick jobs, 50 per login: one login per 30 s is the limit, so the fourth session of 81 s would only wait.
        let starts = spaced(10, 30.0);
        let work =
            Work { session_jobs: 50, ..work(10_000, 1.5, 6.0, &starts, Objective::MinMakespan) };
        assert_eq!(choose(&work), 3);
        assert!(makespan(&work, 10) >= 199.0 * 30.0);
    }
}
