//! The Secrets of accounts, read one by one by name. The operator never lists or watches Secrets: a watch over those of a namespace would have
//! to be allowed to read all of them, and what is needed is a handful known by name.

use fno_core::{totp::Seed, view::provider::AccountFacts, why::Why};
use fno_crds::{
    Reason,
    names::{KEY_PASSWORD, KEY_USERNAME},
    provider::{Account, Totp},
};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};

/// Reads an account's Secrets and says what is wrong with them.
///
/// # Errors
/// When the API server does not answer.
pub async fn inspect(
    client: &Client,
    namespace: &str,
    account: &Account,
) -> kube::Result<AccountFacts> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let mut problem = None;
    let mut versions = Vec::new();
    let name = &account.credentials_secret_ref.name;
    let credentials = api.get_opt(name).await?;
    match &credentials {
        None => problem = problem.or_else(|| Some(missing(name))),
        Some(secret) => {
            versions.push(version(secret));
            let lacking =
                [KEY_USERNAME, KEY_PASSWORD].into_iter().find(|key| value(secret, key).is_none());
            problem = problem.or_else(|| lacking.map(|key| missing_key(name, key)));
        }
    }
    if let Some(totp) = &account.totp {
        let own = if totp.secret_ref.name == *name {
            None
        } else {
            Some(api.get_opt(&totp.secret_ref.name).await?)
        };
        let secret = own.as_ref().unwrap_or(&credentials);
        if let (Some(secret), Some(_)) = (secret, &own) {
            versions.push(version(secret));
        }
        problem = problem.or_else(|| seed_of(secret.as_ref(), totp).err());
    }
    let complete = versions.len()
        == if account.totp.as_ref().is_some_and(|totp| totp.secret_ref.name != *name) {
            2
        } else {
            1
        };
    Ok(AccountFacts { version: complete.then(|| versions.join(",")), problem })
}

/// Reads an account's seed.
///
/// # Errors
/// The outer one when the API server does not answer, the inner one says what is wrong with the seed.
pub async fn seed(
    client: &Client,
    namespace: &str,
    totp: &Totp,
) -> kube::Result<Result<Seed, Why>> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    Ok(seed_of(api.get_opt(&totp.secret_ref.name).await?.as_ref(), totp))
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

fn version(secret: &Secret) -> String {
    format!(
        "{}:{}",
        secret.metadata.uid.as_deref().unwrap_or_default(),
        secret.metadata.resource_version.as_deref().unwrap_or_default()
    )
}

fn missing(name: &str) -> Why {
    Why { reason: Reason::SecretNotFound, message: format!("There is no Secret {name}.") }
}

fn missing_key(name: &str, key: &str) -> Why {
    Why {
        reason: Reason::SecretNotFound,
        message: format!("Secret {name} has no key {key}, or nothing in it."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_named_when_it_is_missing_or_wrong_and_never_shown() {
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
            Some((Reason::SecretNotFound, "There is no Secret bot.".to_owned()))
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
}
