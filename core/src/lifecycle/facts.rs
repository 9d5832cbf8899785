//! What the operator observes before it decides about a batch.

use fno_crds::{
    FnoBatch, FnoJob,
    batch::{LoginState, Run, RunLogin},
};
use jiff::{SignedDuration, Timestamp};

use super::PodState;
use crate::why::Why;

/// How long each part of a batch's life may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// From when the operator first sees the batch until its Pod runs.
    pub pod_running: SignedDuration,
    /// From the permission to log in until the login has succeeded.
    pub logged_in: SignedDuration,
    /// How long a runner may go without a heartbeat.
    pub heartbeat: SignedDuration,
    /// How long the flow of one job may take. The runner enforces this; [`Deadlines::progress`] is for a runner that does not.
    pub job: SignedDuration,
}

/// Time a runner may take in addition to a job's flow without reporting progress: a flow that does not return (30 s), session probes
/// before and after it (60 s each), its screenshot (30 s), the logout (30 s), the last uploads (20 s) and the report itself (25 s).
const BESIDE_THE_FLOW: SignedDuration = SignedDuration::from_mins(5);

impl Deadlines {
    /// From one sign of progress of a logged-in runner to the next. A heartbeat does not count: it is sent by a separate task, which
    /// continues while the job's task hangs.
    #[must_use]
    pub fn progress(&self) -> SignedDuration {
        self.job.saturating_add(BESIDE_THE_FLOW)
    }

    /// How long a runner may go on once the operator cannot work in its namespace: its Pod starts, the login that was just permitted
    /// succeeds, its session lasts as long as the portal allows, and the last job ends. Nobody permits another login, so from then on it can
    /// only wait for one.
    ///
    /// No `activeDeadlineSeconds` ends such a Pod: it may wait until the operator is back or the namespace is deleted.
    #[must_use]
    pub fn unattended(&self, max_lifetime: SignedDuration) -> SignedDuration {
        [self.logged_in, max_lifetime, self.progress()]
            .into_iter()
            .fold(self.pod_running, SignedDuration::saturating_add)
    }
}

/// How far a runner has come. The operator records when this changes, by its own clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    session: Option<String>,
    login: Option<(i32, LoginState)>,
    job: Option<String>,
    intents: usize,
    results: usize,
    ended: bool,
}

impl Progress {
    /// Reads the progress from a report.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        Self {
            session: run.session_id.clone(),
            login: run.login.as_ref().map(|login| (login.n, login.state)),
            job: run.job.clone(),
            intents: run.intents.len(),
            results: run.results.len(),
            ended: run.end.is_some(),
        }
    }
}

/// The provider's switches as they are now. They apply to running batches; everything else of the provider is pinned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Switches {
    /// `spec.suspend`: running batches drain.
    pub suspend: bool,
    /// `spec.suspendCancellations`: no further cancellation is armed.
    pub suspend_cancellations: bool,
}

/// An invited job, as far as it matters to the batch's lifecycle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobState {
    /// UID of the job.
    pub uid: String,
    /// The job is still Batched in this batch, so the operator has yet to write its status.
    pub at_work: bool,
    /// The runner skips the job unless it has started it: a person withdrew, suspended or deleted it, or its deadline has passed.
    pub withdrawn: bool,
    /// `spec.deadline` while it lies in the future: at that time the job is withdrawn.
    pub deadline: Option<Timestamp>,
    /// The API server rejected the last write of the job's status (and not because of a conflict or an outage). The batch continues
    /// without the job, and the write is retried from time to time.
    pub refused: bool,
}

impl JobState {
    /// A job that is Batched in this batch.
    #[must_use]
    pub fn at_work(job: &FnoJob, refused: bool, now: Timestamp) -> Self {
        let deadline = job.spec.deadline.as_ref().map(|at| at.0);
        Self {
            uid: job.metadata.uid.clone().unwrap_or_default(),
            at_work: true,
            withdrawn: job.spec.cancel_requested
                || job.spec.suspend
                || job.metadata.deletion_timestamp.is_some()
                || deadline.is_some_and(|deadline| deadline <= now),
            deadline: deadline.filter(|deadline| *deadline > now),
            refused,
        }
    }

