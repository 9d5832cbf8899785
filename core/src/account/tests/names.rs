//! Names of one account, by what the operator found in their Secrets.

use super::*;

#[test]
fn the_same_seed_in_two_secrets_is_one_account_once_it_is_known() {
    let with = |provider: &str, secret: &str| {
        let spec: Account = serde_json::from_value(json!({"name": "a", "credentialsSecretRef": {"name": secret}, "totp": {"secretRef": {"name": secret}}})).expect("an account");
        let found = Found { fingerprint: Some("fingerprint"), user: None };
        Named::new(name(provider, "a"), Uses::of(&spec, "https://p.example"), found)
    };
    assert_eq!(namesakes(&name("p", "a"), &[with("p", "s"), with("q", "t")]).len(), 2);
}

#[test]
fn the_same_user_of_the_same_portal_is_one_account_whatever_the_secret() {
    let with = |provider: &str, secret: &str, url: &'static str| {
        let spec: Account =
            serde_json::from_value(json!({"name": "a", "credentialsSecretRef": {"name": secret}}))
                .expect("an account");
        let found = Found { fingerprint: None, user: Some("k:digest") };
        Named::new(name(provider, "a"), Uses::of(&spec, url), found)
    };
    let (one, other) = ("https://one.example", "https://other.example");
    let all = [with("p", "s", one), with("q", "t", "https://one.example/"), with("r", "u", other)];
    assert_eq!(namesakes(&name("p", "a"), &all), [name("p", "a"), name("q", "a")].into());
}
