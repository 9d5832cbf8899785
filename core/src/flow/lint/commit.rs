//! The rules of a cancellation: one irreversible step, nothing repeated after it, and a proof on a page that is loaded again.

use fno_crds::flow::{Commit, DialogAction, Step, StepType};

use super::Report;
use crate::flow::template::Template;

/// State of the walk through a cancellation flow.
#[derive(Default)]
pub(super) struct Progress {
    commits: usize,
    is_fresh: bool,
    is_proved: bool,
}

/// Checks the commit of a step, no matter in which flow the step is.
pub(super) fn check(step: &Step, commit: &Commit, path: &str, report: &mut Report) {
    if !matches!(
        step.type_,
        StepType::Click | StepType::DoubleClick | StepType::Press | StepType::Dialog
    ) {
        report.error(
            format!("{path}.commit"),
            "commit belongs on a click, doubleClick, press or dialog step",
        );
    }
    if step.type_ == StepType::Dialog && step.action == Some(DialogAction::Dismiss) {
        report.error(
            format!("{path}.action"),
            "a commit dialog is accepted: dismissing it cancels nothing",
        );
    }
    if step.retry.is_some() {
        report.error(format!("{path}.retry"), "a commit step is never retried: remove retry");
    }
    if step.optional == Some(true) {
        report.error(
            format!("{path}.optional"),
            "a commit step is never optional: whether it worked is what counts",
        );
    }
    let identify = format!("{path}.commit.identify");
    if commit.identify.selectors.is_empty() && step.type_ != StepType::Dialog {
        report.error(
            format!("{identify}.selectors"),
            "identify needs the element that names the circuit; only a native dialog needs none",
        );
    }
    match Template::parse(&commit.identify.contains) {
        Ok(template) if template.names().is_empty() => {
            report.error(
                format!("{identify}.contains"),
                "identify must name the circuit, as in {{ params.circuitNumber }}: a fixed text is the same for every line",
            );
        }
        Ok(template) if !template.names().contains("params.circuitNumber") => {
            report.warning(format!("{identify}.contains"), "identify does not name params.circuitNumber: make sure that it distinguishes this line from all others");
        }
        _ => {}
    }
}

impl Progress {
    /// Takes the next step of the cancellation flow, or of a subflow.
    pub fn step(&mut self, step: &Step, in_subflow: bool, path: &str, report: &mut Report) {
        if step.commit.is_some() {
            if in_subflow {
                report.error(
                    format!("{path}.commit"),
                    "commit must be in the cancellation flow itself, not in a subflow",
                );
            }
            self.commits += 1;
            if self.commits == 2 {
                report.error(
                    format!("{path}.commit"),
                    "a cancellation flow has exactly one step with commit: this is the second",
                );
            }
            return;
        }
        if self.commits == 0 {
            return;
        }
        if step.retry.is_some() {
            report.error(
                format!("{path}.retry"),
                "steps after the commit step run once: remove retry",
            );
        }
        match step.type_ {
            StepType::Navigate if step.when.is_none() && step.optional != Some(true) => {
                self.is_fresh = true
            }
            StepType::Outcome if !self.is_fresh => {
                report.error(path, "after the commit step an outcome must be read from a page that is loaded again: navigate first (a refusal that is shown at once belongs in commit.refusedWhen)");
            }
            StepType::Outcome => self.is_proved = true,
            _ => {}
        }
    }

    /// Checks the flow as a whole at its end.
    pub fn finish(&self, path: &str, report: &mut Report) {
        if self.commits == 0 {
            report.error(path, "a cancellation flow needs exactly one step with commit");
        } else if !self.is_fresh {
            report.error(path, "after the commit step the flow must load a page again (navigate) and prove the new state there");
        } else if !self.is_proved {
            report.error(
                path,
                "after the commit step the flow must end with outcomes that prove the new state",
            );
        }
    }
}
