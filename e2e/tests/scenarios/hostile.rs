//! Work that is too large or too dangerous stops nothing but itself.

use anyhow::{Result, ensure};
use fno_crds::{FnoBatch, FnoJob, JobPhase};
use fno_e2e::{
    Arena,
    ground::kubectl,
    jobs::{self, tell, validation, wait_until},
};
use serde_json::{Value, json};

use crate::support::{LONG, arena, beside, circuits, close, outcomes_are_right, validations};

/// Extracts so many long fields that a hundred results are far larger than an object may be (1.5 MiB in etcd).
fn with_long_results(spec: &mut Value) {
    let Some(steps) = spec["flows"]["validation"]["steps"].as_array_mut() else { return };
    let first_outcome = steps
        .iter()
        .position(|step| step["code"] == "AlreadyCancelled")
        .unwrap_or_else(|| steps.len().saturating_sub(1));
    let long = (0..25).map(|n| {
        json!({"type": "extract", "field": format!("page{n}"), "from": "Property", "attribute": "outerHTML", "selectors": [["html"]]})
    });
    steps.splice(first_outcome..first_outcome, long);
    // Keeps the deadly job at work until its browser is killed.
    steps.insert(
        first_outcome,
        json!({"type": "waitForElement", "selectors": [["#never"]], "timeout": 60_000, "when": "has(params.deadly)"}),
    );
    spec["batching"] = json!({"maxJobs": 200, "maxConcurrentBatches": 2});
}

/// As many parameters, as long, as a job may carry: five of them do not fit into a Secret (1 MiB).
fn fat(name: &str, provider: &str, circuit: &str) -> FnoJob {
    let parameters: serde_json::Map<String, Value> =
        (0..60).map(|n| (format!("p{n}"), json!("x".repeat(4_000)))).collect();
    validation(name, provider, circuit, json!({"parameters": parameters}))
}

/// Kills Firefox in the batch's Pod as often as the job named `deadly` is at work.
async fn kill_its_browser(arena: &Arena) -> Result<()> {
    let deadly = |batch: &FnoBatch| {
        !batch.phase().is_finished()
            && batch.status.as_ref().and_then(|s| s.run.as_ref()?.job.as_deref()) == Some("deadly")
    };
    loop {
        let batches =
            wait_until(&arena.batches(), LONG, |_| String::new(), |b| b.values().any(deadly))
                .await?;
        let Some(pod) = batches
            .values()
            .filter(|b| deadly(b))
            .find_map(|b| b.status.as_ref().and_then(|s| s.worker.clone()))
        else {
            continue;
        };
        let script = "for p in /proc/[0-9]*; do case $(cat $p/comm 2>/dev/null) in firefox*) kill -9 ${p#/proc/};; esac; done; true";
        // A Pod that has just ended has no browser left to kill.
        let killed = kubectl(&[
            "exec",
            "--namespace",
            &arena.namespace,
            &pod,
            "-c",
            "browser",
            "--",
            "sh",
            "-c",
            script,
        ])
        .await;
        drop(killed);
    }
}

#[tokio::test]
async fn oversized_and_deadly_jobs_end_with_their_reason_and_a_hundred_others_end_well()
-> Result<()> {
    let _beside = beside().await;
    let arena = arena("hostile").await?;
    arena
        .provider("evotel", |spec| {
            with_long_results(spec);
            spec["suspend"] = json!(true);
        })
        .await?;
    let circuits = circuits(&arena, "evotel", 100).await?;
    let mut all = validations("evotel", &circuits, &json!({}));
    let fat_jobs = circuits.iter().take(6).enumerate();
    all.extend(fat_jobs.map(|(n, c)| fat(&format!("fat-{n}"), "evotel", &c.circuit)));
    all.push(validation(
        "deadly",
        "evotel",
        &circuits[0].circuit,
        json!({"backoffLimit": 0, "parameters": {"deadly": "yes"}}),
    ));
    jobs::submit(&arena.jobs(), all).await?;
    arena.patch_provider("evotel", json!({"spec": {"suspend": false}})).await?;

    let api = arena.jobs();
    let ended = wait_until(&api, LONG, tell, |jobs| jobs.values().all(|j| j.phase().is_finished()));
    let jobs = tokio::select! {
        jobs = ended => jobs?,
        error = kill_its_browser(&arena) => return error,
    };
    outcomes_are_right(&jobs, "evotel", &circuits)?;
    for n in 0..6 {
        let job = &jobs[&format!("fat-{n}")];
        ensure!(job.phase() == JobPhase::Succeeded, "fat-{n}: {}", tell(job));
    }
    let deadly = &jobs["deadly"];
    ensure!(
        deadly.phase() == JobPhase::Failed
            && deadly.status.as_ref().is_some_and(|s| s.message.is_some()),
        "deadly: {}",
        tell(deadly)
    );
    jobs::batches_ended(&arena.batches(), LONG).await?;
    close(arena, []).await
}
