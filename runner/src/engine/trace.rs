//! What was done and seen, in order: the material of the evidence. Never holds a secret.

use fno_crds::StepType;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Timeline and files of one or more flows.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    /// In the order the steps ended.
    pub entries: Vec<Entry>,
    /// Pictures and printed pages, in the order they were made.
    pub files: Vec<File>,
}

/// One step that was done, skipped or failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The flow it belongs to: `login`, `validation`, …
    pub flow: String,
    /// Its name, `caller/step` inside subflows.
    pub step: String,
    /// Its type.
    #[serde(rename = "type")]
    pub type_: StepType,
    /// The flow author's words for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// Milliseconds it took, waiting included.
    pub millis: u64,
    /// What became of it.
    pub result: StepResult,
    /// Address of the page behind the step, values of the query left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The selector that was meant and the one that was found instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// What was done or went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Names in [`Trace::files`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StepResult {
    /// Done.
    Done,
    /// Its `when` did not hold, or it is of a type that is accepted and ignored.
    Skipped,
    /// Failed, but optional.
    Passed,
    /// Failed, and will be tried again.
    Retried,
    /// Failed.
    Failed,
}

/// A step that needed a later alternative of its selectors: the portal begins to look different.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// Which alternative was found, from 0; never 0 here.
    pub alternative: usize,
    /// The first alternative, which was not found.
    pub wanted: String,
    /// The one that was found.
    pub found: String,
}

/// A picture or a printed page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Unique in its trace: `004-login-2-click.png`.
    pub name: String,
    /// `image/png` or `application/pdf`.
    pub media_type: &'static str,
    /// Name of the step it belongs to.
    pub step: String,
    /// When it was made.
    pub taken_at: Timestamp,
    /// Content.
    pub bytes: Vec<u8>,
}

impl Trace {
    /// The steps that needed a later alternative: `FlowDrift`.
    pub fn drifts(&self) -> impl Iterator<Item = (&Entry, &Drift)> {
        self.entries.iter().filter_map(|entry| entry.drift.as_ref().map(|drift| (entry, drift)))
    }

    /// Adds a file under a name no other one has.
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
