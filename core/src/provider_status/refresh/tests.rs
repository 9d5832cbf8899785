use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::{
    account::Member,
    provider_status::{Readiness, conditions},
    view::provider::AccountFacts,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_893_456_000 + seconds).expect("in range")
}

fn provider(annotations: &Value, status: &Value) -> FnoProvider {
    let flow = json!({"steps": [{"type": "navigate", "url": "/"}]});
    serde_json::from_value(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoProvider",
        "metadata": {"name": "p", "namespace": "n", "generation": 3, "annotations": annotations},
        "spec": {"baseUrl": "https://portal.example.net", "allowedOrigins": ["https://portal.example.net"],
            "accounts": [{"name": "a", "credentialsSecretRef": {"name": "s"}}], "flows": {"login": flow, "validation": flow}},
        "status": status,
    }))
    .expect("a provider")
}

fn facts(version: &str) -> ProviderFacts {
    let account = AccountFacts {
        version: Some(version.to_owned()),
        fingerprint: None,
        user: None,
        problem: None,
    };
    ProviderFacts {
        generation: 3,
        work_bytes: 0,
        flows_digest: "new".to_owned(),
        flow_error: None,
        accounts: BTreeMap::from([("a".to_owned(), account)]),
    }
}

fn open(version: &str) -> Value {
    json!({"observedGeneration": 3, "accounts": [{"name": "a", "breaker": {
        "state": "Open", "failures": 2, "refused": true, "openedAt": "2030-01-01T00:00:00Z", "credentialsVersion": version}}]})
}

fn refresh(provider: &FnoProvider, version: &str, now: Timestamp) -> Refreshed {
    let facts = facts(version);
    let namespace = Namespace::new(vec![Member { provider, facts: Some(&facts) }], Vec::new(), []);
    refreshed(provider, &facts, &namespace, now)
}

#[test]
fn other_credentials_close_the_breaker_of_their_account_and_that_is_published() {
    let stored = provider(&Value::Null, &open("k:1"));
    let changed = refresh(&stored, "k:2", at(60));
    let breaker = changed.status.accounts[0].breaker.as_ref().expect("a breaker");
    assert_eq!((breaker.state, breaker.failures), (BreakerState::Closed, 1), "one try is left");
    let warnings: Vec<_> = changed.news.iter().map(|news| news.warning).collect();
    assert_eq!(warnings, [false]);
    let same = refresh(&stored, "k:1", at(60));
    assert!(resting(&same.status) && same.news.is_empty());
    let incomparable = refresh(&stored, "another-key:1", at(60));
    assert!(resting(&incomparable.status) && incomparable.news.is_empty());
}

#[test]
fn a_resume_counts_once_and_one_in_the_future_is_reported_and_never_counts() {
    let annotated =
        |seconds| provider(&json!({ANNOTATION_RESUME: at(seconds).to_string()}), &open("k:1"));
    let resumed = refresh(&annotated(50), "k:1", at(60));
    let breaker =
        |refreshed: &Refreshed| refreshed.status.accounts[0].breaker.clone().expect("a breaker");
    assert_eq!(breaker(&resumed).state, BreakerState::Closed);
    assert_eq!(resumed.remark, None);

    let future = refresh(&annotated(3600), "k:1", at(60));
    assert_eq!(breaker(&future).state, BreakerState::Open);
    let reasons: Vec<_> = future.news.iter().map(|news| news.what.reason).collect();
    assert_eq!(reasons, [Reason::ResumeIgnored]);
    assert!(future.remark.is_some_and(|remark| remark.contains("future")));
    let stored = FnoProvider { status: Some(future.status), ..annotated(3600) };
    let when_it_has_come = refresh(&stored, "k:1", at(7200));
    assert_eq!(breaker(&when_it_has_come).state, BreakerState::Open);
    assert!(when_it_has_come.news.is_empty() && when_it_has_come.remark.is_some());
}

#[test]
fn a_resume_counts_for_the_same_account_of_another_provider() {
    let mut other =
        provider(&Value::Null, &json!({"resume": {"value": "x", "resumedAt": at(50).to_string()}}));
    other.metadata.name = Some("q".to_owned());
    let (stored, facts) = (provider(&Value::Null, &open("k:1")), facts("k:1"));
    let members = [&stored, &other].map(|provider| Member { provider, facts: Some(&facts) });
    let namespace = Namespace::new(members.to_vec(), Vec::new(), []);
    let status = refreshed(&stored, &facts, &namespace, at(60)).status;
    assert!(status.accounts[0].breaker.as_ref().is_some_and(|b| b.state == BreakerState::Closed));
    assert_eq!(status.accounts[0].resumed_at.as_ref().map(|at| at.0), Some(at(50)));
}

#[test]
fn changed_flows_let_a_canary_through() {
    let stored =
        json!({"flowBreaker": {"state": "Open", "flowsDigest": "old", "reason": "PortalChanged"}});
    let changed = refresh(&provider(&Value::Null, &stored), "k:1", at(60));
    assert_eq!(changed.status.flow_breaker.expect("a breaker").state, BreakerState::HalfOpen);
    assert_eq!(changed.news.len(), 1);
}

#[test]
fn a_counted_failure_is_refreshed_even_before_the_breaker_opens() {
    let counted = json!({"observedGeneration": 3, "accounts": [{"name": "a", "breaker": {"state": "Closed", "failures": 1}}]});
    assert!(resting(&provider(&Value::Null, &counted).status.expect("a status")));
}

