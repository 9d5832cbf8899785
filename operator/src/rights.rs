//! Keeps the operator's permissions in a listed namespace for as long as something there needs them.
//!
//! If the operator works in a list of namespaces, a RoleBinding in each of them gives it its permissions. Deleting a namespace deletes that
//! RoleBinding, too, in no particular order. Active batches and jobs have a finalizer that only the operator removes: if the RoleBinding
//! were deleted first, they, and the namespace, would stay in Terminating for ever. So the RoleBinding has the same finalizer as long as a
//! batch in the namespace has it, and is deleted last.
//!
//! This needs a RoleBinding to a ClusterRole. A Role in the namespace would have to be kept, too, and whichever of the two is released first
//! takes away the permission to release the other.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fno_cluster::{conflict::is_not_found, failure::sentence};
use fno_core::outage::Outage;
use fno_crds::names::FINALIZER;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::{Api, Client, ResourceExt as _, api::Patch};
use serde_json::json;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::{
    context::Context,
    error::{Error, Result},
    patch,
};

/// How often the namespaces are checked for permissions that nothing needs any more.
const EVERY: Duration = Duration::from_secs(5);
/// How long what was read of a RoleBinding is used: a person may have replaced it.
const KNOWN_FOR: Duration = Duration::from_secs(300);

/// The RoleBindings, with a lock per namespace: holding permissions and giving them up must not overlap.
#[derive(Debug, Default)]
pub struct Rights {
    /// Name of the RoleBinding in each listed namespace. None if the permissions do not come from one.
    binding: Option<String>,
    namespaces: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<Namespace>>>>,
}

#[derive(Debug, Default)]
struct Namespace {
    finalizer: Finalizer,
    outage: Outage,
}

/// Whether the RoleBinding has the operator's finalizer.
#[derive(Debug, Default)]
enum Finalizer {
    /// Not known, because this process has just started.
    #[default]
    Unknown,
    /// Present when it was last read, at that time of the clock's uptime.
    Present(Duration),
    /// Not present.
    Absent,
}

impl Rights {
    /// Permissions that come from a RoleBinding of that name in each namespace.
    #[must_use]
    pub fn new(binding: Option<String>) -> Self {
        Self { binding, namespaces: Mutex::default() }
    }

    /// Runs `create`, which creates something with the operator's finalizer, once the permissions in that namespace are held.
    ///
    /// # Errors
    /// If the permissions are being taken away, so that nothing new may start there. Otherwise the error of `create`.
    pub async fn held<T>(
        &self,
        client: &Client,
        namespace: &str,
        uptime: Duration,
        create: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let Some(binding) = &self.binding else { return create.await };
        let turn = self.turn(namespace);
        let mut state = turn.lock().await;
        let is_held = matches!(state.finalizer, Finalizer::Present(at) if uptime.saturating_sub(at) <= KNOWN_FOR);
        if !is_held {
            let failed = hold(client, namespace, binding).await?;
            note(&mut state.outage, namespace, binding, uptime, failed);
            state.finalizer = Finalizer::Present(uptime);
        }
        create.await
    }

    /// Gives up the permissions in that namespace unless `is_needed`, which is asked once nothing new can start there.
    async fn give_up(
        &self,
        client: &Client,
        namespace: &str,
        uptime: Duration,
        is_needed: impl Fn() -> bool,
    ) {
        let Some(binding) = &self.binding else { return };
        let turn = self.turn(namespace);
        let mut state = turn.lock().await;
        if matches!(state.finalizer, Finalizer::Absent) || is_needed() {
            return;
        }
        let failed = set_finalizer(client, namespace, binding, false).await.err();
        if failed.is_none() {
            state.finalizer = Finalizer::Absent;
        }
        note(&mut state.outage, namespace, binding, uptime, failed);
    }

    fn turn(&self, namespace: &str) -> Arc<tokio::sync::Mutex<Namespace>> {
        let mut all = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(all.entry(namespace.to_owned()).or_default())
    }
}

/// Gives up permissions that nothing needs any more; never returns.
pub async fn run(context: Arc<Context>) {
    loop {
        sleep(EVERY).await;
        for (namespace, works) in context.known.caches.services() {
            let Some(namespace) = namespace.filter(|_| works) else { continue };
            let (uptime, is_needed) =
                (context.clock.uptime(), || context.known.has_finalizers(namespace));
            context.rights.give_up(&context.client, namespace, uptime, is_needed).await;
        }
    }
}

/// Logs that the finalizer could not be set, or can be set again. This does not stop any work: without the finalizer, a person is needed
/// only if the namespace is deleted during a batch.
fn note(
    outage: &mut Outage,
    namespace: &str,
    binding: &str,
    uptime: Duration,
    failed: Option<kube::Error>,
) {
    match failed.map(|error| sentence(&error)) {
        None => {
            if outage.ended(uptime).is_some() {
                info!(
                    namespace,
                    role_binding = binding,
                    "the finalizer of the RoleBinding can be set again"
                );
            }
        }
        Some(error) => {
            if outage.failed(&error, uptime) {
                warn!(
                    namespace,
                    role_binding = binding,
                    error,
                    "the finalizer of the operator's RoleBinding could not be changed: deleting the namespace during a batch may hang"
                );
            }
        }
    }
}

/// Adds the finalizer. An error that does not have to stop the work is returned as a value.
async fn hold(client: &Client, namespace: &str, binding: &str) -> Result<Option<kube::Error>> {
    match set_finalizer(client, namespace, binding, true).await {
        Ok(Some(found)) if found.metadata.deletion_timestamp.is_some() => {
            Err(Error::RightsWithdrawn(format!(
                "The RoleBinding {binding} in {namespace} is being deleted: no new batch starts there."
            )))
        }
        // Without a RoleBinding the permissions come from elsewhere.
        Ok(_) => Ok(None),
        Err(error) => Ok(Some(error)),
    }
}

/// Adds or removes the operator's finalizer, and returns the RoleBinding as it is then. None if it does not exist.
async fn set_finalizer(
    client: &Client,
    namespace: &str,
    binding: &str,
    present: bool,
) -> kube::Result<Option<RoleBinding>> {
    let api: Api<RoleBinding> = Api::namespaced(client.clone(), namespace);
    let Some(found) = api.get_opt(binding).await? else { return Ok(None) };
    // An object that is being deleted accepts no new finalizer, and keeping a RoleBinding whose Role is deleted gains nothing.
    if present
        && (found.metadata.deletion_timestamp.is_some() || found.role_ref.kind != "ClusterRole")
    {
        return Ok(Some(found));
    }
    let Some(finalizers) = finalizers(found.finalizers(), present) else { return Ok(Some(found)) };
    let patch = json!({"metadata": {"resourceVersion": found.metadata.resource_version, "finalizers": finalizers}});
    match api.patch(binding, &patch::parameters(), &Patch::Merge(&patch)).await {
        Err(error) if is_not_found(&error) => Ok(None),
        patched => patched.map(Some),
    }
}

/// The finalizers with the operator's added or removed. None if that changes nothing.
fn finalizers(now: &[String], present: bool) -> Option<Vec<String>> {
    if now.iter().any(|finalizer| finalizer == FINALIZER) == present {
        return None;
    }
    let others = now.iter().filter(|finalizer| *finalizer != FINALIZER).cloned();
    Some(others.chain(present.then(|| FINALIZER.to_owned())).collect())
}

#[cfg(test)]
mod tests;
