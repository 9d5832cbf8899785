//! `make bench`: figures of one run on this machine. Ratios say more than seconds, because seconds depend on the machine.
//! `e2e/program bench PART` prints a part of them: `memory` or `logins`, or `planning`, which needs no cluster.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use fno_crds::FnoBatch;
use fno_demo_portals::journal::Entry;
use fno_e2e::{
    Arena, Ground,
    audit::Mark,
    ground::{RELEASE, SYSTEM, kubectl},
    jobs, planning,
    portals::{Circuit, Judge as _},
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::{
    ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

const LONG: Duration = Duration::from_secs(1800);

#[tokio::main]
async fn main() -> Result<()> {
    let part = std::env::args().nth(1);
    if part.as_deref() == Some("planning") {
        planning::print();
        return Ok(());
    }
    let ground = Ground::connect().await?;
    match part.as_deref() {
        Some("memory") => return operator_memory_figures(&ground).await,
        Some("logins") => return twenty_logins(&ground).await,
        Some(other) => bail!("{other}: one of planning, memory and logins is allowed"),
        None => {}
    }
    println!(
        "machine: {} processors; portal: octotel, period 30 s, one session per account\n",
        std::thread::available_parallelism()?
    );
    let batched = run(&ground, "bench-batched", 50, json!({"maxJobs": 50}), json!({})).await?;
    batched.tell("50 jobs in one batch");
    let single =
        run(&ground, "bench-single", 10, json!({"maxJobs": 1, "linger": "0s"}), json!({})).await?;
    single.tell("10 jobs, one login each");
    let scaled = single.wall / 10.0 * 50.0;
    println!(
        "  50 jobs with one login each: {scaled:.0} s and 50 logins (scaled from the 10 measured)"
    );
    println!(
        "  => {:.1} x faster (goal 10), {:.0} % fewer logins (goal 98)\n",
        scaled / batched.wall,
        100.0 * (1.0 - batched.logins as f64 / 50.0)
    );

    let bare = run(
        &ground,
        "bench-overhead",
        50,
        json!({"maxJobs": 50}),
        json!({"latencyMs": 0, "latencyJitterMs": 0, "renderDelayMs": 0}),
    )
    .await?;
    println!(
        "overhead of the runner: {:.3} s per job on a portal that answers at once (goal 0.3)",
        bare.job
    );
    // Two of them set and remove the finalizer that holds a job while it is in a batch.
    println!(
        "core API writes per job, all writers, without the user's create: {:.2} (goal 5)",
        bare.writes as f64 / 50.0
    );
    for (what, count) in &bare.written {
        println!("  {count:>4} {what}");
    }
    println!("memory of a runner: {:.1} MiB (goal 20)\n", bare.runner_memory);

    twenty_logins(&ground).await?;
    planning::print();
    operator_memory_figures(&ground).await
}

async fn operator_memory_figures(ground: &Ground) -> Result<()> {
    println!(
        "memory of the operator with 2,000 finished batches of 50 jobs: {:.1} MiB (goal 60)",
        with_finished_batches(ground, 2000).await?
    );
    println!(
        "memory of the operator with 10,000 waiting jobs: {:.1} MiB (goal 30)",
        with_waiting_jobs(ground, 10_000).await?
    );
    Ok(())
}

struct Figures {
    wall: f64,
    logins: usize,
    job: f64,
    login: f64,
    writes: usize,
    written: BTreeMap<String, usize>,
    runner_memory: f64,
}

impl Figures {
    fn tell(&self, what: &str) {
        println!(
            "{what}: {:.0} s wall, {} login(s), L {:.1} s, J {:.2} s",
            self.wall, self.logins, self.login, self.job
        );
    }
}

async fn run(
    ground: &Ground,
    namespace: &str,
    count: usize,
    batching: Value,
    portal: Value,
) -> Result<Figures> {
    let arena = Arena::new(ground, namespace).await?;
    arena.portals.set("octotel", portal).await?;
    arena
        .provider("octotel", |spec| {
            spec["suspend"] = json!(true);
            spec["batching"] = batching;
        })
        .await?;
    let circuits = arena.portals.circuits("octotel", count).await?;
    let named = |(n, c): (usize, &Circuit)| {
        jobs::validation(&format!("job-{n:03}"), "octotel", &c.circuit, json!({}))
    };
    jobs::submit(&arena.jobs(), circuits.iter().enumerate().map(named).collect()).await?;
    let mark = Mark::now()?;
    let started = Instant::now();
    arena.patch_provider("octotel", json!({"spec": {"suspend": false}})).await?;
    let sampler = tokio::spawn(peak(namespace.to_owned(), "runner"));
    jobs::all_finished(&arena.jobs(), LONG).await?;
    let wall = started.elapsed().as_secs_f64();
    sampler.abort();
    let runner_memory = PEAK.load(std::sync::atomic::Ordering::Relaxed) as f64 / 1_048_576.0;
    let batches = jobs::batches_ended(&arena.batches(), LONG).await?;
    arena.swept(LONG).await?;
    let mut written: BTreeMap<String, usize> = BTreeMap::new();
    // Events are not counted: API servers store them separately, and they expire.
    for write in mark
        .writes(namespace)?
        .into_iter()
        .filter(|w| w.resource != "events" && !w.user.contains("admin"))
    {
        let who = write.user.rsplit(':').next().unwrap_or_default().to_owned();
        let who = if who.contains("-runner") { "runner".to_owned() } else { who };
        *written.entry(format!("{} {} by {who}", write.verb, write.resource)).or_default() += 1;
    }
    let journal: Vec<Entry> = arena.portals.journal().await?;
    let figures = Figures {
        wall,
        logins: journal.logins(),
        job: mean_job(&batches),
        login: mean_login(&batches),
        writes: written.values().sum(),
        written,
        runner_memory,
    };
    arena.close().await?;
    Ok(figures)
}

fn mean_job(batches: &BTreeMap<String, FnoBatch>) -> f64 {
    mean(
        batches
            .values()
            .filter_map(|b| b.status.as_ref()?.run.as_ref())
            .flat_map(|r| &r.results)
            .map(|r| seconds(r.milliseconds)),
    )
}

fn mean_login(batches: &BTreeMap<String, FnoBatch>) -> f64 {
    let login = |b: &FnoBatch| b.status.as_ref()?.run.as_ref()?.login_milliseconds;
    mean(batches.values().filter_map(login).map(seconds))
}

fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(s, n), v| (s + v, n + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

static PEAK: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

/// Records the largest resident memory of a container, as the kubelet reports it.
async fn peak(namespace: String, container: &'static str) {
    PEAK.store(0, std::sync::atomic::Ordering::Relaxed);
    let mut tick = tokio::time::interval(Duration::from_secs(2));
    loop {
        tick.tick().await;
        if let Ok(bytes) = memory(&namespace, container).await {
            PEAK.fetch_max(bytes, std::sync::atomic::Ordering::Relaxed);
        }
    }
}

/// The largest resident memory, in bytes, of the containers of that name in a namespace.
async fn memory(namespace: &str, container: &str) -> Result<u64> {
    let nodes = kubectl(&["get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"]).await?;
    let mut largest = 0;
    for node in nodes.split_whitespace() {
        let summary: Value = serde_json::from_str(
            &kubectl(&["get", "--raw", &format!("/api/v1/nodes/{node}/proxy/stats/summary")])
                .await?,
        )?;
        for pod in summary["pods"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|p| p["podRef"]["namespace"] == namespace)
        {
            for found in pod["containers"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|c| c["name"] == container)
            {
                largest = largest.max(found["memory"]["rssBytes"].as_u64().unwrap_or(0));
            }
        }
    }
    Ok(largest)
}

async fn with_waiting_jobs(ground: &Ground, count: usize) -> Result<f64> {
    let arena = Arena::new(ground, "bench-waiting").await?;
    restarted().await?;
    arena.provider("octotel", |spec| spec["suspend"] = json!(true)).await?;
    let job = |n| {
        jobs::validation(&format!("waiting-{n:05}"), "octotel", &format!("OCT{n:07}"), json!({}))
    };
    jobs::submit(&arena.jobs(), (0..count).map(job).collect()).await?;
    let counted = |p: &fno_crds::FnoProvider| {
        p.status
            .as_ref()
            .and_then(|s| s.pending.as_ref())
            .is_some_and(|p| usize::try_from(p.count).is_ok_and(|c| c == count))
    };
    jobs::wait_until(
        &arena.providers(),
        LONG,
        |p| format!("{:?}", p.status.as_ref().and_then(|s| s.pending.clone())),
        |providers| providers.values().any(counted),
    )
    .await?;
    let memory = operator_memory().await?;
    arena
        .jobs()
        .delete_collection(&DeleteParams::default(), &kube::api::ListParams::default())
        .await?;
    arena.close().await?;
    Ok(memory)
}

/// Batches as they are stored for a day after their end, with fifty results each.
async fn with_finished_batches(ground: &Ground, count: usize) -> Result<f64> {
    let arena = Arena::new(ground, "bench-finished").await?;
    // Otherwise the operator would end them itself: none of their jobs exists.
    scaled(0).await?;
    stream::iter((0..count).map(|n| finish_batch(&arena, n)))
        .buffer_unordered(16)
        .try_collect::<Vec<_>>()
        .await?;
    scaled(1).await?;
    let memory = operator_memory().await?;
    let api = arena.batches();
    api.delete_collection(&DeleteParams::default(), &kube::api::ListParams::default()).await?;
    arena.close().await?;
    Ok(memory)
}

/// Stores a batch that has ended. The admission policies let only the runner, by a token of its Pod, write `status.run`.
async fn finish_batch(arena: &Arena, number: usize) -> Result<()> {
    let (batch, status, run) = finished_batch(number)?;
    let api = arena.batches();
    let name = api.create(&PostParams::default(), &batch).await?.name_any();
    api.patch_status(&name, &PatchParams::default(), &Patch::Merge(status)).await?;
    let path = format!("{}/{name}/status", api.resource_url());
    let runner = format!("system:serviceaccount:{}:{name}-runner", arena.namespace);
    let reported = http::Request::patch(path)
        .header("Impersonate-User", runner)
        .header("Impersonate-Group", "system:masters")
        .header("Impersonate-Extra-authentication.kubernetes.io%2Fpod-uid", uid(number, 50))
        .header("Content-Type", "application/merge-patch+json")
        .body(run.to_string().into_bytes())?;
    arena.ground.client.request_text(reported).await?;
    Ok(())
}

fn uid(batch: usize, n: usize) -> String {
    format!("5f0e7c1a-{batch:04}-4000-8000-{n:012}")
}

/// A batch, its status without `run`, and `run`.
fn finished_batch(number: usize) -> Result<(FnoBatch, Value, Value)> {
    let uid = |n: usize| uid(number, n);
    let now = jiff::Timestamp::now().to_string();
    let batch = json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": format!("octotel-{number:08x}")},
        "spec": {"provider": "octotel", "account": "bot", "providerGeneration": 1, "flowsDigest": "d".repeat(64),
            "jobs": (0..50).map(|n| json!({"name": format!("job-{number:04}-{n:02}"), "uid": uid(n)})).collect::<Vec<_>>()},
    });
    let result = |n: usize| {
        json!({"job": format!("job-{number:04}-{n:02}"), "uid": uid(n), "phase": "Succeeded", "reason": "Answered", "outcome": "Active",
            "fields": {"status": "Active", "product": "FTTH 100", "address": "1 Long Street, Cape Town", "customer": "A. Customer"},
            "evidence": {"uri": format!("file:///var/lib/fno/evidence/{}", uid(n)), "sha256": "a".repeat(64), "files": 4},
            "startedAt": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.000000Z").to_string(), "milliseconds": 1000})
    };
    let status = json!({"status": {"phase": "Completed", "reason": "Completed", "startedAt": now, "finishedAt": now, "podUid": uid(50),
        "claimed": (0..50).map(uid).collect::<Vec<_>>(), "jobsTotal": 50, "jobsCompleted": 50}});
    let run = json!({"status": {"run": {"podUid": uid(50), "logins": 1, "results": (0..50).map(result).collect::<Vec<_>>()}}});
    Ok((serde_json::from_value(batch)?, status, run))
}

/// Restarts the operator, so that its memory holds nothing from an earlier measurement.
async fn restarted() -> Result<()> {
    scaled(0).await?;
    scaled(1).await
}

/// Stops the operator, or starts it and waits until it is ready.
async fn scaled(replicas: usize) -> Result<()> {
    let deployment = format!("deployment/{RELEASE}");
    let replicas = format!("--replicas={replicas}");
    kubectl(&["scale", "--namespace", SYSTEM, &deployment, &replicas]).await?;
    kubectl(&["rollout", "status", "--namespace", SYSTEM, &deployment, "--timeout=180s"]).await?;
    Ok(())
}

/// Resident memory of the operator, in MiB. The kubelet measures every few seconds; the figure is newer than this call.
async fn operator_memory() -> Result<f64> {
    let before = jiff::Timestamp::now();
    let bytes = loop {
        let nodes = kubectl(&["get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"]).await?;
        let node = nodes.split_whitespace().next().context("a node")?.to_owned();
        let summary: Value = serde_json::from_str(
            &kubectl(&["get", "--raw", &format!("/api/v1/nodes/{node}/proxy/stats/summary")])
                .await?,
        )?;
        let containers = summary["pods"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|p| p["podRef"]["namespace"] == SYSTEM)
            .flat_map(|p| p["containers"].as_array().into_iter().flatten())
            .filter(|c| c["name"] == "operator");
        let newest = containers
            .filter_map(|found| {
                let at: jiff::Timestamp = found["memory"]["time"].as_str()?.parse().ok()?;
                Some((at, found["memory"]["rssBytes"].as_u64()?))
            })
            .max();
        if let Some((_, bytes)) = newest.filter(|(at, _)| *at > before) {
            break bytes;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    };
    Ok(bytes as f64 / 1_048_576.0)
}

async fn twenty_logins(ground: &Ground) -> Result<()> {
    let arena = Arena::new(ground, "bench-logins").await?;
    let seed = "NFHU6VCPORSWYLJRFVRGK3TDNBSWI===".trim_end_matches('=');
    arena.portals.account(json!({"portal": "octotel", "username": "octotel-quick", "password": "Fibre!quick", "totpSeed": seed, "period": 5, "skewBack": 0, "skewForward": 0})).await?;
    arena
        .provider("octotel", |spec| {
            spec["batching"] = json!({"maxJobs": 1, "linger": "0s"});
            spec["accounts"] = json!([{"name": "quick", "credentialsSecretRef": {"name": "quick"}, "totp": {"secretRef": {"name": "quick", "key": "totp"}, "periodSeconds": 5, "minRemainingSeconds": 3, "skewSteps": 0}}]);
        })
        .await?;
    arena
        .secret(
            "quick",
            &[("username", "octotel-quick"), ("password", "Fibre!quick"), ("totp", seed)],
        )
        .await?;
    let circuits = arena.portals.circuits("octotel", 20).await?;
    let named = |(n, c): (usize, &Circuit)| {
        jobs::validation(&format!("job-{n:03}"), "octotel", &c.circuit, json!({}))
    };
    jobs::submit(&arena.jobs(), circuits.iter().enumerate().map(named).collect()).await?;
    jobs::all_finished(&arena.jobs(), LONG).await?;
    let journal = arena.portals.journal().await?;
    println!(
        "20 logins in a row with 5 s codes, on a portal that accepts only the current code: {} accepted, {} refused (goal 0)",
        journal.logins(),
        journal.refused().len()
    );
    arena.close().await
}
