//! What is looked at before deciding about a batch.

use fno_crds::{
    FnoBatch,
    batch::{Run, RunLogin},
};
use jiff::{SignedDuration, Timestamp};

use super::PodState;
use crate::why::Why;

/// How long a phase may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// From the batch's creation until its Pod runs.
    pub pod_running: SignedDuration,
    /// From leave to log in until being logged in.
    pub logged_in: SignedDuration,
    /// Silence of a runner.
    pub heartbeat: SignedDuration,
}

/// The provider's switches, as they stand now: they reach running batches, everything else of the provider is pinned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// `spec.suspend`: drain.
    pub suspend: bool,
    /// `spec.suspendCancellations`: arm nothing more.
    pub suspend_cancellations: bool,
}

/// An invited job, as far as the batch's life depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobState {
    /// Its UID.
    pub uid: String,
    /// Still Batched in this batch: there is something to write about it yet.
    pub at_work: bool,
    /// A person withdrew it, deletes it or has deleted it.
    pub withdrawn: bool,
}

/// What keeps the step at hand from being carried out, as the last try to carry it out found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Why.
    pub why: Why,
    /// When it is tried again.
    pub until: Timestamp,
    /// It is a matter of turn, not of something broken: no deadline runs meanwhile.
    pub in_turn: bool,
}

/// Everything a decision about a batch rests on.
#[derive(Clone, Debug)]
pub struct BatchFacts<'a> {
    /// The time.
    pub now: Timestamp,
    /// The batch.
    pub batch: &'a FnoBatch,
    /// Its current Pod.
    pub pod: &'a PodState,
    /// UID of that Pod, while there is one.
    pub pod_uid: Option<&'a str>,
    /// New Pods get other images than this one: a person has set them since.
    pub images_replaced: bool,
    /// The provider's switches.
    pub switches: Switches,
    /// How long we have seen no sign of life of the runner, by our own clock: a node's clock may be wrong.
    pub silent_for: SignedDuration,
    /// The jobs the batch got.
    pub jobs: &'a [JobState],
    /// What holds the step at hand.
    pub held: Option<&'a Hold>,
    /// How long a phase may last.
    pub deadlines: &'a Deadlines,
}

impl<'a> BatchFacts<'a> {
    /// What the current Pod's runner reports. A report of an earlier Pod is none; when the Pod is gone, the last report stands.
    #[must_use]
    pub fn run(&self) -> Option<&'a Run> {
        let run = self.batch.status.as_ref()?.run.as_ref()?;
        match self.pod_uid {
            Some(uid) => (run.pod_uid.as_deref() == Some(uid)).then_some(run),
            None => Some(run),
        }
    }

    /// The login the runner is at.
    #[must_use]
    pub fn login(&self) -> Option<&'a RunLogin> {
        self.run()?.login.as_ref()
    }

    /// When the batch was created.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.batch.metadata.creation_timestamp.as_ref().map_or(self.now, |t| t.0)
    }
}
