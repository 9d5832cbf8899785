//! `make demo`: eighty jobs on four portals, watched as they happen, checked against the portals' own data.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use fno_crds::{FnoBatch, FnoJob, batch::BatchPhase};
use fno_e2e::{Arena, Ground, ground::kubectl, jobs, portals::Judge as _};
use futures::StreamExt as _;
use kube::{
    ResourceExt as _,
    runtime::watcher::{self, Event, watcher},
};
use serde_json::json;

const NAMESPACE: &str = "fno-demo";
const JOBS: [(&str, usize); 4] = [("octotel", 50), ("openserve", 10), ("mfn", 10), ("evotel", 10)];

struct Clock(Instant);

impl Clock {
    fn say(&self, text: &str) {
        println!("[{:>4} s] {text}", self.0.elapsed().as_secs());
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let clock = Clock(Instant::now());
    let ground = Ground::connect().await?;
    clock.say(&format!("namespace {NAMESPACE} with demo portals"));
    let arena = Arena::new(&ground, NAMESPACE).await?;

    clock.say("four providers (config/samples), suspended until all jobs are submitted");
    let truth = submit(&arena).await?;
    clock.say(&format!("{} jobs submitted; the providers are resumed", truth.len()));
    for (provider, _) in JOBS {
        arena.patch_provider(provider, json!({"spec": {"suspend": false}})).await?;
    }

    let watching = tokio::spawn(progress(arena.batches(), clock.0));
    let finished = jobs::all_finished(&arena.jobs(), Duration::from_secs(900)).await?;
    jobs::batches_ended(&arena.batches(), Duration::from_secs(120)).await?;
    watching.abort();

    for kind in ["fnobatches", "fnojobs"] {
        println!("\n$ kubectl get {kind} --namespace {NAMESPACE}");
        print!("{}", kubectl(&["get", kind, "--namespace", NAMESPACE]).await?);
    }
    compare(&arena, &finished, &truth).await?;
    show_evidence(&arena, &finished).await?;
    show_what_to_try();
    clock.say("done");
    Ok(())
}

/// Creates the suspended providers and all jobs. Returns the outcome each job must find, by name.
async fn submit(arena: &Arena) -> Result<BTreeMap<String, String>> {
    let mut truth: BTreeMap<String, String> = BTreeMap::new();
    for (provider, count) in JOBS {
        arena.provider(provider, |spec| spec["suspend"] = json!(true)).await?;
        let mut circuits: Vec<(String, String)> = arena
            .portals
            .absent(provider, count / 10)
            .await?
            .into_iter()
            .map(|c| (c, "NotFound".to_owned()))
            .collect();
        let present = arena.portals.circuits(provider, count - circuits.len()).await?;
        circuits.extend(present.into_iter().map(|c| (c.circuit, c.outcome)));
        let named = circuits
            .iter()
            .enumerate()
            .map(|(n, (circuit, outcome))| (format!("{provider}-{n:02}"), circuit, outcome));
        let mut submitted = Vec::new();
        for (name, circuit, outcome) in named {
            submitted.push(jobs::validation(&name, provider, circuit, json!({})));
            truth.insert(name, outcome.clone());
        }
        jobs::submit(&arena.jobs(), submitted).await?;
    }
    Ok(truth)
}

/// Compares the outcomes with the portals' data, and shows the logins by the portals' journal.
async fn compare(
    arena: &Arena,
    finished: &BTreeMap<String, FnoJob>,
    truth: &BTreeMap<String, String>,
) -> Result<()> {
    let wrong: Vec<String> = finished
        .iter()
        .filter(|(name, job)| jobs::outcome(job) != truth.get(*name).map(String::as_str))
        .map(|(n, j)| format!("{n}: {}", jobs::tell(j)))
        .collect();
    ensure!(wrong.is_empty(), "outcomes that differ from the portals' data:\n{}", wrong.join("\n"));
    let mut outcomes: BTreeMap<&str, usize> = BTreeMap::new();
    for job in finished.values() {
        *outcomes.entry(jobs::outcome(job).unwrap_or("-")).or_default() += 1;
    }
    println!("\nOutcomes, all equal to the portals' own data: {outcomes:?}");
    let journal = arena.portals.journal().await?;
    for (provider, count) in JOBS {
        let own: Vec<_> =
            journal.iter().filter(|e| e.portal.to_string() == provider).cloned().collect();
        println!(
            "  {provider:<10} {count:>3} jobs, {} login(s) by the portal's journal, {} refused",
            own.logins(),
            own.refused().len()
        );
    }
    Ok(())
}

/// Shows where the evidence of a job is.
async fn show_evidence(arena: &Arena, finished: &BTreeMap<String, FnoJob>) -> Result<()> {
    let job = finished.values().next().context("a job")?;
    let evidence = job.status.as_ref().and_then(|status| status.evidence.as_ref());
    println!("\nEvidence of each job: pictures, fields, timeline. For example");
    println!("  {}", evidence.map(|evidence| evidence.uri.as_str()).unwrap_or_default());
    println!(
        "  on the volume of the claim fno-evidence in the namespace {NAMESPACE}{}",
        place_of_claim(arena).await
    );
    println!("  (docs/operations.md shows how to copy it)");
    Ok(())
}

fn show_what_to_try() {
    println!("\nTry next, after eval \"$(e2e/cluster/env)\":");
    println!("  kubectl --namespace {NAMESPACE} apply -f config/samples/fnojob.yaml");
    println!(
        "  kubectl --namespace {NAMESPACE} wait --for=condition=Succeeded fnojob/sample --timeout=3m"
    );
    println!("  kubectl --namespace {NAMESPACE} get fnobatches -w");
    println!("  kubectl explain fnojob.spec");
    println!("  make cluster-down                       # removes all of it");
}

/// Prints one line per change of a batch.
async fn progress(api: kube::Api<FnoBatch>, started: Instant) {
    let mut shown: BTreeMap<String, String> = BTreeMap::new();
    let mut stream = std::pin::pin!(watcher(api, watcher::Config::default()));
    while let Some(event) = stream.next().await {
        let Ok(Event::Apply(batch) | Event::InitApply(batch)) = event else { continue };
        let status = batch.status.clone().unwrap_or_default();
        let why = match batch.phase() {
            BatchPhase::InProgress => String::new(),
            _ => status.reason.map(|r| format!(" ({r})")).unwrap_or_default(),
        };
        let line = format!(
            "{:<24} {:<11} {:>7}  failed {}  logins {}{why}",
            batch.name_any(),
            batch.phase(),
            status.progress.unwrap_or_default(),
            status.jobs_failed.unwrap_or(0),
            status.logins.unwrap_or(0)
        );
        if shown.insert(batch.name_any(), line.clone()).as_ref() != Some(&line) {
            println!("[{:>4} s] {line}", started.elapsed().as_secs());
        }
    }
}

/// The folder of the evidence volume on this machine, if it is a local volume.
async fn place_of_claim(arena: &Arena) -> String {
    let output = kubectl(&[
        "get",
        "persistentvolumeclaim",
        "fno-evidence",
        "--namespace",
        &arena.namespace,
        "-o",
        "jsonpath={.spec.volumeName}",
    ])
    .await;
    let Ok(volume) = output else { return String::new() };
    let output = kubectl(&[
        "get",
        "persistentvolume",
        &volume,
        "-o",
        "jsonpath={.spec.hostPath.path}{.spec.local.path}",
    ])
    .await;
    output
        .map(|path| if path.is_empty() { String::new() } else { format!(": {path}") })
        .unwrap_or_default()
}
