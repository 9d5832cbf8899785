//! Every mistake is answered with a sentence or a reason and affects nothing else. Waiting jobs
//! continue by themselves after the mistake is corrected.

use anyhow::{Context, Result, ensure};
use fno_crds::Reason;
use fno_e2e::{
    Arena,
    ground::{kubectl, kubectl_with},
    jobs,
};
use k8s_openapi::api::core::v1::Secret;
use kube::api::DeleteParams;
use serde_json::{Value, json};

use crate::support::{
    LONG, arena, beside, circuits, close, conditions_show, finished, validations,
};

/// Submits one job to a provider that `broken` has broken. The job shows `reason`, and succeeds
/// after `correct`.
async fn waits_and_goes_on<F>(
    name: &str,
    provider: &str,
    broken: impl FnOnce(&mut Value),
    reason: Reason,
    correct: F,
) -> Result<()>
where
    F: AsyncFnOnce(&Arena) -> Result<()>,
{
    let arena = arena(name).await?;
    arena.provider(provider, broken).await?;
    let circuits = circuits(&arena, provider, 1).await?;
    jobs::submit(&arena.jobs(), validations(provider, &circuits, &json!({}))).await?;
    let job = jobs::shows(&arena.jobs(), &format!("{provider}-000"), reason, LONG).await?;
    ensure!(job.status.and_then(|s| s.message).is_some_and(|m| !m.is_empty()), "no message");
    conditions_show(&arena, reason).await?;
    correct(&arena).await?;
    finished(&arena).await?.is_right(provider, &circuits)?;
    close(arena, []).await
}

#[tokio::test]
async fn what_the_crd_refuses_is_refused_with_a_sentence() -> Result<()> {
    let _beside = beside().await;
    let job = |spec: Value| {
        json!({"apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob", "metadata": {"name": "bad"}, "spec": spec}).to_string()
    };
    for (spec, sentence) in [
        (
            json!({"provider": "octotel", "action": "Destroy", "circuitNumber": "OCT1"}),
            "Unsupported value: \"Destroy\"",
        ),
        (
            json!({"provider": "octotel", "action": "Validation", "circuitNumber": ""}),
            "spec.circuitNumber",
        ),
        (
            json!({"provider": "octotel", "action": "Validation"}),
            "spec.circuitNumber: Required value",
        ),
        (
            json!({"provider": "octotel", "action": "Validation", "circuitNumber": "OCT1", "notBefore": "2026-02-01T00:00:00Z", "deadline": "2026-01-01T00:00:00Z"}),
            "notBefore must be earlier than deadline",
        ),
        (
            json!({"provider": "octotel", "action": "Validation", "circuitNumber": "OCT1 "}),
            "circuitNumber must begin and end with a letter or digit (no space at either end)",
        ),
        (
            json!({"provider": "octotel", "action": "Validation", "circuitNumber": "OCT1", "callback": {"ref": "ords"}}),
            "callback is not supported yet",
        ),
    ] {
        let refused = kubectl_with(&["apply", "--dry-run=server", "-f", "-"], &job(spec))
            .await
            .err()
            .context("accepted")?
            .to_string();
        ensure!(refused.contains(sentence), "expected {sentence:?}, found {refused}");
    }
    let mut provider = fno_e2e::arena::sample("octotel")?;
    provider["spec"]["flows"]["validation"]["steps"] = json!([{"type": "click"}]);
    let refused = kubectl_with(&["apply", "--dry-run=server", "-f", "-"], &provider.to_string())
        .await
        .err()
        .context("accepted")?
        .to_string();
    ensure!(refused.contains("this type of step needs selectors"), "{refused}");
    Ok(())
}

#[tokio::test]
async fn a_job_without_its_provider_waits_until_it_is_created() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("no-provider").await?;
    let circuits = circuits(&arena, "evotel", 1).await?;
    jobs::submit(&arena.jobs(), validations("evotel", &circuits, &json!({}))).await?;
    jobs::shows(&arena.jobs(), "evotel-000", Reason::ProviderNotFound, LONG).await?;
    arena.provider("evotel", |_| {}).await?;
    finished(&arena).await?.is_right("evotel", &circuits)?;
    close(arena, []).await
}

#[tokio::test]
async fn a_suspended_provider_holds_its_jobs() -> Result<()> {
    let _beside = beside().await;
    waits_and_goes_on(
        "suspended",
        "evotel",
        |spec| spec["suspend"] = json!(true),
        Reason::Suspended,
        async |arena| {
            arena.patch_provider("evotel", json!({"spec": {"suspend": false}})).await.map(drop)
        },
    )
    .await
}

#[tokio::test]
async fn a_flow_that_does_not_lint_holds_its_jobs_and_is_named_on_the_provider() -> Result<()> {
    let _beside = beside().await;
    let right = fno_e2e::arena::sample("evotel")?["spec"]["flows"]["validation"].clone();
    let broken = |spec: &mut Value| {
        if let Some(steps) = spec["flows"]["validation"]["steps"].as_array_mut() {
            steps.insert(0, json!({"type": "navigate", "url": "{{ nowhere.defined }}"}));
        }
    };
    waits_and_goes_on("lint", "evotel", broken, Reason::FlowInvalid, async |arena| {
        let provider = arena.providers().get("evotel").await?;
        let ready = provider
            .status
            .context("status")?
            .conditions
            .into_iter()
            .find(|c| c.type_ == "Ready")
            .context("Ready")?;
        ensure!(
            ready.status == "False"
                && ready.reason == "FlowInvalid"
                && ready.message.contains("nowhere"),
            "{ready:?}"
        );
        arena
            .patch_provider("evotel", json!({"spec": {"flows": {"validation": right}}}))
            .await
            .map(drop)
    })
    .await
}

