//! No code, seed or password in any log, object, event, metric or file name.

use std::collections::BTreeSet;

use anyhow::Result;
use k8s_openapi::api::core::v1::{Namespace, Pod, Secret};
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, LogParams},
};

use crate::ground::{Ground, SYSTEM, kubectl, metrics};

/// Every place where one of `secrets` shows in the operator's namespace or a scenario's namespace: `place: secret's number`.
/// Secrets themselves are not looked into. The secret is never printed.
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
    let mut namespaces: Vec<String> = Api::<Namespace>::all(ground.client.clone()).list(&arenas).await?.iter().map(kube::ResourceExt::name_any).collect();
    namespaces.push(SYSTEM.to_owned());
    for namespace in &namespaces {
        let objects =
            kubectl(&["get", "--namespace", namespace, "fnojobs,fnobatches,fnoproviders,pods,events,configmaps,serviceaccounts,roles", "-o", "json"]).await?;
        look(&format!("objects in {namespace}"), &objects);
        let pods: Api<Pod> = Api::namespaced(ground.client.clone(), namespace);
        for pod in pods.list(&ListParams::default()).await? {
            // The portals know their own secrets and are judged by their own tests.
            if pod.name_any().starts_with("portals") {
                continue;
            }
            let containers = pod.spec.iter().flat_map(|s| s.containers.iter().chain(s.init_containers.iter().flatten()));
            for container in containers.map(|c| c.name.clone()) {
                let params = LogParams { container: Some(container.clone()), ..LogParams::default() };
                if let Ok(log) = pods.logs(&pod.name_any(), &params).await {
                    look(&format!("log of {namespace}/{}/{container}", pod.name_any()), &log);
                }
            }
        }
    }
    Ok(found)
}

/// Values of Secrets in a scenario's namespace: the passwords, the seeds, and the codes while they exist.
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
