//! What the CRDs say beside their rules: list types, numbers, defaults, and the words of an enum.

use fno_crds::{FnoBatch, FnoJob, FnoProvider, JobPhase, Reason, batch::LoginState};
use serde_json::{Value, json};
use strum::IntoEnumIterator as _;

/// The schema of a kind as it is installed.
fn schema(kind: &str) -> Value {
    let crd = fno_crds::crds()
        .into_iter()
        .find(|crd| crd.spec.names.kind == kind)
        .expect("one of the three kinds");
    let crd = serde_json::to_value(crd).expect("JSON");
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

fn field<'a>(schema: &'a Value, path: &str) -> &'a Value {
    path.split('.').fold(schema, |at, name| match name {
        "[]" => &at["items"],
        name => &at["properties"][name],
    })
}

/// Every schema below this one, with its path.
fn walk(at: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, at);
    for (name, below) in at["properties"].as_object().into_iter().flatten() {
        walk(below, &format!("{path}.{name}"), visit);
    }
    for below in [&at["items"], &at["additionalProperties"]].into_iter().filter(|b| b.is_object()) {
        walk(below, &format!("{path}[]"), visit);
    }
}

#[test]
fn lists_with_keys_are_maps_and_lists_of_names_are_sets() {
    let (provider, batch) = (schema("FnoProvider"), schema("FnoBatch"));
    for (schema, path, key) in [
        (&provider, "spec.accounts", "name"),
        (&provider, "status.accounts", "name"),
        (&provider, "status.jobMilliseconds", "action"),
        (&batch, "status.grants", "login"),
    ] {
        let list = field(schema, path);
        assert_eq!(list["x-kubernetes-list-type"], "map", "{path}");
        assert_eq!(list["x-kubernetes-list-map-keys"], json!([key]), "{path}");
    }
    for (schema, path) in [
        (&provider, "spec.allowedOrigins"),
        (&provider, "status.accounts.[].breaker.counted"),
        (&provider, "status.flowBreaker.counted"),
        (&batch, "status.claimed"),
        (&batch, "status.withdrawn"),
    ] {
        let list = field(schema, path);
        assert_eq!(list["x-kubernetes-list-type"], "set", "{path}");
        assert!(list["maxItems"].is_u64() && list["items"]["maxLength"].is_u64(), "{path}");
    }
}

#[test]
fn no_status_holds_a_floating_point_number() {
    for kind in ["FnoProvider", "FnoJob", "FnoBatch"] {
        walk(field(&schema(kind), "status"), "status", &mut |path, at| {
            assert_ne!(at["type"], "number", "{kind}: {path}");
        });
    }
}

#[test]
fn every_field_of_ours_has_a_text_and_every_string_and_list_a_bound() {
    // Kubernetes' own types, as they are.
    let foreign = [".conditions", "esources", ".tolerations", "Ref", "imagePullSecrets"];
    for kind in ["FnoProvider", "FnoJob", "FnoBatch"] {
        for part in ["spec", "status"] {
            walk(field(&schema(kind), part), part, &mut |path, at| {
                if foreign.iter().any(|name| path.contains(name)) {
                    return;
                }
                let text = at["description"].as_str().unwrap_or_default();
                assert!(path.ends_with("[]") || !text.is_empty(), "{kind}: {path} has no text");
                for banned in
                    ["mend", "at hand", "begun", "somebody", "is none", "is no ", "nobody"]
                {
                    assert!(!text.contains(banned), "{kind}: {path} says {banned:?}: {text}");
                }
                let bound = match at["type"].as_str() {
                    Some("string") => {
                        at["maxLength"].is_u64()
                            || at["enum"].is_array()
                            || at["format"].is_string()
                    }
                    Some("array") => at["maxItems"].is_u64(),
                    _ => true,
                };
                assert!(bound, "{kind}: {path} has no bound");
            });
        }
    }
}

#[test]
fn enums_are_camel_case_words_or_operators() {
    for kind in ["FnoProvider", "FnoJob", "FnoBatch"] {
        walk(&schema(kind), kind, &mut |path, at| {
            for word in at["enum"].as_array().into_iter().flatten().filter_map(Value::as_str) {
                // The Recorder's own: its step types and comparisons.
                let recorder = path.ends_with("steps[].type") || path.ends_with(".operator");
                assert!(
                    recorder || word.starts_with(|first: char| first.is_ascii_uppercase()),
                    "{path}: {word}"
                );
            }
        });
    }
}

