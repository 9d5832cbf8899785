//! Walks a flow in a browser: the steps of the DevTools Recorder and our own, with conditions, waits and retries.
//!
//! `fno_core::flow` decides what a text, a condition, a selector or a row rule means; this module reads pages and acts on them.

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

/// A flow and everything it needs to run once.
pub struct FlowRun<'a> {
    /// Name of the flow in timeline and messages: `login`, `validation`, …
    pub name: &'a str,
    /// The steps.
    pub flow: &'a Flow,
    /// Subflows for `runFlow` and `forEach`, by name.
    pub subflows: &'a BTreeMap<String, Flow>,
    /// Holds the parameters before the walk, and also the extracted fields after it, even if the flow failed.
    pub scope: Scope,
    /// The provider's rules about pages.
    pub rules: &'a Rules,
    /// The values of `{{ secret.* }}` and `{{ totp }}`.
    pub secrets: &'a dyn Secrets,
    /// Permits the irreversible act, or refuses it.
    pub gate: &'a dyn CommitGate,
    /// `spec.expect` of the job: checked before anything irreversible.
    pub expect: &'a BTreeMap<String, String>,
    /// Time at which the flow must have ended. It also ends a step.
    pub deadline: Instant,
}

/// The provider's rules about pages, the same for all its flows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `spec.baseUrl`: `navigate` steps with a path start here.
    pub base_url: String,
    /// `spec.allowedOrigins`: secrets may be typed into pages of these origins.
    pub allowed_origins: Vec<String>,
    /// `spec.browser.allowScripts`.
    pub allow_scripts: bool,
}

/// Walks the flow. Afterwards the scope in `run` holds the fields, and the trace has an entry for every step that was reached.
///
/// The future may be dropped (the driver finishes its current command), except between the gate's `arm` and `acted`: there it must
/// run to its end.
pub async fn run(browser: &mut Browser, run: &mut FlowRun<'_>, trace: &mut Trace) -> FlowEnd {
    walk::Walk::new(browser, run, trace).walk().await
}
