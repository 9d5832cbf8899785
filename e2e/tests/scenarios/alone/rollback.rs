//! What a newer operator wrote does not trouble an older one.

use anyhow::{Result, ensure};
use fno_crds::{FnoBatch, JobPhase, batch::BatchPhase};
use fno_e2e::{
    Arena,
    ground::{SYSTEM, kubectl},
    jobs::{self, validation, wait_until},
    portals::Judge as _,
};
use kube::{
    Api,
    api::{DynamicObject, Patch, PatchParams},
    discovery::ApiResource,
};
use serde_json::json;

use crate::support::{
    LONG, alone, arena, circuits, close, codes_were_never_refused, outcomes_are_right, release_with,
};

const REASON: &str = "FromANewerVersion";

/// Lets the CRDs hold a reason and a field of a version that is yet to be written, for as long as `meanwhile` takes.
async fn with_newer_crds(meanwhile: impl Future<Output = Result<()>>) -> Result<()> {
    let status = "/spec/versions/0/schema/openAPIV3Schema/properties/status/properties";
    for crd in ["fnojobs", "fnobatches"] {
        let patch = json!([
            {"op": "add", "path": format!("{status}/reason/enum/-"), "value": REASON},
            {"op": "add", "path": format!("{status}/newerField"), "value": {"type": "string"}},
        ]);
        let name = format!("{crd}.fno.dev");
        kubectl(&[
            "patch",
            "customresourcedefinition",
            &name,
            "--type",
            "json",
            "--patch",
            &patch.to_string(),
        ])
        .await?;
    }
    let outcome = meanwhile.await;
    for crd in ["fnojobs", "fnobatches"] {
        kubectl(&[
            "apply",
            "--server-side",
            "--force-conflicts",
            "-f",
            &format!("crds/{crd}.yaml"),
        ])
        .await?;
    }
    outcome
}

/// Writes a status as a newer operator would. The API server takes up a changed CRD a moment after it has answered.
async fn write_as_newer<K: kube::Resource<DynamicType = ()>>(
    arena: &Arena,
    name: &str,
) -> Result<()> {
    let api: Api<DynamicObject> = Api::namespaced_with(
        arena.ground.client.clone(),
        &arena.namespace,
        &ApiResource::erase::<K>(&()),
    );
    let status =
        json!({"reason": REASON, "message": "written by a newer version", "newerField": "new"});
    let patch = Patch::Merge(json!({"status": status}));
    let taken = async {
        loop {
            match api.patch_status(name, &PatchParams::default(), &patch).await {
                Ok(object) if object.data["status"]["newerField"] == "new" => return Ok(()),
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.code == 422 => {}
                Err(error) => return Err(error.into()),
            }
        }
    };
    tokio::time::timeout(LONG, taken).await?
}

async fn restart_operator() -> Result<()> {
    let selector = "app.kubernetes.io/component=operator";
    kubectl(&["delete", "pod", "--namespace", SYSTEM, "--selector", selector]).await.map(drop)
}

#[tokio::test]
async fn a_rolled_back_operator_neither_fails_nor_doubles_what_a_newer_one_wrote() -> Result<()> {
    let _alone = alone().await;
    let arena = arena("rollback").await?;
    arena.provider("octotel", |spec| spec["suspend"] = json!(true)).await?;
    let held = circuits(&arena, "octotel", 51).await?.pop().expect("one more");
    let suspended = validation("held", "octotel", &held.circuit, json!({"suspend": true}));
    jobs::submit(&arena.jobs(), vec![suspended]).await?;
    let circuits = release_with(&arena, "octotel", 50).await?;
    let at_work = |batch: &FnoBatch| batch.phase() == BatchPhase::InProgress;
    let batches =
        wait_until(&arena.batches(), LONG, |b| b.phase().to_string(), |b| b.values().any(at_work))
            .await?;
    let batch = batches.keys().next().cloned().unwrap_or_default();

    with_newer_crds(async {
        write_as_newer::<fno_crds::FnoBatch>(&arena, &batch).await?;
        write_as_newer::<fno_crds::FnoJob>(&arena, "held").await?;
        for n in [49, 48, 47] {
            write_as_newer::<fno_crds::FnoJob>(&arena, &format!("octotel-{n:03}")).await?;
        }
        restart_operator().await?;
        let done = |name: &str, job: &fno_crds::FnoJob| name == "held" || job.phase().is_finished();
        let jobs = wait_until(&arena.jobs(), LONG, jobs::tell, |jobs| {
            jobs.iter().all(|(name, job)| done(name, job))
        })
        .await?;
        outcomes_are_right(&jobs, "octotel", &circuits)?;
        ensure!(jobs["held"].phase() == JobPhase::Pending, "held: {}", jobs::tell(&jobs["held"]));
        Ok(())
    })
    .await?;
    let batches = jobs::batches_ended(&arena.batches(), LONG).await?;
    let journal = arena.portals.journal().await?;
    codes_were_never_refused(&journal)?;
    ensure!(
        (batches.len(), journal.logins()) == (1, 1),
        "{} batches, {} logins",
        batches.len(),
        journal.logins()
    );
    let found = journal.lookups();
    let unique: std::collections::BTreeSet<_> = found.iter().collect();
    ensure!(found.len() == unique.len(), "a circuit was looked up twice");
    close(arena, []).await
}
