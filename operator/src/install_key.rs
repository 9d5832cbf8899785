//! The key of this installation, with which credentials are digested ([`fno_core::credentials`]). The key is in a Secret in the operator's
//! own namespace and is created once. If it is lost, digests of the old key can no longer be compared, and breakers that were opened by
//! refused credentials stay open until a person resumes the provider.

use std::collections::BTreeMap;

use anyhow::{Context as _, bail};
use fno_core::credentials::{KEY_BYTES, VersionKey};
use fno_crds::names::{INSTALL_KEY_SECRET, KEY_INSTALL_KEY, LABEL_MANAGED_BY, MANAGER};
use k8s_openapi::{
    ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, Client, api::PostParams};

/// Reads the key, or creates it if there is no Secret yet. Two operators that start together use the same key: the second creation is
/// refused, and that operator reads the key of the first.
///
/// # Errors
/// If the API server refuses or does not answer, or if the key in the Secret is too short. An existing key is never overwritten.
pub async fn ensure(client: &Client, namespace: &str) -> anyhow::Result<VersionKey> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let place = || format!("Secret {INSTALL_KEY_SECRET} in namespace {namespace}");
    if let Some(secret) = api.get_opt(INSTALL_KEY_SECRET).await.with_context(place)? {
        return read(&secret).with_context(place);
    }
    let created = fresh(rand::random());
    match api.create(&PostParams::default(), &created).await {
        Ok(secret) => read(&secret).with_context(place),
        Err(kube::Error::Api(status)) if status.is_already_exists() => {
            read(&api.get(INSTALL_KEY_SECRET).await.with_context(place)?).with_context(place)
        }
        Err(error) => Err(error).with_context(place),
    }
}

fn read(secret: &Secret) -> anyhow::Result<VersionKey> {
    let stored = secret.data.as_ref().and_then(|data| data.get(KEY_INSTALL_KEY));
    match stored.and_then(|bytes| VersionKey::new(&bytes.0)) {
        Some(key) => Ok(key),
        None => bail!("{KEY_INSTALL_KEY} must hold at least {KEY_BYTES} random bytes"),
    }
}

fn fresh(key: [u8; KEY_BYTES]) -> Secret {
    let labels = BTreeMap::from([(LABEL_MANAGED_BY.to_owned(), MANAGER.to_owned())]);
    Secret {
        metadata: ObjectMeta {
            name: Some(INSTALL_KEY_SECRET.to_owned()),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        type_: Some("Opaque".to_owned()),
        immutable: Some(true),
        data: Some(BTreeMap::from([(KEY_INSTALL_KEY.to_owned(), ByteString(key.to_vec()))])),
        ..Secret::default()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        convert::Infallible,
        sync::{Arc, Mutex},
    };

    use fno_core::credentials::Credentials;
    use http::{Method, Request, Response};
    use kube::client::Body;
    use serde_json::{Value, json};

    use super::*;

    type Stored = Arc<Mutex<Option<Value>>>;

    /// An API server that holds at most one Secret. If `quicker` is set, another operator creates that Secret just before the first creation.
    fn server(stored: &Stored, quicker: Option<Secret>) -> Client {
        let (stored, quicker) = (Arc::clone(stored), Arc::new(Mutex::new(quicker)));
        let answer = move |request: Request<Body>| {
            let (stored, quicker) = (Arc::clone(&stored), Arc::clone(&quicker));
            async move {
                let creates = request.method() == Method::POST;
                let body = request.into_body().collect_bytes().await.expect("a body");
                let mut stored = stored.lock().expect("no panic");
                if creates && let Some(other) = quicker.lock().expect("no panic").take() {
                    *stored = Some(json!(other));
                }
                let refused = |code: u16, reason: &str| {
                    (
                        code,
                        json!({"kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": reason}),
                    )
                };
                let (code, answer) = match (creates, stored.clone()) {
                    (false, None) => refused(404, "NotFound"),
                    (true, Some(_)) => refused(409, "AlreadyExists"),
                    (false, Some(secret)) => (200, secret),
                    (true, None) => {
                        let secret: Value = serde_json::from_slice(&body).expect("a Secret");
                        *stored = Some(secret.clone());
                        (201, secret)
                    }
                };
                let response = Response::builder().status(code);
                let body = Body::from(serde_json::to_vec(&answer).expect("JSON"));
                Ok::<_, Infallible>(response.body(body).expect("a response"))
            }
        };
        Client::new(tower::service_fn(answer), "fno-system")
    }

    async fn version(client: &Client) -> String {
        let key = ensure(client, "fno-system").await.expect("a key");
        key.version(&Credentials::of(b"bot", b"hunter2"), None)
    }

    #[tokio::test]
    async fn a_restart_reads_the_key_that_the_first_start_created() {
        let stored = Stored::default();
        let first = version(&server(&stored, None)).await;
        assert_eq!(version(&server(&stored, None)).await, first);
        let other = version(&server(&Stored::default(), None)).await;
        assert_ne!(other, first, "another installation has another key");
    }

    #[tokio::test]
    async fn two_operators_that_start_together_both_use_the_key_that_was_created_first() {
        let stored = Stored::default();
        let slower = version(&server(&stored, Some(fresh([7; KEY_BYTES])))).await;
        assert_eq!(version(&server(&stored, None)).await, slower);
        assert_eq!(stored.lock().expect("no panic").take(), Some(json!(fresh([7; KEY_BYTES]))));
    }

    #[tokio::test]
    async fn a_key_that_is_too_short_is_never_overwritten() {
        let broken = json!(Secret { data: None, ..fresh([0; KEY_BYTES]) });
        let stored = Arc::new(Mutex::new(Some(broken.clone())));
        assert!(ensure(&server(&stored, None), "fno-system").await.is_err());
        assert_eq!(stored.lock().expect("no panic").take(), Some(broken));
    }

    #[test]
    fn the_chart_lets_the_operator_create_the_key_and_read_it_by_name() {
        let rendered = include_str!("../../config/default/fno-operator.yaml");
        let role = rendered
            .split("\n---\n")
            .find(|object| object.contains("kind: Role\n") && object.contains("leases"))
            .expect("the Role of the operator's own namespace");
        let read = format!(
            "resources: [secrets]\n  resourceNames: [{INSTALL_KEY_SECRET}]\n  verbs: [get]"
        );
        assert!(role.contains("resources: [secrets]\n  verbs: [create]") && role.contains(&read));
    }

    #[test]
    fn a_created_key_can_be_read_and_a_broken_one_is_refused_by_name() {
        assert!(read(&fresh([7; KEY_BYTES])).is_ok());
        for broken in [Secret::default(), Secret { data: None, ..fresh([0; KEY_BYTES]) }] {
            let error = read(&broken).err().expect("no key");
            assert!(error.to_string().contains("32 random bytes"), "{error}");
        }
    }
}
