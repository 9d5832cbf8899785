mod entries;
mod former;
mod hidden;
mod kept;
mod names;

use std::collections::BTreeSet;

use fno_crds::{
    FnoBatch, FnoProvider,
    batch::PinnedLimits,
    provider::Account,
    provider_status::{BreakerState, Refusals},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};

use super::*;
use crate::view::provider::{AccountFacts, ProviderFacts};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).expect("a time within range")
}

fn limits() -> Limits {
    Limits { login_failures_to_open: 2, ..Limits::default() }
}

fn name(provider: &str, account: &str) -> AccountName {
    AccountName { provider: provider.to_owned(), account: account.to_owned() }
}

fn named(provider: &str, account: &str, secret: &str, totp: Option<Value>) -> Named {
    let mut spec = json!({"name": account, "credentialsSecretRef": {"name": secret}});
    if let Some(totp) = totp {
        spec["totp"] = totp;
    }
    let spec: Account = serde_json::from_value(spec).expect("an account");
    Named::new(name(provider, account), Uses::of(&spec, "https://p.example"), Found::default())
}

fn seed(secret: &str) -> Option<Value> {
    Some(json!({"secretRef": {"name": secret}}))
}

/// A batch of `octotel`'s account `ops` that typed `k:v1`.
fn batch(batch_name: &str, provider: &str, grants: Value) -> FnoBatch {
    serde_json::from_value(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": batch_name, "namespace": "n"},
        "spec": {"provider": provider, "account": "ops", "providerGeneration": 1, "flowsDigest": "d", "jobs": [{"name": "j", "uid": "u"}]},
        "status": {"credentialsVersion": "k:v1", "grants": grants},
    }))
    .expect("a batch")
}

fn grant(result: &str, seconds: i64) -> Value {
    let ended_at = at(seconds).to_string();
    json!([{"login": 1, "state": "Done", "result": result, "endedAt": ended_at}])
}

/// What is recorded for `octotel`'s account `ops`, whose Secret holds `k:v1`.
struct Case {
    name: AccountName,
    other_name: AccountName,
    status: AccountStatus,
    other: Option<AccountStatus>,
    batches: Vec<FnoBatch>,
    limits: Limits,
    current: &'static str,
}

fn case(batches: Vec<FnoBatch>) -> Case {
    Case {
        name: name("octotel", "ops"),
        other_name: name("octotel-2", "main"),
        status: AccountStatus::default(),
        other: None,
        batches,
        limits: limits(),
        current: "k:v1",
    }
}

