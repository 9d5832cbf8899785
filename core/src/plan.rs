//! Which jobs leave now, in which batches, and for every other job the reason it waits.
//!
//! One pass over the world, the same result for the same world:
//!
//! 1. `homes`, `eligibility`: every job is ready, waits for a reason of its own, fails or is withdrawn. Nothing is said about a job in a
//!    namespace that is out of service (`service`).
//! 2. `queue`: the ready jobs of a provider in order. A queue leaves as a whole once it is full, has lingered, is flushed, or a
//!    deadline presses.
//! 3. `slots`: the sessions the provider and its accounts could open, soonest login first; [`crate::session_count`] says how many pay.
//! 4. `runners`: the cluster's free runner Pods are shared among providers.
//! 5. `deal`: jobs are dealt to sessions so that all end together.
//!
//! What does not leave waits with the limit that stopped it (`sentences`). Each sentence is made once for all jobs that wait for it
//! (`waits`) and holds no time: a sentence that changes with each new pause would be written to each of thousands of jobs again.
//!
//! **Order.** Jobs leave by priority (higher first), then deadline (sooner first, none last), then age, then name; the action plays no
//! part, so that no stream of validations starves a cancellation of the same priority. Within a batch, validations of one priority
//! run before its cancellations, because an unknown outcome ends the cancellations of a batch.

mod deal;
mod departure;
mod eligibility;
mod homes;
mod live;
mod name;
mod queue;
mod report;
mod runners;
pub(crate) mod sentences;
mod service;
mod slots;
mod waits;

use std::{collections::BTreeMap, ops::Deref, sync::Arc};

use fno_crds::{FnoBatchSpec, FnoProviderSpec, Reason, job::Action, provider_status::Pending};
use jiff::{SignedDuration, Timestamp};

use self::{
    departure::Departure,
    eligibility::Stand,
    homes::Homes,
    live::Live,
    name::Names,
    queue::{Closing, Queue},
    report::Report,
};
use crate::{account::AccountName, gate::Gate, key::Key, measure, why::Why};

pub use service::OutOfService;
pub use waits::Waits;

/// A Pending job, as much of it as planning needs (kept in memory for every job, so it is small).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    /// Which job.
    pub key: Key,
    /// Its UID.
    pub uid: String,
    /// Goes into the batch's name, so that the same jobs invited again after any change make another name.
    pub resource_version: String,
    /// `spec.provider`.
    pub provider: String,
    /// `spec.action`.
    pub action: Action,
    /// Higher goes first.
    pub priority: i32,
    /// Age decides last.
    pub created_at: Timestamp,
    /// When this operator first saw the job ready to go; linger counts from here (see [`Plan::is_ready`]), but never from before `notBefore` or `retryAt`.
    pub eligible_since: Timestamp,
    /// `spec.notBefore`.
    pub not_before: Option<Timestamp>,
    /// `spec.deadline`.
    pub deadline: Option<Timestamp>,
    /// `status.retryAt`.
    pub retry_at: Option<Timestamp>,
    /// `spec.suspend`.
    pub suspend: bool,
    /// `spec.cancelRequested`, or the job is being deleted.
    pub cancel_requested: bool,
    /// `status.approval` is set.
    pub approved: bool,
    /// Why the circuit cannot be worked on now (an armed claim of another job).
    pub circuit: Option<Why>,
    /// What it takes in a batch's work Secret at most ([`crate::work::size::of_job`]).
    pub bytes: usize,
}

/// An account of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// Its name.
    pub name: String,
    /// One name for the account, the same in every provider of the namespace that has it ([`crate::account::identity::first_names`]):
    /// its sessions count together.
    pub identity: AccountName,
    /// Sessions it may have at once: the smallest `session.maxSessionsPerAccount` of the providers that have it.
    pub max_sessions: i32,
    /// What its breaker, its Secrets and its seed allow.
    pub gate: Gate,
    /// Seconds per TOTP step; `None` = no TOTP.
    pub totp_period: Option<i64>,
    /// The last step used, counted in `totp_period`.
    pub last_step: Option<i64>,
}

