//! What the operator writes into a provider's status: whether the provider is ready, and what the end of a batch says about it.

mod accounts;
mod refresh;

pub use accounts::{account, account_mut};
pub use refresh::{
    Numbers, ProviderNews, Refreshed, only_numbers_differ, refreshed, resting, set_numbers,
    transition,
};

use std::collections::BTreeMap;

use fno_crds::{
    FnoBatch, FnoProvider, FnoProviderStatus, JobPhase, Reason,
    batch::{BatchPhase, Run, Stop},
    condition::{self, Status, types},
    job::Action,
    provider::Limits,
    provider_status::{FlowBreaker, JobMilliseconds},
    reason::ReasonClass,
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use crate::{
    batch_status::is_work,
    breaker::{
        Change,
        flow::{Observation, Row, Saw, Shown, logged_in, observe},
    },
    gate::Gate,
    key::Key,
    measure,
    plan::{ProviderView, sentences},
    why::Why,
};

/// The pause after a batch that ended before it did any work: 5 s, doubling, at most 2 min. So a corrected fault is noticed within 2 min.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(2);
/// The longest pause if the batch had logged in: the portal sees each of these logins.
const LONGEST_PAUSE_AFTER_LOGIN: SignedDuration = SignedDuration::from_mins(10);

/// Whether the provider can work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// The value of the condition `Ready`. Unknown while a trial decides: until it has succeeded, the fault may still be there.
    pub ready: Status,
    /// Reason and message of the condition.
    pub why: Why,
}

impl Readiness {
    /// The provider cannot work.
    #[must_use]
    pub const fn not(why: Why) -> Self {
        Self { ready: Status::False, why }
    }

    /// Whether a person has to act before anything can continue.
    #[must_use]
    pub const fn needs_a_person(&self) -> bool {
        matches!(self.ready, Status::False)
            && matches!(
                self.why.reason,
                Reason::FlowInvalid
                    | Reason::SecretNotFound
                    | Reason::SeedInvalid
                    | Reason::BreakerOpen
                    | Reason::PortalChanged
                    | Reason::ProviderNotReady
            )
    }
}

/// Whether the provider can work, and if not, why. `trouble` is what keeps its Pods from running; batches are still created then. A
/// fault takes precedence over "suspended": resuming would not fix it.
#[must_use]
pub fn readiness(view: &ProviderView, trouble: Option<&Why>) -> Readiness {
    if let Some(blocked) = view.why_blocked() {
        return Readiness::not(blocked);
    }
    let gates = view.accounts.iter().map(|account| &account.gate);
    let best = gates.cloned().reduce(Gate::or).unwrap_or(Gate::Open);
    match (view.flow_gate.clone().and(best), trouble) {
        (Gate::Shut(why), _) => return Readiness::not(why),
        (Gate::Open | Gate::Trial(_), Some(trouble)) => return Readiness::not(trouble.clone()),
        (Gate::Trial(why), None) => return Readiness { ready: Status::Unknown, why },
        (Gate::Open, None) => {}
    }
    if view.spec.suspend {
        return Readiness::not(sentences::provider_suspended(view));
    }
    let message = view
        .accounts
        .iter()
        .filter_map(|account| match &account.gate {
            Gate::Shut(why) => {
                Some(format!("Account {} cannot be used: {}", account.name, why.message))
            }
            Gate::Open | Gate::Trial(_) => None,
        })
        .collect::<Vec<_>>()
        .join(" ");
    Readiness { ready: Status::True, why: Why { reason: Reason::Available, message } }
}

/// Sets `Ready`, `Reconciling` and `Stalled`. `remark` is something else that a person should know, such as an annotation that is
/// ignored.
pub fn conditions(
    status: &mut FnoProviderStatus,
    generation: Option<i64>,
    readiness: &Readiness,
    remark: Option<&str>,
    now: Timestamp,
) {
    let Readiness { ready, why } = readiness;
    let message = [why.message.as_str(), remark.unwrap_or_default()].join(" ");
    let message = crate::text::at_most(message.trim(), 4000);
    let mut set = |type_, value: Status, reason, message: &str| {
        condition::set(&mut status.conditions, now, generation, type_, value, reason, message)
    };
    let stalled = readiness.needs_a_person();
    let remedy = if stalled { why.reason.remedy() } else { "" };
    // As kstatus defines it: the desired state is not reached yet, and the operator gets there by itself.
    let reconciling = *ready != Status::True && !stalled && why.reason != Reason::Suspended;
    set(types::READY, *ready, why.reason, &message);
    set(types::RECONCILING, Status::from(reconciling), why.reason, "");
    set(types::STALLED, Status::from(stalled), why.reason, remedy);
    status.observed_generation = generation;
}

