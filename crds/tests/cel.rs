//! The rules inside the schemas, evaluated as bridge and plugin evaluate them. The API server runs the same text.

use fno_crds::{FnoBatch, FnoJob, FnoProvider};
use serde_json::{Value, json};

fn job(change: impl FnOnce(&mut Value)) -> FnoJob {
    let mut value = json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob", "metadata": {"name": "j"},
        "spec": {"provider": "octotel", "action": "Validation", "circuitNumber": "OCT1001"},
    });
    change(&mut value);
    serde_json::from_value(value).expect("a job")
}

fn provider(change: impl FnOnce(&mut Value)) -> FnoProvider {
    let flow = json!({"steps": [{"type": "navigate", "url": "/"}]});
    let mut value = json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoProvider", "metadata": {"name": "octotel"},
        "spec": {
            "baseUrl": "https://portal.example", "allowedOrigins": ["https://portal.example"],
            "accounts": [{"name": "bot", "credentialsSecretRef": {"name": "octotel"}, "totp": {"secretRef": {"name": "octotel"}}}],
            "flows": {"login": flow, "validation": flow},
        },
    });
    change(&mut value);
    serde_json::from_value(value).expect("a provider")
}

fn step(step: Value) -> FnoProvider {
    provider(|p| p["spec"]["flows"]["validation"]["steps"] = json!([step]))
}

fn sentence<E: std::fmt::Display>(result: Result<(), E>) -> String {
    result.err().map(|e| e.to_string()).unwrap_or_default()
}

#[test]
fn defaults_are_those_of_the_design() {
    let spec = provider(|_| {}).spec;
    assert_eq!(
        (
            spec.batching.max_jobs,
            spec.batching.linger.to_string().as_str(),
            spec.batching.max_concurrent_batches
        ),
        (50, "5s", 3)
    );
    assert_eq!(
        (
            spec.session.max_sessions_per_account,
            spec.session.max_logins,
            spec.session.max_lifetime.to_string().as_str()
        ),
        (1, 3, "30m")
    );
    assert_eq!((spec.limits.login_failures_to_open, spec.limits.flow_failures_to_open), (2, 3));
    let totp = spec.accounts[0].totp.as_ref().expect("totp");
    assert_eq!(
        (
            totp.digits,
            totp.period,
            totp.min_remaining_seconds,
            totp.skew,
            totp.secret_ref.key.as_str()
        ),
        (6, 30, 10, 1, "totp")
    );
    let job = job(|_| {}).spec;
    assert_eq!((job.backoff_limit, job.ttl_seconds_after_finished, job.priority), (2, 86_400, 0));
}

#[test]
fn what_is_right_passes() {
    provider(|_| {}).validate_cel().expect("a provider");
    job(|_| {}).validate_cel().expect("a job");
}

#[test]
fn each_mistake_in_a_provider_has_its_sentence() {
    for (broken, expected) in [
        (
            provider(|p| p["spec"]["allowedOrigins"] = json!(["https://other.example"])),
            "allowedOrigins must contain the origin of baseUrl",
        ),
        (
            provider(|p| {
                p["spec"]["accounts"] = json!([p["spec"]["accounts"][0], p["spec"]["accounts"][0]])
            }),
            "accounts must have different names",
        ),
        (
            provider(|p| p["spec"]["accounts"][0]["totp"]["minRemainingSeconds"] = json!(30)),
            "minRemainingSeconds must be less than period",
        ),
        (step(json!({"type": "click"})), "this type of step needs selectors"),
        (step(json!({"type": "navigate"})), "a navigate step needs url"),
        (step(json!({"type": "change", "selectors": [["#a"]]})), "needs value"),
        (step(json!({"type": "press"})), "needs key"),
        (
            step(json!({"type": "extract", "selectors": [["#a"]]})),
            "an extract step needs field and from",
        ),
        (
            step(json!({"type": "extract", "field": "a", "from": "Table", "selectors": [["#a"]]})),
            "extracting a Table needs columns",
        ),
        (step(json!({"type": "outcome"})), "an outcome step needs code"),
        (step(json!({"type": "switchTo", "to": "Frame"})), "selectors for a Frame"),
        (step(json!({"type": "runFlow"})), "needs flow"),
        (
            step(
                json!({"type": "hover", "selectors": [["#a"]], "commit": {"identify": {"contains": "x"}, "cancellableWhen": "true"}}),
            ),
            "commit belongs on a click",
        ),
        (
            step(
                json!({"type": "press", "key": "Enter", "retry": {"attempts": 1}, "commit": {"identify": {"contains": "x"}, "cancellableWhen": "true"}}),
            ),
            "a commit step is never retried",
        ),
    ] {
        let found = sentence(broken.validate_cel());
        assert!(found.contains(expected), "expected {expected:?}, found {found:?}");
    }
}

