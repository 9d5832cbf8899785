//! Whether a namespace's runners have credentials of their own for the evidence store.
//!
//! An object store tells namespaces apart by credentials only. A runner with the operator's credentials, or with those of another
//! namespace, could read and forge evidence that is not its own. What each credential can reach is configured in the store
//! (docs/security.md); that the credentials differ is checked here.

use std::collections::BTreeMap;

use fno_crds::Reason;
use k8s_openapi::api::core::v1::Secret;

use crate::why::Why;

/// Key of the access key's ID in the Secret of a namespace, and name of its file.
pub const KEY_ACCESS_ID: &str = "access_key_id";
/// Key of the access key's secret part.
pub const KEY_ACCESS_SECRET: &str = "secret_access_key";

/// The access keys that are in use elsewhere.
#[derive(Clone, Copy)]
pub struct KeysInUse<'a> {
    /// ID of the operator's own access key.
    pub operator: &'a str,
    /// ID of each namespace's access key, by namespace, as last seen.
    pub namespaces: &'a BTreeMap<String, String>,
}

/// The ID of the access key that the runners of `namespace` get from its Secret.
///
/// # Errors
/// Why no runner may start there: the Secret is missing or incomplete, or its access key is not the namespace's own.
pub fn evidence_key(
    namespace: &str,
    name: &str,
    secret: Option<&Secret>,
    in_use: KeysInUse<'_>,
) -> Result<String, Why> {
    let refused = |message: String| Why { reason: Reason::PodRejected, message };
    let Some(secret) = secret else {
        return Err(refused(format!(
            "The Secret {name} does not exist: create it with credentials for the evidence of this namespace ({KEY_ACCESS_ID}, {KEY_ACCESS_SECRET})."
        )));
    };
    let value = |key: &str| {
        let bytes = secret.data.as_ref()?.get(key)?;
        let text = std::str::from_utf8(&bytes.0).ok()?.trim();
        (!text.is_empty()).then(|| text.to_owned())
    };
    let missing =
        |key: &str| refused(format!("The Secret {name} has no key {key}, or it is empty."));
    let id = value(KEY_ACCESS_ID).ok_or_else(|| missing(KEY_ACCESS_ID))?;
    value(KEY_ACCESS_SECRET).ok_or_else(|| missing(KEY_ACCESS_SECRET))?;
    if id == in_use.operator {
        return Err(refused(format!(
            "The Secret {name} holds the operator's own access key, which reaches the evidence of all namespaces: put credentials for this namespace into it."
        )));
    }
    if let Some((other, _)) =
        in_use.namespaces.iter().find(|(other, used)| *other != namespace && **used == id)
    {
        return Err(refused(format!(
            "The Secret {name} holds the access key that the namespace {other} uses: put credentials for this namespace into it."
        )));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(id: &str, key: &str) -> Secret {
        serde_json::from_value(serde_json::json!({"data": {
            KEY_ACCESS_ID: k8s_openapi::ByteString(id.as_bytes().to_vec()),
            KEY_ACCESS_SECRET: k8s_openapi::ByteString(key.as_bytes().to_vec()),
        }}))
        .expect("a Secret")
    }

    fn asked(secret: Option<&Secret>) -> Result<String, String> {
        let namespaces = BTreeMap::from([
            ("lines".to_owned(), "AKLINES".to_owned()),
            ("other".to_owned(), "AKOTHER".to_owned()),
        ]);
        let in_use = KeysInUse { operator: "AKOPERATOR", namespaces: &namespaces };
        evidence_key("lines", "keys", secret, in_use).map_err(|why| why.message)
    }

    #[test]
    fn a_namespace_with_an_access_key_of_its_own_gets_runners() {
        assert_eq!(asked(Some(&secret("AKLINES\n", "s"))), Ok("AKLINES".to_owned()));
        assert_eq!(asked(Some(&secret("AKROTATED", "s"))), Ok("AKROTATED".to_owned()));
    }

    #[test]
    fn runners_never_get_the_access_key_of_the_operator_or_of_another_namespace() {
        let refused = |id: &str| asked(Some(&secret(id, "s"))).expect_err(id);
        assert!(refused("AKOPERATOR").contains("the operator's own"));
        assert!(refused(" AKOPERATOR\n").contains("the operator's own"), "blanks are ignored");
        assert!(refused("AKOTHER").contains("namespace other"));
    }

    #[test]
    fn a_missing_or_incomplete_secret_is_named_before_a_pod_waits_for_it() {
        assert!(asked(None).expect_err("no Secret").contains("The Secret keys does not exist"));
        assert!(asked(Some(&secret("", "s"))).expect_err("no ID").contains(KEY_ACCESS_ID));
        let refused = asked(Some(&secret("AKLINES", " "))).expect_err("no key");
        assert!(refused.contains(KEY_ACCESS_SECRET) && !refused.contains("AKLINES"));
    }
}
