//! Objects that this version cannot read, as after a rollback: they say so, and what depends on them waits or ends, but nothing else.

use anyhow::{Context, Result, ensure};
use fno_crds::{FnoBatch, batch::BatchPhase};
use fno_e2e::{
    Arena,
    ground::kubectl,
    jobs::{self, wait_until},
    portals::Judge as _,
};
use serde_json::{Value, json};

use crate::support::{LONG, alone, arena, circuits, close, finished, release_with, validations};

/// Lets the CRD accept a value that it refuses, while `meanwhile` runs. The object then exists as
/// one of an older or newer version of the API would.
async fn without_enum(
    crd: &str,
    field: &str,
    meanwhile: impl Future<Output = Result<()>>,
) -> Result<()> {
    let name = format!("{crd}.fno.dev");
    let path =
        format!("/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/{field}/enum");
    let patch = json!([{"op": "remove", "path": path}]).to_string();
    kubectl(&["patch", "customresourcedefinition", &name, "--type", "json", "--patch", &patch])
        .await?;
    let outcome = meanwhile.await;
    kubectl(&["apply", "--server-side", "--force-conflicts", "-f", &format!("crds/{crd}.yaml")])
        .await?;
    outcome
}

/// Applies an object until the CRD accepts it: the API server uses a changed CRD only some time
/// after it has confirmed the change.
async fn apply_once_taken(arena: &Arena, object: &Value) -> Result<()> {
    let text = object.to_string();
    let taken = async {
        while let Err(error) = arena.apply(&text).await {
            ensure!(format!("{error:#}").contains("Unsupported value"), "{error:#}");
        }
        Ok(())
    };
    tokio::time::timeout(LONG, taken)
        .await
        .context("the API server does not use the changed CRD")?
}

/// Applies a sample provider with a value that this version does not know.
async fn make_unreadable(arena: &Arena, name: &str) -> Result<()> {
    let mut provider = fno_e2e::arena::sample(name)?;
    provider["spec"]["batching"] = json!({"objective": "MinBoredom"});
    let applied = apply_once_taken(arena, &provider);
    without_enum("fnoproviders", "batching/properties/objective", applied).await
}

#[tokio::test]
async fn a_malformed_object_says_so_and_stops_nothing_else() -> Result<()> {
    let _alone = alone().await;
    let arena = arena("malformed").await?;
    arena.provider("evotel", |_| {}).await?;
    make_unreadable(&arena, "mfn").await?;
    let job = json!({"apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob", "metadata": {"name": "malformed"},
                     "spec": {"provider": "evotel", "action": "Daydreaming", "circuitNumber": "4857544317156075"}});
    without_enum("fnojobs", "action", apply_once_taken(&arena, &job)).await?;

    let circuits = circuits(&arena, "evotel", 3).await?;
    jobs::submit(&arena.jobs(), validations("evotel", &circuits, &json!({}))).await?;
    jobs::submit(&arena.jobs(), vec![jobs::validation("waits", "mfn", "FTTX-CT-12345", json!({}))])
        .await?;
    // Read as text, because our own types cannot represent these objects.
    let shown = async |kind: &str, name: &str, jsonpath: &str| {
        kubectl(&["get", kind, name, "--namespace", &arena.namespace, "-o", jsonpath]).await
    };
    let wait = |kind: &str, condition: &str| {
        let (kind, condition) = (kind.to_owned(), condition.to_owned());
        let namespace = arena.namespace.clone();
        async move {
            kubectl(&[
                "wait",
                &kind,
                "--namespace",
                &namespace,
                &format!("--for={condition}"),
                "--timeout=120s",
            ])
            .await
        }
    };
    wait("fnojob/malformed", "jsonpath={.status.reason}=InvalidJob").await?;
    wait("fnoprovider/mfn", "condition=Ready=False").await?;
    wait("fnojob/waits", "jsonpath={.status.reason}=ProviderNotReady").await?;
    for (kind, name, jsonpath, said) in [
        ("fnojob", "malformed", "jsonpath={.status.phase} {.status.message}", "Daydreaming"),
        (
            "fnoprovider",
            "mfn",
            "jsonpath={.status.conditions[?(@.type==\"Ready\")].message}",
            "MinBoredom",
        ),
        ("fnojob", "waits", "jsonpath={.status.message}", "MinBoredom"),
    ] {
        let message = shown(kind, name, jsonpath).await?;
        ensure!(message.contains(said), "{kind} {name} does not name the value: {message}");
    }
    for n in 0..circuits.len() {
        wait(&format!("fnojob/evotel-{n:03}"), "condition=Succeeded").await?;
    }
    kubectl(&[
        "delete",
        "fnojobs/malformed",
        "fnojobs/waits",
        "fnoproviders/mfn",
        "--namespace",
        &arena.namespace,
        "--timeout=60s",
    ])
    .await?;
    finished(&arena).await?.is_right("evotel", &circuits)?;
    close(arena, []).await
}

#[tokio::test]
async fn a_batch_ends_while_its_provider_cannot_be_read_and_its_account_is_shut() -> Result<()> {
    let _alone = alone().await;
    let arena = arena("unreadable").await?;
    arena.provider("mfn", |spec| spec["suspend"] = json!(true)).await?;
    let circuits = release_with(&arena, "mfn", 20).await?;
    let at_work = |batch: &FnoBatch| batch.phase() == BatchPhase::InProgress;
    wait_until(&arena.batches(), LONG, |b| b.phase().to_string(), |b| b.values().any(at_work))
        .await?;
    make_unreadable(&arena, "mfn").await?;
    jobs::all_finished(&arena.jobs(), LONG).await?;
    jobs::batches_ended(&arena.batches(), LONG).await?;
    kubectl(&["delete", "fnobatches", "--all", "--namespace", &arena.namespace, "--timeout=60s"])
        .await?;
    let journal = arena.portals.journal().await?;
    ensure!(journal.logins() == 1, "{} logins for {} jobs", journal.logins(), circuits.len());

    let mut namesake = fno_e2e::arena::sample("mfn")?;
    namesake["metadata"]["name"] = json!("mfn-2");
    arena.apply(&namesake.to_string()).await?;
    let job = jobs::validation("namesake", "mfn-2", &circuits[0].circuit, json!({}));
    jobs::submit(&arena.jobs(), vec![job]).await?;
    let job = ["fnojob/namesake", "--namespace", &arena.namespace];
    let held = "--for=jsonpath={.status.reason}=ProviderNotReady";
    kubectl(&[&["wait", held, "--timeout=120s"], &job[..]].concat()).await?;
    let held = kubectl(&[&["get", "-o", "jsonpath={.status.message}"], &job[..]].concat()).await?;
    ensure!(held.contains("The provider mfn, which has or may have the same account"), "{held}");
    let journal = arena.portals.journal().await?;
    ensure!(journal.logins() == 1, "the account was used under its other name");
    kubectl(&["delete", "fnoproviders/mfn", "--namespace", &arena.namespace, "--timeout=60s"])
        .await?;
    jobs::all_finished(&arena.jobs(), LONG).await?;
    ensure!(arena.portals.journal().await?.logins() == 2, "one login for the last job");
    close(arena, []).await
}
