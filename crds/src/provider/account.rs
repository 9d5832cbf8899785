//! Who logs in, and with which codes.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString};

/// Who logs in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    /// Name of the account in status, labels and metrics. It is not the user name on the portal.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("an account's name must consist of lower-case letters, digits and -, beginning and ending with a letter or digit"))]
    pub name: String,
    /// Secret in the provider's namespace that holds the keys `username` and `password`.
    pub credentials_secret_ref: SecretReference,
    /// How one-time codes are made. Omit it for a portal that does not ask for them.
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
    validation = Rule::new("self.minRemainingSeconds < self.periodSeconds").message("minRemainingSeconds must be less than periodSeconds").field_path(".minRemainingSeconds"),
)]
pub struct Totp {
    /// Secret in the provider's namespace, and its key, that hold the seed in base32.
    pub secret_ref: SecretKeyReference,
    /// Number of digits of a code: 6 or 8. Default 6.
    #[serde(default = "six")]
    #[schemars(range(min = 6, max = 8), extend("enum" = [6, 8]))]
    pub digits: i32,
    /// Seconds that each code is valid, the time step of RFC 6238. Default 30.
    #[serde(default = "thirty")]
    #[schemars(range(min = 1, max = 300))]
    pub period_seconds: i32,
    /// Hash function of the codes: `SHA1`, `SHA256` or `SHA512`. Default `SHA1`.
    #[serde(default)]
    pub algorithm: TotpAlgorithm,
    /// A code is minted only if it stays valid for at least this many seconds; otherwise the next time step is awaited. Less than
    /// `periodSeconds`. Default 10.
    #[serde(default = "ten")]
    #[schemars(range(min = 0, max = 299))]
    pub min_remaining_seconds: i32,
    /// Number of time steps before and after the current one whose codes the portal also accepts. Default 1.
    #[serde(default = "super::one")]
    #[schemars(range(min = 0, max = 10))]
    pub skew_steps: i32,
    /// Name of the seed in the shared record of used time steps. Default: a fingerprint of the seed, so that the same seed is the
    /// same account in every namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9][A-Za-z0-9._-]*$')").message("trackingId must begin with a letter or digit and contain only letters, digits and . _ -"))]
    pub tracking_id: Option<String>,
}

/// A key of a Secret in the provider's namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyReference {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Key in the Secret. Default `totp`.
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
    /// HMAC-SHA-1, what nearly every portal uses.
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
