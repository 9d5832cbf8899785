//! The Secrets of accounts, each read by name. The operator never lists or watches Secrets: a watch over a namespace would need permission to
//! read all of its Secrets, but only a handful are needed, and their names are known.

use fno_core::{
    credentials::{Credentials, VersionKey},
    totp::Seed,
    view::provider::AccountFacts,
    why::Why,
};
use fno_crds::{
    Reason,
    names::{KEY_PASSWORD, KEY_USERNAME},
    provider::{Account, Totp},
};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};

/// Maximum length of a user name or password in bytes: they are copied into the batch's work Secret, whose size is limited.
const LONGEST: usize = 8192;

/// What an account's Secrets hold. Not printable.
pub struct AccountSecrets {
    /// The part that is not secret.
    pub facts: AccountFacts,
    /// The seed, if the account has one and it is valid.
    pub seed: Option<Seed>,
    credentials: Option<Secret>,
}

impl AccountSecrets {
    /// User name and password. The version in the facts is the digest of exactly these bytes.
    #[must_use]
    pub fn credentials(&self) -> Option<Credentials<'_>> {
        credentials_of(self.credentials.as_ref()?)
    }
}

/// Reads an account's Secrets.
///
/// # Errors
/// If the API server does not answer.
pub async fn read(
    client: &Client,
    key: &VersionKey,
    namespace: &str,
    account: &Account,
) -> kube::Result<AccountSecrets> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let name = &account.credentials_secret_ref.name;
    let credentials = api.get_opt(name).await?;
    let seed = match &account.totp {
        None => None,
        Some(totp) if totp.secret_ref.name == *name => Some(seed_of(credentials.as_ref(), totp)),
        Some(totp) => Some(seed_of(api.get_opt(&totp.secret_ref.name).await?.as_ref(), totp)),
    };
    Ok(found(key, name, credentials, seed))
}

fn found(
    key: &VersionKey,
    name: &str,
    credentials: Option<Secret>,
    seed: Option<Result<Seed, Why>>,
) -> AccountSecrets {
    let lacking = match &credentials {
        None => Some(missing(name)),
        Some(secret) => [KEY_USERNAME, KEY_PASSWORD]
            .into_iter()
            .find_map(|key| unusable(name, key, value(secret, key))),
    };
    let (seed, invalid) = match seed {
        None => (None, None),
        Some(Ok(seed)) => (Some(seed), None),
        Some(Err(why)) => (None, Some(why)),
    };
    let problem = lacking.or(invalid);
    let version = credentials
        .as_ref()
        .and_then(credentials_of)
        .filter(|_| problem.is_none())
        .map(|credentials| key.version(&credentials, seed.as_ref()));
    let fingerprint = seed.as_ref().map(Seed::fingerprint);
    let user = credentials.as_ref().and_then(credentials_of).map(|found| key.user(&found));
    let facts = AccountFacts { version, fingerprint, user, problem };
    AccountSecrets { facts, seed, credentials }
}

fn credentials_of(secret: &Secret) -> Option<Credentials<'_>> {
    Some(Credentials::of(value(secret, KEY_USERNAME)?, value(secret, KEY_PASSWORD)?))
}

fn seed_of(secret: Option<&Secret>, totp: &Totp) -> Result<Seed, Why> {
    let (name, key) = (&totp.secret_ref.name, &totp.secret_ref.key);
    let secret = secret.ok_or_else(|| missing(name))?;
    let stored = value(secret, key).ok_or_else(|| missing_key(name, key))?;
    Seed::parse(stored).map_err(|error| Why {
        reason: Reason::SeedInvalid,
        message: format!("Secret {name}, key {key}: {error}."),
    })
}

fn value<'a>(secret: &'a Secret, key: &str) -> Option<&'a [u8]> {
    secret.data.as_ref()?.get(key).map(|bytes| bytes.0.as_slice()).filter(|bytes| !bytes.is_empty())
}

