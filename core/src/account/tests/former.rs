//! Entries under names that no spec has any more.

use super::*;

/// `octotel`, whose account `ops` was called `bot` before, with the breaker of that entry.
fn renamed(version: &str) -> FnoProvider {
    let breaker = json!({"state": "Open", "failures": 2, "refused": true, "reason": "LoginRejected", "openedAt": at(0).to_string(),
        "credentialsVersion": version, "refusals": [{"credentialsVersion": version, "count": 2}], "counted": ["b-1/1", "b-1/2"]});
    let mut provider = provider("octotel", "bot");
    provider.status = serde_json::from_value(json!({"accounts": [{"name": "bot", "breaker": breaker, "logins": ["b-2/1"], "lastStep": 7}]}))
        .expect("a status");
    provider
}

fn gate_of(provider: &FnoProvider, asked: &FnoProvider, now: &str) -> Gate {
    let facts = facts(now);
    let mut members = vec![Member { provider, facts: Some(&facts) }];
    if asked.metadata.name != provider.metadata.name {
        members.push(Member { provider: asked, facts: Some(&facts) });
    }
    let of = name(asked.metadata.name.as_deref().expect("a name"), "ops");
    Namespace::new(members, Vec::new(), &[]).account(&of).expect("an account").gate(at(100))
}

#[test]
fn an_account_that_was_renamed_keeps_the_refusals_of_its_credentials() {
    let provider = renamed("k:v1");
    assert!(matches!(gate_of(&provider, &provider, "k:v1"), Gate::Shut(_)));
    let facts = facts("k:v1");
    let namespace =
        Namespace::new(vec![Member { provider: &provider, facts: Some(&facts) }], Vec::new(), &[]);
    let account = namespace.account(&name("octotel", "ops")).expect("an account");
    assert_eq!(account.failures(), 2);
    assert_eq!(account.undecided("b-3/1", |_| false), BTreeSet::from(["b-2/1".to_owned()]));
    assert_eq!(account.last_step(at(0), 30, 1), Some(7));
}

#[test]
fn a_former_name_stops_no_other_credentials() {
    let provider = renamed("k:v1");
    assert_eq!(gate_of(&provider, &provider, "k:v2"), Gate::Open);
}

#[test]
fn refusals_that_cannot_be_compared_stop_their_own_provider_only() {
    let (renamed, other) = (renamed("other-key:v1"), provider("evotel", "other"));
    assert!(matches!(gate_of(&renamed, &renamed, "k:v1"), Gate::Shut(_)));
    assert_eq!(gate_of(&renamed, &other, "k:v1"), Gate::Open);
}

#[test]
fn the_same_credentials_in_another_provider_are_stopped_by_a_former_name_too() {
    let (renamed, other) = (renamed("k:v1"), provider("evotel", "other"));
    assert!(matches!(gate_of(&renamed, &other, "k:v1"), Gate::Shut(_)));
}
