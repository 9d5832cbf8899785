//! When the next report is due: rarely enough for the API server, soon enough for people. At most about 25 reports of progress per batch.

use std::time::Duration;

use tokio::time::Instant;

/// A heartbeat arrives at least every 30 s. The difference is for the way to the API server.
const HEARTBEAT: Duration = Duration::from_secs(25);
/// Progress is reported at most this often.
const SHORTEST: Duration = Duration::from_secs(2);
/// Reports of progress per batch.
const REPORTS: u32 = 25;
/// Time that a job is assumed to take until one is done.
const UNMEASURED_JOB: Duration = Duration::from_secs(5);

/// How urgent a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Part of the next report, whenever that is.
    WithNext,
    /// Progress.
    Soon,
    /// The operator or a person waits for it: a login, a failure, the end.
    Now,
}

/// The facts behind the decision.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// When the runner started.
    pub began: Instant,
    /// When a report last arrived.
    pub sent: Option<Instant>,
    /// Progress has been reported at least once.
    pub progressed: bool,
    /// The most urgent change that has not been reported.
    pub wanted: Option<Urgency>,
    /// Jobs of the batch.
    pub jobs: usize,
    /// Of these, settled.
    pub settled: usize,
}

/// When the next report is due. A time in the past means now.
#[must_use]
pub fn due(pace: &Pace, now: Instant) -> Instant {
    let Some(sent) = pace.sent else { return pace.wanted.map_or(pace.began + HEARTBEAT, |_| now) };
    match pace.wanted {
        Some(Urgency::Now) => now,
        Some(Urgency::Soon) if !pace.progressed => now,
        Some(Urgency::Soon) => sent + interval(pace, now).min(HEARTBEAT),
        Some(Urgency::WithNext) | None => sent + HEARTBEAT,
    }
}

/// Time between two reports of progress: a 25th of the time that the whole batch will take, judged by what it has taken so far.
fn interval(pace: &Pace, now: Instant) -> Duration {
    let jobs = u32::try_from(pace.jobs).unwrap_or(u32::MAX);
    let per_job = match u32::try_from(pace.settled) {
        Ok(0) | Err(_) => UNMEASURED_JOB,
        Ok(settled) => now.duration_since(pace.began) / settled,
    };
    (per_job.saturating_mul(jobs) / REPORTS).max(SHORTEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace(began: Instant) -> Pace {
        Pace { began, sent: Some(began), progressed: true, wanted: None, jobs: 50, settled: 0 }
    }

    /// Seconds from `began`, at `at` seconds.
    fn due_at(change: impl FnOnce(&mut Pace), at: u64) -> f64 {
        let began = Instant::now();
        let mut pace = pace(began);
        change(&mut pace);
        due(&pace, began + Duration::from_secs(at)).duration_since(began).as_secs_f64()
    }

    #[test]
    fn what_is_waited_for_is_due_now_and_a_heartbeat_when_nothing_happens() {
        assert_eq!(due_at(|p| p.wanted = Some(Urgency::Now), 7), 7.0);
        assert_eq!(due_at(|_| {}, 7), 25.0);
        assert_eq!(due_at(|p| p.wanted = Some(Urgency::WithNext), 7), 25.0);
    }

    #[test]
    fn the_first_report_and_the_first_progress_go_at_once() {
        assert_eq!(due_at(|p| (p.sent, p.wanted) = (None, Some(Urgency::WithNext)), 3), 3.0);
        assert_eq!(due_at(|p| p.sent = None, 3), 25.0, "there is nothing to say yet");
        assert_eq!(due_at(|p| (p.progressed, p.wanted) = (false, Some(Urgency::Soon)), 3), 3.0);
    }

    #[test]
    fn progress_comes_every_two_seconds_or_a_25th_of_the_batch() {
        let soon = |settled, jobs, at| {
            due_at(|p| (p.wanted, p.settled, p.jobs) = (Some(Urgency::Soon), settled, jobs), at)
        };
        assert_eq!(soon(0, 50, 1), 10.0, "not measured: 50 jobs of 5 s");
        assert_eq!(soon(10, 50, 10), 2.0, "50 jobs of 1 s");
        assert_eq!(soon(10, 50, 50), 10.0, "50 jobs of 5 s");
        assert_eq!(soon(1, 200, 60), 25.0, "never rarer than a heartbeat");
        assert_eq!(soon(1, 1, 1), 2.0);
    }

    #[test]
    fn a_batch_of_fifty_quick_jobs_is_reported_about_25_times() {
        let began = Instant::now();
        let mut state = Pace { progressed: false, ..pace(began) };
        let (mut reports, mut settled) = (0, 0);
        for tenth in 0..=1000_u32 {
            let now = began + Duration::from_millis(100) * tenth;
            let done = usize::try_from(tenth / 20).expect("few");
            if done > settled {
                settled = done;
                state.wanted = Some(Urgency::Soon);
            }
            state.settled = settled;
            if due(&state, now) <= now {
                reports += 1;
                state = Pace { sent: Some(now), progressed: true, wanted: None, ..state };
            }
        }
        assert!((20..=27).contains(&reports), "{reports}");
    }
}
