//! Jobs are dealt to sessions like cards: the next job goes to the session that would start it first.
//!
//! So jobs that come first in the order are started first, sessions that log in later get fewer jobs, and all end together.

use super::Candidate;

/// What a session takes.
pub(super) struct Bounds {
    /// Jobs at most.
    pub jobs: usize,
    /// Seconds of jobs at most. One job is taken however long it is.
    pub seconds: f64,
    /// Bytes of jobs at most. One job is taken however large it is: those that fit nowhere have failed before.
    pub bytes: usize,
}

/// What counts about a job here.
pub(super) struct Card {
    /// Seconds it takes.
    pub seconds: f64,
    /// Bytes it takes in the work Secret.
    pub bytes: usize,
    /// Jobs a session may have that it is in, itself included.
    pub company: usize,
}

/// Gives every session (`starts`: when each could log in) its jobs, and what is left over, both in the order of `jobs`.
///
/// When sessions will have to follow each other anyway, the work is split evenly over all of them, those to come included: 51 jobs are
/// 26 and 25, not 50 and 1. Then all that start now are the same size too, so that they do not end, and log in again, together.
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

/// How many sessions all the jobs need, one after the other or at once.
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