#[tokio::test]
async fn a_missing_secret_and_then_a_missing_key_hold_the_jobs() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("secret").await?;
    arena.provider("evotel", |_| {}).await?;
    let secrets = arena.api::<Secret>();
    let right = secrets.get("evotel-bot").await?;
    let text = |key: &str| {
        right
            .data
            .as_ref()
            .and_then(|d| d.get(key))
            .map(|v| String::from_utf8_lossy(&v.0).into_owned())
            .unwrap_or_default()
    };
    secrets.delete("evotel-bot", &DeleteParams::default()).await?;
    let circuits = circuits(&arena, "evotel", 1).await?;
    jobs::submit(&arena.jobs(), validations("evotel", &circuits, &json!({}))).await?;
    let job = jobs::shows(&arena.jobs(), "evotel-000", Reason::SecretNotFound, LONG).await?;
    ensure!(
        job.status.and_then(|s| s.message).unwrap_or_default().contains("evotel-bot"),
        "the Secret is not named"
    );
    conditions_show(&arena, Reason::SecretNotFound).await?;
    arena.secret("evotel-bot", &[("username", &text("username"))]).await?;
    let names_the_key = |jobs: &std::collections::BTreeMap<String, fno_crds::FnoJob>| {
        jobs.values().any(|j| {
            j.status
                .as_ref()
                .and_then(|s| s.message.as_ref())
                .is_some_and(|m| m.contains("password"))
        })
    };
    jobs::wait_until(&arena.jobs(), LONG, jobs::tell, names_the_key)
        .await
        .context("the missing key is not named")?;
    arena
        .secret("evotel-bot", &[("username", &text("username")), ("password", &text("password"))])
        .await?;
    finished(&arena).await?.is_right("evotel", &circuits)?;
    close(arena, []).await
}

#[tokio::test]
async fn a_seed_that_is_not_base32_holds_the_jobs() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("base32").await?;
    arena.provider("octotel", |_| {}).await?;
    let secrets = arena.api::<Secret>();
    let right = secrets.get("octotel-bot").await?;
    let text = |key: &str| {
        right
            .data
            .as_ref()
            .and_then(|d| d.get(key))
            .map(|v| String::from_utf8_lossy(&v.0).into_owned())
            .unwrap_or_default()
    };
    let with_seed = async |seed: &str| {
        arena
            .secret(
                "octotel-bot",
                &[("username", &text("username")), ("password", &text("password")), ("totp", seed)],
            )
            .await
    };
    with_seed("this is not base32!").await?;
    let circuits = circuits(&arena, "octotel", 1).await?;
    jobs::submit(&arena.jobs(), validations("octotel", &circuits, &json!({}))).await?;
    jobs::shows(&arena.jobs(), "octotel-000", Reason::SeedInvalid, LONG).await?;
    conditions_show(&arena, Reason::SeedInvalid).await?;
    with_seed(&text("totp")).await?;
    finished(&arena).await?.is_right("octotel", &circuits)?;
    close(arena, ["this is not base32!".to_owned()]).await
}

#[tokio::test]
async fn a_cancellation_without_a_flow_fails_with_no_flow() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("no-flow").await?;
    arena.provider("evotel", |_| {}).await?;
    jobs::submit(
        &arena.jobs(),
        vec![jobs::validation(
            "cancel",
            "evotel",
            "ABCDEF0123456789",
            json!({"action": "Cancellation"}),
        )],
    )
    .await?;
    let finished = jobs::all_finished(&arena.jobs(), LONG).await?;
    let status = finished["cancel"].status.clone().context("status")?;
    ensure!(
        status.phase == Some(fno_crds::JobPhase::Failed) && status.reason == Some(Reason::NoFlow),
        "{status:?}"
    );
    close(arena, []).await
}

#[tokio::test]
async fn a_pod_that_no_node_can_take_is_reported_and_starts_once_it_can() -> Result<()> {
    let _beside = beside().await;
    // A value for this run only: an earlier run that was interrupted has left its label behind.
    let (label, value) =
        ("e2e.fno.dev/takes-runners", jiff::Timestamp::now().as_millisecond().to_string());
    waits_and_goes_on(
        "unschedulable",
        "evotel",
        |spec| spec["runner"] = json!({"nodeSelector": {label: value}}),
        Reason::PodUnschedulable,
        async |_| {
            kubectl(&["label", "nodes", "--all", "--overwrite", &format!("{label}={value}")])
                .await
                .map(drop)
        },
    )
    .await?;
    kubectl(&["label", "nodes", "--all", &format!("{label}-")]).await.map(drop)
}

#[tokio::test]
async fn a_quota_that_refuses_the_pod_is_reported_and_the_pod_starts_once_it_is_lifted()
-> Result<()> {
    let _beside = beside().await;
    let arena = arena("quota").await?;
    arena.apply(&json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "one"}, "spec": {"hard": {"pods": "1"}}}).to_string()).await?;
    arena.provider("evotel", |_| {}).await?;
    let circuits = circuits(&arena, "evotel", 1).await?;
    jobs::submit(&arena.jobs(), validations("evotel", &circuits, &json!({}))).await?;
    let job = jobs::shows(&arena.jobs(), "evotel-000", Reason::PodRejected, LONG).await?;
    ensure!(
        job.status.and_then(|s| s.message).unwrap_or_default().contains("quota"),
        "the quota is not named"
    );
    conditions_show(&arena, Reason::PodRejected).await?;
    kubectl(&["delete", "resourcequota", "one", "--namespace", &arena.namespace]).await?;
    finished(&arena).await?.is_right("evotel", &circuits)?;
    close(arena, []).await
}
