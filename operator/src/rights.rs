//! Keeps the operator's rights in a listed namespace for as long as something there needs them.
//!
//! Where the operator works in a list of namespaces, a RoleBinding in each of them gives it its rights. Deleting a namespace deletes that
//! RoleBinding, too, at once and in any order. Batches and jobs at work carry a finalizer that only the operator removes: without its rights
//! they, and the namespace, would hang in Terminating for ever. So the RoleBinding carries the same finalizer while a batch in the namespace
//! does, and goes last.
//!
//! This needs a RoleBinding to a ClusterRole. A Role in the namespace would have to be kept, too, and whichever of the two is let go first
//! takes away the right to let go of the other.

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

/// Namespaces are looked through this often for rights that nothing needs any more.
const EVERY: Duration = Duration::from_secs(5);
/// What is known about a RoleBinding holds this long: a person may have replaced it.
const KNOWN_FOR: Duration = Duration::from_secs(300);

/// The RoleBindings. One turn at a time per namespace: holding and giving up must not overlap.
#[derive(Debug, Default)]
pub struct Rights {
    /// Name of the RoleBinding in each listed namespace; none where rights do not come from one.
    binding: Option<String>,
    namespaces: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<Namespace>>>>,
}

#[derive(Debug, Default)]
struct Namespace {
    finalizer: Finalizer,
    outage: Outage,
}

/// Whether the RoleBinding carries our finalizer.
#[derive(Debug, Default)]
enum Finalizer {
    /// Not known: this process has just started.
    #[default]
    Unknown,
    /// Present, seen at that time of the clock's uptime.
    Present(Duration),
    /// Not present.
    Absent,
}

impl Rights {
    /// Rights that come from a RoleBinding of that name in each namespace.
    #[must_use]
    pub fn new(binding: Option<String>) -> Self {
        Self { binding, namespaces: Mutex::default() }
    }

    /// Runs `create`, which creates something with our finalizer, once the rights in that namespace are held.
    ///
    /// # Errors
    /// When the rights are being taken away: nothing new starts there. Otherwise what `create` answers.
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

    /// Gives up the rights in that namespace if `is_needed`, asked once nothing can start any more, says that nothing needs them.
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

/// Gives up rights that nothing needs any more, for ever.
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

/// Logs a finalizer that could not be set, and that it could be set again. No reason to stop work: without the finalizer only the deletion of
/// the namespace during a batch needs a person.
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

/// Adds the finalizer. Returns a failure that is not a reason to stop.
async fn hold(client: &Client, namespace: &str, binding: &str) -> Result<Option<kube::Error>> {
    match set_finalizer(client, namespace, binding, true).await {
        Ok(Some(found)) if found.metadata.deletion_timestamp.is_some() => {
            Err(Error::RightsWithdrawn(format!(
                "The RoleBinding {binding} in {namespace} is being deleted: no new batch starts there."
            )))
        }
        // None: the rights come from elsewhere.
        Ok(_) => Ok(None),
        Err(error) => Ok(Some(error)),
    }
}

/// Adds or removes our finalizer. The RoleBinding as it is then; none if it does not exist.
async fn set_finalizer(
    client: &Client,
    namespace: &str,
    binding: &str,
    present: bool,
) -> kube::Result<Option<RoleBinding>> {
    let api: Api<RoleBinding> = Api::namespaced(client.clone(), namespace);
    let Some(found) = api.get_opt(binding).await? else { return Ok(None) };
    // Nothing can be added to what is being deleted, and nothing is gained by keeping a RoleBinding whose Role goes.
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

/// The finalizers with ours added or removed; none if that changes nothing.
fn finalizers(now: &[String], present: bool) -> Option<Vec<String>> {
    if now.iter().any(|finalizer| finalizer == FINALIZER) == present {
        return None;
    }
    let others = now.iter().filter(|finalizer| *finalizer != FINALIZER).cloned();
    Some(others.chain(present.then(|| FINALIZER.to_owned())).collect())
}

#[cfg(test)]
mod tests;
