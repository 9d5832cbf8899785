//! What an installation in a few namespaces may do, and what a provider may ask for.

use anyhow::{Context as _, Result};
use fno_e2e::Ground;
use serde_json::{Value, json};

use crate::{
    api_server::User,
    policies::{installed, operator},
};

#[tokio::test]
async fn with_a_list_of_namespaces_the_operator_has_no_right_elsewhere() -> Result<()> {
    for cluster_role in [true, false] {
        let values =
            format!("crds.create=false,namespaces={{lines}},rbac.clusterRole={cluster_role}");
        no_right_elsewhere(&values).await?;
    }
    Ok(())
}

async fn no_right_elsewhere(values: &str) -> Result<()> {
    let server = installed(values).await?;
    let (operator, nothing) = (operator(), json!({}));
    for path in ["/api/v1/namespaces/lines/pods", "/apis/fno.dev/v1alpha1/namespaces/lines/fnojobs"]
    {
        server.admitted(&operator, "GET", path, &nothing).await?;
    }
    for path in [
        "/api/v1/pods",
        "/api/v1/secrets",
        "/api/v1/namespaces",
        "/api/v1/namespaces/fno-system/pods",
        "/api/v1/namespaces/fno-system/secrets/fno-operator-valkey",
        "/api/v1/namespaces/kube-system/secrets/any",
        "/apis/fno.dev/v1alpha1/fnojobs",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/fno-system/roles",
    ] {
        server.refused(&operator, "GET", path, &nothing, "is forbidden: User").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_provider_gives_the_browser_no_secret_and_takes_no_class_of_kubernetes_itself()
-> Result<()> {
    let server = installed("crds.create=false").await?;
    let sample = Ground::root().join("config/samples/fnoprovider-evotel.yaml");
    let sample = std::fs::read_to_string(&sample).context("the sample")?;
    let provider = |runner: Value| -> Result<Value> {
        let mut provider: Value = serde_yaml::from_str(&sample)?;
        provider["spec"]["runner"] = runner;
        Ok(provider)
    };
    let admin = User::person("admin");
    let path = "/apis/fno.dev/v1alpha1/namespaces/lines/fnoproviders";
    for class in ["system-cluster-critical", "system-node-critical"] {
        let body = provider(json!({"priorityClassName": class}))?;
        let sentence = "the priority classes of Kubernetes itself are not for runner Pods";
        server.refused(&admin, "POST", path, &body, sentence).await?;
    }
    let bundle =
        json!({"priorityClassName": "low", "caBundleRef": {"name": "ca", "key": "ca.crt"}});
    server.admitted(&admin, "POST", path, &provider(bundle)?).await?;
    Ok(())
}
