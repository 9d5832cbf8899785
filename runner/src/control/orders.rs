//! What the operator and people order, as the FnoBatch says it.

use std::collections::BTreeSet;

use fno_crds::{
    FnoBatch, FnoBatchStatus, Reason,
    batch::{BatchPhase, Grant, Stop},
    names,
};

/// The orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Orders {
    /// `spec.stop`; a batch that is being deleted is aborted.
    pub stop: Stop,
    /// UIDs of jobs that must not be started any more.
    pub withdrawn: BTreeSet<String>,
    /// Permissions to log in.
    pub grants: Vec<Grant>,
    /// Reason and message of the batch: why a login was refused.
    pub why: Option<(Reason, String)>,
    /// Why nothing that this runner reports is read any more: the batch ended without it, does not exist any more, or the API server does
    /// not answer.
    pub unheard: Option<String>,
}

impl Orders {
    /// The orders in a batch. `pod` and `pod_uid` are those of this runner.
    #[must_use]
    pub fn of(batch: &FnoBatch, pod: &str, pod_uid: &str) -> Self {
        let status = batch.status.clone().unwrap_or_default();
        let deleted = batch.metadata.deletion_timestamp.is_some();
        let other = status
            .run
            .as_ref()
            .and_then(|run| run.pod_uid.as_deref())
            .filter(|uid| *uid != pod_uid);
        let unheard = match batch.phase() {
            phase @ (BatchPhase::Completed | BatchPhase::Failed) => Some(format!(
                "The batch is {phase} already: {}",
                status.message.as_deref().unwrap_or("no message")
            )),
            _ if is_replaced(&status, pod, pod_uid) => {
                Some("Another Pod runs the batch.".to_owned())
            }
            _ if other.is_some() => Some("Another Pod has reported on the batch.".to_owned()),
            _ => None,
        };
        Self {
            stop: if deleted { Stop::Abort } else { batch.spec.stop },
            withdrawn: status.withdrawn.into_iter().collect(),
            grants: status.grants,
            why: status.reason.map(|reason| (reason, status.message.unwrap_or_default())),
            unheard,
        }
    }

    /// The permission for a login.
    #[must_use]
    pub fn grant(&self, login: i32) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.login == login)
    }
}

/// Whether the operator has recorded another Pod than ours. It records a Pod after it has created it: a record of an earlier attempt, or none, means
/// that ours is still to come.
fn is_replaced(status: &FnoBatchStatus, pod: &str, pod_uid: &str) -> bool {
    match status.worker.as_deref() {
        None => false,
        Some(worker) if worker == pod => {
            status.pod_uid.as_deref().is_some_and(|uid| uid != pod_uid)
        }
        Some(worker) => names::attempt(worker) >= names::attempt(pod),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn orders(change: impl FnOnce(&mut Value)) -> Orders {
        let mut batch = json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": "b"},
            "spec": {"provider": "octotel", "account": "bot", "providerGeneration": 1, "flowsDigest": "", "jobs": [{"name": "j", "uid": "u"}]},
            "status": {"phase": "InProgress", "worker": "b-a1", "podUid": "ours", "run": {"podUid": "ours"}},
        });
        change(&mut batch);
        Orders::of(&serde_json::from_value(batch).expect("a batch"), "b-a1", "ours")
    }

    #[test]
    fn a_running_batch_orders_nothing() {
        assert_eq!(orders(|_| {}), Orders::default());
        assert_eq!(orders(|b| b["status"] = json!({})), Orders::default());
    }

    #[test]
    fn deleting_a_batch_aborts_it() {
        assert_eq!(
            orders(|b| b["metadata"]["deletionTimestamp"] = json!("2026-03-01T08:00:00Z")).stop,
            Stop::Abort
        );
        assert_eq!(orders(|b| b["spec"]["stop"] = json!("Drain")).stop, Stop::Drain);
    }

    #[test]
    fn reports_are_not_read_once_the_batch_has_ended_or_belongs_to_another_pod() {
        for (pointer, value) in [
            ("/status/phase", "Failed"),
            ("/status/phase", "Completed"),
            ("/status/worker", "b-a2"),
            ("/status/run/podUid", "another"),
            ("/status/podUid", "another"),
        ] {
            let orders = orders(|b| *b.pointer_mut(pointer).expect("it is there") = json!(value));
            assert!(orders.unheard.is_some(), "{pointer}: {value}");
        }
    }

    #[test]
    fn a_pod_that_is_not_recorded_yet_waits_for_it() {
        let earlier = orders(|b| {
            b["status"] = json!({"phase": "Assigned", "worker": "b-a0", "podUid": "earlier"});
        });
        assert_eq!(earlier, Orders::default());
    }

    #[test]
    fn a_permission_is_found_by_its_login() {
        let orders = orders(|b| {
            b["status"]["grants"] =
                json!([{"login": 1, "state": "Done"}, {"login": 2, "state": "Granted"}]);
            b["status"]["withdrawn"] = json!(["u"]);
        });
        assert_eq!(
            orders.grant(2).map(|grant| grant.state),
            Some(fno_crds::batch::GrantState::Granted)
        );
        assert_eq!(orders.grant(3), None);
        assert!(orders.withdrawn.contains("u"));
    }
}
