//! Searches logs, objects, events, metrics, stored files and file names for codes, seeds and
//! passwords.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim, Pod, Secret};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ListParams, LogParams, PostParams},
    runtime::wait::await_condition,
};
use serde_json::json;

use crate::ground::{Ground, RELEASE, SYSTEM, kubectl, metrics};

/// Searches contents and names of all stored files. Prints the number of files, then the files that
/// show a secret.
const LOOK_THROUGH: &str = r#"set -e
cd /evidence
find . -type f | wc -l
grep -rlFf /patterns/patterns . || [ $? = 1 ]
find . | grep -cFf /patterns/patterns | sed -n '/^0$/!s/$/ file names/p'
"#;

/// Every place in the operator's namespace or a scenario's namespace that shows one of `secrets`:
/// `place: number of the secret`. The contents of Secret objects are not searched. The secret
/// itself is never printed.
///
/// # Errors
/// The cluster does not answer.
pub async fn search(ground: &Ground, secrets: &BTreeSet<String>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut look = |place: &str, text: &str| {
        for (number, secret) in secrets.iter().enumerate() {
            if text.contains(secret.as_str()) {
                found.push(format!("{place}: secret {number}"));
            }
        }
    };
    look("metrics", &metrics(ground).await?);
    let arenas = ListParams::default().labels("fno.dev/arena=true");
    let mut namespaces: Vec<String> = Api::<Namespace>::all(ground.client.clone())
        .list(&arenas)
        .await?
        .iter()
        .map(kube::ResourceExt::name_any)
        .collect();
    namespaces.push(SYSTEM.to_owned());
    for namespace in &namespaces {
        let objects = kubectl(&[
            "get",
            "--namespace",
            namespace,
            "fnojobs,fnobatches,fnoproviders,pods,events,configmaps,serviceaccounts,roles",
            "-o",
            "json",
        ])
        .await?;
        look(&format!("objects in {namespace}"), &objects);
        let pods: Api<Pod> = Api::namespaced(ground.client.clone(), namespace);
        for pod in pods.list(&ListParams::default()).await? {
            // The portals know their own secrets. Their own tests check that they keep them.
            if pod.name_any().starts_with("portals") {
                continue;
            }
            let containers = pod
                .spec
                .iter()
                .flat_map(|s| s.containers.iter().chain(s.init_containers.iter().flatten()));
            for container in containers.map(|c| c.name.clone()) {
                let params =
                    LogParams { container: Some(container.clone()), ..LogParams::default() };
                if let Ok(log) = pods.logs(&pod.name_any(), &params).await {
                    look(&format!("log of {namespace}/{}/{container}", pod.name_any()), &log);
                }
            }
        }
    }
    Ok(found)
}

/// Every stored file whose content or name shows one of `secrets`: pictures, manifests and reports
/// on the volume of `namespace`, runner logs and the archive on the operator's volume. Empty if
/// evidence is in S3 and there are no volumes.
///
/// # Errors
/// The cluster does not answer, or the Pod that searches cannot run.
pub async fn search_kept(
    ground: &Ground,
    namespace: &str,
    secrets: &BTreeSet<String>,
) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for (namespace, claim) in
        [(namespace, "fno-evidence".to_owned()), (SYSTEM, format!("{RELEASE}-evidence"))]
    {
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(ground.client.clone(), namespace);
        if claims.get_opt(&claim).await?.is_some() {
            found.extend(
                look_through(ground, namespace, &claim, secrets)
                    .await
                    .with_context(|| format!("the volume {claim} in {namespace}"))?,
            );
        }
    }
    Ok(found)
}

/// Searches in a Pod, because only a Pod can read a volume on every cluster.
async fn look_through(
    ground: &Ground,
    namespace: &str,
    claim: &str,
    secrets: &BTreeSet<String>,
) -> Result<Vec<String>> {
    let (all, pods): (Api<Secret>, Api<Pod>) = (
        Api::namespaced(ground.client.clone(), namespace),
        Api::namespaced(ground.client.clone(), namespace),
    );
    let patterns =
        secrets.iter().filter(|secret| !secret.is_empty()).cloned().collect::<Vec<_>>().join("\n");
    let patterns =
        json!({"metadata": {"generateName": "leaks-"}, "stringData": {"patterns": patterns}});
    let patterns =
        all.create(&PostParams::default(), &serde_json::from_value(patterns)?).await?.name_any();
    let pod = json!({
        "metadata": {"generateName": "leaks-"},
        "spec": {
            "restartPolicy": "Never", "automountServiceAccountToken": false,
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "look", "image": Ground::image("portals")?, "imagePullPolicy": "IfNotPresent", "command": ["sh", "-c", LOOK_THROUGH],
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}},
                "volumeMounts": [{"name": "evidence", "mountPath": "/evidence", "readOnly": true}, {"name": "patterns", "mountPath": "/patterns"}],
            }],
            "volumes": [{"name": "evidence", "persistentVolumeClaim": {"claimName": claim}}, {"name": "patterns", "secret": {"secretName": patterns}}],
        },
    });
    let name = pods.create(&PostParams::default(), &serde_json::from_value(pod)?).await?.name_any();
    let phase = |pod: Option<&Pod>| {
        pod.and_then(|pod| pod.status.as_ref()?.phase.clone()).unwrap_or_default()
    };
    let over = await_condition(pods.clone(), &name, move |pod: Option<&Pod>| {
        matches!(phase(pod).as_str(), "Succeeded" | "Failed")
    });
    let pod = tokio::time::timeout(Duration::from_secs(120), over)
        .await
        .context("the search does not end in time")??;
    let said = pods.logs(&name, &LogParams::default()).await?;
    ensure!(phase(pod.as_ref()) == "Succeeded", "the search failed: {said}");
    pods.delete(&name, &DeleteParams::default()).await?;
    all.delete(&patterns, &DeleteParams::default()).await?;
    let (count, found) = said.split_once('\n').context("the search printed nothing")?;
    ensure!(namespace == SYSTEM || count.trim().parse::<usize>()? > 0, "nothing was stored");
    Ok(found.lines().map(|file| format!("{claim} in {namespace}: {file}")).collect())
}

/// Values of Secrets in a scenario's namespace: passwords, seeds, and codes while they exist.
///
/// # Errors
/// The cluster does not answer.
pub async fn values(ground: &Ground, namespace: &str) -> Result<BTreeSet<String>> {
    let secrets: Api<Secret> = Api::namespaced(ground.client.clone(), namespace);
    let mut values = BTreeSet::new();
    for secret in secrets.list(&ListParams::default()).await? {
        for (key, value) in secret.data.unwrap_or_default() {
            if matches!(key.as_str(), "password" | "totp" | "code") {
                values.extend(String::from_utf8(value.0));
            }
        }
    }
    Ok(values)
}
