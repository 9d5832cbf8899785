//! Accounts that a provider which cannot be read may have, too.

use super::*;
use crate::unreadable::{Unreadable, read};

/// A provider `newer` that this version cannot read, with these accounts.
fn unreadable(accounts: Value) -> Unreadable {
    let raw = json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoProvider", "metadata": {"name": "newer", "namespace": "n"},
        "spec": {"baseUrl": 7, "accounts": accounts},
    });
    read::<FnoProvider>(raw).expect("metadata").expect_err("cannot be read")
}

fn gate(hidden: &Unreadable, facts_of_it: Option<&ProviderFacts>) -> Gate {
    let mut facts = facts("k:v1");
    facts.accounts.get_mut("ops").expect("ops").fingerprint = Some("f".to_owned());
    let provider = provider("octotel", "bot");
    let members = vec![Member { provider: &provider, facts: Some(&facts) }];
    let unreadable = vec![UnreadableMember { provider: hidden, facts: facts_of_it }];
    let namespace = Namespace::new(members, unreadable, &[]);
    namespace.account(&name("octotel", "ops")).expect("an account").gate(at(0))
}

#[test]
fn an_account_is_shut_while_a_provider_that_has_it_too_cannot_be_read() {
    let same = unreadable(
        json!([{"name": "x", "credentialsSecretRef": {"name": "bot"}, "totp": {"algorithm": "Newer",
        "secretRef": {"name": "bot", "key": "seed"}}}]),
    );
    let Gate::Shut(why) = gate(&same, None) else { panic!("it may log in") };
    assert!(why.message.contains("newer") && why.message.contains(&same.error), "{}", why.message);
    let other = unreadable(json!([{"name": "x", "credentialsSecretRef": {"name": "other"}}]));
    assert_eq!(gate(&other, None), Gate::Open);
}

#[test]
fn an_account_whose_secrets_cannot_be_read_may_be_any_account() {
    let wrong = [
        json!(null),
        json!([{"name": "x"}]),
        json!([{"name": "x", "credentialsSecretRef": {"name": 5}}]),
        json!([{"name": "x", "credentialsSecretRef": {"name": "other"}, "totp": {"secretRef": "s"}}]),
        json!([{"name": "x", "credentialsSecretRef": {"name": "other"},
            "totp": {"secretRef": {"name": "other", "key": "seed"}, "trackingId": 5}}]),
    ];
    for accounts in wrong {
        assert!(matches!(gate(&unreadable(accounts.clone()), None), Gate::Shut(_)), "{accounts}");
    }
}

#[test]
fn the_seed_that_such_a_provider_was_known_to_have_counts() {
    let other = unreadable(json!([{"name": "ops", "credentialsSecretRef": {"name": "other"},
        "totp": {"secretRef": {"name": "other", "key": "seed"}}}]));
    let mut known = facts("k:v1");
    known.accounts.get_mut("ops").expect("ops").fingerprint = Some("f".to_owned());
    assert!(matches!(gate(&other, Some(&known)), Gate::Shut(_)));
}

#[test]
fn its_batches_count_as_sessions_of_the_account() {
    let same = unreadable(json!([{"name": "ops", "credentialsSecretRef": {"name": "bot"}}]));
    let (facts, provider) = (facts("k:v1"), provider("octotel", "bot"));
    let batches = [batch("b-1", "newer", json!([]))];
    let members = vec![Member { provider: &provider, facts: Some(&facts) }];
    let unreadable = vec![UnreadableMember { provider: &same, facts: None }];
    let namespace = Namespace::new(members, unreadable, &batches);
    assert_eq!(namespace.batches_of(&name("octotel", "ops")).len(), 1);
    assert_eq!(namespace.identity_of(&batches[0]), namespace.identity(&name("octotel", "ops")));
}
