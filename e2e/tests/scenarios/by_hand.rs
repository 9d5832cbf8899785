//! Commands that a person types.

use anyhow::{Result, ensure};
use fno_e2e::ground::kubectl;

use crate::support::{arena, beside, close};

#[tokio::test]
async fn the_sample_job_behaves_as_a_kubernetes_user_expects() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("hand").await?;
    arena.provider("octotel", |_| {}).await?;
    let ns = arena.namespace.as_str();
    kubectl(&["--namespace", ns, "apply", "-f", "config/samples/fnojob.yaml"]).await?;
    let met = kubectl(&[
        "--namespace",
        ns,
        "wait",
        "--for=condition=Succeeded",
        "fnojob/sample",
        "--timeout=5m",
    ])
    .await?;
    ensure!(met.contains("condition met"), "{met}");
    let table = kubectl(&["--namespace", ns, "get", "fj"]).await?;
    for column in
        ["NAME", "PROVIDER", "ACTION", "CIRCUIT", "PHASE", "REASON", "OUTCOME", "BATCH", "AGE"]
    {
        ensure!(table.contains(column), "{table}");
    }
    let wide = kubectl(&["--namespace", ns, "get", "fnojobs", "-o", "wide"]).await?;
    ensure!(
        wide.contains("MESSAGE") && wide.contains("ATTEMPTS") && wide.contains("EXTERNAL-ID"),
        "{wide}"
    );
    let batches = kubectl(&["--namespace", ns, "get", "fb"]).await?;
    ensure!(
        batches.contains("PROGRESS") && batches.contains("LOGINS") && batches.contains("WORKER"),
        "{batches}"
    );
    let providers = kubectl(&["--namespace", ns, "get", "fp"]).await?;
    ensure!(providers.contains("READY") && providers.contains("True"), "{providers}");
    let all = kubectl(&["--namespace", ns, "get", "fno"]).await?;
    ensure!(
        all.contains("fnojob.fno.dev/sample") && all.contains("fnoprovider.fno.dev/octotel"),
        "{all}"
    );
    let selected = kubectl(&[
        "--namespace",
        ns,
        "get",
        "fnojobs",
        "--field-selector",
        "spec.provider=octotel,status.phase=Succeeded",
        "-o",
        "name",
    ])
    .await?;
    ensure!(selected.trim() == "fnojob.fno.dev/sample", "{selected}");
    let explained = kubectl(&["explain", "fnojob.spec.circuitNumber"]).await?;
    ensure!(explained.contains("The circuit as the portal names it"), "{explained}");
    let described = kubectl(&["--namespace", ns, "describe", "fnojob", "sample"]).await?;
    ensure!(described.contains("Succeeded"), "{described}");
    close(arena, []).await
}

#[tokio::test]
async fn deleting_a_waiting_job_is_immediate_and_a_batched_one_ends_as_withdrawn_or_done()
-> Result<()> {
    let _beside = beside().await;
    let arena = arena("delete").await?;
    arena.provider("evotel", |spec| spec["suspend"] = serde_json::json!(true)).await?;
    let circuit = arena.portals.circuits("evotel", 1).await?.remove(0);
    fno_e2e::jobs::submit(
        &arena.jobs(),
        vec![fno_e2e::jobs::validation("gone", "evotel", &circuit.circuit, serde_json::json!({}))],
    )
    .await?;
    kubectl(&["--namespace", &arena.namespace, "delete", "fnojob", "gone", "--timeout=30s"])
        .await?;
    ensure!(arena.jobs().get_opt("gone").await?.is_none(), "the job is still there");
    close(arena, []).await
}

#[tokio::test]
async fn the_kill_switch_holds_when_its_provider_is_deleted() -> Result<()> {
    use fno_crds::{FnoBatch, batch::BatchPhase};
    use fno_e2e::jobs::wait_until;
    use serde_json::json;

    use crate::support::{LONG, release_with};

    let _beside = beside().await;
    let arena = arena("switch").await?;
    arena.provider("evotel", |spec| spec["suspend"] = json!(true)).await?;
    release_with(&arena, "evotel", 30).await?;
    let batches = arena.batches();
    let phase = |b: &FnoBatch| b.phase().to_string();
    let at_work = |b: &FnoBatch| b.phase() == BatchPhase::InProgress;
    wait_until(&batches, LONG, phase, |b| b.values().any(at_work)).await?;
    let held = |b: &FnoBatch| b.status.as_ref().is_some_and(|s| s.cancellations_held);
    arena.patch_provider("evotel", json!({"spec": {"suspendCancellations": true}})).await?;
    wait_until(&batches, LONG, phase, |b| b.values().any(held)).await?;
    arena.providers().delete("evotel", &Default::default()).await?;
    let released = |b: &FnoBatch| !b.phase().is_finished() && !held(b);
    let mut let_go = false;
    wait_until(&batches, LONG, phase, |b| {
        let_go |= b.values().any(released);
        b.values().all(|b| b.phase().is_finished())
    })
    .await?;
    ensure!(!let_go, "the kill switch was released by the deletion of the provider");
    arena.close().await
}
