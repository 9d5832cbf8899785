//! The cluster's free runner Pods, shared among the providers that want them.

use std::cmp::Reverse;

use jiff::Timestamp;

use super::Key;

/// Seconds of waiting that weigh as much as one point of priority. With 6 s, a job of priority 0 gets a runner after at most ten minutes
/// of a stream of jobs of priority 100; without it, never.
const SECONDS_PER_PRIORITY: i64 = 6;

/// What a provider asks for.
pub(super) struct Claim<'a> {
    /// Runners wanted.
    pub wanted: usize,
    /// Runners held already.
    pub held: usize,
    /// Priority of its first job.
    pub priority: i32,
    /// Since when its first job is ready.
    pub since: Timestamp,
    pub key: &'a Key,
}

/// How many runners each one gets. One after the other goes to the provider that has the fewest, held and given; among equals to the
/// one whose first job counts most by priority and waiting time.
pub(super) fn share(now: Timestamp, free: usize, claims: &[Claim<'_>]) -> Vec<usize> {
    let mut given = vec![0; claims.len()];
    for _ in 0..free {
        let next = (0..claims.len()).filter(|&i| given[i] < claims[i].wanted).min_by_key(|&i| {
            (claims[i].held + given[i], Reverse(urgency(now, &claims[i])), claims[i].key)
        });
        match next {
            Some(i) => given[i] += 1,
            None => break,
        }
    }
    given
}

fn urgency(now: Timestamp, claim: &Claim<'_>) -> i64 {
    i64::from(claim.priority) * SECONDS_PER_PRIORITY + now.duration_since(claim.since).as_secs()
}
