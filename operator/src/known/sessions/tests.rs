use fno_core::lifecycle::Hold;
use fno_crds::FnoProvider;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::watcher::Event;
use serde_json::{Value, json};

use super::*;
use crate::known::{
    caches::{Caches, ScopeInputs},
    parsed::Parsed,
};

fn now() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().expect("a time")
}

/// A cluster as the watches show it.
struct Shown {
    known: Known,
    inputs: ScopeInputs,
}

impl Shown {
    fn new() -> Self {
        let (caches, mut inputs) = Caches::new(&[]);
        Self { known: Known::new(caches), inputs: inputs.remove(0) }
    }

    fn provider(&mut self, suspend_cancellations: Value) {
        let flow = json!({"steps": [{"type": "navigate", "url": "/"}]});
        let provider: Parsed<FnoProvider> = serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoProvider", "metadata": {"name": "p", "namespace": "n"},
            "spec": {"baseUrl": "https://portal.example.net", "allowedOrigins": ["https://portal.example.net"], "suspendCancellations": suspend_cancellations,
                "accounts": [{"name": "a", "credentialsSecretRef": {"name": "s"}}], "flows": {"login": flow, "validation": flow}},
        }))
        .expect("a provider");
        self.inputs.providers.apply_watcher_event(&Event::Apply(provider));
    }

    fn batch(&mut self, name: &str, stop: &str, status: Value) -> Parsed<FnoBatch> {
        let batch: Parsed<FnoBatch> = serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": name, "namespace": "n", "uid": name},
            "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "d", "stop": stop, "jobs": [{"name": "j", "uid": "u"}]},
            "status": status,
        }))
        .expect("a batch");
        self.inputs.batches.apply_watcher_event(&Event::Apply(batch.clone()));
        batch
    }

    fn pod(&mut self, name: &str, phase: &str) {
        let pod: Pod = serde_json::from_value(
            json!({"metadata": {"name": name, "namespace": "n"}, "status": {"phase": phase}}),
        )
        .expect("a Pod");
        self.inputs.pods.apply_watcher_event(&Event::Apply(pod));
    }

    fn woken(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.inputs.woken_batches.try_recv().ok())
            .map(|batch| batch.name)
            .collect()
    }
}

fn of() -> Key {
    Key { namespace: "n".to_owned(), name: "p".to_owned() }
}

#[test]
fn a_batch_that_cannot_be_read_takes_up_the_only_session_of_its_account() {
    let mut shown = Shown::new();
    let batch = shown.batch("b", "None", json!({"phase": "Assigned"}));
    let batch = batch.readable().expect("readable");
    let others = |known: &Known| {
        let accounts = Accounts::watched(known, "n");
        let namespace = accounts.namespace();
        (
            of_others(known, &namespace, batch, now()),
            unreadable_on_account(known, &namespace, batch),
        )
    };
    assert_eq!(others(&shown.known), (0, 0));
    shown.batch("newer", "Newer", json!({"phase": "InProgress"}));
    assert_eq!(others(&shown.known), (0, 1));
}

#[test]
fn two_batches_that_lost_their_sessions_do_not_wait_for_each_other() {
    let mut shown = Shown::new();
    let lost = json!({"phase": "InProgress", "grants": [{"login": 1, "state": "Done"}],
        "run": {"podUid": "p", "logins": 1, "login": {"n": 2, "state": "AskingLogin", "at": "2030-01-01T00:00:00.000000Z"}}});
    let batches = ["a", "b"].map(|name| shown.batch(name, "None", lost.clone()));
    for batch in &batches {
        let accounts = Accounts::watched(&shown.known, "n");
        let batch = batch.readable().expect("readable");
        assert_eq!(of_others(&shown.known, &accounts.namespace(), batch, now()), 0);
    }
    let mut granted = lost;
    granted["grants"] = json!([{"login": 1, "state": "Done"}, {"login": 2, "state": "Granted"}]);
    shown.batch("a", "None", granted);
    let accounts = Accounts::watched(&shown.known, "n");
    let waiting = batches[1].readable().expect("readable");
    assert_eq!(of_others(&shown.known, &accounts.namespace(), waiting, now()), 1, "one at a time");
}

