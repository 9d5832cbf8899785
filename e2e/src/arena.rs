//! A namespace for one scenario: portals, Secrets and providers, applied as a user would apply
//! them.

use std::{collections::BTreeMap, env, time::Duration};

use anyhow::{Context, Result};
use fno_crds::{FnoBatch, FnoJob, FnoProvider};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Namespace, Pod, Secret},
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    runtime::{conditions, wait::await_condition},
};
use serde_json::{Value, json};

use crate::{
    ground::{Ground, kubectl_with},
    jobs::wait_until,
    portals::Portals,
};

/// A namespace with demo portals in it.
pub struct Arena {
    /// Name of the namespace.
    pub namespace: String,
    /// The cluster.
    pub ground: Ground,
    /// The demo portals in the namespace.
    pub portals: Portals,
}

impl Arena {
    /// Creates the namespace with `restricted` Pod Security and starts the portals. An older
    /// namespace of that name is deleted first.
    ///
    /// # Errors
    /// The cluster refuses something, or the portals do not become ready.
    pub async fn new(ground: &Ground, name: &str) -> Result<Self> {
        let namespaces: Api<Namespace> = Api::all(ground.client.clone());
        if let Some(old) = namespaces.get_opt(name).await? {
            namespaces.delete(name, &DeleteParams::default()).await?;
            let uid = old.uid().unwrap_or_default();
            let gone = await_condition(namespaces.clone(), name, conditions::is_deleted(&uid));
            tokio::time::timeout(Duration::from_secs(120), gone)
                .await
                .with_context(|| format!("the old namespace {name} is not deleted in time"))??;
        }
        let labels =
            json!({"pod-security.kubernetes.io/enforce": "restricted", "fno.dev/arena": "true"});
        let namespace: Namespace =
            serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}}))?;
        namespaces.create(&PostParams::default(), &namespace).await?;
        let arena = Self {
            namespace: name.to_owned(),
            ground: ground.clone(),
            portals: Portals::of(ground.client.clone(), name),
        };
        let manifest = std::fs::read_to_string(Ground::root().join("e2e/portals/deploy.yaml"))?
            .replace("localhost/fno/portals:dev", &Ground::image("portals")?);
        arena.apply(&manifest).await?;
        let deployments: Api<Deployment> = Api::namespaced(ground.client.clone(), name);
        let ready = |d: Option<&Deployment>| {
            d.and_then(|d| d.status.as_ref()?.ready_replicas).is_some_and(|n| n > 0)
        };
        let up = await_condition(deployments, "portals", ready);
        tokio::time::timeout(Duration::from_secs(120), up)
            .await
            .context("the portals do not become ready in time")??;
        Ok(arena)
    }

    /// `kubectl apply` in the namespace.
    ///
    /// # Errors
    /// The API server's message.
    pub async fn apply(&self, manifest: &str) -> Result<()> {
        kubectl_with(
            &["apply", "--namespace", &self.namespace, "--server-side", "-f", "-"],
            manifest,
        )
        .await
        .map(drop)
    }

    /// Applies a sample provider with its Secrets. `change` edits its spec first.
    ///
    /// # Errors
    /// The sample is missing, or the API server refuses it.
    pub async fn provider(
        &self,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) -> Result<FnoProvider> {
        let secrets = std::fs::read_to_string(Ground::root().join("config/samples/secrets.yaml"))
            .context("config/samples/secrets.yaml")?;
        self.apply(&secrets).await?;
        let mut provider = sample(name)?;
        change(&mut provider["spec"]);
        let params = PatchParams::apply("fno-e2e").force();
        let api = self.providers();
        Ok(api.patch(name, &params, &Patch::Apply(&provider)).await?)
    }

    /// Changes a provider's spec or annotations by merge patch.
    ///
    /// # Errors
    /// The API server refuses it.
    pub async fn patch_provider(&self, name: &str, patch: Value) -> Result<FnoProvider> {
        Ok(self.providers().patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await?)
    }

    /// Creates a Secret or replaces its content.
    ///
    /// # Errors
    /// The API server refuses it.
    pub async fn secret(&self, name: &str, data: &[(&str, &str)]) -> Result<()> {
        let data: BTreeMap<&str, &str> = data.iter().copied().collect();
        let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data});
        let params = PatchParams::apply("fno-e2e").force();
        self.api::<Secret>().patch(name, &params, &Patch::Apply(&secret)).await.map(drop)?;
        Ok(())
    }

    /// Waits until all runner Pods and all Secrets of batches are deleted.
    ///
    /// # Errors
    /// Some are left after `within`.
    pub async fn swept(&self, within: Duration) -> Result<()> {
        let runner = |pod: &Pod| {
            pod.labels().get(fno_crds::names::LABEL_COMPONENT).is_some_and(|c| c == "runner")
        };
        wait_until(
            &self.api::<Pod>(),
            within,
            |p: &Pod| format!("{:?}", p.status.as_ref().and_then(|s| s.phase.clone())),
            |pods| !pods.values().any(runner),
        )
        .await
        .context("runner Pods are left over")?;
        let ours = |secret: &Secret| secret.labels().contains_key(fno_crds::names::LABEL_BATCH);
        wait_until(
            &self.api::<Secret>(),
            within,
            |_| String::new(),
            |secrets| !secrets.values().any(ours),
        )
        .await
        .context("Secrets of batches are left over")?;
        Ok(())
    }

    /// Objects of a kind in the namespace.
    #[must_use]
    pub fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.ground.client.clone(), &self.namespace)
    }

    /// The FnoJobs in the namespace.
    #[must_use]
    pub fn jobs(&self) -> Api<FnoJob> {
        self.api()
    }

    /// The FnoBatches in the namespace.
    #[must_use]
    pub fn batches(&self) -> Api<FnoBatch> {
        self.api()
    }

    /// The FnoProviders in the namespace.
    #[must_use]
    pub fn providers(&self) -> Api<FnoProvider> {
        self.api()
    }

    /// Deletes the namespace in the background, unless `FNO_KEEP` is set. Called only after a
    /// scenario succeeded, so that a failed one can be inspected.
    ///
    /// # Errors
    /// The API server refuses.
    pub async fn close(self) -> Result<()> {
        if env::var_os("FNO_KEEP").is_none() {
            Api::<Namespace>::all(self.ground.client.clone())
                .delete(&self.namespace, &DeleteParams::default())
                .await?;
        }
        Ok(())
    }
}

/// A sample provider as JSON.
///
/// # Errors
/// The sample is missing or is not YAML.
pub fn sample(name: &str) -> Result<Value> {
    let path = Ground::root().join(format!("config/samples/fnoprovider-{name}.yaml"));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    serde_yaml::from_str(&text).with_context(|| path.display().to_string())
}
