//! Work that is too large stops nothing, not even itself.

use anyhow::{Result, ensure};
use fno_crds::{FnoJob, JobPhase};
use fno_e2e::jobs::{self, tell, validation};
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
    spec["batching"] = json!({"maxJobs": 200, "maxConcurrentBatches": 2});
}

/// As many parameters, as long, as a job may carry: five of them do not fit into a Secret (1 MiB).
fn fat(name: &str, provider: &str, circuit: &str) -> FnoJob {
    let parameters: serde_json::Map<String, Value> =
        (0..60).map(|n| (format!("p{n}"), json!("x".repeat(4_000)))).collect();
    validation(name, provider, circuit, json!({"parameters": parameters}))
}

#[tokio::test]
async fn oversized_jobs_and_results_hold_up_nothing() -> Result<()> {
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
    jobs::submit(&arena.jobs(), all).await?;
    arena.patch_provider("evotel", json!({"spec": {"suspend": false}})).await?;

    let jobs = jobs::all_finished(&arena.jobs(), LONG).await?;
    outcomes_are_right(&jobs, "evotel", &circuits)?;
    for n in 0..6 {
        let job = &jobs[&format!("fat-{n}")];
        ensure!(job.phase() == JobPhase::Succeeded, "fat-{n}: {}", tell(job));
    }
    jobs::batches_ended(&arena.batches(), LONG).await?;
    close(arena, []).await
}
