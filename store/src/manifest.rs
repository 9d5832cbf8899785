//! What a try of a job, or the session of a batch, looked like: `manifest.json`.

use fno_crds::{Reason, job::Action};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Version of the format, in each manifest.
pub const VERSION: u32 = 1;
/// Its name in the folder. Written last: a folder without it is not complete.
pub const MANIFEST: &str = "manifest.json";
/// The page made from it.
pub const REPORT: &str = "report.html";

/// Everything about one folder of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// [`VERSION`].
    pub version: u32,
    /// Namespace of job and batch.
    pub namespace: String,
    /// The FnoProvider.
    pub provider: String,
    /// The FnoBatch.
    pub batch: String,
    /// The job; absent in the evidence of a batch's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobFacts>,
    /// How it ended.
    pub verdict: Verdict,
    /// What was read off the portal, whole.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took.
    pub seconds: f64,
    /// `Firefox 140.12.0`.
    pub browser: String,
    /// Version of the runner.
    pub runner: String,
    /// SHA-256 of the provider's flows.
    pub flows_digest: String,
    /// What was done, in order.
    pub timeline: Vec<Event>,
    /// Everything else in the folder.
    #[serde(default)]
    pub files: Vec<FileFacts>,
}

/// The job a try belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobFacts {
    /// Name of the FnoJob.
    pub name: String,
    /// Its UID.
    pub uid: String,
    /// What was to be done.
    pub action: Action,
    /// On which circuit.
    pub circuit_number: String,
    /// Which try, from 1.
    pub attempt: i32,
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The portal's answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Why.
    pub reason: Reason,
    /// The same for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// `login`, `validation`, …
    pub flow: String,
    /// The step's name.
    pub step: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// The flow author's words for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// Milliseconds it took.
    pub millis: u64,
    /// `Done`, `Skipped`, `Failed`, …
    pub result: String,
    /// The page behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What was done or went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The selector that was found instead of the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<String>,
    /// Names in [`Manifest::files`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// A file of the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileFacts {
    /// Name in the folder.
    pub name: String,
    /// `image/png`, `text/html`, ….
    pub media_type: String,
    /// Bytes.
    pub size: usize,
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// The step it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Timestamp>,
    /// The page it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Manifest {
    /// What it is about, in a few words.
    #[must_use]
    pub fn title(&self) -> String {
        match &self.job {
            Some(job) => format!("{} {}", job.action, job.circuit_number),
            None => format!("Session of {}", self.batch),
        }
    }

    /// Whether the portal gave an answer, or the session ended in order.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        matches!(self.verdict.reason, Reason::Answered | Reason::Completed)
    }
}
