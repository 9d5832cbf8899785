//! The flows of the session itself (login, probe, logout): they know of no job and can do nothing irreversible.

use std::collections::BTreeMap;

use fno_core::{
    flow::{kind::FlowKind, scope::Scope},
    work::Work,
};
use fno_crds::Flow;
use tokio::time::Instant;

use crate::engine::{ClosedGate, FlowRun, Rules, Secrets};

static NOTHING: BTreeMap<String, String> = BTreeMap::new();

/// Such a flow, ready to be walked.
pub(super) fn session_flow<'a>(
    kind: FlowKind,
    flow: &'a Flow,
    work: &'a Work,
    rules: &'a Rules,
    secrets: &'a dyn Secrets,
    deadline: Instant,
) -> FlowRun<'a> {
    FlowRun {
        name: kind.as_str(),
        flow,
        subflows: &work.flows.subflows,
        scope: Scope::of_session(work),
        rules,
        secrets,
        gate: &ClosedGate,
        expect: &NOTHING,
        deadline,
    }
}
