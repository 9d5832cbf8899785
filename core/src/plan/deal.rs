//! Deals jobs to sessions like cards: the next job goes to the session that would start it first.
//!
//! So jobs that come first in the order are started first, sessions that log in later get fewer jobs, and all sessions end at about the
//! same time.

use super::Candidate;

/// What one session can hold.
pub(super) struct Bounds {
    /// Maximum number of jobs.
    pub jobs: usize,
    /// Maximum total time of its jobs, in seconds. A single job is accepted no matter how long it takes.
    pub seconds: f64,
    /// Maximum total size of its jobs, in bytes. A single job is accepted no matter how large it is: jobs that fit nowhere have failed before.
    pub bytes: usize,
}

/// What matters about a job here.
pub(super) struct Card {
    /// Expected time of the job, in seconds.
    pub seconds: f64,
    /// Size of the job in the work Secret, in bytes.
    pub bytes: usize,
    /// How many jobs a session with this job may have, including this one.
    pub company: usize,
}

/// Gives every session its jobs (`starts`: when each could log in), and returns the jobs that are left over, both in the order of `jobs`.
///
/// If later sessions will be needed anyway, the work is split evenly over all of them, including the later ones: 51 jobs become 26 and
/// 25, not 50 and 1. Sessions of the same size that log in one after another also end one after another, so the next logins do not
/// coincide.
pub(super) fn deal<'a>(
    jobs: &[Candidate<'a>],
    starts: &[f64],
    bounds: &Bounds,
    card: impl Fn(&Candidate<'_>) -> Card,
) -> (Vec<Vec<Candidate<'a>>>, Vec<Candidate<'a>>) {
    let mut hands: Vec<Hand<'a>> = starts.iter().map(|&start| Hand::new(start, bounds)).collect();
    if hands.is_empty() {
        return (Vec::new(), jobs.to_vec());
    }
    let cards: Vec<Card> = jobs.iter().map(card).collect();
    let batches = batches(&cards, bounds);
    let mut share = jobs.len();
    if batches > hands.len() {
        share = (jobs.len() * hands.len()).div_ceil(batches);
        hands.iter_mut().for_each(|hand| (hand.start, hand.end) = (0.0, 0.0));
    }

    let mut left = Vec::new();
    for (index, (job, card)) in jobs.iter().zip(&cards).enumerate() {
        let next = if index < share {
            hands
                .iter_mut()
                .filter(|hand| hand.takes(card, bounds))
                .min_by(|a, b| a.end.total_cmp(&b.end))
        } else {
            None
        };
        match next {
            Some(hand) => hand.add(*job, card),
            None => left.push(*job),
        }
    }
    (hands.into_iter().map(|hand| hand.jobs).collect(), left)
}

/// How many sessions all the jobs need, one after another or in parallel.
fn batches(cards: &[Card], bounds: &Bounds) -> usize {
    let seconds: f64 = cards.iter().map(|card| card.seconds).sum();
    let by_time = if bounds.seconds > 0.0 {
        (seconds / bounds.seconds - 1e-9).ceil() as usize
    } else {
        cards.len()
    };
    let bytes: usize = cards.iter().map(|card| card.bytes).sum();
    let by_bytes = bytes.div_ceil(bounds.bytes.max(1));
    cards.len().div_ceil(bounds.jobs).max(by_time).max(by_bytes).min(cards.len())
}

struct Hand<'a> {
    start: f64,
    end: f64,
    bytes: usize,
    most: usize,
    jobs: Vec<Candidate<'a>>,
}

impl<'a> Hand<'a> {
    const fn new(start: f64, bounds: &Bounds) -> Self {
        Self { start, end: start, bytes: 0, most: bounds.jobs, jobs: Vec::new() }
    }

    fn takes(&self, card: &Card, bounds: &Bounds) -> bool {
        self.jobs.is_empty()
            || (self.jobs.len() < self.most.min(card.company)
                && self.end + card.seconds - self.start <= bounds.seconds
                && self.bytes + card.bytes <= bounds.bytes)
    }

    fn add(&mut self, job: Candidate<'a>, card: &Card) {
        self.end += card.seconds;
        self.bytes += card.bytes;
        self.most = self.most.min(card.company);
        self.jobs.push(job);
    }
}