/// What the end of a batch says about its provider: how long things take, the portal's clock, and whether the flow fits. `action_of`
/// gives a job's action by the job's name.
#[must_use]
pub fn after_batch(
    provider: &FnoProvider,
    batch: &FnoBatch,
    action_of: impl Fn(&str) -> Option<Action>,
    now: Timestamp,
) -> (FnoProviderStatus, Change<FlowBreaker>) {
    let mut status = provider.status.clone().unwrap_or_default();
    let breaker = status.flow_breaker.clone().unwrap_or_default();
    let Some(run) = batch.status.as_ref().and_then(|status| status.run.as_ref()) else {
        return (status, Change { breaker, event: None });
    };
    let mut times: BTreeMap<Action, Vec<i64>> = BTreeMap::new();
    for result in run.results.iter().filter(|result| result.phase == JobPhase::Succeeded) {
        if let Some(action) = action_of(&result.job) {
            times.entry(action).or_default().push(result.milliseconds);
        }
    }
    for (action, times) in times {
        let known = status
            .job_milliseconds
            .iter()
            .find(|known| known.action == action)
            .map(|known| known.mean);
        if let Some(mean) = measure::jobs(known, times) {
            status.job_milliseconds.retain(|known| known.action != action);
            status.job_milliseconds.push(JobMilliseconds { action, mean });
        }
    }
    if let Some(time) = run.login_milliseconds {
        status.login_milliseconds = measure::login(status.login_milliseconds, time);
    }
    clock(&mut status, batch, run, now);

    let saw = saw(run);
    // A batch that logged in and then failed to log in again, without any result in between, did not get anywhere either.
    let in_vain = run.results.is_empty() && matches!(saw, Some(Saw::LoginFailed { .. }));
    let breaker = if has_logged_in(run) && !in_vain { logged_in(&breaker) } else { breaker };
    let change = match saw {
        Some(saw) => {
            let name = batch.metadata.name.as_deref().unwrap_or_default();
            observe(
                &breaker,
                &Observation {
                    now,
                    batch: name,
                    flows_digest: &batch.spec.flows_digest,
                    saw,
                    row: Row::of(&run.results),
                },
                &left_for_the_flow(provider, batch),
            )
        }
        None => Change { breaker, event: None },
    };
    if status.flow_breaker.is_some() || change.breaker != FlowBreaker::default() {
        status.flow_breaker = Some(change.breaker.clone());
    }
    (status, change)
}

/// The provider's limits, less the failed logins that the account's breaker has counted in a row: the portal does not tell a login that was
/// cut short from one whose flow failed after the password was typed, and counts both.
fn left_for_the_flow(provider: &FnoProvider, batch: &FnoBatch) -> Limits {
    let entries = provider.status.iter().flat_map(|status| &status.accounts);
    let breaker = entries
        .filter(|entry| entry.name == batch.spec.account)
        .find_map(|entry| entry.breaker.as_ref());
    let failures = breaker.map_or(0, |breaker| breaker.failures);
    let limits = provider.spec.limits.clone();
    let left = limits.login_failures_to_open.saturating_sub(failures).max(1);
    Limits { login_failures_to_open: left, ..limits }
}

/// Logins in a row that failed in a step of the login flow. The portal may have refused a credential that the flow did not recognize, so
/// they count towards the limit of an account's breaker.
#[must_use]
pub fn login_flow_failures(status: &FnoProviderStatus) -> i32 {
    status.flow_breaker.as_ref().map_or(0, |breaker| breaker.login_failures)
}

/// The portal's clock as it was last measured (milliseconds ahead of ours), and when.
#[must_use]
pub fn measured_clock(status: &FnoProviderStatus) -> Option<(i64, Timestamp)> {
    Some((status.clock_offset_milliseconds?, status.clock_measured_at.as_ref()?.0))
}

/// Keeps the newest measurement of the portal's clock. A batch measures on its login page, right after its last permission to log in, and
/// may end much later than a batch that measured after it.
fn clock(status: &mut FnoProviderStatus, batch: &FnoBatch, run: &Run, now: Timestamp) {
    let Some(offset) = run.clock_offset_milliseconds else { return };
    let grants = batch.status.iter().flat_map(|status| &status.grants);
    let measured = grants.filter_map(|grant| grant.at.as_ref()).map(|at| at.0).max().unwrap_or(now);
    if status.clock_measured_at.as_ref().is_none_or(|known| known.0 <= measured) {
        status.clock_offset_milliseconds = Some(offset);
        status.clock_measured_at = Some(Time(measured));
    }
}

