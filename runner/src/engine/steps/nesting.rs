//! `runFlow` and `forEach`: flows within flows.

use fno_crds::{Flow, Step};
use serde_json::Value;

use super::super::{
    failure::{FailureKind, FlowEnd},
    problem::{Done, Problem},
    walk::{Next, Walk},
};

/// Maximum nesting of subflows.
const DEEPEST: usize = 3;
/// Default of `maxItems`.
const MOST_ITEMS: usize = 20;

impl<'a> Walk<'_, 'a> {
    pub(super) async fn run_flow(&mut self, step: &Step, name: &str) -> Done<Next> {
        let flow = self.subflow(step)?;
        self.nested(flow, step, name).await
    }

    pub(super) async fn for_each(&mut self, step: &Step, name: &str) -> Done<Next> {
        let flow = self.subflow(step)?;
        let field = step.items.as_deref().ok_or_else(|| Problem::lacks("items"))?;
        let items = match self.run.scope.fields.get(field) {
            Some(Value::Array(items)) => items.clone(),
            Some(_) => {
                return Err(Problem::new(
                    FailureKind::Flow,
                    format!("fields.{field} is not a list"),
                ));
            }
            // The extract step was not required, and found nothing.
            None => Vec::new(),
        };
        let most = step.max_items.map_or(MOST_ITEMS, |most| usize::try_from(most).unwrap_or(0));
        if items.len() > most {
            return Err(Problem::new(
                FailureKind::Value,
                format!("fields.{field} has {} entries, maxItems is {most}", items.len()),
            ));
        }
        let outer = self.run.scope.item.take();
        let mut next = Ok(Next::Step);
        for item in items {
            self.run.scope.item = Some(item);
            next = self.nested(flow, step, name).await;
            if next != Ok(Next::Step) {
                break;
            }
        }
        self.run.scope.item = outer;
        next
    }

    fn subflow(&self, step: &Step) -> Done<&'a Flow> {
        let name = step.flow.as_deref().ok_or_else(|| Problem::lacks("flow"))?;
        if self.callers.len() == DEEPEST {
            return Err(Problem::new(
                FailureKind::Flow,
                format!("subflows may run each other {DEEPEST} deep, {name} is one more"),
            ));
        }
        let subflows = self.run.subflows;
        subflows
            .get(name)
            .ok_or_else(|| Problem::new(FailureKind::Flow, format!("there is no subflow {name}")))
    }

    async fn nested(&mut self, flow: &Flow, step: &Step, name: &str) -> Done<Next> {
        let own = name.rsplit('/').next().unwrap_or(name).to_owned();
        self.callers.push(own);
        let end = Box::pin(self.steps(flow)).await;
        self.callers.pop();
        let calm = step.optional == Some(true) || step.retry.is_some();
        match end {
            FlowEnd::Finished => Ok(Next::Step),
            // `optional` and `retry` of the call cover it.
            FlowEnd::Failed(failure) if calm && failure.kind.is_of_step() => {
                Err(Problem::because(failure.reason, failure.kind, failure.message))
            }
            end => Ok(Next::End(end)),
        }
    }
}
