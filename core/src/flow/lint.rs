//! The linter: everything about a provider's flows that can be known before a browser opens.

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

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, strum::Display)]
pub enum Severity {
    /// The provider is not used until it is mended: reason `FlowInvalid`.
    Error,
    /// It works, but probably not as meant.
    Warning,
}

/// One remark.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Finding {
    /// Where, below `spec`: `flows.validation.steps[3].when`.
    pub path: String,
    /// How bad.
    pub severity: Severity,
    /// One sentence for people.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// All remarks, in the order in which the flows run, each once.
#[must_use]
pub fn lint(spec: &FnoProviderSpec) -> Vec<Finding> {
    walk::Walk::over(spec).findings
}

/// Characters of [`errors`] at most.
const MAX_CHARS: usize = 500;

/// The errors as a short text for conditions and messages; none if there are only warnings.
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

/// Where remarks are gathered.
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

    /// A subflow is walked once for every flow that runs it; what is wrong with it is told once.
    fn add(&mut self, path: String, severity: Severity, message: String) {
        let finding = Finding { path, severity, message };
        if self.told.insert(finding.clone()) {
            self.findings.push(finding);
        }
    }
}

#[cfg(test)]
mod tests;
