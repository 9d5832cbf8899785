//! From what the engine saw to what is kept: manifest, files, and the job's result.

use std::time::Duration;

use fno_core::{flow::result::flatten, work::JobWork};
use fno_crds::batch::{FlowDrift, JobResult};
use fno_store::{
    Manifest, NewFile,
    manifest::{Event, JobFacts, VERSION},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde_json::{Map, Value};

use super::verdict::Verdict;
use crate::engine::{Entry, Trace};

/// `maxItems` of `JobResult.drift` and `RunLogin.drift`.
const DRIFTS: usize = 20;

/// What all manifests of a batch have in common.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub namespace: String,
    pub provider: String,
    pub batch: String,
    pub flows_digest: String,
    pub browser: String,
}

/// One try of a job, or the session of the batch.
pub(super) struct Tried<'a> {
    pub job: Option<&'a JobWork>,
    pub verdict: &'a Verdict,
    pub fields: Map<String, Value>,
    pub started_at: Timestamp,
    pub took: Duration,
}

/// The result as it is reported, without evidence.
pub(super) fn result(job: &JobWork, tried: &Tried<'_>, trace: &Trace) -> JobResult {
    let verdict = tried.verdict.clone();
    JobResult {
        job: job.name.clone(),
        uid: job.uid.clone(),
        phase: verdict.phase,
        outcome: verdict.outcome,
        reason: verdict.reason,
        message: verdict.message,
        fields: flatten(&tried.fields),
        evidence: None,
        step: verdict.step,
        drift: drifts(&trace.entries),
        started_at: MicroTime(tried.started_at),
        milliseconds: i64::try_from(tried.took.as_millis()).unwrap_or(i64::MAX),
    }
}

/// The steps that needed a later selector alternative, each once. They are logged as warnings.
pub(super) fn drifts(entries: &[Entry]) -> Vec<FlowDrift> {
    let mut drift: Vec<FlowDrift> = Vec::new();
    for (entry, found) in entries.iter().filter_map(|entry| Some((entry, entry.drift.as_ref()?))) {
        let found = FlowDrift {
            step: entry.step.clone(),
            alternative: i32::try_from(found.alternative).unwrap_or(i32::MAX),
        };
        if drift.len() < DRIFTS && !drift.contains(&found) {
            tracing::warn!(
                step = found.step,
                alternative = found.alternative,
                "a later selector alternative was needed: the portal is changing"
            );
            drift.push(found);
        }
    }
    drift
}

/// The manifest and the files of a folder.
pub(super) fn evidence(
    common: &Common,
    tried: Tried<'_>,
    trace: Trace,
) -> (Manifest, Vec<NewFile>) {
    let verdict = tried.verdict.clone();
    // A picture that belongs to no step was taken behind the last one.
    let last_page = trace.entries.iter().rev().find_map(|entry| entry.url.clone());
    let files = trace
        .files
        .into_iter()
        .map(|file| NewFile {
            url: trace
                .entries
                .iter()
                .find(|entry| entry.files.contains(&file.name))
                .map_or_else(|| last_page.clone(), |entry| entry.url.clone()),
            name: file.name,
            media_type: file.media_type,
            step: file.step,
            taken_at: file.taken_at,
            bytes: file.bytes,
        })
        .collect();
    let manifest = Manifest {
        version: VERSION,
        namespace: common.namespace.clone(),
        provider: common.provider.clone(),
        batch: common.batch.clone(),
        job: tried.job.map(|job| JobFacts {
            name: job.name.clone(),
            uid: job.uid.clone(),
            action: job.action,
            circuit_number: job.circuit_number.clone(),
            attempt: job.attempt,
        }),
        verdict: fno_store::manifest::Verdict {
            outcome: verdict.outcome,
            reason: verdict.reason,
            message: verdict.message,
            step: verdict.step,
        },
        fields: tried.fields,
        started_at: tried.started_at,
        seconds: tried.took.as_secs_f64(),
        browser: common.browser.clone(),
        runner: env!("CARGO_PKG_VERSION").to_owned(),
        flows_digest: common.flows_digest.clone(),
        timeline: trace.entries.into_iter().map(event).collect(),
        files: Vec::new(),
    };
    (manifest, files)
}

fn event(entry: Entry) -> Event {
    Event {
        flow: entry.flow,
        step: entry.step,
        kind: entry.type_.to_string(),
        label: entry.label,
        started_at: entry.started_at,
        millis: entry.millis,
        result: format!("{:?}", entry.result),
        url: entry.url,
        message: entry.message,
        drift: entry.drift.map(|drift| format!("{} instead of {}", drift.found, drift.wanted)),
        files: entry.files,
    }
}
