//! `waitForElement`, `waitForExpression`.

use fno_core::flow::selector::Chain;
use fno_crds::{Step, flow::CountOperator};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::{
    clock::Clock,
    failure::FailureKind,
    look::Found,
    missing::{Census, Missing, broken_page, each, written},
    problem::{Done, Problem},
    walk::Walk,
};
use crate::browser::Request;

impl Walk<'_, '_> {
    /// All alternatives have the same rank: an author who waits for a table or a message means either of them, so neither is drift.
    pub(super) async fn wait_for_element(&mut self, step: &Step, clock: &mut Clock) -> Done {
        #[derive(Deserialize)]
        struct Counted {
            alternative: usize,
            count: usize,
        }
        let operator = match step.operator.unwrap_or_default() {
            CountOperator::AtLeast => ">=",
            CountOperator::Exactly => "==",
            CountOperator::AtMost => "<=",
        };
        let attributes: Map<String, Value> = step
            .attributes
            .iter()
            .map(|(name, value)| (name.clone(), value.as_str().into()))
            .collect();
        let alternatives = self.alternatives(&step.selectors)?;
        let request = Request::new("count")
            .alternatives(&alternatives)
            .with("visible", step.visible.unwrap_or(true))
            .with("attributes", attributes)
            .with("properties", step.properties.clone())
            .with("operator", operator)
            .with("count", step.count.unwrap_or(1));
        let (answer, page): (Found<Counted>, _) = self.ask(&request, clock).await?;
        let Some(counted) = answer.found else {
            let missed = missed(step, &alternatives, &answer.missing.unwrap_or_default());
            return Err(self
                .hopeless(&page, clock)
                .unwrap_or_else(|| Problem::new(FailureKind::NotFound, missed)));
        };
        if counted.count != 1 || alternatives.len() > 1 {
            let found = alternatives.get(counted.alternative..=counted.alternative);
            let found = written(found.unwrap_or(&alternatives));
            self.note.message = Some(format!("{found} matches {}", counted.count));
        }
        Ok(())
    }

    pub(super) async fn wait_for_expression(&mut self, step: &Step, clock: &mut Clock) -> Done {
        #[derive(Deserialize)]
        struct Holds {
            holds: bool,
        }
        self.scripts_allowed()?;
        let expression = step.expression.as_deref().ok_or_else(|| Problem::lacks("expression"))?;
        let (answer, page): (Holds, _) =
            self.ask(&Request::new("expression").expression(expression), clock).await?;
        if answer.holds {
            return Ok(());
        }
        Err(broken_page(&page).unwrap_or_else(|| {
            Problem::new(FailureKind::TimedOut, "the expression did not become true")
        }))
    }
}

/// A sentence with the elements in the page and those waited for. The latter are omitted if the step has only defaults and nothing
/// matches.
fn missed(step: &Step, alternatives: &[Chain], missing: &Missing) -> String {
    let there = each(alternatives, &missing.census, Census::counted);
    let is_plain = step.operator.is_none()
        && step.count.is_none()
        && step.visible.is_none()
        && step.attributes.is_empty()
        && step.properties.is_none();
    if is_plain && there.starts_with("nothing") {
        return there;
    }
    let limit = usize::try_from(step.count.unwrap_or(1)).unwrap_or(0);
    let too_many = missing.census.iter().any(|census| census.shows_more_than(limit));
    let hint = if step.operator.is_none() && step.visible != Some(false) && too_many {
        " (operator: \">=\" waits for at least as many)"
    } else {
        ""
    };
    format!("{there}; waited for {}{hint}", wish(step))
}

/// The elements that the step waits for, in words.
fn wish(step: &Step) -> String {
    let how = match step.operator.unwrap_or_default() {
        CountOperator::AtLeast => "at least",
        CountOperator::Exactly => "exactly",
        CountOperator::AtMost => "at most",
    };
    let count = step.count.unwrap_or(1);
    let kind = if step.visible == Some(false) { "hidden" } else { "displayed" };
    let elements = if count == 1 { "element" } else { "elements" };
    let attributes =
        step.attributes.iter().map(|(name, value)| format!("the attribute {name}={value:?}"));
    let properties =
        step.properties.iter().map(|properties| format!("the properties {properties}"));
    let with = attributes.chain(properties).collect::<Vec<_>>().join(" and ");
    let with = if with.is_empty() { String::new() } else { format!(" with {with}") };
    format!("{how} {count} {kind} {elements}{with}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(step: Value, census: Value) -> String {
        let mut whole = json!({"type": "waitForElement", "selectors": [["li"], ["#none"]]});
        whole.as_object_mut().expect("an object").extend(step.as_object().expect("fields").clone());
        let step: Step = serde_json::from_value(whole).expect("a step");
        let alternatives =
            [Chain::parse(&["li"]), Chain::parse(&["#none"])].map(|c| c.expect("a selector"));
        let missing: Missing = serde_json::from_value(json!({"census": census})).expect("a census");
        missed(&step, &alternatives, &missing)
    }

    #[test]
    fn a_wait_that_failed_says_what_there_was_and_what_it_waited_for() {
        let none = json!([{"found": 0, "displayed": 0, "enabled": 0}, {"found": 0, "displayed": 0, "enabled": 0}]);
        let one = json!([{"found": 1, "displayed": 1, "enabled": 1}]);
        let three = json!([{"found": 3, "displayed": 2, "enabled": 2}]);
        for (step, census, expected) in [
            (json!({}), &none, "nothing matches `li` or `#none`"),
            (
                json!({"visible": false}),
                &one,
                "`li` matches 1 displayed element; nothing matches `#none`; waited for exactly 1 hidden element",
            ),
            (
                json!({"properties": {"checked": false}}),
                &one,
                "`li` matches 1 displayed element; nothing matches `#none`; waited for exactly 1 displayed element with the properties {\"checked\":false}",
            ),
            (
                json!({"attributes": {"data-s": "y"}, "operator": ">="}),
                &one,
                "`li` matches 1 displayed element; nothing matches `#none`; waited for at least 1 displayed element with the attribute data-s=\"y\"",
            ),
            (
                json!({}),
                &three,
                "`li` matches 3 elements, 2 of them displayed; nothing matches `#none`; waited for exactly 1 displayed element (operator: \">=\" waits for at least as many)",
            ),
            (
                json!({"count": 0, "operator": "=="}),
                &one,
                "`li` matches 1 displayed element; nothing matches `#none`; waited for exactly 0 displayed elements",
            ),
            (
                json!({"count": 2}),
                &none,
                "nothing matches `li` or `#none`; waited for exactly 2 displayed elements",
            ),
        ] {
            assert_eq!(message(step.clone(), census.clone()), expected, "{step}");
        }
    }
}
