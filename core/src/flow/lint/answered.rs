//! Whether the portal has shown that it has answered about the job's circuit. Until then a missing element proves nothing.

use fno_crds::flow::{CountOperator, Step, StepType};

use crate::flow::{condition::Condition, selector};

const CIRCUIT: &str = "params.circuitNumber";

/// The actions of a flow since the portal last named the circuit.
pub(super) struct Answered {
    /// The conditions (`when`, outermost first) of the actions that were not followed by a sign.
    unanswered: Vec<Vec<String>>,
}

impl Default for Answered {
    /// At the start of a flow nothing is answered.
    fn default() -> Self {
        Self { unanswered: vec![Vec::new()] }
    }
}

impl Answered {
    /// Takes the next step. `under` holds the conditions of the steps that call its subflow, and its own.
    pub fn step(&mut self, step: &Step, under: &[String]) {
        if names_circuit(step) {
            // A conditional wait covers the actions under the same condition.
            self.unanswered.retain(|done| !done.starts_with(under));
        } else if is_act(step.type_) {
            self.unanswered.push(under.to_vec());
        }
    }

    /// Whether the portal has answered all actions.
    pub fn is_sure(&self) -> bool {
        self.unanswered.is_empty()
    }
}

/// Whether the page may change because of the step.
const fn is_act(step: StepType) -> bool {
    matches!(
        step,
        StepType::Navigate
            | StepType::Click
            | StepType::DoubleClick
            | StepType::Change
            | StepType::Select
            | StepType::KeyDown
            | StepType::KeyUp
            | StepType::Press
            | StepType::Dialog
            | StepType::Script
    )
}

/// Whether the flow continues only after the page shows something that names the circuit.
fn names_circuit(step: &Step) -> bool {
    if step.optional == Some(true) {
        return false;
    }
    let condition_names_it = |source: &String| {
        Condition::parse(source)
            .is_ok_and(|condition| condition.is_sign() && condition.names().contains(CIRCUIT))
    };
    match step.type_ {
        StepType::Assert => step.assert.as_ref().is_some_and(condition_names_it),
        StepType::WaitForElement => {
            let needs_one = step.operator != Some(CountOperator::AtMost)
                && step.count != Some(0)
                && step.visible != Some(false);
            needs_one
                && !step.selectors.is_empty()
                && step.selectors.iter().all(|chain| {
                    selector::templates(chain).is_ok_and(|templates| {
                        templates.iter().any(|template| template.names().contains(CIRCUIT))
                    })
                })
        }
        _ => false,
    }
}
