//! What is written about a provider: whether it is ready, and what a batch's end says about it.

mod accounts;
mod refresh;

pub use accounts::{account, account_mut};
pub use refresh::{
    Numbers, ProviderNews, only_numbers_differ, refreshed, resting, set_numbers, transition,
};

use std::collections::BTreeMap;

use fno_crds::{
    FnoBatch, FnoProvider, FnoProviderStatus, JobPhase, Reason,
    batch::{BatchPhase, Run},
    condition::{self, types},
    job::Action,
    provider_status::{FlowBreaker, JobMilliseconds},
    reason::ReasonClass,
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    breaker::{
        Change,
        flow::{Observation, Saw, observe},
    },
    gate::Gate,
    key::Key,
    measure,
    plan::{ProviderView, sentences},
    why::Why,
};

/// The pause after a batch that never got to work: 5 s, doubling, at most 2 min. A fault that was mended is noticed within that.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(5);
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(2);

/// Whether the provider can work, and if not, why. `trouble` is what keeps its Pods from running; work is still tried then. What is broken
/// is told before that it is suspended: it would still be broken after.
#[must_use]
pub fn readiness(view: &ProviderView, trouble: Option<&Why>) -> Why {
    let shut: Vec<(&str, &Why)> = view
        .accounts
        .iter()
        .filter_map(|account| match &account.gate {
            Gate::Shut(blocked) => Some((account.name.as_str(), blocked)),
            Gate::Open | Gate::Trial => None,
        })
        .collect();
    let flow = match &view.flow_gate {
        Gate::Shut(blocked) => Some(blocked),
        Gate::Open | Gate::Trial => None,
    };
    let everyone =
        shut.first().filter(|_| shut.len() == view.accounts.len()).map(|(_, blocked)| *blocked);
    let blocked = view.why_blocked();
    if let Some(blocked) = blocked.as_ref().or(flow).or(everyone).or(trouble) {
        return blocked.clone();
    }
    if view.spec.suspend {
        return sentences::provider_suspended(view);
    }
    let message = shut
        .iter()
        .map(|(name, blocked)| format!("Account {name} rests: {}", blocked.message))
        .collect::<Vec<_>>()
        .join(" ");
    Why { reason: Reason::Available, message }
}

/// Whether nothing goes on before a person does something.
#[must_use]
pub const fn needs_a_person(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::FlowInvalid
            | Reason::SecretNotFound
            | Reason::SeedInvalid
            | Reason::BreakerOpen
            | Reason::PortalChanged
            | Reason::ProviderNotReady
    )
}

/// Sets `Ready`, `Reconciling` and `Stalled`.
pub fn conditions(
    status: &mut FnoProviderStatus,
    generation: Option<i64>,
    ready: &Why,
    now: Timestamp,
) {
    let good = ready.reason == Reason::Available;
    let mut set = |type_, value: bool, reason, message: &str| {
        condition::set(&mut status.conditions, now, generation, type_, value, reason, message)
    };
    set(types::READY, good, ready.reason, &crate::text::at_most(&ready.message, 4000));
    let stalled = needs_a_person(ready.reason);
    // kstatus: not there yet, and getting there by itself.
    let reconciling = !good && !stalled && ready.reason != Reason::Suspended;
    set(types::RECONCILING, reconciling, ready.reason, "");
    set(types::STALLED, stalled, ready.reason, if stalled { ready.reason.remedy() } else { "" });
    status.observed_generation = generation;
}

/// What a batch's end says about its provider: how long things take, the portal's clock, and whether the flow fits. `action_of` tells by a job's name.
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
    status.clock_offset_milliseconds =
        run.clock_offset_milliseconds.or(status.clock_offset_milliseconds);

    let change = match saw(run) {
        Some(saw) => {
            let name = batch.metadata.name.as_deref().unwrap_or_default();
            observe(
                &breaker,
                &Observation { now, batch: name, flows_digest: &batch.spec.flows_digest, saw },
                &provider.spec.limits,
            )
        }
        None => Change { breaker, event: None },
    };
    if status.flow_breaker.is_some() || change.breaker != FlowBreaker::default() {
        status.flow_breaker = Some(change.breaker.clone());
    }
    (status, change)
}

fn saw(run: &Run) -> Option<Saw<'_>> {
    if let Some(end) = &run.end {
        let evidence = end.evidence.as_deref();
        match end.reason {
            Reason::PortalChanged => {
                return Some(Saw::Changed { step: end.step.as_deref().unwrap_or("?"), evidence });
            }
            Reason::PortalUnavailable => return Some(Saw::Unavailable { evidence }),
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
        evidence: result.evidence.as_ref().map(|evidence| evidence.uri.as_str()),
    })
}

/// Why the provider's next batch waits a little: its last ones, newest first, ended without having got to work. The time says until when.
#[must_use]
pub fn pause_after<'a>(
    finished: impl IntoIterator<Item = &'a FnoBatch>,
    now: Timestamp,
) -> Option<(Timestamp, Why)> {
    let idle = |batch: &&FnoBatch| {
        let run = batch.status.as_ref().and_then(|status| status.run.as_ref());
        batch.phase() == BatchPhase::Failed
            && run.is_none_or(|run| run.results.is_empty())
            && !on_purpose(batch)
    };
    let mut idle = finished.into_iter().take_while(idle);
    let last = idle.next()?;
    let doublings = u32::try_from(idle.count().min(10)).unwrap_or(10);
    let status = last.status.as_ref()?;
    let until = status
        .finished_at
        .as_ref()?
        .0
        .saturating_add(FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE))
        .ok()?;
    let reason = status
        .reason
        .filter(|reason| reason.class() == ReasonClass::Waiting)
        .unwrap_or(Reason::RetryBackoff);
    let message = format!(
        "The last batch failed without having got to work ({}: {}) The next one follows after a pause of at most 2 min.",
        status.reason.map_or("no reason", Reason::as_str),
        status.message.as_deref().unwrap_or("no message.")
    );
    (now < until).then_some((until, Why { reason, message }))
}

/// The pause of a provider after batches that never got to work, and its end: [`pause_after`] the finished ones among all of these.
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

/// Ended because a person wanted it, or for what its own jobs carry: the next batch does not have to wait.
fn on_purpose(batch: &FnoBatch) -> bool {
    matches!(
        batch.status.as_ref().and_then(|status| status.reason),
        Some(
            Reason::Drained
                | Reason::Aborted
                | Reason::Suspended
                | Reason::ProviderNotReady
                | Reason::WorkRejected
        )
    )
}

#[cfg(test)]
mod tests;
