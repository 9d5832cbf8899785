use fno_crds::{FnoBatch, FnoJob, FnoProvider};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::*;

const DEADLINES: Deadlines = Deadlines {
    pod_running: SignedDuration::from_mins(5),
    logged_in: SignedDuration::from_mins(5),
    heartbeat: SignedDuration::from_mins(2),
    job: SignedDuration::from_mins(3),
};

fn unreadable<K: DeserializeOwned + std::fmt::Debug>(raw: Value) -> Unreadable {
    read::<K>(raw).expect("metadata").expect_err("cannot be read")
}

fn batch(status: Value) -> Unreadable {
    unreadable::<FnoBatch>(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": "b", "namespace": "n", "uid": "u"},
        "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "d", "stop": "Newer",
            "jobs": [{"name": "j1", "uid": "1"}, {"name": "j2", "uid": "2"}]},
        "status": status,
    }))
}

fn job(spec: &Value, status: Value) -> Unreadable {
    let mut whole = json!({"provider": "p", "action": "Validation", "circuitNumber": "C1"});
    whole.as_object_mut().expect("an object").extend(spec.as_object().cloned().unwrap_or_default());
    unreadable::<FnoJob>(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob", "metadata": {"name": "j", "namespace": "n", "uid": "u"},
        "spec": whole, "status": status,
    }))
}

fn of(provider: &str) -> Key {
    Key { namespace: "n".to_owned(), name: provider.to_owned() }
}

#[test]
fn a_batch_that_cannot_be_read_holds_its_session_its_runner_and_its_jobs() {
    for status in [Value::Null, json!({"phase": "InProgress"}), json!({"phase": "NewerPhase"})] {
        let views = batch(status.clone()).batch_views(None, &[], &DEADLINES);
        assert_eq!(views.len(), 1, "{status}");
        let view = &views[0];
        assert_eq!((view.provider.as_str(), view.account.as_str()), ("p", "a"));
        assert!(view.holds_session && view.holds_runner && !view.finished, "{status}");
        assert_eq!(view.jobs, ["1", "2"]);
    }
}

#[test]
fn a_batch_that_cannot_be_read_is_inactive_only_after_a_known_end_and_when_its_pod_is_over() {
    let now = Timestamp::UNIX_EPOCH;
    let running = PodState::Running { since: now };
    let ended = batch(json!({"phase": "Failed"}));
    assert!(ended.may_be_at_work(Some(&running)));
    assert!(!ended.may_be_at_work(None));
    assert!(!ended.may_be_at_work(Some(&PodState::Ended { ran: true, how: String::new() })));
    assert!(batch(json!({"phase": "Ended"})).may_be_at_work(None), "a phase of a newer version");
}

#[test]
fn a_batch_whose_account_cannot_be_read_may_use_every_one() {
    let raw = json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": "b", "namespace": "n", "uid": "u"},
        "spec": {"provider": "p", "accounts": ["a"]},
    });
    let batch = unreadable::<FnoBatch>(raw);
    assert!(batch.may_use(&of("p"), "a") && batch.may_use(&of("p"), "b"));
    assert!(!batch.may_use(&of("q"), "a"));
    let elsewhere = Key { namespace: "m".to_owned(), ..of("p") };
    assert!(!batch.may_use(&elsewhere, "a"));
}

#[test]
fn a_batch_whose_provider_is_gone_holds_its_runner_even_if_its_account_cannot_be_read() {
    for spec in [json!({"provider": "p", "accounts": ["a"]}), json!({"account": "a"}), json!({})] {
        let batch = unreadable::<FnoBatch>(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": "b", "namespace": "n", "uid": "u"},
            "spec": spec,
        }));
        let views = batch.batch_views(None, &[], &DEADLINES);
        assert_eq!(views.iter().filter(|view| view.holds_runner).count(), 1, "{spec}");
    }
}

