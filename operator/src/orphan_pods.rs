//! Deletes runner Pods without an active batch. A batch owns its Pod and deletes it at its end, so this is only a safety net.
//!
//! Secrets and roles need no safety net: the finalizer keeps a batch until they are gone, and if the batch disappears anyway, garbage
//! collection deletes them.

use std::{sync::Arc, time::Duration};

use fno_cluster::conflict::is_not_found;
use fno_core::{key::Key, objects::is_owned};
use fno_crds::{
    FnoBatch,
    names::{FINALIZER, LABEL_BATCH},
};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Preconditions},
};
use tokio::time::sleep;
use tracing::warn;

use crate::{context::Context, error::Result, known::parsed::Parsed};

const EVERY: Duration = Duration::from_secs(60);
/// Minimum age of an orphan: a younger Pod may belong to a batch that the watch has not shown yet.
const OLD_ENOUGH: SignedDuration = SignedDuration::from_mins(2);

/// Deletes orphaned Pods; never returns.
pub async fn run(context: Arc<Context>) {
    loop {
        sleep(EVERY).await;
        for pod in context.known.caches.pods() {
            if !is_orphan(&context, &pod) {
                continue;
            }
            warn!(
                pod = pod.name_any(),
                namespace = pod.namespace(),
                "deleting a runner Pod without an active batch"
            );
            if let Err(error) = remove(&context, &pod).await {
                warn!(pod = pod.name_any(), namespace = pod.namespace(), %error, "an orphaned Pod could not be deleted; trying again");
            }
        }
    }
}

fn is_orphan(context: &Context, pod: &Pod) -> bool {
    let Some(batch) = pod.labels().get(LABEL_BATCH) else { return false };
    let of = Key { namespace: pod.namespace().unwrap_or_default(), name: batch.clone() };
    orphaned(pod, context.known.caches.batch(&of).as_deref(), context.now())
}

fn orphaned(pod: &Pod, batch: Option<&Parsed<FnoBatch>>, now: Timestamp) -> bool {
    // A batch that cannot be read may be active.
    let Some(batch) = batch.map_or(Some(None), |batch| batch.readable().map(Some)) else {
        return false;
    };
    let age = pod
        .metadata
        .creation_timestamp
        .as_ref()
        .map_or(SignedDuration::ZERO, |created| now.duration_since(created.0));
    let owner = batch.filter(|batch| is_owned(&pod.metadata, batch));
    let cleaned = |batch: &Arc<FnoBatch>| {
        batch.phase().is_finished()
            && !batch.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
    };
    pod.metadata.deletion_timestamp.is_none() && age >= OLD_ENOUGH && owner.is_none_or(cleaned)
}

async fn remove(context: &Context, pod: &Pod) -> Result<()> {
    let api: Api<Pod> =
        Api::namespaced(context.client.clone(), &pod.namespace().unwrap_or_default());
    let only = Preconditions { uid: pod.uid(), resource_version: None };
    match api
        .delete(
            &pod.name_any(),
            &DeleteParams { preconditions: Some(only), ..DeleteParams::default() },
        )
        .await
    {
        Err(error) if !is_not_found(&error) => Err(error.into()),
        Ok(_) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_an_old_pod_without_an_active_batch_of_its_own_is_an_orphan() {
        let now: Timestamp = "2030-01-01T00:10:00Z".parse().expect("a time");
        let pod = |created: &str| -> Pod {
            serde_json::from_value(json!({"metadata": {"name": "b-a1", "creationTimestamp": created,
                "ownerReferences": [{"apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "name": "b", "uid": "u"}]}}))
            .expect("a Pod")
        };
        let batch = |uid: &str, finalizers: Value, phase: &str| -> Parsed<FnoBatch> {
            serde_json::from_value(
                json!({"apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": "b", "uid": uid, "finalizers": finalizers},
                "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "d", "jobs": [{"name": "j", "uid": "u"}]},
                "status": {"phase": phase}}),
            )
            .expect("a batch")
        };
        let (old, young) = (pod("2030-01-01T00:00:00Z"), pod("2030-01-01T00:09:00Z"));
        assert!(orphaned(&old, None, now));
        assert!(!orphaned(&young, None, now));
        assert!(!orphaned(&old, Some(&batch("u", json!([FINALIZER]), "InProgress")), now));
        assert!(
            !orphaned(&old, Some(&batch("u", json!([FINALIZER]), "Completed")), now),
            "the end of its batch deletes it"
        );
        assert!(orphaned(&old, Some(&batch("u", json!([]), "Completed")), now));
        assert!(orphaned(&old, Some(&batch("another", json!([FINALIZER]), "InProgress")), now));
        for uid in ["u", "another"] {
            assert!(
                !orphaned(&old, Some(&batch(uid, json!([]), "NewerPhase")), now),
                "a batch that cannot be read may be active"
            );
        }
    }
}
