//! What was done and seen, in order, for the evidence. Holds no secrets.

use fno_crds::StepType;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Timeline and files of one or more flows.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// In the order in which the steps ended.
    pub entries: Vec<Entry>,
    /// Pictures and printed pages, in the order in which they were made.
    pub files: Vec<File>,
}

/// One step that was done, skipped or failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Name of the flow: `login`, `validation`, …
    pub flow: String,
    /// Name of the step, `caller/step` in subflows.
    pub step: String,
    /// Type of the step.
    #[serde(rename = "type")]
    pub type_: StepType,
    /// The author's label of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// When the step started.
    pub started_at: Timestamp,
    /// Milliseconds that the step took, including waits.
    pub millis: u64,
    /// How the step ended.
    pub result: StepResult,
    /// Address of the page after the step, without the values of the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The first selector alternative, and the one that was found instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// Human-readable note about what was done or went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Names in [`Trace::files`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StepResult {
    /// Done.
    Done,
    /// The step's `when` did not hold, or its type is accepted and ignored.
    Skipped,
    /// Failed, but optional.
    Passed,
    /// Failed, and is tried again.
    Retried,
    /// Failed.
    Failed,
}

/// A step that needed a later selector alternative: the portal is changing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// Index of the alternative that was found, from 0; never 0 here.
    pub alternative: usize,
    /// The first alternative, which was not found.
    pub wanted: String,
    /// The one that was found.
    pub found: String,
}

/// A picture or a printed page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// File name, unique in the trace: `004-login-2-click.png`.
    pub name: String,
    /// `image/png` or `application/pdf`.
    pub media_type: &'static str,
    /// Name of the step.
    pub step: String,
    /// When the file was made.
    pub taken_at: Timestamp,
    /// Content.
    pub bytes: Vec<u8>,
}

impl Trace {
    /// The steps that needed a later selector alternative (`FlowDrift`).
    pub fn drifts(&self) -> impl Iterator<Item = (&Entry, &Drift)> {
        self.entries.iter().filter_map(|entry| entry.drift.as_ref().map(|drift| (entry, drift)))
    }

    /// Adds a file under a unique name, and returns the name.
    pub fn add_file(&mut self, step: &str, media_type: &'static str, bytes: Vec<u8>) -> String {
        let extension = if media_type == "application/pdf" { "pdf" } else { "png" };
        let safe: String = step
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c } else { '-' })
            .collect();
        let name = format!("{:03}-{safe}.{extension}", self.files.len() + 1);
        self.files.push(File {
            name: name.clone(),
            media_type,
            step: step.to_owned(),
            taken_at: Timestamp::now(),
            bytes,
        });
        name
    }
}