impl Case {
    fn ask<T>(&self, question: impl FnOnce(&SharedAccount<'_>) -> T) -> T {
        let entry = |name: &AccountName, status| Entry {
            name: name.clone(),
            status: Some(status),
            limits: &self.limits,
            max_sessions: 1,
            current: Some(self.current),
        };
        question(&SharedAccount {
            own: entry(&self.name, &self.status),
            others: self.other.iter().map(|status| entry(&self.other_name, status)).collect(),
            past: self.batches.iter().flat_map(history::logins).collect(),
            hidden: None,
        })
    }

    fn is_shut(&self) -> bool {
        self.ask(|account| matches!(account.gate(at(1000)), Gate::Shut(_)))
    }
}

fn refused(version: &str, count: i32, batch: &str) -> AccountStatus {
    let breaker = AccountBreaker {
        failures: count,
        refused: true,
        credentials_version: Some(version.to_owned()),
        refusals: vec![Refusals { credentials_version: version.to_owned(), count }],
        counted: vec![batch.to_owned()],
        ..AccountBreaker::default()
    };
    AccountStatus { breaker: Some(breaker), ..AccountStatus::default() }
}

#[test]
fn a_batch_follows_a_limit_that_became_stricter_and_not_one_that_became_laxer() {
    let mut batch = batch("b-1", "octotel", json!([]));
    let mut case = case(Vec::new());
    for (pinned, now, holds) in [(Some(3), 2, 2), (Some(1), 2, 1), (None, 2, 2)] {
        batch.spec.limits = pinned.map(|login_failures_to_open| PinnedLimits {
            max_logins: 3,
            login_failures_to_open,
            max_lifetime: fno_crds::Duration::from_mins(30),
        });
        case.limits.login_failures_to_open = now;
        assert_eq!(case.ask(|account| account.failures_to_open(&batch)), holds);
    }
}

#[test]
fn names_with_one_secret_or_seed_in_common_mean_one_account() {
    let all = [
        named("octotel", "ops", "octotel-bot", seed("octotel-seed")),
        named("octotel-2", "main", "octotel-bot", None),
        named("octotel-3", "a", "other-bot", seed("octotel-seed")),
        named("evotel", "ops", "evotel-bot", None),
        named(
            "tracked-1",
            "x",
            "t1",
            Some(json!({"secretRef": {"name": "s1"}, "trackingId": "desk"})),
        ),
        named(
            "tracked-2",
            "x",
            "t2",
            Some(json!({"secretRef": {"name": "s2"}, "trackingId": "desk"})),
        ),
    ];
    let octotel =
        BTreeSet::from([name("octotel", "ops"), name("octotel-2", "main"), name("octotel-3", "a")]);
    for one in &octotel {
        assert_eq!(namesakes(one, &all), octotel, "whichever name is asked for");
    }
    assert_eq!(namesakes(&name("evotel", "ops"), &all), BTreeSet::from([name("evotel", "ops")]));
    assert_eq!(namesakes(&name("tracked-1", "x"), &all).len(), 2);
    let gone = name("deleted", "ops");
    assert_eq!(
        namesakes(&gone, &all),
        BTreeSet::from([gone]),
        "a name that no provider has any more"
    );
    let first = identity::first_names(&all);
    assert_eq!(first[&name("octotel-3", "a")], name("octotel", "ops"));
    assert_eq!(first[&name("evotel", "ops")], name("evotel", "ops"));
}

#[test]
fn refusals_of_another_provider_on_the_same_account_count() {
    let once = case(Vec::new());
    let both = Case {
        status: refused("k:v1", 1, "b-1/1"),
        other: Some(refused("k:v1", 1, "b-2/1")),
        ..case(Vec::new())
    };
    assert!(!once.is_shut() && both.is_shut());
    let theirs = Case { other: Some(refused("k:v1", 2, "b-2/1")), ..case(Vec::new()) };
    assert!(theirs.is_shut());
    let Gate::Shut(why) = theirs.ask(|account| account.gate(at(0))) else { panic!("shut") };
    assert!(why.message.contains("main of provider octotel-2"), "{}", why.message);
}

#[test]
fn a_provider_that_was_created_again_recovers_the_refusals_of_its_batches() {
    let batches = vec![
        batch("b-1", "octotel", grant("Rejected", 0)),
        batch("b-2", "octotel", grant("Rejected", 10)),
    ];
    assert!(case(batches.clone()).is_shut(), "before anything was written");
    let change = case(batches.clone()).ask(|account| account.refreshed(at(1000), None));
    assert_eq!(
        (change.breaker.state, change.breaker.opened_at.map(|at| at.0)),
        (BreakerState::Open, Some(at(10)))
    );
    assert!(change.event.is_some());
    assert!(!case(batches[..1].to_vec()).is_shut(), "one more login is allowed");
    // The status was restored from a backup made before the second refusal.
    let restored = Case { status: refused("k:v1", 1, "b-1/1"), ..case(batches.clone()) };
    assert!(restored.is_shut());
    let other = Case { current: "k:v2", ..case(batches) };
    assert!(!other.is_shut(), "the Secret holds other values by now");
}

#[test]
fn what_is_counted_is_not_recovered_a_second_time() {
    let known = Case {
        status: refused("k:v1", 1, "b-1/1"),
        ..case(vec![batch("b-1", "octotel", grant("Rejected", 0))])
    };
    assert!(!known.is_shut());
    assert_eq!(known.ask(|account| account.breaker().failures), 1);
}

#[test]
fn a_success_or_a_resume_after_a_refusal_settles_it() {
    let twice = || {
        vec![
            batch("b-1", "octotel", grant("Rejected", 0)),
            batch("b-2", "octotel", grant("Rejected", 10)),
        ]
    };
    let mut with_success = twice();
    with_success.push(batch("b-3", "octotel", grant("LoggedIn", 20)));
    assert!(!case(with_success).is_shut());
    let resumed_at = |seconds| {
        let status = AccountStatus { resumed_at: Some(Time(at(seconds))), ..Default::default() };
        Case { status, ..case(twice()) }.is_shut()
    };
    assert!(!resumed_at(10) && !resumed_at(5), "at most one more login is allowed");
    assert!(resumed_at(-1) && resumed_at(0), "a refusal at that very moment counts");
}

#[test]
fn a_resume_is_applied_to_every_name_once() {
    let open = || {
        let status = refused("k:v1", 2, "b-1/1");
        let breaker = status.breaker.map(|breaker| AccountBreaker {
            state: BreakerState::Open,
            opened_at: Some(Time(at(0))),
            ..breaker
        });
        AccountStatus { breaker, ..AccountStatus::default() }
    };
    let case = |status| Case { status, ..case(Vec::new()) };
    let after = case(open()).ask(|account| account.refreshed(at(50), Some(at(40))));
    assert_eq!((after.breaker.state, after.breaker.failures), (BreakerState::Closed, 1));
    let applied = AccountStatus { resumed_at: Some(Time(at(40))), ..open() };
    let again = case(applied).ask(|account| account.refreshed(at(50), Some(at(40))));
    assert_eq!(
        again.breaker.state,
        BreakerState::Open,
        "opened again, for example by a clock that went back"
    );
}

#[test]
fn after_a_resume_the_names_of_an_account_have_one_login_left_together() {
    let one = |batch| refused("k:v1", 1, batch);
    let open = |status: AccountStatus| AccountStatus {
        breaker: status.breaker.map(|breaker| AccountBreaker {
            state: BreakerState::Open,
            opened_at: Some(Time(at(0))),
            ..breaker
        }),
        ..status
    };
    let here = Case { status: open(one("b-1/1")), other: Some(one("b-2/1")), ..case(Vec::new()) };
    let after = here.ask(|account| account.refreshed(at(50), Some(at(40)))).breaker;
    assert_eq!((after.state, after.failures, after.refusals.len()), (BreakerState::Closed, 0, 0));
    let status = AccountStatus { breaker: Some(after), ..AccountStatus::default() };
    assert!(!Case { status, ..here }.is_shut());
}

#[test]
fn the_last_step_of_all_names_and_batches_counts() {
    let now = at(0);
    let step = step::at(now, 30);
    let with = |last: i64, period: Option<i32>| AccountStatus {
        last_step: Some(last),
        last_step_period_seconds: period,
        ..AccountStatus::default()
    };
    let last = |case: &Case, period| case.ask(|account| account.last_step(now, period, 1));
    assert_eq!(last(&case(Vec::new()), 30), None);
    let other = Case {
        status: with(step - 5, Some(30)),
        other: Some(with(step - 1, Some(30))),
        ..case(Vec::new())
    };
    assert_eq!(last(&other, 30), Some(step - 1));
    // The provider was created again: only the batches still hold the step.
    let minted = |step: i64| {
        batch(
            "b-1",
            "octotel",
            json!([{"login": 1, "state": "CodeReady", "step": step, "stepPeriodSeconds": 30}]),
        )
    };
    assert_eq!(last(&case(vec![minted(step)]), 30), Some(step));
    assert_eq!(last(&case(vec![minted(step)]), 60), Some(step / 2), "counted in another period");
    assert_eq!(last(&case(vec![minted(step + 50)]), 30), None, "from a clock that was ahead");
    let edited = Case { status: with(step, Some(30)), ..case(Vec::new()) };
    assert_eq!(last(&edited, 60), Some(step / 2));
}

fn provider(name: &str, secret: &str) -> FnoProvider {
    let flow = json!({"steps": [{"type": "navigate", "url": "/"}]});
    serde_json::from_value(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoProvider", "metadata": {"name": name, "namespace": "n"},
        "spec": {"baseUrl": "https://p.example", "allowedOrigins": ["https://p.example"], "session": {"maxSessionsPerAccount": 3},
                 "accounts": [{"name": "ops", "credentialsSecretRef": {"name": secret}}], "flows": {"login": flow, "validation": flow}},
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
        generation: 1,
        flows_digest: "d".to_owned(),
        work_bytes: 0,
        flow_error: None,
        accounts: [("ops".to_owned(), account)].into(),
    }
}

#[test]
fn a_batch_belongs_to_an_account_by_name_or_by_what_it_typed() {
    let (octotel, evotel) = (provider("octotel", "bot"), provider("evotel", "other"));
    let (typed, other) = (facts("k:v1"), facts("k:v9"));
    let batches = [batch("b-1", "octotel", json!([])), batch("b-2", "deleted", json!([]))];
    let members = vec![
        Member { provider: &octotel, facts: Some(&typed) },
        Member { provider: &evotel, facts: Some(&other) },
    ];
    let namespace = Namespace::new(members, Vec::new(), &batches);
    let of = |provider| -> Vec<_> {
        let batches = namespace.batches_of(&name(provider, "ops"));
        batches.iter().filter_map(|batch| batch.metadata.name.as_deref()).collect()
    };
    assert_eq!(of("octotel"), ["b-1", "b-2"], "the same credentials under a name that is gone");
    assert_eq!(of("evotel"), [""; 0]);
    assert_eq!(namespace.identity_of(&batches[1]), name("octotel", "ops"));
    assert!(namespace.account(&name("deleted", "ops")).is_none());
}

#[test]
fn a_namespace_brings_the_names_of_an_account_together() {
    let (one, mut two) = (provider("octotel", "bot"), provider("octotel-2", "bot"));
    two.spec.session.max_sessions_per_account = 1;
    two.status = Some(
        serde_json::from_value(json!({"resume": {"value": "x", "resumedAt": at(0).to_string()},
            "accounts": [{"name": "ops", "logins": ["b-9/1"]}]}))
        .expect("a status"),
    );
    let known = facts("k:v1");
    let members = vec![
        Member { provider: &one, facts: Some(&known) },
        Member { provider: &two, facts: Some(&known) },
    ];
    let open = batch("b-1", "octotel-2", json!([{"login": 2, "state": "Granted"}]));
    let namespace = Namespace::new(members, Vec::new(), [&open]);
    let account = namespace.account(&name("octotel", "ops")).expect("an account");
    assert_eq!(account.max_sessions(), 1, "the strictest");
    assert_eq!(namespace.identity(&name("octotel-2", "ops")), name("octotel", "ops"));
    assert_eq!(namespace.resumed(&name("octotel", "ops")), Some(at(0)));
    let undecided = account.undecided("b-5/1", |_| false);
    assert_eq!(undecided, BTreeSet::from(["b-1/2".to_owned(), "b-9/1".to_owned()]));
    assert_eq!(account.undecided("b-1/2", |batch| batch == "b-9"), BTreeSet::new());
}
