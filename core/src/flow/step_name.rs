//! Names of steps in status, timeline and evidence.

use fno_crds::flow::Step;

/// The step's `name`, or its position (from 1) and type: `4-click`. `index` counts from 0 within the flow.
///
/// The name is stable as long as the flow does not change, because breakers and drift reports are stored under it.
#[must_use]
pub fn step_name(index: usize, step: &Step) -> String {
    step.name.clone().unwrap_or_else(|| format!("{}-{}", index + 1, step.type_))
}

/// The name of a step of a subflow, qualified by the step that calls the subflow: `open-service/2-click`.
#[must_use]
pub fn nested_name(caller: &str, step: &str) -> String {
    format!("{caller}/{step}")
}

#[cfg(test)]
mod tests {
    use fno_crds::flow::StepType;

    use super::*;

    #[test]
    fn a_step_has_its_name_or_its_position_and_type() {
        assert_eq!(step_name(3, &Step::of(StepType::WaitForElement)), "4-waitForElement");
        assert_eq!(
            step_name(3, &Step { name: Some("search".to_owned()), ..Step::of(StepType::Click) }),
            "search"
        );
        assert_eq!(nested_name("open", "1-click"), "open/1-click");
    }
}
