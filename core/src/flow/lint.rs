//! The linter: finds the faults of a provider's flows that can be found without a browser.

mod answered;
mod commit;
mod names;
mod parts;
mod shape;
mod step;
mod walk;

use std::{collections::HashSet, fmt};

use fno_crds::provider::FnoProviderSpec;
use serde::Serialize;

use super::text::shorten;

/// Severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, strum::Display)]
pub enum Severity {
    /// The provider is not used until this is fixed: reason `FlowInvalid`.
    Error,
    /// The flow runs, but probably not as its author intended.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Finding {
    /// Field below `spec`: `flows.validation.steps[3].when`.
    pub path: String,
    /// Whether the finding stops the provider.
    pub severity: Severity,
    /// Human-readable sentence.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// All findings, in the order in which the flows run, each once.
#[must_use]
pub fn lint(spec: &FnoProviderSpec) -> Vec<Finding> {
    walk::Walk::over(spec).findings
}

/// Maximum length of [`errors`] in characters.
const MAX_CHARS: usize = 500;

/// The errors as a short text for conditions and messages. None if all findings are warnings.
#[must_use]
pub fn errors(findings: &[Finding]) -> Option<String> {
    let errors: Vec<_> = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(ToString::to_string)
        .collect();
    let mut text = shorten(errors.first()?, MAX_CHARS);
    for (told, error) in errors.iter().enumerate().skip(1) {
        let more = format!("; {error}");
        if text.chars().count() + more.chars().count() > MAX_CHARS {
            text = format!("{text}; and {} more", errors.len() - told);
            break;
        }
        text.push_str(&more);
    }
    Some(text)
}

/// Collects findings.
#[derive(Default)]
struct Report {
    findings: Vec<Finding>,
    told: HashSet<Finding>,
}

impl Report {
    fn error(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(path.into(), Severity::Error, message.into());
    }

    fn warning(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.add(path.into(), Severity::Warning, message.into());
    }

    /// A subflow is walked once for every flow that runs it. Its faults are reported once.
    fn add(&mut self, path: String, severity: Severity, message: String) {
        let finding = Finding { path, severity, message };
        if self.told.insert(finding.clone()) {
            self.findings.push(finding);
        }
    }
}

#[cfg(test)]
mod tests;