#[test]
fn an_account_removed_from_the_spec_is_forgotten_unless_a_code_was_used() {
    let stored = json!({"accounts": [{"name": "gone"}, {"name": "used", "lastStep": 5}]});
    let provider = provider(&Value::Null, &stored);
    let mut status = provider.status.clone().expect("a status");
    let at_work = ["a", "a", "used"].map(str::to_owned).to_vec();
    set_numbers(&provider, &mut status, Numbers { at_work, ..Numbers::default() }, at(0));
    let kept: Vec<_> =
        status.accounts.iter().map(|a| (a.name.as_str(), a.active_batches)).collect();
    assert_eq!(kept, [("used", 0), ("a", 2)]);
    assert_eq!(status.active_batches, Some(3));
}

#[test]
fn the_stored_count_of_waiting_jobs_is_kept_until_the_first_plan() {
    let stored = json!({"pending": {"count": 4}});
    let provider = provider(&json!({ANNOTATION_FLUSH: "now"}), &stored);
    let mut status = provider.status.clone().expect("a status");
    set_numbers(&provider, &mut status, Numbers::default(), at(0));
    assert_eq!((status.pending.as_ref().expect("stored").count, &status.flushed), (4, &None));
    let planned = Numbers {
        pending: Some(Pending { count: 1, ..Pending::default() }),
        flushed: Some("now"),
        ..Numbers::default()
    };
    set_numbers(&provider, &mut status, planned, at(0));
    assert_eq!(status.pending.expect("planned").count, 1);
    assert_eq!(status.flushed.as_deref(), Some("now"));
}

#[test]
fn a_change_of_numbers_alone_is_recognised() {
    let old = FnoProviderStatus { active_batches: Some(1), ..FnoProviderStatus::default() };
    let numbers = FnoProviderStatus { active_batches: Some(2), ..old.clone() };
    let more = FnoProviderStatus { observed_generation: Some(1), ..numbers.clone() };
    assert!(only_numbers_differ(&old, &numbers));
    assert!(!only_numbers_differ(&old, &more) && !only_numbers_differ(&old, &old));
}

#[test]
fn readiness_is_published_when_its_reason_changes_but_not_when_a_new_provider_is_ready() {
    let why = |reason| Why { reason, message: String::new() };
    let stored = |reason: Reason| {
        let mut status = FnoProviderStatus::default();
        let readiness = Readiness { ready: (reason == Reason::Available).into(), why: why(reason) };
        conditions(&mut status, Some(3), &readiness, None, at(0));
        FnoProvider { status: Some(status), ..provider(&Value::Null, &Value::Null) }
    };
    let fresh = provider(&Value::Null, &Value::Null);
    let warning = |provider: &FnoProvider, reason| {
        transition(provider, &why(reason)).map(|news| news.warning)
    };
    assert_eq!(warning(&fresh, Reason::Available), None);
    assert_eq!(warning(&fresh, Reason::SecretNotFound), Some(true));
    assert_eq!(warning(&stored(Reason::SecretNotFound), Reason::Available), Some(false));
    assert_eq!(warning(&stored(Reason::SecretNotFound), Reason::SecretNotFound), None);
    assert_eq!(warning(&stored(Reason::Available), Reason::Suspended), Some(false));
    assert_eq!(warning(&stored(Reason::Available), Reason::BreakerOpen), None);
}

#[test]
fn a_resume_from_before_the_breaker_opened_says_that_it_closes_nothing() {
    let early = json!({ANNOTATION_RESUME: at(-600).to_string()});
    let first = refresh(&provider(&early, &open("k:1")), "k:1", at(60));
    let [news] = first.news.as_slice() else { panic!("{:?}", first.news) };
    assert_eq!((news.warning, news.what.reason), (true, Reason::ResumeIgnored));
    for time in [at(-600), at(0)] {
        assert!(news.what.message.contains(&time.to_string()), "{}", news.what.message);
    }
    assert_eq!(first.remark.as_ref(), Some(&news.what.message));
    // The event is published once, the condition keeps saying it.
    let stored = FnoProvider { status: Some(first.status), ..provider(&early, &Value::Null) };
    let again = refresh(&stored, "k:1", at(120));
    assert!(again.news.is_empty() && again.remark == first.remark);
    let in_time = json!({ANNOTATION_RESUME: at(30).to_string()});
    let closed = refresh(&provider(&in_time, &open("k:1")), "k:1", at(60));
    assert_eq!((closed.remark, closed.news.len()), (None, 1));
}

#[test]
fn a_resume_reaches_what_a_renamed_account_has_counted() {
    let mut status = open("k:1");
    status["accounts"][0]["name"] = json!("former");
    let resume = json!({ANNOTATION_RESUME: at(30).to_string()});
    let after = refresh(&provider(&resume, &status), "k:1", at(60));
    let entry = after.status.accounts.iter().find(|entry| entry.name == "former").expect("kept");
    let breaker = entry.breaker.as_ref().expect("a breaker");
    assert_eq!((breaker.state, breaker.failures), (BreakerState::Closed, 1), "one login is left");
}

#[test]
fn a_resume_from_before_another_name_of_the_account_was_refused_says_so() {
    let early = json!({ANNOTATION_RESUME: at(-600).to_string()});
    let known = provider(&early, &json!({"observedGeneration": 3}));
    let mut other = provider(&Value::Null, &open("k:1"));
    other.metadata.name = Some("q".to_owned());
    let facts = facts("k:1");
    let members = [&known, &other].map(|provider| Member { provider, facts: Some(&facts) });
    let namespace = Namespace::new(members.to_vec(), Vec::new(), []);
    let after = refreshed(&known, &facts, &namespace, at(60));
    assert_eq!(after.news.len(), 1);
    assert!(after.remark.is_some_and(|remark| remark.contains(&at(0).to_string())));
}
