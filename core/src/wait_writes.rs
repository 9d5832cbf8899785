//! When the operator writes into a waiting job's status what the job waits for.
//!
//! * A reason is written once it has held for [`HELD`]. In steady flow a job is batched before that and costs no write.
//! * One job is written at most every [`EVERY`].
//! * Per provider at most [`PER_MINUTE`] jobs are written per minute, no matter how many wait. People read one page of them; how many
//!   jobs wait for which reason is in the provider's `status.pending`. The newest reasons come first and, for the same reason, the newest
//!   jobs: a person who has just submitted or changed something is the one who looks.

use std::{cmp::Reverse, collections::HashMap};

use fno_crds::{Reason, reason::ReasonClass};
use jiff::{SignedDuration, Timestamp};

use crate::{
    key::Key,
    plan::{JobView, Waits},
    time::after,
    view::job::WaitNotes,
    why::Why,
};

/// How long a reason has to hold before it is written.
pub const HELD: SignedDuration = SignedDuration::from_secs(10);
/// Minimum time between two writes of one job.
pub const EVERY: SignedDuration = SignedDuration::from_secs(30);
/// Maximum number of jobs of one provider that are written per minute.
pub const PER_MINUTE: usize = 100;

const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// How many jobs of each provider were written in the current minute.
#[derive(Debug, Default)]
pub struct Budgets(HashMap<Key, Spent>);

#[derive(Debug)]
struct Spent {
    since: Timestamp,
    writes: usize,
}

/// Which jobs are to be written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Due {
    /// Places of the jobs to write now.
    pub now: Vec<usize>,
    /// When the next job is due.
    pub wake_at: Option<Timestamp>,
}

/// Records what each job waits for and since when, and decides which jobs are written now. `views` and `notes` are those of the world
/// that was planned. Nothing is due while the writer is `busy`.
pub fn due(
    views: &[JobView],
    notes: &mut [WaitNotes],
    waits: &Waits,
    budgets: &mut Budgets,
    busy: bool,
    now: Timestamp,
) -> Due {
    budgets.0.retain(|_, spent| now < after(spent.since, MINUTE));
    let mut wakes = Vec::new();
    let mut candidates: HashMap<(&str, &str), Vec<usize>> = HashMap::new();
    for (place, (view, notes)) in views.iter().zip(notes.iter_mut()).enumerate() {
        let Some(at) = due_at(notes, waits.get(place), now) else { continue };
        if at > now {
            wakes.push(at);
        } else if !busy {
            candidates.entry((&view.key.namespace, &view.provider)).or_default().push(place);
        }
    }
    let mut due = Due::default();
    for ((namespace, name), mut places) in candidates {
        let of = Key { namespace: namespace.to_owned(), name: name.to_owned() };
        let spent = budgets.0.entry(of).or_insert(Spent { since: now, writes: 0 });
        let left = PER_MINUTE.saturating_sub(spent.writes);
        if places.len() > left {
            wakes.push(after(spent.since, MINUTE));
            places.sort_unstable_by_key(|place| newest_first(&views[*place], &notes[*place]));
            places.truncate(left);
        }
        spent.writes += places.len();
        due.now.extend(places);
    }
    due.now.sort_unstable();
    for place in &due.now {
        notes[*place].written_at = Some(now);
    }
    due.wake_at = wakes.into_iter().min();
    due
}

/// When the job is to be written. None if it does not wait, or if its status shows the reason already.
fn due_at(notes: &mut WaitNotes, why: Option<&Why>, now: Timestamp) -> Option<Timestamp> {
    let Some(why) = why else {
        notes.planned = None;
        return None;
    };
    let since = match notes.planned {
        Some((reason, since)) if reason == why.reason => since,
        _ => now,
    };
    notes.planned = Some((why.reason, since));
    if says_so(notes, why) {
        return None;
    }
    let held = after(since, HELD);
    Some(notes.written_at.map_or(held, |written| held.max(after(written, EVERY))))
}

/// Whether the job's status shows the reason already. Why a try failed is kept, because it says more than that the pause is not over.
fn says_so(notes: &WaitNotes, why: &Why) -> bool {
    let tried = notes.reason.is_some_and(|reason| {
        matches!(reason.class(), ReasonClass::RetryCounted | ReasonClass::RetryFree)
    });
    (why.reason == Reason::RetryBackoff && tried)
        || (notes.reason == Some(why.reason)
            && notes.message.as_deref().unwrap_or_default() == why.message)
}

fn newest_first(view: &JobView, notes: &WaitNotes) -> impl Ord + use<> {
    let since = notes.planned.map_or(Timestamp::MIN, |(_, since)| since);
    (Reverse(since), Reverse(view.created_at))
}

#[cfg(test)]
mod tests;
