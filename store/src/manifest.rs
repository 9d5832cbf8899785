//! `manifest.json`: what happened in one try of a job, or in the session of a batch.

use fno_crds::{Reason, job::Action};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Version of the format; every manifest names it.
pub const VERSION: u32 = 1;
/// File name of the manifest. It is written last: a folder without it is incomplete.
pub const MANIFEST: &str = "manifest.json";
/// File name of the page for people, made from the manifest.
pub const REPORT: &str = "report.html";

/// Everything about one folder of evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// [`VERSION`].
    pub version: u32,
    /// Namespace of the job and the batch.
    pub namespace: String,
    /// Name of the FnoProvider.
    pub provider: String,
    /// Name of the FnoBatch.
    pub batch: String,
    /// The job. Absent in the evidence of a batch's session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<JobFacts>,
    /// How the try or the session ended.
    pub verdict: Verdict,
    /// Fields read from the portal, not shortened.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    /// When the try or the session started.
    pub started_at: Timestamp,
    /// Duration in seconds.
    pub seconds: f64,
    /// Name and version of the browser, `Firefox 140.12.0`.
    pub browser: String,
    /// Version of the runner.
    pub runner: String,
    /// SHA-256 of the provider's flows, in hexadecimal.
    pub flows_digest: String,
    /// The steps in the order in which they ran.
    pub timeline: Vec<Event>,
    /// All other files of the folder.
    #[serde(default)]
    pub files: Vec<FileFacts>,
}

/// The job a try belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct JobFacts {
    /// Name of the FnoJob.
    pub name: String,
    /// UID of the FnoJob.
    pub uid: String,
    /// The requested action.
    pub action: Action,
    /// The circuit it was requested for.
    pub circuit_number: String,
    /// Number of the try, from 1.
    pub attempt: i32,
}

/// How a try or a session ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verdict {
    /// The portal's answer, such as `Active`. Absent if there was no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Machine-readable reason.
    pub reason: Reason,
    /// Human-readable explanation of `reason`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Name of the step that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
}

/// One step that ran or was skipped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// Name of the flow: `login`, `validation`, …
    pub flow: String,
    /// Name of the step.
    pub step: String,
    /// Type of the step.
    #[serde(rename = "type")]
    pub kind: String,
    /// The flow author's description of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// When the step started.
    pub started_at: Timestamp,
    /// Duration in milliseconds.
    pub millis: u64,
    /// `Done`, `Skipped`, `Failed`, …
    pub result: String,
    /// Address of the page after the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// What the step did, or why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The selector that matched instead of the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<String>,
    /// Names of the step's files in [`Manifest::files`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// A file of the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FileFacts {
    /// File name.
    pub name: String,
    /// Media type: `image/png`, `text/html`, …
    pub media_type: String,
    /// Size in bytes.
    pub size: usize,
    /// SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Name of the step that made the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// When the file was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Timestamp>,
    /// Address of the page that the file shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Manifest {
    /// A short title: action and circuit of the job, or the name of the batch.
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
