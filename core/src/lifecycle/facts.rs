//! What is looked at before deciding about a batch.

use fno_crds::{
    FnoBatch, FnoJob,
    batch::{LoginState, Run, RunLogin},
};
use jiff::{SignedDuration, Timestamp};

use super::PodState;
use crate::why::Why;

/// How long a phase may last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadlines {
    /// From the batch's creation until its Pod runs.
    pub pod_running: SignedDuration,
    /// From the permission to log in until the login has succeeded.
    pub logged_in: SignedDuration,
    /// Silence of a runner.
    pub heartbeat: SignedDuration,
    /// The flow of one job. The runner enforces it; see [`Deadlines::progress`] for a runner that does not.
    pub job: SignedDuration,
}

/// What a runner may take beside a job's flow without reporting progress: a flow that does not come back (30 s), session probes
/// before and after it (60 s each), its picture (30 s), the logout (30 s), the last uploads (20 s) and the report itself (25 s).
const BESIDE_THE_FLOW: SignedDuration = SignedDuration::from_mins(5);

impl Deadlines {
    /// From one sign of progress of a logged-in runner to the next. A heartbeat does not count: a task of its own
    /// sends it, which goes on while the job's task hangs.
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

/// How far a runner is. The operator notes when this changes, by its own clock.
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
    /// Reads it off a report.
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
    /// The runner leaves it out unless it has started it: a person withdrew, suspended or deleted it, or its deadline has passed.
    pub withdrawn: bool,
    /// `spec.deadline`, while it is to come: then the job is withdrawn.
    pub deadline: Option<Timestamp>,
    /// The API server refused the last write about it for good (not for a conflict or an outage). The batch goes on without it, and
    /// the write is tried again from time to time.
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

    /// A job that the batch had claimed and has nothing to do with any more; `exists` is whether it is still known.
    #[must_use]
    pub const fn settled(uid: String, exists: bool) -> Self {
        Self { uid, at_work: false, withdrawn: !exists, deadline: None, refused: false }
    }

    /// There is something to write about it, and it is worth trying.
    #[must_use]
    pub const fn is_due(&self) -> bool {
        self.at_work && !self.refused
    }
}

/// What keeps the current step from being carried out, as the last try to carry it out found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Why.
    pub why: Why,
    /// When it is tried again.
    pub until: Timestamp,
    /// The hold is a matter of turn, not of something broken: no deadline runs meanwhile.
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
    /// How long the runner's [`Progress`] has not changed, by our own clock.
    pub idle_for: SignedDuration,
    /// What is known about the end of the browser's container, for people: without it a crash is told in the driver's words only.
    pub browser: Option<&'a str>,
    /// How long we have seen the runner's login in its current state (none yet, the same login and state), by our own clock and while
    /// its Pod runs.
    pub login_state_for: SignedDuration,
    /// The jobs the batch got.
    pub jobs: &'a [JobState],
    /// What holds the current step.
    pub held: Option<&'a Hold>,
    /// How long a phase may last.
    pub deadlines: &'a Deadlines,
}

impl<'a> BatchFacts<'a> {
    /// What the current Pod's runner reports. Reports of an earlier Pod are ignored; after the Pod is gone its last report counts.
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

    /// When the first job has to be withdrawn because its deadline passes.
    #[must_use]
    pub fn deadline_of_a_job(&self) -> Option<Timestamp> {
        self.jobs.iter().filter(|job| job.is_due()).filter_map(|job| job.deadline).min()
    }

    /// When the batch was created.
    #[must_use]
    pub fn created(&self) -> Timestamp {
        self.batch.metadata.creation_timestamp.as_ref().map_or(self.now, |t| t.0)
    }
}
