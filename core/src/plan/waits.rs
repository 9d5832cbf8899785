//! What the jobs wait for: each sentence is stored once, and every job refers to one. A hundred thousand jobs often wait for the same
//! thing.

use std::collections::HashMap;

use fno_crds::Reason;
use jiff::Timestamp;

use super::{Why, sentences};
use crate::text::at_most;

/// The schema's maxLength of messages in a status.
const MESSAGE: usize = 2000;

/// What every job of a [`World`](super::World) waits for, by the job's place there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    whys: Vec<Why>,
    of: Vec<Option<Cause>>,
}

/// Number of one of the stored sentences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cause(usize);

impl Waits {
    /// What the job at this place waits for. `None` if the job is batched or ends, or if its namespace is out of service. The message fits
    /// into a status.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&Why> {
        self.of.get(place).copied().flatten().map(|Cause(cause)| &self.whys[cause])
    }

    /// Every place with a job that waits, and what the job waits for.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &Why)> {
        (0..self.of.len()).filter_map(|place| Some((place, self.get(place)?)))
    }

    /// How many jobs wait.
    #[must_use]
    pub fn count(&self) -> usize {
        self.of.iter().flatten().count()
    }
}

/// Reasons that hold back jobs of different providers alike, so that their sentence is stored once.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Shared<'a> {
    JobSuspended,
    NotBefore(Timestamp),
    RetryBackoff,
    AwaitingApproval,
    /// Namespace and name of the batch.
    Invited(&'a str, &'a str),
}

impl Shared<'_> {
    fn why(self) -> Why {
        match self {
            Self::JobSuspended => sentences::job_suspended(),
            Self::NotBefore(due) => sentences::not_before(due),
            Self::RetryBackoff => sentences::retry_backoff(),
            Self::AwaitingApproval => sentences::awaiting_approval(),
            Self::Invited(_, batch) => sentences::invited(batch),
        }
    }
}

/// Builds [`Waits`].
pub(super) struct Causes<'a> {
    waits: Waits,
    shared: HashMap<Shared<'a>, Cause>,
}

impl<'a> Causes<'a> {
    pub fn new(jobs: usize) -> Self {
        let waits = Waits { whys: Vec::new(), of: vec![None; jobs] };
        Self { waits, shared: HashMap::new() }
    }

    pub fn add(&mut self, why: Why) -> Cause {
        let message =
            if why.message.len() > MESSAGE { at_most(&why.message, MESSAGE) } else { why.message };
        self.waits.whys.push(Why { message, ..why });
        Cause(self.waits.whys.len() - 1)
    }

    pub fn shared(&mut self, what: Shared<'a>) -> Cause {
        if let Some(cause) = self.shared.get(&what) {
            return *cause;
        }
        let cause = self.add(what.why());
        self.shared.insert(what, cause);
        cause
    }

    /// Records what the job at this place waits for, and returns the reason, to be counted.
    pub fn wait(&mut self, place: usize, cause: Cause) -> Reason {
        self.waits.of[place] = Some(cause);
        self.waits.whys[cause.0].reason
    }

    pub fn into_waits(self) -> Waits {
        self.waits
    }
}
