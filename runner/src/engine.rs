//! Walks a flow through a browser: the steps of the DevTools Recorder and ours, with their conditions, waits and retries.
//!
//! What a text, a condition, a selector or a row rule means is decided in `fno_core::flow`; this module looks and acts.

mod clock;
mod commit;
mod failure;
mod gate;
mod look;
mod missing;
mod picture;
mod place;
mod problem;
mod safe_url;
mod secrets;
mod steps;
mod trace;
mod walk;

use std::collections::BTreeMap;

use fno_core::flow::scope::Scope;
use fno_crds::Flow;
use tokio::time::Instant;

use crate::browser::Browser;

pub use self::{
    failure::{Act, Failure, FailureKind, FlowEnd},
    gate::{ClosedGate, CommitGate, CommitPoint, Held},
    picture::picture,
    secrets::{NoCode, Secrets},
    trace::{Drift, Entry, File, StepResult, Trace},
};

/// One walk through a flow.
pub struct FlowRun<'a> {
    /// Name of the flow in timeline and messages: `login`, `validation`, ….
    pub name: &'a str,
    /// The steps.
    pub flow: &'a Flow,
    /// What `runFlow` and `forEach` may run.
    pub subflows: &'a BTreeMap<String, Flow>,
    /// Params in, extracted fields out (also of a flow that failed).
    pub scope: Scope,
    /// What the portal's pages may be and do.
    pub rules: &'a Rules,
    /// What `{{ secret.* }}` and `{{ totp }}` stand for.
    pub secrets: &'a dyn Secrets,
    /// Who must agree to the irreversible act.
    pub gate: &'a dyn CommitGate,
    /// `spec.expect` of the job: checked before anything irreversible.
    pub expect: &'a BTreeMap<String, String>,
    /// When the flow must be over. A step is cut short by it.
    pub deadline: Instant,
}

/// What holds for all flows of a provider.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `spec.baseUrl`: where `navigate` steps with a path start from.
    pub base_url: String,
    /// `spec.allowedOrigins`: pages a secret may be typed into.
    pub allowed_origins: Vec<String>,
    /// `spec.browser.allowScripts`.
    pub allow_scripts: bool,
}

/// Walks the flow. The scope in `run` holds the fields afterwards, the trace has an entry for every step that was reached.
///
/// May be dropped (the driver finishes the command it has got), except between the gate's `arm` and `acted`: there it must run on.
pub async fn run(browser: &mut Browser, run: &mut FlowRun<'_>, trace: &mut Trace) -> FlowEnd {
    walk::Walk::new(browser, run, trace).walk().await
}