/// A provider and what is known about it.
#[derive(Clone, Debug)]
pub struct ProviderView {
    /// Which provider.
    pub key: Key,
    /// `metadata.generation`.
    pub generation: i64,
    /// The settings.
    pub spec: Arc<FnoProviderSpec>,
    /// SHA-256 of the flows.
    pub flows_digest: String,
    /// Why nothing can be done on it at all (flow does not lint, clock skew, Valkey away, …).
    pub blocked: Option<Why>,
    /// Why no cancellation can be done on it.
    pub cancellations_blocked: Option<Why>,
    /// The flow breaker: `Trial` lets one batch of one job through as a canary.
    pub flow_gate: Gate,
    /// The accounts in `spec.accounts`.
    pub accounts: Vec<AccountView>,
    /// Measured seconds per job; missing = not measured yet.
    pub job_seconds: BTreeMap<Action, f64>,
    /// Measured seconds per login.
    pub login_seconds: Option<f64>,
    /// A person asked for lingering batches to leave now.
    pub flush: bool,
    /// What the provider itself takes in a batch's work Secret at most ([`crate::work::size::of_provider`]).
    pub work_bytes: usize,
}

/// A batch that may hold a session or a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchView {
    /// Which batch.
    pub key: Key,
    /// `spec.provider`.
    pub provider: String,
    /// `spec.account`.
    pub account: String,
    /// The account, as in [`AccountView::identity`].
    pub identity: AccountName,
    /// UIDs of the jobs that no other batch may invite: those it has invited, without those it has lost or settled for this try. Empty
    /// once everything about its jobs is written: those that it gives back leave together, not the first one alone.
    pub jobs: Vec<String>,
    /// Its account session is, or may still be, alive: not finished, or finished but its Pod is not gone.
    pub holds_session: bool,
    /// Its Pod exists or is about to.
    pub holds_runner: bool,
    /// How long its runner may go on once the operator cannot work in the namespace ([`crate::lifecycle::Deadlines::unattended`]).
    pub unattended: SignedDuration,
    /// `Completed` or `Failed`.
    pub finished: bool,
    /// The API server refused its work Secret for what is in it.
    pub rejected: Option<Rejected>,
}

/// A batch whose content the API server refused. One of its jobs is to blame, so they are tried in halves until it stands alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// UIDs of the jobs that were in it.
    pub jobs: Vec<String>,
    /// What the API server said.
    pub message: String,
}

/// Everything planning looks at.
#[derive(Clone, Debug)]
pub struct World<'a> {
    /// The time.
    pub now: Timestamp,
    /// Every provider that can be read.
    pub providers: &'a [ProviderView],
    /// What the jobs of each provider that cannot be read wait for.
    pub unreadable: &'a BTreeMap<Key, Why>,
    /// Every Pending job. A job's place in this list is its number in the plan.
    pub jobs: &'a [JobView],
    /// Every batch. One that is finished and holds nothing counts only by its name: a name is not used twice.
    pub batches: &'a [BatchView],
    /// Runner Pods in the whole cluster at most.
    pub max_runners: usize,
    /// Where nothing is planned. Runners there count towards `max_runners` for as long as they may be at work.
    pub out_of_service: &'a OutOfService,
}

/// A batch to create. Nothing is left to choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBatch {
    /// Namespace and (deterministic) name.
    pub key: Key,
    /// The whole spec.
    pub spec: FnoBatchSpec,
}

/// A job that ends without a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobEnd {
    /// Namespace and name.
    pub key: Key,
    /// `metadata.uid`: a job that was created again under the same name is another one.
    pub uid: String,
    /// Why it ends as Failed (`DeadlineExceeded`, `NoFlow`, …). `None`: its submitter withdraws it.
    pub why: Option<Why>,
}

/// What to do now, and for every job left out the reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Batches to create.
    pub create: Vec<NewBatch>,
    /// What each job waits for.
    pub waits: Waits,
    /// Jobs that end without a try, in the order of their names.
    pub end: Vec<JobEnd>,
    /// What waits for each provider, counted. A provider without jobs has an entry too, and so has a name that no provider has. A provider
    /// in a namespace that is out of service has none.
    pub queues: BTreeMap<Key, ProviderQueue>,
    /// When to plan again even if nothing changes. Breakers are not in it: whoever computes the gates knows when they open.
    pub wake_at: Option<Timestamp>,
}