fn unusable(name: &str, key: &str, value: Option<&[u8]>) -> Option<Why> {
    let length = value.map(<[u8]>::len);
    match length {
        None => Some(missing_key(name, key)),
        Some(length) if length > LONGEST => Some(Why {
            reason: Reason::SecretNotFound,
            message: format!(
                "Secret {name}, key {key}: the value has {length} bytes; at most {LONGEST} are allowed."
            ),
        }),
        Some(_) => None,
    }
}

fn missing(name: &str) -> Why {
    Why { reason: Reason::SecretNotFound, message: format!("The Secret {name} does not exist.") }
}

fn missing_key(name: &str, key: &str) -> Why {
    Why {
        reason: Reason::SecretNotFound,
        message: format!("Secret {name} has no key {key}, or its value is empty."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_wrong_seed_is_reported_and_never_shown() {
        let totp: Totp = serde_json::from_value(
            serde_json::json!({"secretRef": {"name": "bot", "key": "seed"}}),
        )
        .expect("settings");
        let secret = |text: &str| -> Secret {
            serde_json::from_value(serde_json::json!({"stringData": {}, "data": {"seed": k8s_openapi::ByteString(text.as_bytes().to_vec())}}))
                .expect("a Secret")
        };
        let found =
            |secret: Option<&Secret>| seed_of(secret, &totp).err().map(|b| (b.reason, b.message));
        assert_eq!(
            found(None),
            Some((Reason::SecretNotFound, "The Secret bot does not exist.".to_owned()))
        );
        assert_eq!(found(Some(&Secret::default())).expect("a problem").0, Reason::SecretNotFound);
        let (reason, message) = found(Some(&secret("hunter2-hunter2!"))).expect("a problem");
        assert_eq!(reason, Reason::SeedInvalid);
        assert!(
            message.contains("bot") && message.contains("seed") && !message.contains("hunter"),
            "{message}"
        );
        assert_eq!(found(Some(&secret("GEZDGNBVGY3TQOJQ"))), None);
    }

    fn stored(version: &str, label: &str, password: &str) -> Secret {
        let bytes = |text: &str| k8s_openapi::ByteString(text.as_bytes().to_vec());
        serde_json::from_value(serde_json::json!({
            "metadata": {"uid": version, "resourceVersion": version, "labels": {"team": label}},
            "data": {"username": bytes("bot"), "password": bytes(password)}}))
        .expect("a Secret")
    }

    #[test]
    fn the_same_values_with_other_labels_or_in_another_form_are_the_same_version() {
        let key = VersionKey::new(&[1; 32]).expect("a key");
        let version = |secret| found(&key, "bot", Some(secret), None).facts.version;
        let first = version(stored("1", "a", "hunter2"));
        assert!(first.is_some());
        assert_eq!(version(stored("2", "b", "hunter2")), first);
        assert_ne!(version(stored("2", "b", "hunter3")), first);
    }

    #[test]
    fn secrets_that_cannot_be_used_have_no_version() {
        let key = VersionKey::new(&[1; 32]).expect("a key");
        let none = found(&key, "bot", None, None).facts;
        assert_eq!(
            (none.version, none.problem.map(|p| p.reason)),
            (None, Some(Reason::SecretNotFound))
        );
        let empty = found(&key, "bot", Some(stored("1", "a", "")), None).facts;
        assert!(empty.version.is_none() && empty.problem.is_some());
        let long = "x".repeat(LONGEST + 1);
        let long = found(&key, "bot", Some(stored("1", "a", &long)), None).facts;
        assert!(long.version.is_none() && long.problem.is_some_and(|p| p.message.contains("8193")));
        let why = Why { reason: Reason::SeedInvalid, message: String::new() };
        let no_seed = found(&key, "bot", Some(stored("1", "a", "x")), Some(Err(why))).facts;
        assert_eq!(
            (no_seed.version, no_seed.problem.map(|p| p.reason)),
            (None, Some(Reason::SeedInvalid))
        );
    }
}
