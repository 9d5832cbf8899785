//! What a runner is given: the content of the immutable Secret `<batch>-work`, written by the operator, read by the runner.

use std::collections::BTreeMap;

use fno_crds::{
    flow::Flow,
    job::Action,
    provider::{Browser, Flows, Limits, Session},
};
use serde::{Deserialize, Serialize};

/// Everything a runner works from. Pinned at the batch's start: an edit of the provider reaches the next batch, not this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Work {
    /// Namespace of batch, jobs and provider.
    pub namespace: String,
    /// Name of the batch.
    pub batch: String,
    /// Name of the provider.
    pub provider: String,
    /// Name of the account.
    pub account: String,
    /// The account has one-time codes: a code is waited for when a flow asks for `{{ totp }}`.
    pub totp: bool,
    /// `spec.baseUrl`.
    pub base_url: String,
    /// `spec.allowedOrigins`.
    pub allowed_origins: Vec<String>,
    /// `spec.flows`.
    pub flows: Flows,
    /// `spec.session`.
    pub session: Session,
    /// `spec.limits`.
    pub limits: Limits,
    /// `spec.browser`.
    pub browser: Browser,
    /// HTTP proxy of the browser, `host:port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// The jobs the batch got, in order.
    pub jobs: Vec<JobWork>,
}

impl Work {
    /// The flow for an action.
    #[must_use]
    pub const fn flow(&self, action: Action) -> Option<&Flow> {
        match action {
            Action::Validation => Some(&self.flows.validation),
            Action::Cancellation => self.flows.cancellation.as_ref(),
        }
    }
}

/// One job, as the runner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobWork {
    /// Name of the FnoJob.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// What to do.
    pub action: Action,
    /// On which circuit.
    pub circuit_number: String,
    /// `spec.parameters`.
    pub parameters: BTreeMap<String, String>,
    /// `spec.expect`.
    pub expect: BTreeMap<String, String>,
    /// Which try this is, from 1.
    pub attempt: i32,
}
