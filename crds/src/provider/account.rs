//! Who logs in, and with which codes.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

/// Who logs in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Name of the account in status, labels and metrics. Not the user name.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Secret in the provider's namespace with the keys `username` and `password`.
    pub credentials_secret_ref: SecretReference,
    /// One-time codes. Leave it away for a portal without them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp: Option<Totp>,
}

/// A Secret in the provider's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretReference {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// Time-based one-time codes (RFC 6238).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.minRemainingSeconds < self.period").message("minRemainingSeconds must be less than period").field_path(".minRemainingSeconds"),
)]
pub struct Totp {
    /// Secret and key that hold the seed in base32.
    pub secret_ref: SecretKeyReference,
    /// Length of a code: 6 or 8.
    #[serde(default = "six")]
    #[schemars(range(min = 6, max = 8), extend("enum" = [6, 8]))]
    pub digits: i32,
    /// Seconds a code is valid.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 300))]
    pub period: i32,
    /// Hash function.
    #[serde(default)]
    pub algorithm: TotpAlgorithm,
    /// A code is minted only if it stays valid for at least this many seconds; less than `period`.
    #[serde(default = "ten")]
    #[schemars(range(min = 0, max = 299))]
    pub min_remaining_seconds: i32,
    /// Steps the portal accepts either side of its own.
    #[serde(default = "super::one")]
    #[schemars(range(min = 0, max = 10))]
    pub skew: i32,
    /// Names the seed in the shared record of used steps. Default: a fingerprint of the seed, so that the same seed is the same account in any namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"))]
    pub tracking_id: Option<String>,
}

/// A key of a Secret in the provider's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyReference {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in it.
    #[serde(default = "default_totp_key")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

fn default_totp_key() -> String {
    "totp".to_owned()
}

/// Hash functions of RFC 6238.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    Display,
    EnumString,
)]
pub enum TotpAlgorithm {
    /// The usual one.
    #[default]
    SHA1,
    /// HMAC-SHA-256.
    SHA256,
    /// HMAC-SHA-512.
    SHA512,
}

const fn six() -> i32 {
    6
}
const fn ten() -> i32 {
    10
}
const fn thirty() -> i32 {
    30
}
