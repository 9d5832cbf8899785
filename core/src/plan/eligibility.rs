//! Whether a job is ready to be batched, and if not, why. The first reason that applies is reported.

use fno_crds::{job::Action, provider::Approval};
use jiff::Timestamp;

use super::{
    Gate, JobView, ProviderView, Why,
    homes::Home,
    live::Live,
    sentences,
    waits::{Cause, Causes, Shared},
};
use crate::work::size::JOB_BYTES;

/// Whether a job is ready, waits or ends.
pub(super) enum Stand {
    Ready,
    Waits(Cause),
    Fails(Why),
    Withdrawn,
}

/// What holds back jobs of a provider: computed once and asked for every job.
pub(super) struct Rules<'a> {
    pub provider: &'a ProviderView,
    suspended: Option<Cause>,
    blocked: Option<Cause>,
    cancellations: Option<Cause>,
    shut: Option<Cause>,
}

impl<'a> Rules<'a> {
    pub fn of(provider: &'a ProviderView, causes: &mut Causes<'a>) -> Self {
        let spec = &provider.spec;
        let suspended = spec.suspend.then(|| sentences::provider_suspended(provider));
        let held_by_spec =
            spec.suspend_cancellations.then(|| sentences::cancellations_suspended(provider));
        let cancellations = held_by_spec.or_else(|| provider.cancellations_blocked.clone());
        let mut add = |why: Option<Why>| why.map(|why| causes.add(why));
        Self {
            provider,
            suspended: add(suspended),
            blocked: add(provider.why_blocked()),
            cancellations: add(cancellations),
            shut: add(shut(provider)),
        }
    }
}

/// Why no job of the provider may run: the flow breaker or every account stops them.
fn shut(provider: &ProviderView) -> Option<Why> {
    if let Gate::Shut(blocked) = &provider.flow_gate {
        return Some(blocked.clone());
    }
    let mut first = None;
    for account in &provider.accounts {
        match &account.gate {
            Gate::Open | Gate::Trial(_) => return None,
            Gate::Shut(blocked) => first = first.or(Some(blocked)),
        }
    }
    Some(first.map_or_else(
        || sentences::no_account(provider),
        |blocked| sentences::accounts_shut(blocked, provider.accounts.len()),
    ))
}

/// First what ends a job, then what its submitter wanted, then what holds up its provider, then its circuit and the breakers.
pub(super) fn stand<'a>(
    job: &JobView,
    home: &Home<'_>,
    live: &Live<'a>,
    causes: &mut Causes<'a>,
    now: Timestamp,
) -> Stand {
    if job.cancel_requested {
        return Stand::Withdrawn;
    }
    if let Some(deadline) = job.deadline.filter(|deadline| *deadline <= now) {
        return Stand::Fails(sentences::deadline_exceeded(deadline));
    }
    if let Some(batch) = live.inviter(job) {
        let batch = Shared::Invited(&batch.key.namespace, &batch.key.name);
        return Stand::Waits(causes.shared(batch));
    }
    if job.bytes > JOB_BYTES {
        return Stand::Fails(sentences::too_large(job.bytes));
    }
    if let Some(limit) = live.limit(job).filter(|limit| limit.jobs == 0) {
        return Stand::Fails(sentences::refused_alone(limit.message));
    }
    if job.suspend {
        return Stand::Waits(causes.shared(Shared::JobSuspended));
    }
    match home {
        Home::Absent(cause) => Stand::Waits(*cause),
        Home::Provider(rules) => stand_at(job, rules, causes, now),
    }
}

fn stand_at(job: &JobView, rules: &Rules<'_>, causes: &mut Causes<'_>, now: Timestamp) -> Stand {
    let spec = &rules.provider.spec;
    let cancellation = job.action == Action::Cancellation;
    if cancellation && spec.flows.cancellation.is_none() {
        return Stand::Fails(sentences::no_flow(rules.provider, job.action));
    }
    let later = |at: &Timestamp| *at > now;
    let own = if rules.suspended.is_some() {
        None
    } else if let Some(due) = job.not_before.filter(later) {
        Some(Shared::NotBefore(due))
    } else if job.retry_at.is_some_and(|at| later(&at)) {
        Some(Shared::RetryBackoff)
    } else if cancellation && spec.approval == Approval::Cancellations && !job.approved {
        Some(Shared::AwaitingApproval)
    } else {
        None
    };
    rules
        .suspended
        .or_else(|| own.map(|own| causes.shared(own)))
        .or(rules.blocked)
        .or_else(|| rules.cancellations.filter(|_| cancellation))
        .or_else(|| job.circuit.clone().map(|why| causes.add(why)))
        .or(rules.shut)
        .map_or(Stand::Ready, Stand::Waits)
}
