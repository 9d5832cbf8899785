//! What a Pod's status means for its batch.

use fno_crds::{
    Reason,
    names::{CONTAINER_BROWSER, CONTAINER_RUNNER},
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, Pod, PodStatus};

use crate::why::Why;

/// How far a runner Pod has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodState {
    /// No Pod of that name exists.
    Missing,
    /// Its main container has not run yet; with the reason, if it is known.
    Starting(Option<Why>),
    /// Its main container runs.
    Running {
        /// When the main container started, by the node's clock.
        since: Timestamp,
    },
    /// Its main container ended, or the Pod was given up before it ran.
    Ended {
        /// Whether the main container ever ran. Only if it did not, another Pod may do the same work.
        ran: bool,
        /// How the container or the Pod ended, for people.
        how: String,
    },
}

impl PodState {
    /// Reads the state from a Pod's status.
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
                    "the Pod failed: {}",
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

    /// Whether no container of the Pod runs any more, so that nothing in it can reach the portal.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self, Self::Missing | Self::Ended { .. })
    }
}

/// How the browser's container ended, for people: whether it ran out of memory, and how often it was restarted. None if it has not ended
/// yet. The runner cannot report this: when the browser dies, its connection to the driver is lost without a reason.
#[must_use]
pub fn browser_end(pod: &Pod) -> Option<String> {
    let statuses = pod.status.as_ref()?.init_container_statuses.as_ref()?;
    let browser = statuses.iter().find(|container| container.name == CONTAINER_BROWSER)?;
    let ended = |state: &Option<ContainerState>| state.as_ref()?.terminated.clone();
    let last = ended(&browser.state).or_else(|| ended(&browser.last_state))?;
    let restarts = match browser.restart_count {
        1 => "restarted once".to_owned(),
        n => format!("restarted {n} times"),
    };
    if last.reason.as_deref() != Some("OOMKilled") {
        let reason = last.reason.as_deref().unwrap_or("ended");
        return Some(format!(
            "The browser's container ended with exit code {} ({reason}; {restarts}).",
            last.exit_code
        ));
    }
    let limit = browser
        .resources
        .as_ref()
        .and_then(|resources| resources.limits.as_ref()?.get("memory"))
        .map(|memory| format!(" of {}", memory.0))
        .unwrap_or_default();
    Some(format!(
        "The browser's container was killed because it used more than its memory limit{limit} (OOMKilled; {restarts})."
    ))
}

/// What keeps the Pod from running, as far as its status says.
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
                "The image {} of the container {name} cannot be pulled: {said}",
                container.image
            ),
        }),
        "CreateContainerConfigError" => Some(Why {
            reason: Reason::SecretNotFound,
            message: format!("The container {name} cannot be created: {said}"),
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
    fn a_pod_that_does_not_start_gives_the_reason() {
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
            // The kubelet lost track of the container, which may have run.
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

    fn with_browser(state: Value, last_state: Value, restarts: i32) -> Pod {
        serde_json::from_value(json!({"status": {"phase": "Running", "initContainerStatuses": [
            {"name": "browser", "image": "b", "imageID": "", "ready": true, "restartCount": restarts, "state": state, "lastState": last_state,
             "resources": {"limits": {"memory": "1Gi"}}}]}}))
        .expect("a Pod")
    }

    #[test]
    fn a_browser_that_ran_out_of_memory_is_named_with_its_limit_and_its_restarts() {
        let running = json!({"running": {"startedAt": "2030-01-01T00:00:00Z"}});
        let killed = json!({"terminated": {"exitCode": 137, "reason": "OOMKilled"}});
        let said = browser_end(&with_browser(running.clone(), killed.clone(), 2)).expect("an end");
        for part in ["memory limit of 1Gi", "OOMKilled", "restarted 2 times"] {
            assert!(said.contains(part), "{said}");
        }
        let not_restarted_yet = browser_end(&with_browser(killed, json!({}), 0)).expect("an end");
        assert!(not_restarted_yet.contains("OOMKilled"), "{not_restarted_yet}");
        let crashed = json!({"terminated": {"exitCode": 139, "reason": "Error"}});
        let said = browser_end(&with_browser(running.clone(), crashed, 1)).expect("an end");
        assert!(said.contains("exit code 139") && said.contains("restarted once"), "{said}");
        assert_eq!(browser_end(&with_browser(running, json!({}), 0)), None);
        assert_eq!(browser_end(&Pod::default()), None);
    }

    #[test]
    fn a_running_pod_has_the_time_it_started() {
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
