//! What people read about a job that waits or ends: what it waits for, the limit by its name, and what would change it.

use fno_crds::{
    Reason,
    job::Action,
    provider::{Batching, Objective},
};
use jiff::{Timestamp, Unit};

use super::{ProviderView, Why, slots::Limit};
use crate::work::size::{JOB_BYTES, PROVIDER_BYTES};

const fn blocked(reason: Reason, message: String) -> Why {
    Why { reason, message }
}

/// Rounded to the second, because more would be noise.
fn at(time: Timestamp) -> Timestamp {
    time.round(Unit::Second).unwrap_or(time)
}

pub(crate) fn deadline_exceeded(deadline: Timestamp) -> Why {
    blocked(
        Reason::DeadlineExceeded,
        format!("spec.deadline ({}) passed before the job was started.", at(deadline)),
    )
}

pub(super) fn too_large(bytes: usize) -> Why {
    blocked(
        Reason::InvalidJob,
        format!(
            "spec.parameters and spec.expect take {} KiB as JSON; a batch holds at most {} KiB for one job.",
            bytes.div_ceil(1024),
            JOB_BYTES / 1024
        ),
    )
}

pub(super) fn refused_alone(message: &str) -> Why {
    blocked(
        Reason::InvalidJob,
        format!("The API server rejects the Secret with the runner's work for this job: {message}"),
    )
}

/// Why no batch of the provider can be created.
pub(crate) fn provider_too_large(bytes: usize) -> Option<Why> {
    (bytes > PROVIDER_BYTES).then(|| {
        blocked(
            Reason::FlowInvalid,
            format!(
                "The flows and settings of the provider take {} KiB as JSON; a batch holds at most {} KiB for them.",
                bytes.div_ceil(1024),
                PROVIDER_BYTES / 1024
            ),
        )
    })
}

pub(super) fn invited(batch: &str) -> Why {
    blocked(Reason::Batched, format!("Invited by batch {batch}, which is about to claim it."))
}

pub(crate) fn job_suspended() -> Why {
    blocked(Reason::Suspended, "The job is suspended (spec.suspend).".to_owned())
}

pub(crate) fn provider_suspended(provider: &ProviderView) -> Why {
    blocked(
        Reason::Suspended,
        format!("Provider {} is suspended (spec.suspend).", provider.key.name),
    )
}

pub(super) fn provider_not_found(namespace: &str, provider: &str) -> Why {
    blocked(
        Reason::ProviderNotFound,
        format!("There is no FnoProvider {provider:?} in namespace {namespace:?}."),
    )
}

pub(super) fn no_flow(provider: &ProviderView, action: Action) -> Why {
    blocked(
        Reason::NoFlow,
        format!(
            "Provider {} has no {} flow (spec.flows).",
            provider.key.name,
            action.to_string().to_lowercase()
        ),
    )
}

pub(super) fn not_before(due: Timestamp) -> Why {
    blocked(Reason::NotBefore, format!("The job is not due before {due} (spec.notBefore)."))
}

pub(super) fn retry_backoff() -> Why {
    blocked(
        Reason::RetryBackoff,
        "The last try failed; the next one is not due yet (status.retryAt).".to_owned(),
    )
}

pub(super) fn awaiting_approval() -> Why {
    blocked(Reason::AwaitingApproval, "The provider asks for approval of cancellations (spec.approval): a person must approve the job.".to_owned())
}

pub(super) fn cancellations_suspended(provider: &ProviderView) -> Why {
    blocked(
        Reason::CancellationsHeld,
        format!("Provider {} holds cancellations (spec.suspendCancellations).", provider.key.name),
    )
}

pub(super) fn no_account(provider: &ProviderView) -> Why {
    blocked(
        Reason::ProviderNotReady,
        format!("Provider {} has no account (spec.accounts).", provider.key.name),
    )
}

pub(super) fn accounts_shut(first: &Why, accounts: usize) -> Why {
    let also = if accounts > 1 {
        format!(" None of the other {} accounts can be used either.", accounts - 1)
    } else {
        String::new()
    };
    blocked(first.reason, format!("{}{also}", first.message))
}

pub(super) fn lingers(batching: &Batching) -> Why {
    blocked(
        Reason::WaitingForLinger,
        format!(
            "The queue is shorter than a batch (batching.maxJobs {}); its jobs start when the oldest of them has waited for batching.linger ({}), or as soon as the provider is annotated with fno.dev/flush.",
            batching.max_jobs, batching.linger
        ),
    )
}

pub(super) fn runners(max_runners: usize) -> Why {
    blocked(
        Reason::WaitingForRunner,
        format!(
            "All {max_runners} runner Pods of the cluster are in use (maxRunners): the job starts when one ends, or raise maxRunners."
        ),
    )
}

/// Why no further session of the provider may be opened.
pub(super) fn limit(limit: Limit, provider: &ProviderView) -> Why {
    let spec = &provider.spec;
    let message = match limit {
        Limit::Batches => format!(
            "Provider {} runs as many batches as it may: the job starts when one ends, or raise batching.maxConcurrentBatches ({}).",
            provider.key.name, spec.batching.max_concurrent_batches
        ),
        Limit::AccountSessions => format!(
            "Every usable account of provider {} has as many sessions as it may: the job starts when one ends, or raise session.maxSessionsPerAccount ({}) or add accounts ({}).",
            provider.key.name,
            spec.session.max_sessions_per_account,
            provider.accounts.len()
        ),
        Limit::Trial => {
            format!("One login of provider {} is on trial after its breaker was open: the job starts when that login has succeeded.", provider.key.name)
        }
        Limit::Canary => {
            format!("One job of provider {} goes first to see whether its flow works again: this job starts when that one has got an answer.", provider.key.name)
        }
        Limit::Objective => match spec.batching.objective {
            Objective::MinLogins => {
                "batching.objective MinLogins opens one session at a time: the job starts when that one ends, or choose Balanced or MinMakespan.".to_owned()
            }
            Objective::Balanced => {
                "One more session would save less than 10 % of the time: the job starts when a session ends, or choose batching.objective MinMakespan.".to_owned()
            }
            Objective::MinMakespan => "One more session would save no time: the job starts when a session ends.".to_owned(),
        },
    };
    blocked(Reason::WaitingForSession, message)
}
