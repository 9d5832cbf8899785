//! Jobs are dealt to sessions like cards: the next job goes to the session that would begin it first.
//!
//! So jobs that come first in the order are begun first, sessions that log in later get fewer jobs, and all end together.

use super::JobView;

/// What a session takes.
pub(super) struct Bounds {
    /// Jobs at most.
    pub jobs: usize,
    /// Seconds of jobs at most. One job is taken however long it is.
    pub seconds: f64,
}

/// Gives every session (`starts`: when each could log in) its jobs, and what is left over, both in the order of `jobs`.
///
/// When sessions will have to follow each other anyway, the work is split evenly over all of them, those to come included: 51 jobs are
/// 26 and 25, not 50 and 1. Then all that start now are the same size too, so that they do not end, and log in again, together.
pub(super) fn deal<'a>(
    jobs: &[&'a JobView],
    starts: &[f64],
    bounds: &Bounds,
    seconds: impl Fn(&JobView) -> f64,
) -> (Vec<Vec<&'a JobView>>, Vec<&'a JobView>) {
    let mut hands: Vec<Hand<'a>> =
        starts.iter().map(|&start| Hand { end: start, start, jobs: Vec::new() }).collect();
    if hands.is_empty() {
        return (Vec::new(), jobs.to_vec());
    }
    let all: f64 = jobs.iter().map(|job| seconds(job)).sum();
    let by_time = if bounds.seconds > 0.0 {
        (all / bounds.seconds - 1e-9).ceil() as usize
    } else {
        jobs.len()
    };
    let batches = jobs.len().div_ceil(bounds.jobs).max(by_time).min(jobs.len());
    let mut share = jobs.len();
    if batches > hands.len() {
        share = (jobs.len() * hands.len()).div_ceil(batches);
        hands.iter_mut().for_each(|hand| (hand.start, hand.end) = (0.0, 0.0));
    }

    let mut left = Vec::new();
    for (index, job) in jobs.iter().enumerate() {
        let takes = seconds(job);
        let fits = |hand: &Hand<'_>| {
            hand.jobs.is_empty()
                || (hand.jobs.len() < bounds.jobs
                    && hand.end + takes - hand.start <= bounds.seconds)
        };
        let next = if index < share {
            hands.iter_mut().filter(|hand| fits(hand)).min_by(|a, b| a.end.total_cmp(&b.end))
        } else {
            None
        };
        match next {
            Some(hand) => {
                hand.end += takes;
                hand.jobs.push(job);
            }
            None => left.push(*job),
        }
    }
    (hands.into_iter().map(|hand| hand.jobs).collect(), left)
}

struct Hand<'a> {
    start: f64,
    end: f64,
    jobs: Vec<&'a JobView>,
}