fn saw(run: &Run) -> Option<Saw<'_>> {
    if let Some(end) = &run.end {
        let shown = Shown { message: end.message.as_deref(), evidence: end.evidence.as_deref() };
        match end.reason {
            Reason::PortalChanged => {
                // The end says in general what the last failed job says in particular.
                let failed = run.results.iter().rev().find(|result| result.step == end.step);
                let message = failed.and_then(|result| result.message.as_deref());
                let shown = Shown { message: message.or(shown.message), ..shown };
                return Some(Saw::Changed { step: end.step.as_deref().unwrap_or("?"), shown });
            }
            Reason::PortalUnavailable => return Some(Saw::Unavailable { shown }),
            Reason::LoginFailed => {
                if let Some(step) = &end.step {
                    return Some(Saw::LoginFailed { step, shown });
                }
            }
            // The runner names a step if it logged in and could not start any job: no job is to blame.
            Reason::SessionLost | Reason::BrowserCrashed if run.results.is_empty() => {
                if let Some(step) = &end.step {
                    return Some(Saw::LoginFailed { step, shown });
                }
            }
            _ => {}
        }
    }
    if run.results.iter().any(|result| result.phase == JobPhase::Succeeded) {
        return Some(Saw::Answer);
    }
    let failed = run
        .results
        .iter()
        .find(|result| matches!(result.reason, Reason::StepFailed | Reason::Timeout));
    failed.map(|result| Saw::StepFailed {
        step: result.step.as_deref().unwrap_or("?"),
        shown: Shown::of(result),
    })
}

/// Why, and until when, the provider's next batch has to wait: the last batches, given newest first, ended before they did any work. This
/// catches every way in which a batch can return its jobs without using up a try.
#[must_use]
pub fn pause_after<'a>(
    finished: impl IntoIterator<Item = &'a FnoBatch>,
    now: Timestamp,
) -> Option<(Timestamp, Why)> {
    let idle = |batch: &&FnoBatch| {
        let run = batch.status.as_ref().and_then(|status| status.run.as_ref());
        // A batch can also end in order although it handed every job back.
        let in_vain = batch.phase() == BatchPhase::Failed || run.is_some_and(has_logged_in);
        in_vain && run.is_none_or(|run| !run.results.iter().any(is_work)) && !on_purpose(batch)
    };
    let mut idle = finished.into_iter().take_while(idle);
    let last = idle.next()?;
    let doublings = u32::try_from(idle.count().min(10)).unwrap_or(10);
    let status = last.status.as_ref()?;
    let (did, longest) = match status.run.as_ref() {
        Some(run) if has_logged_in(run) => {
            ("logged in and finished no job", LONGEST_PAUSE_AFTER_LOGIN)
        }
        _ => ("failed before it did any work", LONGEST_PAUSE),
    };
    let until = status
        .finished_at
        .as_ref()?
        .0
        .saturating_add(FIRST_PAUSE.saturating_mul(1 << doublings).min(longest))
        .ok()?;
    let reason = status
        .reason
        .filter(|reason| reason.class() == ReasonClass::Waiting)
        .unwrap_or(Reason::RetryBackoff);
    let message = format!(
        "The last batch {did} ({}: {}) The next one follows after a pause of at most {}.",
        status.reason.map_or("no reason", Reason::as_str),
        status.message.as_deref().unwrap_or("no message."),
        fno_crds::Duration::from(longest.unsigned_abs())
    );
    (now < until).then_some((until, Why { reason, message }))
}

/// The pause of a provider after batches that did no work, and its end: [`pause_after`] for the finished ones among these batches.
#[must_use]
pub fn pause_of<'a>(
    of: &Key,
    batches: impl IntoIterator<Item = &'a FnoBatch>,
    now: Timestamp,
) -> Option<(Timestamp, Why)> {
    let finished_at = |batch: &FnoBatch| Some(batch.status.as_ref()?.finished_at.as_ref()?.0);
    let mut finished: Vec<_> = batches
        .into_iter()
        .filter(|batch| {
            batch.spec.provider == of.name
                && batch.metadata.namespace.as_deref() == Some(&of.namespace)
        })
        .filter_map(|batch| Some((finished_at(batch)?, batch)))
        .collect();
    finished.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    pause_after(finished.into_iter().map(|(_, batch)| batch), now)
}

/// Whether the batch ended because a person wanted it, or because of its own jobs: then the next batch does not have to wait.
fn on_purpose(batch: &FnoBatch) -> bool {
    let Some(status) = &batch.status else { return false };
    match status.reason {
        // A runner that drains without an order was told to end by its node, which may happen again and again.
        Some(Reason::Drained) => {
            let by_runner = status.run.as_ref().is_some_and(|run| run.end.is_some());
            batch.spec.stop != Stop::None || !by_runner
        }
        Some(
            Reason::Aborted | Reason::Suspended | Reason::ProviderNotReady | Reason::WorkRejected,
        ) => true,
        _ => false,
    }
}

fn has_logged_in(run: &Run) -> bool {
    run.logins.is_some_and(|logins| logins > 0)
}

#[cfg(test)]
mod tests;
