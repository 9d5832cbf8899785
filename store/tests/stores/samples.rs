//! Samples to store.

use std::path::PathBuf;

use fno_crds::{FnoJob, Reason, job::Action};
use fno_store::{
    Manifest, NewFile, S3, Settings, Store,
    manifest::{Event, JobFacts, VERSION, Verdict},
};
use jiff::Timestamp;
use serde_json::json;

pub fn time() -> Timestamp {
    "2026-03-01T08:00:00.25Z".parse().expect("a time")
}

pub fn manifest() -> Manifest {
    let serde_json::Value::Object(fields) =
        json!({"status": "Active", "service": {"product": "Fibre 100/50"}})
    else {
        unreachable!()
    };
    Manifest {
        version: VERSION,
        namespace: "isp".to_owned(),
        provider: "octotel".to_owned(),
        batch: "octotel-1a2b3c4d".to_owned(),
        job: Some(JobFacts {
            name: "j1".to_owned(),
            uid: "u-1".to_owned(),
            action: Action::Validation,
            circuit_number: "OCT-100200".to_owned(),
            attempt: 2,
        }),
        verdict: Verdict {
            outcome: Some("Active".to_owned()),
            reason: Reason::Answered,
            message: None,
            step: None,
        },
        fields,
        started_at: time(),
        seconds: 1.25,
        browser: "Firefox 140.12.0".to_owned(),
        runner: "0.1.0".to_owned(),
        flows_digest: "ab".repeat(32),
        timeline: vec![Event {
            flow: "validation".to_owned(),
            step: "search".to_owned(),
            kind: "change".to_owned(),
            label: Some("Type the number".to_owned()),
            started_at: time(),
            millis: 42,
            result: "Done".to_owned(),
            url: Some("https://portal.example/services".to_owned()),
            message: None,
            drift: None,
            files: vec!["001-after.png".to_owned()],
        }],
        files: Vec::new(),
    }
}

pub fn picture(name: &str, bytes: &[u8]) -> NewFile {
    NewFile {
        name: name.to_owned(),
        media_type: "image/png",
        step: "after".to_owned(),
        taken_at: time(),
        url: Some("https://portal.example/services".to_owned()),
        bytes: bytes.to_vec(),
    }
}

pub fn job(name: &str) -> FnoJob {
    serde_json::from_value(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob",
        "metadata": {"name": name, "namespace": "isp", "uid": "u-1"},
        "spec": {"provider": "octotel", "action": "Validation", "circuitNumber": "OCT-100200"},
        "status": {"phase": "Succeeded", "outcome": "Active"},
    }))
    .expect("a job")
}

/// That job as of a resource version.
pub fn job_as_of(version: u64, name: &str) -> FnoJob {
    let mut job = job(name);
    job.metadata.resource_version = Some(version.to_string());
    job
}

pub fn settings(url: &str) -> Settings {
    Settings {
        url: url.to_owned(),
        s3: S3 { endpoint: None, region: None, credentials_dir: PathBuf::from("/nowhere") },
    }
}

pub fn volume(folder: &tempfile::TempDir) -> Store {
    Store::open(&settings(&format!("file://{}", folder.path().display())))
        .unwrap_or_else(|e| panic!("{e}"))
}
