//! The two kinds of Secrets of a batch. Both are immutable, so that what a runner works from, or types, never changes while it runs.

use std::collections::BTreeMap;

use fno_crds::{FnoBatch, names};
use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret};

use super::metadata;
use crate::{credentials::Credentials, work::Work};

/// `<batch>-work`: the flows, the jobs and the credentials for the runner. The Pod mounts it, so it has to exist before the Pod.
///
/// The credentials are pinned here, from the same bytes that `credentials_version` was computed from: the runner types these and no
/// others, even if the account's Secret changes meanwhile. The TOTP seed is not included.
///
/// # Errors
/// Never: the types of [`Work`] serialise.
pub fn work_secret(
    batch: &FnoBatch,
    work: &Work,
    credentials: &Credentials<'_>,
    credentials_version: &str,
) -> Result<Secret, serde_json::Error> {
    let name = names::work_secret(batch.metadata.name.as_deref().unwrap_or_default());
    Ok(immutable(
        batch,
        name,
        [
            (names::KEY_WORK, serde_json::to_vec(work)?),
            (names::KEY_USERNAME, credentials.username().to_vec()),
            (names::KEY_PASSWORD, credentials.password().to_vec()),
            (names::KEY_CREDENTIALS_VERSION, credentials_version.as_bytes().to_vec()),
        ],
    ))
}

/// The version of the credentials that a work Secret pins. Read back from the Secret because an earlier reconcile may have created it
/// and then failed to write the batch's status.
#[must_use]
pub fn pinned_version(work_secret: &Secret) -> Option<String> {
    let stored = work_secret.data.as_ref()?.get(names::KEY_CREDENTIALS_VERSION)?;
    String::from_utf8(stored.0.clone()).ok().filter(|version| !version.is_empty())
}

/// `<batch>-totp-<login>`: one code of one time step, which must not be typed after `not_after`.
#[must_use]
pub fn totp_secret(
    batch: &FnoBatch,
    login: i32,
    code: &str,
    step: i64,
    not_after: Timestamp,
) -> Secret {
    let name = names::totp_secret(batch.metadata.name.as_deref().unwrap_or_default(), login);
    immutable(
        batch,
        name,
        [
            (names::KEY_CODE, code.as_bytes().to_vec()),
            (names::KEY_STEP, step.to_string().into_bytes()),
            (names::KEY_NOT_AFTER, not_after.to_string().into_bytes()),
        ],
    )
}

fn immutable<const N: usize>(batch: &FnoBatch, name: String, data: [(&str, Vec<u8>); N]) -> Secret {
    Secret {
        metadata: metadata(batch, name),
        type_: Some("Opaque".to_owned()),
        immutable: Some(true),
        data: Some(BTreeMap::from(data.map(|(key, value)| (key.to_owned(), ByteString(value))))),
        ..Secret::default()
    }
}
