//! `make bench`: figures of one run on this machine. Ratios say more than seconds, because seconds depend on the machine.
//! `e2e/program bench PART` prints a part of them: `memory` or `logins`, or `planning`, which needs no cluster.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use fno_crds::FnoBatch;
use fno_demo_portals::journal::Entry;
use fno_e2e::{
    Arena, Ground,
    audit::Mark,
    ground::kubectl,
    jobs, operator_memory, planning,
    portals::{Circuit, Judge as _},
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
        Some("memory") => return operator_memory::print(&ground).await,
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
    operator_memory::print(&ground).await
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
