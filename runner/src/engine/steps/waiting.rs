//! `waitForElement`, `waitForExpression`.

use fno_crds::{Step, flow::CountOperator};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::{
    clock::Clock,
    failure::FailureKind,
    missing::broken_page,
    problem::{Done, Problem},
    walk::Walk,
};
use crate::browser::Request;

impl Walk<'_, '_> {
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
        let count = step.count.unwrap_or(1);
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
            .with("count", count);
        let waited = self
            .search(&request, &alternatives, |counted: &Counted| counted.alternative, clock)
            .await;
        let (counted, _) = waited.map_err(|problem| match problem.kind {
            FailureKind::NotFound | FailureKind::NotActionable
                if (operator, count) != ("==", 1)
                    || !step.attributes.is_empty()
                    || step.properties.is_some() =>
            {
                Problem {
                    message: format!("{} (waited for {operator} {count})", problem.message),
                    ..problem
                }
            }
            _ => problem,
        })?;
        if counted.count != 1 {
            self.note.message = Some(format!("{} elements", counted.count));
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
