//! What a Pod's status means for its batch.

use fno_crds::{Reason, names::CONTAINER_RUNNER};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodStatus};

use crate::why::Why;

/// How far a runner Pod is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodState {
    /// There is none of that name.
    Missing,
    /// Its main container has not run yet; what is in the way, if that is known.
    Starting(Option<Why>),
    /// Its main container runs.
    Running {
        /// Since when.
        since: Timestamp,
    },
    /// Its main container ended, or the Pod was given up before it ran.
    Ended {
        /// Whether the main container ever ran. Only if it did not, another Pod may do the same work.
        ran: bool,
        /// How it ended, for people.
        how: String,
    },
}

impl PodState {
    /// Reads a Pod.
    #[must_use]
    pub fn of(pod: &Pod) -> Self {
        let status = pod.status.clone().unwrap_or_default();
        let main = status.container_statuses.iter().flatten().find(|c| c.name == CONTAINER_RUNNER);
        let state = main.and_then(|c| c.state.as_ref());
        if let Some(ended) = state.and_then(|s| s.terminated.as_ref()) {
            let reason = ended.reason.as_deref().unwrap_or("ended");
            // A container that could not be started is reported as terminated too, without ever having run.
            let ran = ended.started_at.is_some()
                && !matches!(
                    reason,
                    "ContainerCannotRun" | "StartError" | "ContainerStatusUnknown"
                );
            return Self::Ended {
                ran: ran || reason == "ContainerStatusUnknown",
                how: format!("the runner ended with exit code {} ({reason})", ended.exit_code),
            };
        }
        if matches!(status.phase.as_deref(), Some("Failed" | "Succeeded")) {
            let ran = main.is_some_and(|c| {
                c.started == Some(true)
                    || c.last_state.as_ref().is_some_and(|s| s.terminated.is_some())
            });
            let how = [status.reason.as_deref(), status.message.as_deref()]
                .into_iter()
                .flatten()
                .collect::<Vec<_>>()
                .join(": ");
            return Self::Ended {
                ran,
                how: format!(
                    "the Pod was given up: {}",
                    if how.is_empty() { "no reason given" } else { &how }
                ),
            };
        }
        if let Some(running) = state.and_then(|s| s.running.as_ref()) {
            return Self::Running {
                since: running.started_at.as_ref().map_or(Timestamp::UNIX_EPOCH, |t| t.0),
            };
        }
        Self::Starting(problem(&status))
    }

    /// No container of it is at work any more, so nothing of it can reach the portal.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Missing | Self::Ended { .. })
    }
}

/// What keeps the Pod from running, as far as it has been said.
fn problem(status: &PodStatus) -> Option<Why> {
    let unscheduled = status
        .conditions
        .iter()
        .flatten()
        .find(|c| c.type_ == "PodScheduled" && c.status == "False");
    if let Some(condition) = unscheduled {
        let message = condition.message.clone().unwrap_or_default();
        return Some(match condition.reason.as_deref() {
            Some("SchedulingGated") => Why {
                reason: Reason::PodUnschedulable,
                message: format!("The Pod is gated by its scheduler: {message}"),
            },
            _ => Why {
                reason: Reason::PodUnschedulable,
                message: format!("No node can take the Pod: {message}"),
            },
        });
    }
    let containers = status
        .init_container_statuses
        .iter()
        .flatten()
        .chain(status.container_statuses.iter().flatten());
    containers.filter_map(held_up).next()
}

fn held_up(container: &ContainerStatus) -> Option<Why> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let (name, said) = (&container.name, waiting.message.as_deref().unwrap_or("no message"));
    match waiting.reason.as_deref()? {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "RegistryUnavailable"
        | "ImageInspectError"
        | "SignatureValidationFailed" => Some(Why {
            reason: Reason::ImageUnavailable,
            message: format!(
                "The image {} of the container {name} cannot be had: {said}",
                container.image
            ),
        }),
        "CreateContainerConfigError" => Some(Why {
            reason: Reason::SecretNotFound,
            message: format!("The container {name} cannot be made: {said}"),
        }),
        reason @ ("CrashLoopBackOff" | "CreateContainerError" | "RunContainerError") => Some(Why {
            reason: Reason::RunnerLost,
            message: format!("The container {name} does not start ({reason}): {said}"),
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn state(status: Value) -> PodState {
        PodState::of(&serde_json::from_value(json!({"status": status})).expect("a Pod"))
    }

    fn waiting(reason: &str) -> Value {
        json!({"phase": "Pending", "containerStatuses": [
            {"name": "runner", "image": "runner:1", "imageID": "", "ready": false, "restartCount": 0, "state": {"waiting": {"reason": reason, "message": "said"}}}]})
    }

    #[test]
    fn a_pod_that_starts_says_what_is_in_its_way() {
        let reason = |state| match state {
            PodState::Starting(Some(blocked)) => Some((blocked.reason, blocked.message)),
            PodState::Starting(None) => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(state(json!({}))), None);
        assert_eq!(reason(state(waiting("ContainerCreating"))), None);
        let (found, message) = reason(state(waiting("ImagePullBackOff"))).expect("a problem");
        assert_eq!(found, Reason::ImageUnavailable);
        assert!(message.contains("runner:1") && message.contains("said"), "{message}");
        assert_eq!(
            reason(state(waiting("CreateContainerConfigError"))).expect("a problem").0,
            Reason::SecretNotFound
        );
        let unschedulable = json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]});
        assert_eq!(reason(state(unschedulable)).expect("a problem").0, Reason::PodUnschedulable);
    }

    #[test]
    fn only_a_main_container_that_ran_counts_as_having_run() {
        let ended = |reason: &str, started: Option<&str>| {
            state(
                json!({"phase": "Failed", "containerStatuses": [{"name": "runner", "image": "r", "imageID": "", "ready": false, "restartCount": 0,
                "state": {"terminated": {"exitCode": 137, "reason": reason, "startedAt": started}}}]}),
            )
        };
        for (reason, started, expected) in [
            ("OOMKilled", Some("2030-01-01T00:00:00Z"), true),
            ("Error", Some("2030-01-01T00:00:00Z"), true),
            ("StartError", Some("1970-01-01T00:00:00Z"), false),
            // The kubelet lost track of it: it may have run.
            ("ContainerStatusUnknown", None, true),
        ] {
            assert!(
                matches!(ended(reason, started), PodState::Ended { ran, .. } if ran == expected),
                "{reason}"
            );
        }
        let evicted = state(
            json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}),
        );
        assert!(
            matches!(&evicted, PodState::Ended { ran: false, how } if how.contains("Evicted")),
            "{evicted:?}"
        );
    }

    #[test]
    fn a_running_pod_says_since_when() {
        let running = state(
            json!({"phase": "Running", "containerStatuses": [{"name": "runner", "image": "r", "imageID": "", "ready": true, "restartCount": 0,
            "state": {"running": {"startedAt": "2030-01-01T00:00:00Z"}}}]}),
        );
        assert_eq!(
            running,
            PodState::Running { since: "2030-01-01T00:00:00Z".parse().expect("a time") }
        );
        assert!(!running.is_over() && PodState::Missing.is_over());
    }
}
