//! What planning costs with many jobs.

use std::{
    collections::BTreeMap,
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use fno_core::{
    account::AccountName,
    gate::Gate,
    key::Key,
    plan::{AccountView, BatchView, JobView, OutOfService, ProviderView, World, plan},
    view::job::WaitNotes,
    wait_writes::{Budgets, due},
};
use fno_crds::{Action, FnoProviderSpec};
use jiff::{SignedDuration, Timestamp};

/// Rounds of each measurement; the quickest one counts, because the others were disturbed.
const ROUNDS: usize = 15;
const PROVIDERS: [&str; 4] = ["evotel", "mfn", "octotel", "openserve"];

/// Prints how long planning takes with many jobs.
pub fn print() {
    println!(
        "planning: plan, count, mark what is ready, choose what is written; the quickest of {ROUNDS} rounds"
    );
    for (jobs, batches, goal) in [(10_000, 1_000, 10), (100_000, 1_000, 100)] {
        for (what, suspended) in [("wait for a session", false), ("are suspended", true)] {
            let took = planning(jobs, batches, suspended);
            println!(
                "  {jobs:>6} jobs that {what}, {batches} finished batches: {:.1} ms (goal {goal} ms)",
                took.as_secs_f64() * 1000.0
            );
        }
    }
}

fn planning(jobs: usize, batches: usize, suspended: bool) -> Duration {
    let providers: Vec<_> = PROVIDERS.iter().map(|name| provider(name, suspended)).collect();
    let mut jobs: Vec<_> = (0..jobs).map(job).collect();
    let mut all: Vec<_> = (0..batches).map(finished).collect();
    all.extend((0..12).map(at_work));
    let (unreadable, out_of_service) = (BTreeMap::new(), OutOfService::default());
    let mut notes = vec![WaitNotes::default(); jobs.len()];
    let mut budgets = Budgets::default();
    (0..ROUNDS)
        .map(|_| {
            let started = Instant::now();
            let world = World {
                now: now(),
                providers: &providers,
                unreadable: &unreadable,
                jobs: &jobs,
                batches: &all,
                max_runners: 12,
                out_of_service: &out_of_service,
            };
            let plan = plan(&world);
            for (place, job) in jobs.iter_mut().enumerate() {
                if !plan.is_ready(place) {
                    job.eligible_since = now();
                }
            }
            black_box(due(&jobs, &mut notes, &plan.waits, &mut budgets, false, now()));
            drop(black_box(plan));
            started.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_900_000_000).unwrap_or(Timestamp::MAX)
}

fn identity(provider: &str) -> AccountName {
    AccountName { provider: provider.to_owned(), account: "bot".to_owned() }
}

fn key(name: String) -> Key {
    Key { namespace: "isp".to_owned(), name }
}

fn provider(name: &str, suspended: bool) -> ProviderView {
    let flow = serde_json::json!({"steps": [{"type": "navigate", "url": "/"}]});
    let spec = serde_json::json!({
        "baseUrl": "https://portal.example.net", "allowedOrigins": ["https://portal.example.net"],
        "accounts": [{"name": "bot", "credentialsSecretRef": {"name": "bot"}}],
        "flows": {"login": flow, "validation": flow, "cancellation": flow}, "suspend": suspended,
    });
    let spec: FnoProviderSpec = serde_json::from_value(spec).expect("a provider");
    ProviderView {
        key: key(name.to_owned()),
        generation: 1,
        spec: Arc::new(spec),
        flows_digest: "d".repeat(64),
        blocked: None,
        cancellations_blocked: None,
        flow_gate: Gate::Open,
        accounts: vec![AccountView {
            name: "bot".to_owned(),
            identity: identity(name),
            max_sessions: 1,
            gate: Gate::Open,
            totp_period: Some(30),
            last_step: None,
        }],
        job_seconds: BTreeMap::from([(Action::Validation, 5.0)]),
        login_seconds: Some(12.0),
        flush: false,
        work_bytes: 20_000,
    }
}

fn job(number: usize) -> JobView {
    let created_at =
        now() - SignedDuration::from_secs(3600 + i64::try_from(number % 3600).unwrap_or(0));
    JobView {
        key: key(format!("{}-2030-01-01-{number:06}", PROVIDERS[number % PROVIDERS.len()])),
        uid: format!("5f0e7c1a-0000-4000-8000-{number:012}"),
        resource_version: (1_000_000 + number).to_string(),
        provider: PROVIDERS[number % PROVIDERS.len()].to_owned(),
        action: Action::Validation,
        priority: 0,
        created_at,
        eligible_since: created_at,
        not_before: None,
        deadline: None,
        retry_at: None,
        suspend: false,
        cancel_requested: false,
        approved: false,
        circuit: None,
        bytes: 700,
    }
}

fn finished(number: usize) -> BatchView {
    BatchView {
        key: key(format!("octotel-{number:08x}")),
        provider: "octotel".to_owned(),
        account: "bot".to_owned(),
        identity: identity("octotel"),
        jobs: Vec::new(),
        holds_session: false,
        holds_runner: false,
        unattended: SignedDuration::from_mins(48),
        finished: true,
        rejected: None,
    }
}

fn at_work(number: usize) -> BatchView {
    BatchView {
        key: key(format!("at-work-{number:08x}")),
        provider: PROVIDERS[number % PROVIDERS.len()].to_owned(),
        identity: identity(PROVIDERS[number % PROVIDERS.len()]),
        jobs: (0..50).map(|job| format!("6f0e7c1a-{number:04}-4000-8000-{job:012}")).collect(),
        holds_session: true,
        holds_runner: true,
        finished: false,
        ..finished(number)
    }
}
