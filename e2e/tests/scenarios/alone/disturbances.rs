//! Parts that all scenarios share become unavailable: Valkey, the operator, an image.

use anyhow::{Context as _, Result, ensure};
use fno_crds::Reason;
use fno_e2e::{
    Ground,
    ground::{RELEASE, SYSTEM, kubectl},
    jobs,
    portals::Judge,
};
use serde_json::json;

use crate::support::{
    LONG, alone, arena, circuits, close, codes_were_never_refused, conditions_show, finished,
    release_with, set_values, validations,
};

/// Runs a Valkey command inside the Valkey Pod. The password never leaves the Pod.
pub async fn valkey(command: &[&str]) -> Result<String> {
    let pod = format!("{RELEASE}-valkey-0");
    let script = r#"REDISCLI_AUTH=$(cat /var/run/fno/valkey/password) exec valkey-cli "$@""#;
    let mut args =
        vec!["exec", "--namespace", SYSTEM, &pod, "--", "sh", "-c", script, "valkey-cli"];
    args.extend(command);
    kubectl(&args).await
}

async fn scale_valkey(replicas: u8) -> Result<()> {
    let name = format!("statefulset/{RELEASE}-valkey");
    kubectl(&["scale", "--namespace", SYSTEM, &name, &format!("--replicas={replicas}")]).await?;
    let jsonpath = if replicas == 0 {
        "--for=jsonpath={.status.replicas}=0".to_owned()
    } else {
        format!("--for=jsonpath={{.status.readyReplicas}}={replicas}")
    };
    kubectl(&["wait", "--namespace", SYSTEM, &name, &jsonpath, "--timeout=120s"]).await.map(drop)
}

#[tokio::test]
async fn without_valkey_no_code_is_minted_and_work_goes_on_when_it_is_back() -> Result<()> {
    let _alone = alone().await;
    let arena = arena("valkey").await?;
    arena.provider("octotel", |spec| spec["suspend"] = json!(true)).await?;
    let circuits = circuits(&arena, "octotel", 3).await?;
    jobs::submit(&arena.jobs(), validations("octotel", &circuits, &json!({}))).await?;
    scale_valkey(0).await?;
    arena.patch_provider("octotel", json!({"spec": {"suspend": false}})).await?;
    let shown = async {
        jobs::shows(&arena.jobs(), "octotel-000", Reason::ValkeyUnavailable, LONG).await?;
        conditions_show(&arena, Reason::ValkeyUnavailable).await
    };
    let shown = shown.await;
    let journal = arena.portals.journal().await;
    // Restored whatever the result: the other scenarios need Valkey.
    scale_valkey(1).await?;
    shown?;
    ensure!(journal?.steps().is_empty(), "a code was minted without Valkey");
    finished(&arena).await?.is_right("octotel", &circuits)?;
    close(arena, []).await
}

#[tokio::test]
async fn a_flushed_valkey_lets_no_step_be_used_again() -> Result<()> {
    let _alone = alone().await;
    let arena = arena("flush").await?;
    arena
        .provider("octotel", |spec| spec["batching"] = json!({"maxJobs": 1, "linger": "0s"}))
        .await?;
    let circuits = circuits(&arena, "octotel", 3).await?;
    for (n, job) in validations("octotel", &circuits, &json!({})).into_iter().enumerate() {
        jobs::submit(&arena.jobs(), vec![job]).await?;
        jobs::all_finished(&arena.jobs(), LONG).await?;
        valkey(&["FLUSHALL"]).await?;
        let logins = arena.portals.journal().await?.logins();
        ensure!(logins == n + 1, "{logins} logins after {} jobs", n + 1);
    }
    codes_were_never_refused(&arena.portals.journal().await?)?;
    close(arena, []).await
}

#[tokio::test]
async fn an_operator_restart_leaves_a_running_batch_alone() -> Result<()> {
    let _alone = alone().await;
    let arena = arena("restart").await?;
    arena.provider("octotel", |spec| spec["suspend"] = json!(true)).await?;
    let circuits = release_with(&arena, "octotel", 20).await?;
    let in_progress = |b: &fno_crds::FnoBatch| b.phase() == fno_crds::batch::BatchPhase::InProgress;
    jobs::wait_until(
        &arena.batches(),
        LONG,
        |b| format!("{:?}", b.phase()),
        |batches| batches.values().any(in_progress),
    )
    .await?;
    kubectl(&[
        "delete",
        "pod",
        "--namespace",
        SYSTEM,
        "--selector",
        "app.kubernetes.io/component=operator",
        "--wait=false",
    ])
    .await?;
    let done = finished(&arena).await?;
    done.is_right("octotel", &circuits)?;
    ensure!(
        (done.batches.len(), done.journal.logins()) == (1, 1),
        "{} batches, {} logins",
        done.batches.len(),
        done.journal.logins()
    );
    close(arena, []).await
}

#[tokio::test]
async fn an_image_that_is_not_there_is_reported_and_work_goes_on_once_it_is() -> Result<()> {
    let _alone = alone().await;
    let arena = arena("image").await?;
    // A long deadline, so that it does not end the batch whose Pod cannot start.
    set_values(&[
        ("runner.image.tag", json!("not-there")),
        ("runner.image.digest", json!("")),
        ("deadlines.podRunning", json!("1h")),
    ])
    .await?;
    arena.provider("evotel", |_| {}).await?;
    let circuits = circuits(&arena, "evotel", 1).await?;
    jobs::submit(&arena.jobs(), validations("evotel", &circuits, &json!({}))).await?;
    let shown = async {
        jobs::shows(&arena.jobs(), "evotel-000", Reason::ImageUnavailable, LONG).await?;
        conditions_show(&arena, Reason::ImageUnavailable).await
    };
    let shown = shown.await;
    let image = Ground::image("runner")?;
    let (_, tag) = image.rsplit_once(':').context("a tag")?;
    let digest = std::env::var("FNO_DIGEST_RUNNER").unwrap_or_default();
    set_values(&[("runner.image.tag", json!(tag)), ("runner.image.digest", json!(digest))]).await?;
    let done = finished(&arena).await;
    set_values(&[("deadlines.podRunning", json!("5m"))]).await?;
    shown?;
    done?.is_right("evotel", &circuits)?;
    close(arena, []).await
}