#[test]
fn the_runner_of_a_batch_that_cannot_be_read_may_go_on_for_the_limit_that_can_be_read() {
    let own = |limits: Value| {
        let batch = unreadable::<FnoBatch>(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": "b", "namespace": "n", "uid": "u"},
            "spec": {"provider": "p", "account": "a", "stop": "Newer", "limits": limits},
        }));
        batch.batch_views(None, &[], &DEADLINES)[0].unattended
    };
    let of = |minutes| DEADLINES.unattended(SignedDuration::from_mins(minutes));
    assert_eq!(own(json!({"maxLifetime": "2h"})), of(120));
    for unknown in [Value::Null, json!({"maxLifetime": "long"}), json!({"maxLifetime": 3})] {
        assert_eq!(own(unknown), of(30), "the default");
    }
}

#[test]
fn the_pod_of_a_batch_that_cannot_be_read_is_known() {
    assert_eq!(batch(json!({"worker": "b-a3"})).pod(), "b-a3");
    assert_eq!(batch(json!({"attempt": 2})).pod(), names::pod("b", 2));
    assert_eq!(batch(Value::Null).pod(), names::pod("b", 1));
}

#[test]
fn a_status_that_cannot_be_read_never_fails_a_job() {
    for status in [
        json!({"phase": "Pending", "attempts": "many"}),
        json!({"attempts": "many"}),
        json!({"phase": "NewerPhase"}),
        json!({"phase": ["Pending"]}),
    ] {
        assert_eq!(job(&Value::Null, status.clone()).invalid_job(), None, "{status}");
    }
}

#[test]
fn only_a_pending_job_whose_spec_cannot_be_read_is_invalid() {
    let wrong = json!({"priority": "high"});
    for (status, invalid) in [
        (Value::Null, true),
        (json!({}), true),
        (json!({"phase": "Pending"}), true),
        (json!({"phase": "Batched", "batch": "b"}), false),
        (json!({"phase": "Succeeded"}), false),
        (json!({"phase": "NewerPhase"}), false),
        (json!({"phase": 3}), false),
    ] {
        assert_eq!(job(&wrong, status.clone()).invalid_job().is_some(), invalid, "{status}");
    }
    let why = job(&wrong, Value::Null).invalid_job().expect("invalid");
    assert_eq!(why.reason, Reason::InvalidJob);
    assert!(why.message.contains("spec.priority"), "{}", why.message);
}

#[test]
fn an_error_names_its_field_and_does_not_list_every_valid_value() {
    let error = batch(Value::Null).error;
    assert!(error.starts_with("spec.stop: "), "{error}");
    let long = "x".repeat(5000);
    let provider = unreadable::<FnoProvider>(json!({
        "metadata": {"name": "p", "namespace": "n"}, "spec": {"baseUrl": {"x": long}},
    }));
    assert!(provider.provider_not_ready().message.len() < 600);
    assert_eq!(short("unknown variant `X`, expected one of `A`, `B`, `C`"), "unknown variant `X`");
}

#[test]
fn a_provider_says_which_of_its_batches_cannot_be_read_and_how_many_more() {
    let (one, two) = (batch(Value::Null), batch(Value::Null));
    assert_eq!(batches_not_read([]), None);
    let why = batches_not_read([&one]).expect("a sentence");
    assert!(why.message.contains("Batch b") && !why.message.contains("more"), "{}", why.message);
    assert!(batches_not_read([&one, &two]).expect("a sentence").message.contains("1 more"));
}

#[test]
fn an_object_that_can_be_read_is_returned_as_its_kind() {
    let provider = read::<FnoJob>(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob", "metadata": {"name": "j"},
        "spec": {"provider": "p", "action": "Validation", "circuitNumber": "C1"},
    }));
    assert!(provider.expect("metadata").is_ok());
    assert!(read::<FnoJob>(json!({"metadata": {"name": 3}, "spec": 4})).is_err());
}
