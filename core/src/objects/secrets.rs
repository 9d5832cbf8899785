//! The two kinds of Secrets of a batch. Both are immutable: what a runner works from, or types, never changes under its feet.

use std::collections::BTreeMap;

use fno_crds::{FnoBatch, names};
use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret};

use super::metadata;
use crate::work::Work;

/// `<batch>-work`: what the runner is given. Mounted, so it has to exist before the Pod.
///
/// # Errors
/// Never: the types of [`Work`] serialise.
pub fn work_secret(batch: &FnoBatch, work: &Work) -> Result<Secret, serde_json::Error> {
    let name = names::work_secret(batch.metadata.name.as_deref().unwrap_or_default());
    Ok(immutable(batch, name, [(names::KEY_WORK, serde_json::to_vec(work)?)]))
}

/// `<batch>-totp-<login>`: one code, of one time step, not to be typed after `not_after`.
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