#[test]
fn a_batch_that_is_woken_for_its_turn_is_not_late_because_it_waited() {
    let mut shown = Shown::new();
    let ended = shown.batch("a", "None", json!({"phase": "InProgress"}));
    shown.batch("b", "None", json!({"phase": "InProgress"}));
    let waiting = Key { namespace: "n".to_owned(), name: "b".to_owned() };
    let why = Why { reason: fno_crds::Reason::WaitingForSession, message: String::new() };
    let until = now() + jiff::SignedDuration::from_mins(1);
    let held = Hold { why, until, in_turn: true };
    shown.known.batches.with(&waiting, |memory| memory.held = Some(held));
    wake_others(&shown.known, ended.readable().expect("readable"));
    assert_eq!(shown.woken(), ["b"]);
    let held = shown.known.batches.with(&waiting, |memory| memory.held.clone()).expect("held");
    assert!(held.in_turn && held.until < now(), "it asks again, and its wait for a turn counts");
}

#[test]
fn a_batch_that_cannot_be_read_holds_its_runner_and_its_session_in_planning() {
    let mut shown = Shown::new();
    shown.batch("newer", "Newer", json!({"phase": "InProgress"}));
    let minute = jiff::SignedDuration::from_mins(1);
    let deadlines =
        Deadlines { pod_running: minute, logged_in: minute, heartbeat: minute, job: minute };
    let batches = shown.known.newest_batches();
    let views = views(&shown.known, &batches, &BTreeMap::new(), &[], &deadlines, now());
    assert_eq!(views.len(), 1);
    assert!(views[0].holds_runner && views[0].holds_session && !views[0].finished);
    assert_eq!(views[0].jobs, ["u"]);
}

#[test]
fn a_provider_reports_a_batch_that_cannot_be_read_until_that_batch_is_over() {
    let mut shown = Shown::new();
    assert_eq!(trouble(&shown.known, &of()), None);
    shown.batch("newer", "Newer", json!({"phase": "Failed", "worker": "newer-a1"}));
    assert_eq!(trouble(&shown.known, &of()), None, "it has ended, and there is no Pod");
    shown.pod("newer-a1", "Running");
    assert!(trouble(&shown.known, &of()).is_some());
    shown.pod("newer-a1", "Succeeded");
    assert_eq!(trouble(&shown.known, &of()), None);
}

#[test]
fn the_kill_switch_wakes_the_running_batches_that_do_not_follow_it_yet() {
    let mut shown = Shown::new();
    shown.provider(json!(false));
    shown.batch("running", "None", json!({"phase": "InProgress"}));
    shown.batch("held", "None", json!({"phase": "InProgress", "cancellationsHeld": true}));
    shown.batch("over", "None", json!({"phase": "Completed"}));
    wake_switched(&shown.known, Some(&of()));
    assert_eq!(shown.woken(), ["held"]);
    shown.provider(json!(true));
    wake_switched(&shown.known, None);
    assert_eq!(shown.woken(), ["running"]);
}

#[test]
fn a_provider_that_is_gone_or_cannot_be_read_wakes_its_batches_to_be_held() {
    let mut shown = Shown::new();
    shown.batch("running", "None", json!({"phase": "InProgress"}));
    wake_switched(&shown.known, None);
    assert_eq!(shown.woken(), ["running"], "the provider does not exist");
    shown.provider(json!(false));
    wake_switched(&shown.known, Some(&of()));
    assert_eq!(shown.woken(), Vec::<String>::new());
    shown.provider(json!("newer"));
    wake_switched(&shown.known, Some(&of()));
    assert_eq!(shown.woken(), ["running"], "it cannot be read");
}
