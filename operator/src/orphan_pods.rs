//! Deletes runner Pods without an active batch. A batch owns its Pod and deletes it at its end, so this is only a safety net.
//!
//! Secrets and roles need no safety net: the finalizer keeps a batch until they are gone, and if the batch disappears anyway, garbage
//! collection deletes them.

use std::{collections::HashMap, sync::Arc, time::Duration};

use fno_cluster::conflict::is_not_found;
use fno_core::{key::Key, objects::is_owned};
use fno_crds::{
    FnoBatch,
    names::{FINALIZER, LABEL_BATCH},
};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Preconditions},
};
use tokio::time::sleep;
use tracing::warn;

use crate::{context::Context, error::Result, known::parsed::Parsed};

const EVERY: Duration = Duration::from_secs(60);
/// How long a Pod has to be without an active batch, by the operator's clock: the watch may not have shown its batch yet.
const LONG_ENOUGH: Duration = Duration::from_secs(120);

/// Deletes orphaned Pods; never returns.
pub async fn run(context: Arc<Context>) {
    let mut orphans = Orphans::default();
    loop {
        sleep(EVERY).await;
        let pods = context.known.caches.pods().into_iter().filter(|pod| is_orphan(&context, pod));
        for pod in orphans.due(pods.collect(), context.clock.uptime()) {
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
    orphaned(pod, context.known.caches.batch(&of).as_deref())
}

/// Since when each Pod has been an orphan, by its UID.
#[derive(Default)]
struct Orphans(HashMap<String, Duration>);

impl Orphans {
    /// Takes the Pods that are orphans at `uptime` and returns those that have been for long enough.
    fn due(&mut self, orphans: Vec<Arc<Pod>>, uptime: Duration) -> Vec<Arc<Pod>> {
        let uid = |pod: &Arc<Pod>| pod.uid().unwrap_or_default();
        let before = std::mem::take(&mut self.0);
        let since = |uid: String| (before.get(&uid).copied().unwrap_or(uptime), uid);
        self.0 = orphans.iter().map(uid).map(since).map(|(since, uid)| (uid, since)).collect();
        let lasted = |pod: &Arc<Pod>| self.0.get(&uid(pod)).map(|since| uptime - *since);
        orphans.into_iter().filter(|pod| lasted(pod) >= Some(LONG_ENOUGH)).collect()
    }
}

fn orphaned(pod: &Pod, batch: Option<&Parsed<FnoBatch>>) -> bool {
    // A batch that cannot be read may be active.
    let Some(batch) = batch.map_or(Some(None), |batch| batch.readable().map(Some)) else {
        return false;
    };
    let owner = batch.filter(|batch| is_owned(&pod.metadata, batch));
    let cleaned = |batch: &Arc<FnoBatch>| {
        batch.phase().is_finished()
            && !batch.finalizers().iter().any(|finalizer| finalizer == FINALIZER)
    };
    pod.metadata.deletion_timestamp.is_none() && owner.is_none_or(cleaned)
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
    fn only_a_pod_without_an_active_batch_of_its_own_is_an_orphan() {
        let pod = || -> Pod {
            serde_json::from_value(json!({"metadata": {"name": "b-a1",
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
        let pod = pod();
        assert!(orphaned(&pod, None));
        assert!(!orphaned(&pod, Some(&batch("u", json!([FINALIZER]), "InProgress"))));
        assert!(
            !orphaned(&pod, Some(&batch("u", json!([FINALIZER]), "Completed"))),
            "the end of its batch deletes it"
        );
        assert!(orphaned(&pod, Some(&batch("u", json!([]), "Completed"))));
        assert!(orphaned(&pod, Some(&batch("another", json!([FINALIZER]), "InProgress"))));
        for uid in ["u", "another"] {
            assert!(
                !orphaned(&pod, Some(&batch(uid, json!([]), "NewerPhase"))),
                "a batch that cannot be read may be active"
            );
        }
    }
    #[test]
    fn a_pod_is_deleted_after_two_minutes_without_a_batch_whatever_its_creation_time_says() {
        let pods = |uids: &[&str]| -> Vec<Arc<Pod>> {
            let pod = |uid: &&str| {
                serde_json::from_value(
                    json!({"metadata": {"uid": uid, "creationTimestamp": "2020-01-01T00:00:00Z"}}),
                )
            };
            uids.iter().map(pod).map(|pod| Arc::new(pod.expect("a Pod"))).collect()
        };
        let mut orphans = Orphans::default();
        let mut due = |uids: &[&str], seconds| {
            let due = orphans.due(pods(uids), Duration::from_secs(seconds));
            due.iter().filter_map(|pod| pod.uid()).collect::<Vec<_>>()
        };
        assert_eq!(due(&["a"], 60), [""; 0]);
        assert_eq!(due(&["a", "b"], 120), [""; 0]);
        assert_eq!(due(&["a", "b"], 180), ["a"]);
        assert_eq!(due(&["a"], 240), ["a"], "the deletion failed");
        assert_eq!(due(&["b"], 300), [""; 0], "its batch was there in between");
    }
}