#[test]
fn a_job_changes_only_where_it_may() {
    let old = job(|_| {});
    for (field, value) in
        [("suspend", json!(true)), ("cancelRequested", json!(true)), ("priority", json!(7))]
    {
        job(|j| j["spec"][field] = value).validate_cel_update(&old).expect(field);
    }
    for (field, value) in [
        ("provider", json!("evotel")),
        ("action", json!("Cancellation")),
        ("circuitNumber", json!("OCT1002")),
        ("parameters", json!({"a": "b"})),
        ("expect", json!({"address": "x"})),
        ("externalId", json!("7")),
        ("deadline", json!("2026-01-01T00:00:00Z")),
        ("backoffLimit", json!(9)),
        ("retryOf", json!("k")),
        ("callback", json!({"ref": "x"})),
    ] {
        let found = sentence(job(|j| j["spec"][field] = value).validate_cel_update(&old));
        assert!(found.contains("immutable: submit a new job"), "{field}: {found:?}");
    }
    let withdrawn = job(|j| j["spec"]["cancelRequested"] = json!(true));
    assert!(sentence(old.validate_cel_update(&withdrawn)).contains("cannot be taken back"));
}

#[test]
fn a_callback_names_one_target() {
    for callback in [json!({}), json!({"url": "https://x.example/", "ref": "x"})] {
        assert!(
            sentence(job(|j| j["spec"]["callback"] = callback).validate_cel())
                .contains("exactly one of url and ref")
        );
    }
}

#[test]
fn a_finished_or_unknown_job_is_never_pending_again() {
    let status = |phase: &str| job(|j| j["status"] = json!({"phase": phase}));
    for (from, to, allowed) in [
        ("Pending", "Batched", true),
        ("Batched", "Pending", true),
        ("Succeeded", "Pending", false),
        ("Failed", "Batched", false),
        ("Cancelled", "Pending", false),
        ("OutcomeUnknown", "Pending", false),
        ("OutcomeUnknown", "Failed", false),
        ("OutcomeUnknown", "Succeeded", true),
        ("OutcomeUnknown", "Resolved", true),
    ] {
        assert_eq!(
            status(to).validate_cel_update(&status(from)).is_ok(),
            allowed,
            "{from} -> {to}"
        );
    }
}

fn batch(stop: &str, account: &str) -> FnoBatch {
    serde_json::from_value(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": "b"},
        "spec": {"provider": "octotel", "account": account, "providerGeneration": 1, "flowsDigest": "", "jobs": [{"name": "j", "uid": "u"}], "stop": stop},
    }))
    .expect("a batch")
}

#[test]
fn a_batch_changes_only_its_stop_and_only_one_way() {
    for (from, to, allowed) in [
        ("None", "Drain", true),
        ("Drain", "Abort", true),
        ("None", "Abort", true),
        ("Drain", "None", false),
        ("Abort", "Drain", false),
    ] {
        assert_eq!(
            batch(to, "a").validate_cel_update(&batch(from, "a")).is_ok(),
            allowed,
            "{from} -> {to}"
        );
    }
    assert!(
        sentence(batch("None", "b").validate_cel_update(&batch("None", "a")))
            .contains("immutable except stop")
    );
}

#[test]
fn the_last_step_never_goes_back() {
    let status = |step: i64| {
        provider(|p| {
            p["status"] =
                json!({"accounts": [{"name": "bot", "lastStep": step, "activeBatches": 0}]})
        })
    };
    status(8).validate_cel_update(&status(7)).expect("forward");
    assert!(
        sentence(status(6).validate_cel_update(&status(7))).contains("lastStep never goes back")
    );
}
