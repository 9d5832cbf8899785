//! Whether the portal has shown that it answered for the circuit of the job: until then "nothing there" says nothing.

use fno_crds::flow::{CountOperator, Step, StepType};

use crate::flow::{condition::Condition, selector};

const CIRCUIT: &str = "params.circuitNumber";

/// What a flow has done since the portal last named the circuit.
pub(super) struct Answered {
    /// The conditions (`when`, outermost first) under which something was done that no sign has followed.
    unanswered: Vec<Vec<String>>,
}

impl Default for Answered {
    /// At the start of a flow nothing is answered.
    fn default() -> Self {
        Self { unanswered: vec![Vec::new()] }
    }
}

impl Answered {
    /// The next step. `under` holds the conditions of the steps that call its subflow, and its own.
    pub fn step(&mut self, step: &Step, under: &[String]) {
        if names_circuit(step) {
            // A sign that is looked for under a condition answers what was done under that condition.
            self.unanswered.retain(|done| !done.starts_with(under));
        } else if is_act(step.type_) {
            self.unanswered.push(under.to_vec());
        }
    }

    /// Whether everything that was done has its answer.
    pub fn is_sure(&self) -> bool {
        self.unanswered.is_empty()
    }
}

/// Whether the page may show something else after it.
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

/// Whether the step goes on only once the page shows something that names the circuit.
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
