//! Batches that are kept because they record a refusal.

use super::*;

fn must_keep(provider: &FnoProvider, current: &str, batches: &[FnoBatch]) -> bool {
    let facts = facts(current);
    let members = vec![Member { provider, facts: Some(&facts) }];
    Namespace::new(members, Vec::new(), batches).must_keep(&batches[0])
}

fn refused_at(seconds: i64) -> FnoBatch {
    batch("b-1", "octotel", grant("Rejected", seconds))
}

fn logged_in(version: &str, seconds: i64) -> FnoBatch {
    let mut batch = batch("b-2", "octotel", grant("LoggedIn", seconds));
    let status = batch.status.as_mut().expect("a status");
    status.credentials_version = Some(version.to_owned());
    batch
}

#[test]
fn a_batch_with_a_refusal_is_kept_until_the_portal_accepts_the_same_credentials() {
    let provider = provider("octotel", "bot");
    let keep = |batches: &[FnoBatch]| must_keep(&provider, "k:v1", batches);
    assert!(keep(&[refused_at(10)]));
    assert!(keep(&[refused_at(10), logged_in("k:v1", 9)]), "an earlier success says nothing");
    assert!(keep(&[refused_at(10), logged_in("k:v2", 20)]), "other credentials, now set back");
    assert!(!keep(&[refused_at(10), logged_in("k:v1", 20)]));
    assert!(!keep(&[batch("b-1", "octotel", grant("Failed", 10))]), "nothing was refused");
}

#[test]
fn after_a_correction_any_accepted_credentials_are_enough() {
    let provider = provider("octotel", "bot");
    let keep = |batches: &[FnoBatch]| must_keep(&provider, "k:v2", batches);
    assert!(keep(&[refused_at(10)]), "the corrected credentials have not been tried yet");
    assert!(!keep(&[refused_at(10), logged_in("k:v2", 20)]));
}

#[test]
fn a_success_whose_batch_is_gone_counts_if_the_entry_shows_it() {
    let mut provider = provider("octotel", "bot");
    let mut with = |breaker: Value| {
        let status = json!({"accounts": [{"name": "ops", "breaker": breaker}]});
        provider.status = Some(serde_json::from_value(status).expect("a status"));
        let one = [refused_at(10)];
        (must_keep(&provider, "k:v1", &one), must_keep(&provider, "k:v2", &one))
    };
    let refusals = json!([{"credentialsVersion": "k:v1", "count": 1}]);
    let open = json!({"state": "Open", "failures": 1, "refused": true, "counted": ["b-1/1"], "refusals": refusals});
    assert_eq!(with(open), (true, true));
    assert_eq!(with(json!({"state": "Closed", "counted": ["b-1/1"]})), (false, false));
    assert_eq!(with(json!({"state": "Closed", "counted": []})), (true, true), "a new provider");
    let other = json!({"state": "Closed", "counted": ["b-1/1"], "refusals": refusals});
    assert_eq!(with(other), (true, true), "no failure is left, but nothing was accepted");
    let newer = |n| json!({"credentialsVersion": format!("k:w{n}"), "count": 1});
    let full: Vec<Value> = (0..10).map(newer).collect();
    let full = json!({"state": "Closed", "counted": ["b-1/1"], "refusals": full});
    assert_eq!(with(full), (true, true), "newer refusals may have pushed this one out of the list");
}

#[test]
fn a_batch_of_a_provider_that_is_gone_keeps_its_refusal() {
    let gone = provider("evotel", "other");
    assert!(must_keep(&gone, "k:v9", &[refused_at(10), logged_in("k:v1", 5)]));
    assert!(!must_keep(&gone, "k:v9", &[batch("b-1", "octotel", grant("LoggedIn", 10))]));
}
