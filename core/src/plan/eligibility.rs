//! Whether a job is ready to go, and why not. The first reason that applies is told.

use fno_crds::{job::Action, provider::Approval};
use jiff::Timestamp;

use super::{Gate, JobView, ProviderView, Why, live::Live, sentences};
use crate::work::size::JOB_BYTES;

/// Where a job stands.
pub(super) enum Stand {
    Ready,
    Waits(Why),
    Fails(Why),
    Withdrawn,
}

/// What holds back jobs of a provider: worked out once, asked for every job.
pub(super) struct Rules<'a> {
    pub provider: &'a ProviderView,
    blocked: Option<Why>,
    cancellations: Option<Why>,
    shut: Option<Why>,
}

impl<'a> Rules<'a> {
    pub fn of(provider: &'a ProviderView) -> Self {
        let held_by_spec = provider
            .spec
            .suspend_cancellations
            .then(|| sentences::cancellations_suspended(provider));
        Self {
            provider,
            blocked: provider.why_blocked(),
            cancellations: held_by_spec.or_else(|| provider.cancellations_blocked.clone()),
            shut: shut(provider),
        }
    }
}

/// The flow breaker, or every account.
fn shut(provider: &ProviderView) -> Option<Why> {
    if let Gate::Shut(blocked) = &provider.flow_gate {
        return Some(blocked.clone());
    }
    let mut first = None;
    for account in &provider.accounts {
        match &account.gate {
            Gate::Open | Gate::Trial => return None,
            Gate::Shut(blocked) => first = first.or(Some(blocked)),
        }
    }
    Some(first.map_or_else(
        || sentences::no_account(provider),
        |blocked| sentences::accounts_shut(blocked, provider.accounts.len()),
    ))
}

/// `rules` are those of its provider, or else why it has none. What ends a job comes first, then what its submitter wanted, then what holds up its provider, then its circuit and the breakers.
pub(super) fn stand(
    job: &JobView,
    rules: Result<&Rules<'_>, Why>,
    live: &Live<'_>,
    now: Timestamp,
) -> Stand {
    if job.cancel_requested {
        return Stand::Withdrawn;
    }
    if let Some(deadline) = job.deadline.filter(|deadline| *deadline <= now) {
        return Stand::Fails(sentences::deadline_exceeded(deadline));
    }
    if let Some(batch) = live.inviter(job) {
        return Stand::Waits(sentences::invited(&batch.key.name));
    }
    if job.bytes > JOB_BYTES {
        return Stand::Fails(sentences::too_large(job.bytes));
    }
    if let Some(limit) = live.limit(job).filter(|limit| limit.jobs == 0) {
        return Stand::Fails(sentences::refused_alone(limit.message));
    }
    if job.suspend {
        return Stand::Waits(sentences::job_suspended());
    }
    let Rules { provider, blocked, cancellations, shut } = match rules {
        Ok(rules) => rules,
        Err(why) => return Stand::Waits(why),
    };
    let cancellation = job.action == Action::Cancellation;
    if cancellation && provider.spec.flows.cancellation.is_none() {
        return Stand::Fails(sentences::no_flow(provider, job.action));
    }
    let waits = || {
        provider
            .spec
            .suspend
            .then(|| sentences::provider_suspended(provider))
            .or_else(|| job.not_before.filter(|at| now < *at).map(sentences::not_before))
            .or_else(|| job.retry_at.filter(|at| now < *at).map(sentences::retry_backoff))
            .or_else(|| {
                (cancellation && provider.spec.approval == Approval::Cancellations && !job.approved)
                    .then(sentences::awaiting_approval)
            })
            .or_else(|| blocked.clone())
            .or_else(|| cancellations.clone().filter(|_| cancellation))
            .or_else(|| job.circuit.clone())
            .or_else(|| shut.clone())
    };
    waits().map_or(Stand::Ready, Stand::Waits)
}