#[test]
fn a_new_job_shows_at_once_that_it_waits_for_the_operator() {
    let job = schema("FnoJob");
    let status = field(&job, "status");
    let default = &status["default"];
    assert_eq!((&default["phase"], &default["reason"]), (&json!("Pending"), &json!("Submitted")));
    assert!(default["message"].as_str().is_some_and(|message| !message.is_empty()));
    let words = status["properties"]["reason"]["enum"].as_array().expect("an enum");
    assert!(words.contains(&default["reason"]));
    let read: fno_crds::FnoJobStatus = serde_json::from_value(default.clone()).expect("a status");
    assert_eq!((read.phase, read.reason), (Some(JobPhase::Pending), Some(Reason::Submitted)));
}

#[test]
fn the_list_of_reasons_in_the_schema_is_closed() {
    let job = schema("FnoJob");
    let words = field(&job, "status.reason")["enum"].as_array().expect("an enum").clone();
    let ours: Vec<_> = Reason::iter()
        .filter(|reason| !matches!(reason, Reason::Unrecognized(_)))
        .map(|reason| json!(reason))
        .collect();
    assert_eq!(words.len(), ours.len());
    assert!(ours.iter().all(|word| words.contains(word)), "{words:?}");
}

#[test]
fn a_reason_of_a_newer_version_survives_being_read_and_written() {
    let job = json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob", "metadata": {"name": "j"},
        "spec": {"provider": "p", "action": "Validation", "circuitNumber": "C1"},
        "status": {"phase": "Pending", "reason": "WaitingForMoon"},
    });
    let read: FnoJob = serde_json::from_value(job).expect("readable");
    assert_eq!(read.phase(), JobPhase::Pending);
    let written = serde_json::to_value(&read).expect("JSON");
    assert_eq!(written["status"]["reason"], "WaitingForMoon");

    let at = "2030-01-01T00:00:00.000000Z";
    let batch = json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": "b"},
        "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "", "jobs": [{"name": "j", "uid": "u"}]},
        "status": {"phase": "InProgress", "reason": "DancingSlowly", "run": {
            "login": {"n": 1, "state": "Failed", "reason": "MoonFull", "at": at},
            "results": [{"job": "j", "uid": "u", "phase": "Failed", "reason": "TideTooHigh", "startedAt": at, "milliseconds": 1}],
            "end": {"reason": "TideTooHigh", "at": at},
        }},
    });
    let read: FnoBatch = serde_json::from_value(batch).expect("readable");
    let run = read.status.as_ref().and_then(|status| status.run.as_ref()).expect("a run");
    assert_eq!(run.login.as_ref().map(|login| login.state), Some(LoginState::Failed));
    let written = serde_json::to_value(&read).expect("JSON");
    for (pointer, word) in [
        ("/status/reason", "DancingSlowly"),
        ("/status/run/login/reason", "MoonFull"),
        ("/status/run/results/0/reason", "TideTooHigh"),
        ("/status/run/end/reason", "TideTooHigh"),
    ] {
        assert_eq!(written.pointer(pointer), Some(&json!(word)), "{pointer}");
    }

    let flow = json!({"steps": [{"type": "navigate", "url": "/"}]});
    let provider = json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoProvider", "metadata": {"name": "p"},
        "spec": {"baseUrl": "https://p.example", "allowedOrigins": ["https://p.example"],
                 "accounts": [{"name": "a", "credentialsSecretRef": {"name": "s"}}], "flows": {"login": flow, "validation": flow}},
        "status": {"flowBreaker": {"state": "Open", "reason": "PortalDreaming"},
                   "accounts": [{"name": "a", "breaker": {"state": "Open", "reason": "KeyBent"}}]},
    });
    let read: FnoProvider = serde_json::from_value(provider).expect("readable");
    let written = serde_json::to_value(&read).expect("JSON");
    assert_eq!(written["status"]["flowBreaker"]["reason"], "PortalDreaming");
    assert_eq!(written["status"]["accounts"][0]["breaker"]["reason"], "KeyBent");
}

#[test]
fn an_unknown_reason_waits_and_says_what_can_be_done() {
    use fno_crds::reason::ReasonClass;
    let unknown = Reason::read("WaitingForMoon");
    assert_eq!(unknown, Reason::read("WaitingForMoon"));
    assert_ne!(unknown, Reason::read("WaitingForSun"));
    assert_eq!(
        (unknown.as_str(), unknown.to_string().as_str()),
        ("WaitingForMoon", "WaitingForMoon")
    );
    assert_eq!(unknown.class(), ReasonClass::Waiting);
    assert!(unknown.remedy().contains("upgrade the operator"));
    for known in Reason::iter() {
        assert_eq!(Reason::read(known.as_str()), known);
    }
    assert!(fno_crds::reason::document().contains("| `Unrecognized` |"));
}