    /// A job that the batch had claimed and no longer holds; `exists` says whether the FnoJob still exists.
    #[must_use]
    pub const fn settled(uid: String, exists: bool) -> Self {
        Self { uid, at_work: false, withdrawn: !exists, deadline: None, refused: false }
    }

    /// Whether the job's status should be written now: the job is at work, and the last write was not refused.
    #[must_use]
    pub const fn is_due(&self) -> bool {
        self.at_work && !self.refused
    }
}

/// Why the current action cannot be carried out, as found by the last attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// What holds the action up.
    pub why: Why,
    /// When the action is tried again.
    pub until: Timestamp,
    /// The batch only waits for its turn and nothing is broken, so it may wait for as long as another session of the account may last.
    pub in_turn: bool,
}

/// Everything that a decision about a batch is based on.
#[derive(Clone, Debug)]
pub struct BatchFacts<'a> {
    /// The current time, by the operator's clock.
    pub now: Timestamp,
    /// The batch.
    pub batch: &'a FnoBatch,
    /// State of the batch's current Pod.
    pub pod: &'a PodState,
    /// UID of that Pod. None if it does not exist.
    pub pod_uid: Option<&'a str>,
    /// New Pods would get other images than this one: a person has changed the settings since.
    pub images_replaced: bool,
    /// The provider's switches.
    pub switches: Switches,
    /// How long the batch has existed as far as the operator has seen it, by its own clock ([`exists_for`]).
    pub exists_for: SignedDuration,
    /// How long the operator has seen no new heartbeat, by its own clock: a node's clock may be wrong.
    pub silent_for: SignedDuration,
    /// How long the runner's [`Progress`] has not changed, by the operator's clock.
    pub idle_for: SignedDuration,
    /// How the browser's container ended, for people, if that is known: otherwise a crash shows only as the driver's error.
    pub browser: Option<&'a str>,
    /// How long the runner's login (number and state, or that there is none) has not changed, by the operator's clock and counted only
    /// while its Pod runs.
    pub login_state_for: SignedDuration,
    /// The jobs that the batch has claimed.
    pub jobs: &'a [JobState],
    /// What holds up the current action, if anything does.
    pub held: Option<&'a Hold>,
    /// How long each part of a batch's life may last.
    pub deadlines: &'a Deadlines,
}

/// How long a batch has existed, by the operator's clock alone: `metadata.creationTimestamp` is a time of the API server, whose clock may be
/// wrong. `known_for` is how long this process has known the batch. After a restart, the creation of the last Pod is on record.
#[must_use]
pub fn exists_for(batch: &FnoBatch, known_for: SignedDuration, now: Timestamp) -> SignedDuration {
    let assigned = batch.status.as_ref().and_then(|status| status.assigned_at.as_ref());
    assigned.map_or(known_for, |at| now.duration_since(at.0).max(known_for))
}

impl<'a> BatchFacts<'a> {
    /// The report of the current Pod's runner. Reports of an earlier Pod are ignored; after the Pod is gone, its last report counts.
    #[must_use]
    pub fn run(&self) -> Option<&'a Run> {
        let run = self.batch.status.as_ref()?.run.as_ref()?;
        match self.pod_uid {
            Some(uid) => (run.pod_uid.as_deref() == Some(uid)).then_some(run),
            None => Some(run),
        }
    }

    /// The runner's current login.
    #[must_use]
    pub fn login(&self) -> Option<&'a RunLogin> {
        self.run()?.login.as_ref()
    }

    /// When the next job has to be withdrawn because its deadline passes.
    #[must_use]
    pub fn deadline_of_a_job(&self) -> Option<Timestamp> {
        self.jobs.iter().filter(|job| job.is_due()).filter_map(|job| job.deadline).min()
    }
}
