//! What planning costs with many jobs. The world is made of whole objects, as the operator makes it.

use std::{
    collections::BTreeMap,
    hint::black_box,
    time::{Duration, Instant},
};

use fno_core::{
    account::{Member, Namespace},
    key::Key,
    lifecycle::Deadlines,
    plan::{BatchView, JobView, OutOfService, ProviderView, World, plan},
    view::{
        self,
        job::WaitNotes,
        provider::{ProviderFacts, ViewInputs},
    },
    wait_writes::{Budgets, due},
};
use fno_crds::{FnoBatch, FnoJob, FnoProvider, provider::Session};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Rounds of each measurement; the quickest one counts, because the others were disturbed.
const ROUNDS: usize = 15;
const PROVIDERS: [&str; 4] = ["evotel", "mfn", "octotel", "openserve"];
const DEADLINES: Deadlines = Deadlines {
    pod_running: SignedDuration::from_mins(5),
    logged_in: SignedDuration::from_mins(5),
    heartbeat: SignedDuration::from_mins(2),
    job: SignedDuration::from_mins(3),
};

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
    let (mut jobs, (providers, batches)) = (views_of_jobs(jobs), views(batches, suspended));
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
                batches: &batches,
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

fn provider_of(number: usize) -> &'static str {
    PROVIDERS[number % PROVIDERS.len()]
}

/// An object of the namespace `isp`.
fn object<K: DeserializeOwned>(kind: &str, name: &str, spec: &Value, status: &Value) -> K {
    serde_json::from_value(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": kind,
        "metadata": {"namespace": "isp", "name": name, "uid": name, "generation": 1},
        "spec": spec, "status": status,
    }))
    .expect("an object of the API")
}

/// Waiting jobs of all providers. One is read and the others are copies of it: reading so many would take longer than planning.
fn views_of_jobs(count: usize) -> Vec<JobView> {
    let spec = json!({"provider": "p", "action": "Validation", "circuitNumber": "B12345678"});
    let mut job: FnoJob = object("FnoJob", "job", &spec, &json!({"phase": "Pending"}));
    let mut view_of = |number: usize| {
        let seconds = 3600 + i64::try_from(number % 3600).unwrap_or(0);
        job.metadata.creation_timestamp = Some(Time(now() - SignedDuration::from_secs(seconds)));
        job.metadata.uid = Some(format!("5f0e7c1a-0000-4000-8000-{number:012}"));
        job.metadata.resource_version = Some((1_000_000 + number).to_string());
        provider_of(number).clone_into(&mut job.spec.provider);
        let name = format!("{}-2030-01-01-{number:06}", provider_of(number));
        view::job::view(Key { namespace: "isp".to_owned(), name }, &job, now())
    };
    (0..count).map(&mut view_of).collect()
}

/// The providers, and their batches: this many that are finished, and twelve at work.
fn views(finished_batches: usize, suspended: bool) -> (Vec<ProviderView>, Vec<BatchView>) {
    let providers: Vec<_> = PROVIDERS.iter().map(|name| provider(name, suspended)).collect();
    let batches: Vec<_> = (0..finished_batches).map(finished).chain((0..12).map(at_work)).collect();
    let facts = ProviderFacts {
        generation: 1,
        flows_digest: "d".repeat(64),
        work_bytes: 20_000,
        flow_error: None,
        accounts: BTreeMap::new(),
    };
    let members = providers.iter().map(|provider| Member { provider, facts: Some(&facts) });
    let namespace = Namespace::new(members.collect(), Vec::new(), &batches);
    let inputs = ViewInputs {
        namespace: &namespace,
        facts: Some(&facts),
        valkey: true,
        pause: None,
        flushed: None,
    };
    let view_of = |batch: &FnoBatch| {
        let identity = namespace.identity_of(batch);
        view::batch::view(batch, identity, None, &Session::default(), &DEADLINES, now())
    };
    let of_providers =
        providers.iter().map(|provider| view::provider::view(provider, inputs, now())).collect();
    (of_providers, batches.iter().map(view_of).collect())
}

fn provider(name: &str, suspended: bool) -> FnoProvider {
    let flow = json!({"steps": [{"type": "navigate", "url": "/"}]});
    let secret = json!({"name": name});
    let spec = json!({
        "baseUrl": "https://portal.example.net", "allowedOrigins": ["https://portal.example.net"],
        "accounts": [{"name": "bot", "credentialsSecretRef": secret, "totp": {"secretRef": secret}}],
        "flows": {"login": flow, "validation": flow, "cancellation": flow}, "suspend": suspended,
    });
    let measured = json!({
        "jobMilliseconds": [{"action": "Validation", "mean": 5000}], "loginMilliseconds": 12_000,
    });
    object("FnoProvider", name, &spec, &measured)
}

fn batch(name: &str, provider: &str, uids: &[String], status: &Value) -> FnoBatch {
    let job = |uid: &String| json!({"name": uid, "uid": uid});
    let spec = json!({
        "provider": provider, "account": "bot", "providerGeneration": 1, "flowsDigest": "d",
        "jobs": uids.iter().map(job).collect::<Vec<_>>(),
    });
    object("FnoBatch", name, &spec, status)
}

fn finished(number: usize) -> FnoBatch {
    let status = json!({"phase": "Completed", "finishedAt": "2030-01-01T00:00:00Z"});
    batch(&format!("octotel-{number:08x}"), "octotel", &["one".to_owned()], &status)
}

fn at_work(number: usize) -> FnoBatch {
    let uids: Vec<_> =
        (0..50).map(|job| format!("6f0e7c1a-{number:04}-4000-8000-{job:012}")).collect();
    let status = json!({"phase": "InProgress", "claimed": uids});
    batch(&format!("at-work-{number:08x}"), provider_of(number), &uids, &status)
}
