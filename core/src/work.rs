//! The content of the immutable Secret `<batch>-work`: everything that a runner works from. The operator writes it, the runner reads it.

pub mod size;

use std::{collections::BTreeMap, sync::Arc};

use fno_crds::{
    FnoBatch, FnoJob, FnoProvider,
    flow::Flow,
    job::Action,
    provider::{Browser, Flows, Limits, Session},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Everything that a runner works from, pinned when the batch starts: an edit of the provider applies to the next batch, not to this one.
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
    /// Whether the account has one-time codes: the runner waits for one where a flow types `{{ totp }}`.
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
    /// The jobs that the batch has claimed, in the order in which they run.
    pub jobs: Vec<JobWork>,
}

impl Work {
    /// The work of a batch that has claimed `jobs`. `proxy` is the installation's, which the provider's own overrides.
    #[must_use]
    pub fn new(
        batch: &FnoBatch,
        provider: &FnoProvider,
        totp: bool,
        jobs: &[Arc<FnoJob>],
        proxy: Option<&String>,
    ) -> Self {
        let spec = &provider.spec;
        Self {
            namespace: batch.metadata.namespace.clone().unwrap_or_default(),
            batch: batch.metadata.name.clone().unwrap_or_default(),
            provider: batch.spec.provider.clone(),
            account: batch.spec.account.clone(),
            totp,
            base_url: spec.base_url.clone(),
            allowed_origins: spec.allowed_origins.clone(),
            flows: spec.flows.clone(),
            session: spec.session.clone(),
            limits: spec.limits.clone(),
            browser: spec.browser.clone(),
            proxy: spec.runner.proxy.as_ref().or(proxy).cloned(),
            jobs: jobs.iter().map(|job| JobWork::from(&**job)).collect(),
        }
    }

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
    /// UID of the FnoJob.
    pub uid: String,
    /// `spec.action`.
    pub action: Action,
    /// `spec.circuitNumber`.
    pub circuit_number: String,
    /// `spec.parameters`.
    pub parameters: BTreeMap<String, String>,
    /// `spec.expect`.
    pub expect: BTreeMap<String, String>,
    /// Number of this try, from 1.
    pub attempt: i32,
    /// `spec.deadline`. Absent: the job may start at any time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

impl From<&FnoJob> for JobWork {
    fn from(job: &FnoJob) -> Self {
        Self {
            name: job.metadata.name.clone().unwrap_or_default(),
            uid: job.metadata.uid.clone().unwrap_or_default(),
            action: job.spec.action,
            circuit_number: job.spec.circuit_number.clone(),
            parameters: job.spec.parameters.clone(),
            expect: job.spec.expect.clone(),
            attempt: job.status.as_ref().and_then(|status| status.attempts).unwrap_or(0) + 1,
            deadline: job.spec.deadline.as_ref().map(|deadline| deadline.0),
        }
    }
}

impl JobWork {
    /// The deadline, if it has passed at `now`. A job that has not started by then fails; one that has started finishes.
    #[must_use]
    pub fn missed_deadline(&self, now: Timestamp) -> Option<Timestamp> {
        self.deadline.filter(|deadline| *deadline <= now)
    }
}
