//! Any scene at all.

use super::*;

fn time(seconds: std::ops::Range<i64>) -> impl Strategy<Value = Timestamp> {
    seconds.prop_map(at)
}

fn any_gate() -> impl Strategy<Value = Gate> {
    prop_oneof![6 => Just(Gate::Open), 1 => Just(crate::world::trial(Reason::LoginsPaused)), 1 => Just(Gate::Shut(blocked(Reason::BreakerOpen)))]
}

/// An account that several providers name.
fn shared_identity() -> AccountName {
    identity("shared", "account")
}

fn any_account() -> impl Strategy<Value = AccountView> {
    let gate = (any_gate(), prop::bool::weighted(0.3), 1..4_i32);
    (gate, option::of(select(vec![10_i64, 30, 60])), option::of(-5_i64..3)).prop_map(
        |((gate, shared, max_sessions), totp_period, behind)| AccountView {
            gate,
            max_sessions,
            identity: if shared { shared_identity() } else { identity("", "") },
            totp_period,
            last_step: totp_period.and_then(|period| Some(START / period + behind?)),
            ..account("")
        },
    )
}

prop_compose! {
    fn any_provider(name: &'static str)(
        mut accounts in vec(any_account(), 0..4),
        limits in (1..70_i32, 1..5_i32, 1..4_i32, select(vec![Objective::MinLogins, Objective::Balanced, Objective::MinMakespan])),
        (linger, lifetime) in (0..20_u64, prop_oneof![Just(1800_u64), 20..300_u64]),
        (flush, suspend, held, approval, has_flow) in (prop::bool::weighted(0.2), prop::bool::weighted(0.05), prop::bool::weighted(0.1), any::<bool>(), prop::bool::weighted(0.9)),
        (job_seconds, cancellation_seconds, login_seconds) in (option::of(0.2..40.0), option::of(0.2..40.0), option::of(0.5..60.0)),
        flow_gate in any_gate(),
        stuck in prop::bool::weighted(0.05),
        work_bytes in prop_oneof![20 => 5_000..50_000_usize, 1 => 50_000..PROVIDER_BYTES, 1 => PROVIDER_BYTES..2_000_000],
    ) -> ProviderView {
        for (i, account) in accounts.iter_mut().enumerate() {
            account.name = format!("account-{i}");
            if account.identity != shared_identity() {
                account.identity = identity(name, &account.name);
            }
        }
        let mut provider = crate::world::with(provider(name), |p| {
            (p.batching.max_jobs, p.batching.max_concurrent_batches, p.session.max_sessions_per_account, p.batching.objective) = limits;
            (p.batching.linger, p.session.max_lifetime) = (Duration::from_secs(linger), Duration::from_secs(lifetime));
            (p.suspend, p.suspend_cancellations) = (suspend, held);
            p.approval = if approval { Approval::Cancellations } else { Approval::None };
            if !has_flow {
                p.flows.cancellation = None;
            }
        });
        provider.accounts = accounts;
        provider.job_seconds = [(Action::Validation, job_seconds), (Action::Cancellation, cancellation_seconds)].into_iter().filter_map(|(a, s)| Some((a, s?))).collect();
        provider.login_seconds = login_seconds;
        provider.flow_gate = flow_gate;
        provider.flush = flush;
        provider.work_bytes = work_bytes;
        provider.blocked = stuck.then(|| blocked(Reason::FlowInvalid));
        provider
    }
}

prop_compose! {
    fn any_job(index: usize)(
        provider in prop_oneof![20 => select(PROVIDERS.to_vec()), 1 => Just("nobody")],
        cancellation in prop::bool::weighted(0.3),
        priority in prop_oneof![Just(0), -3..4_i32],
        (created_at, waited) in (time(-100..0), 0..100_i64),
        not_before in option::weighted(0.1, time(-50..50)),
        deadline in option::weighted(0.2, time(-20..500)),
        retry_at in option::weighted(0.1, time(-50..50)),
        bytes in prop_oneof![20 => 600..5_000_usize, 2 => 100_000..JOB_BYTES, 1 => JOB_BYTES..2_000_000],
        (suspend, cancel_requested, approved, claimed) in (prop::bool::weighted(0.05), prop::bool::weighted(0.05), any::<bool>(), prop::bool::weighted(0.05)),
    ) -> JobView {
        JobView {
            provider: provider.to_owned(),
            action: if cancellation { Action::Cancellation } else { Action::Validation },
            priority, created_at, not_before, deadline, retry_at, suspend, cancel_requested, approved, bytes,
            eligible_since: at(-waited),
            circuit: claimed.then(|| blocked(Reason::CircuitClaimed)),
            ..job(&format!("job-{index:05}"))
        }
    }
}

prop_compose! {
    fn any_batch(index: usize)(
        provider in select(PROVIDERS.to_vec()),
        (account, shared) in (0..4_usize, prop::bool::weighted(0.2)),
        jobs in vec(0..150_usize, 0..20),
        (finished, holds_session, holds_runner) in any::<(bool, bool, bool)>(),
        rejected in option::weighted(0.2, vec(0..150_usize, 1..20)),
    ) -> BatchView {
        let rejected = rejected.filter(|_| finished).map(|jobs| Rejected {
            jobs: jobs.into_iter().map(|job| format!("uid-job-{job:05}")).collect(),
            message: format!("refused {index}"),
        });
        BatchView {
            key: crate::world::key(&format!("{provider}-{index:08x}")),
            provider: provider.to_owned(),
            account: format!("account-{account}"),
            identity: if shared { shared_identity() } else { identity(provider, &format!("account-{account}")) },
            jobs: jobs.into_iter().map(|job| format!("uid-job-{job:05}")).collect(),
            holds_session, holds_runner, finished,
            unattended: crate::world::UNATTENDED,
            rejected,
        }
    }
}

pub fn any_scene() -> impl Strategy<Value = Scene> {
    let jobs = (0..150_usize).prop_flat_map(|count| (0..count).map(any_job).collect::<Vec<_>>());
    let batches = (0..6_usize).prop_flat_map(|count| (0..count).map(any_batch).collect::<Vec<_>>());
    (PROVIDERS.map(any_provider), jobs, batches, 0..12_usize).prop_map(
        |(providers, jobs, batches, max_runners)| Scene {
            now: at(0),
            providers: providers.into(),
            unreadable: BTreeMap::new(),
            jobs,
            batches,
            max_runners,
            out_of_service: OutOfService::default(),
        },
    )
}
