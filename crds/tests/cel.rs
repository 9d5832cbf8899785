//! The rules inside the schemas, evaluated as bridge and plugin evaluate them. The API server runs the same text.

use fno_crds::{
    Duration, FnoBatch, FnoJob, FnoProvider, Step,
    provider::{Account, Browser, Limits, Runner, Session, Totp},
};
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
    assert_eq!(
        (spec.session.parallel_jobs, spec.session.keep_alive.to_string().as_str()),
        (1, "0s")
    );
    assert_eq!((spec.limits.login_failures_to_open, spec.limits.flow_failures_to_open), (2, 3));
    let totp = spec.accounts[0].totp.as_ref().expect("totp");
    assert_eq!(
        (
            totp.digits,
            totp.period_seconds,
            totp.min_remaining_seconds,
            totp.skew_steps,
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
            "minRemainingSeconds must be less than periodSeconds",
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
        ("requestedBy", json!("system:serviceaccount:isp:bridge")),
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
fn expectations_of_a_validation_are_refused_because_nothing_would_check_them() {
    let with = |action: &str| {
        sentence(
            job(|j| {
                j["spec"]["action"] = json!(action);
                j["spec"]["expect"] = json!({"address": "x"});
            })
            .validate_cel(),
        )
    };
    assert!(with("Validation").contains("expect is allowed only for a Cancellation"));
    assert_eq!(with("Cancellation"), "");
}

#[test]
fn a_callback_names_one_target_and_is_refused_until_something_delivers_it() {
    for (callback, expected) in [
        (json!({}), "exactly one of url and ref"),
        (json!({"url": "https://x.example/", "ref": "x"}), "exactly one of url and ref"),
        (json!({"url": "x.example"}), "callback.url must be an http:// or https:// address"),
        (json!({"ref": "ords", "format": "CloudEvents"}), "callback is not supported yet"),
        (json!({"url": "https://x.example/done"}), "callback is not supported yet"),
    ] {
        let found = sentence(job(|j| j["spec"]["callback"] = callback.clone()).validate_cel());
        assert!(found.contains(expected), "{callback}: {found:?}");
    }
}

/// What the rules say about a job whose field has that value.
fn job_with(field: &str, value: &Value) -> String {
    sentence(job(|j| j["spec"][field] = value.clone()).validate_cel())
}

#[test]
fn a_circuit_number_that_no_portal_would_find_is_refused_with_a_sentence() {
    for good in ["OCT1001", "B 12345", "FTTX-CT/1.2_3", "7"] {
        assert_eq!(job_with("circuitNumber", &json!(good)), "", "{good:?}");
    }
    for bad in
        [" OCT1001", "OCT1001 ", "OCT1001\n", "-OCT1001", "OCT\u{2011}1001", "OCT;1001", "\t"]
    {
        let found = job_with("circuitNumber", &json!(bad));
        assert!(
            found.contains("circuitNumber must begin and end with a letter or digit"),
            "{bad:?}: {found:?}"
        );
    }
}

/// What the rules of a part of a provider say: the whole has thousands, and each takes its time.
fn part<T: schemars::JsonSchema>(value: &Value) -> String {
    sentence(kube::core::cel::validate_cel_schema::<T>(value, None))
}

#[test]
fn names_are_refused_with_a_sentence() {
    let account =
        |name: &str| part::<Account>(&json!({"name": name, "credentialsSecretRef": {"name": "s"}}));
    assert_eq!(account("octotel-2"), "");
    for bad in ["Octotel", "octotel.net", "-octotel", "octotel-", "oct otel"] {
        let found = job_with("provider", &json!(bad));
        assert!(
            found.contains("provider must be the name of an FnoProvider"),
            "{bad:?}: {found:?}"
        );
        let found = account(bad);
        assert!(found.contains("an account's name must consist of"), "{bad:?}: {found:?}");
    }
    for (field, bad, expected) in [
        ("name", "-x", "a step's name must begin and end with"),
        ("field", "Status", "field must begin with a lower-case letter"),
        ("code", "notFound", "code must be a word in CamelCase"),
    ] {
        let found = part::<Step>(&json!({"type": "close", field: bad}));
        assert!(found.contains(expected), "{field}: {found:?}");
    }
}

#[test]
fn addresses_are_refused_with_a_sentence() {
    let found = |url: &str, origin: &str| {
        sentence(
            provider(|p| {
                p["spec"]["baseUrl"] = json!(url);
                p["spec"]["allowedOrigins"] = json!(["https://portal.example", origin]);
            })
            .validate_cel(),
        )
    };
    assert_eq!(found("https://portal.example/app/login", "http://other.example:8080"), "");
    for (url, origin) in [
        ("portal.example", "portal.example"),
        ("ftp://portal.example", "https://portal.example/"),
        ("https://portal.example/?a=b", "https://portal.example/app"),
        ("https://portal.example /x", "https://portal example"),
    ] {
        let found = found(url, origin);
        assert!(found.contains("baseUrl must be an address such as"), "{url:?}: {found:?}");
        assert!(
            found.contains("each of allowedOrigins must be an origin"),
            "{origin:?}: {found:?}"
        );
    }
}

#[test]
fn other_words_of_a_provider_are_refused_with_a_sentence() {
    for (found, expected) in [
        (part::<Session>(&json!({"parallelJobs": 2})), "session.parallelJobs must be 1"),
        (part::<Session>(&json!({"keepAlive": "5m"})), "session.keepAlive must be 0s"),
        (
            part::<Session>(&json!({"idleTimeout": "0s"})),
            "session.idleTimeout must be longer than 0s",
        ),
        (
            part::<Session>(&json!({"maxLifetime": "0m0s"})),
            "session.maxLifetime must be longer than 0s",
        ),
        (part::<Limits>(&json!({"openFor": "0s"})), "limits.openFor must be at least 1m"),
        (part::<Limits>(&json!({"openFor": "9999999999999h"})), "limits.openFor must be at least"),
        (part::<Limits>(&json!({"timeZone": "Cape Town"})), "timeZone must be an IANA name"),
        (part::<Browser>(&json!({"locale": "en_ZA"})), "locale must be a BCP 47 tag"),
        (part::<Runner>(&json!({"proxy": "http://proxy:3128"})), "proxy must be host:port"),
        (
            part::<Totp>(&json!({"secretRef": {"name": "octotel"}, "trackingId": ".x"})),
            "trackingId must begin with",
        ),
    ] {
        assert!(found.contains(expected), "{expected}: {found:?}");
    }
    assert_eq!(part::<Session>(&json!({})), "", "the defaults");
    assert_eq!(part::<Session>(&json!({"idleTimeout": "10s", "maxLifetime": "1h0m"})), "");
}

#[test]
fn a_duration_that_is_not_one_is_refused_with_a_sentence() {
    for (text, refused) in
        [("5s", false), ("1h30m", false), ("5", true), ("-5s", true), ("soon", true), ("", true)]
    {
        // As JSON: our own type does not hold what is not a duration.
        let found = part::<Duration>(&json!(text));
        assert_eq!(found.contains("must be a duration such as"), refused, "{text:?}: {found:?}");
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