/// The jobs that wait for one provider.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProviderQueue {
    /// How many, and for what: `FnoProvider.status.pending`.
    pub pending: Pending,
    /// Creation of the oldest job that waits. A job that its submitter suspended or put off does not count: it waits for a person or a
    /// time, not for the operator.
    pub oldest_since: Option<Timestamp>,
}

/// A job in planning.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    view: &'a JobView,
    /// Its place in [`World::jobs`].
    place: usize,
    /// The number of what it names as its provider.
    queue: usize,
}

impl Deref for Candidate<'_> {
    type Target = JobView;

    fn deref(&self) -> &JobView {
        self.view
    }
}

impl Plan {
    /// Whether the job at this place was ready to go: it leaves, is about to be claimed, lingers, or lacks a session or a runner.
    ///
    /// Who keeps [`JobView::eligible_since`] sets it to the time of every planning after which this is false, and does not touch it
    /// otherwise: a batch that could not be created, or claimed nothing, does not make its jobs linger again. Nor does a namespace that was
    /// out of service.
    #[must_use]
    pub fn is_ready(&self, place: usize) -> bool {
        self.waits.get(place).is_none_or(|why| is_ready(why.reason))
    }
}

/// Whether a job that waits for this could go if there were room.
const fn is_ready(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Batched
            | Reason::WaitingForLinger
            | Reason::WaitingForSession
            | Reason::WaitingForRunner
    )
}

impl ProviderView {
    /// Why nothing can be done on it at all, what planning itself finds included.
    pub(crate) fn why_blocked(&self) -> Option<Why> {
        self.blocked.clone().or_else(|| sentences::provider_too_large(self.work_bytes))
    }

    /// Seconds per job, measured or assumed.
    fn job_seconds(&self, action: Action) -> f64 {
        self.job_seconds.get(&action).copied().unwrap_or_else(|| measure::unmeasured_job(action))
    }

    /// Seconds per login, measured or assumed.
    fn login_seconds(&self) -> f64 {
        self.login_seconds.unwrap_or(measure::UNMEASURED_LOGIN)
    }
}

/// Decides what leaves now.
#[must_use]
pub fn plan(world: &World<'_>) -> Plan {
    let mut live = Live::of(world);
    let mut report = Report::new(world.now, world.jobs.len());
    live.wake_at.into_iter().for_each(|at| report.wake(at));
    let mut homes = Homes::of(world, &mut report);
    answer_or_queue(world, &live, &mut homes, &mut report);
    let mut departures = Vec::new();
    for queue in queues(&mut homes, &live) {
        match queue.closing(world.now) {
            Closing::Leaves => departures.push(Departure::new(queue, &mut live, world.now)),
            Closing::Lingers { wake_at } => {
                report.wake(wake_at);
                report.wait_all(&queue.jobs, sentences::lingers(&queue.provider.spec.batching));
            }
        }
    }
    let claims: Vec<runners::Claim<'_>> = departures.iter().map(Departure::claim).collect();
    let granted =
        runners::share(world.now, world.max_runners.saturating_sub(live.runners), &claims);
    let mut names = Names::of(world.batches);
    for (departure, granted) in departures.into_iter().zip(granted) {
        departure.go(granted, world.max_runners, &mut names, &mut report);
    }
    report.into_plan(homes.keys())
}

/// Jobs that are not ready to go are answered; the others queue up at their providers. Those in a namespace that is out of service are left
/// out.
fn answer_or_queue<'a>(
    world: &World<'a>,
    live: &Live<'a>,
    homes: &mut Homes<'a>,
    report: &mut Report<'a>,
) {
    for (place, view) in world.jobs.iter().enumerate() {
        let Some(queue) = homes.of_job(view, report) else { continue };
        let job = Candidate { view, place, queue };
        match eligibility::stand(view, homes.home(job.queue), live, &mut report.causes, world.now) {
            Stand::Ready => homes.ready(job),
            Stand::Waits(cause) => report.wait(job, cause),
            Stand::Fails(why) => report.fail(job, why),
            Stand::Withdrawn => report.withdraw(job),
        }
    }
}

/// The jobs that are ready to go by provider, in the order of the providers' names.
fn queues<'a>(homes: &mut Homes<'a>, live: &Live<'a>) -> Vec<Queue<'a>> {
    homes
        .take_ready()
        .into_iter()
        .map(|(rules, ready)| Queue::new(rules.provider, ready, live))
        .collect()
}
