//! The types of steps, one file per family.

mod choice;
mod dialog;
mod field;
pub(super) mod keyboard;
mod nesting;
mod page;
pub(super) mod pointer;
mod reading;
mod script;
mod verdict;
mod waiting;
mod window;

use fno_crds::{Step, StepType};

use super::{
    clock::Clock,
    problem::Done,
    walk::{Next, Walk},
};

impl Walk<'_, '_> {
    /// Executes a step whose condition holds. The driver is in the frame of the step.
    pub(super) async fn execute(
        &mut self,
        step: &Step,
        name: &str,
        clock: &mut Clock,
    ) -> Done<Next> {
        match step.type_ {
            StepType::Outcome => return self.outcome(step),
            StepType::RunFlow => return Box::pin(self.run_flow(step, name)).await,
            StepType::ForEach => return Box::pin(self.for_each(step, name)).await,
            _ if step.commit.is_some() => self.commit(step, name, clock).await?,
            StepType::Navigate => self.navigate(step, clock).await?,
            StepType::Click | StepType::DoubleClick => self.click(step, clock).await?,
            StepType::Hover => self.hover(step, clock).await?,
            StepType::Change => self.change(step, clock).await?,
            StepType::Select => self.select(step, clock).await?,
            StepType::KeyDown | StepType::KeyUp | StepType::Press => self.key(step, clock).await?,
            StepType::Scroll => self.scroll(step, clock).await?,
            StepType::SetViewport => self.set_viewport(step, clock).await?,
            StepType::WaitForElement => self.wait_for_element(step, clock).await?,
            StepType::WaitForExpression => self.wait_for_expression(step, clock).await?,
            StepType::Extract => self.extract(step, clock).await?,
            StepType::Assert => self.assert(step, clock).await?,
            StepType::Dialog => self.dialog(step, clock).await?,
            StepType::SwitchTo => self.switch_to(step, clock).await?,
            StepType::Screenshot => {
                self.settle(clock).await?;
                self.picture(name, step.full_page == Some(true)).await?;
            }
            StepType::Print => {
                self.settle(clock).await?;
                self.print(name).await?;
            }
            StepType::Script => self.script(step, clock).await?,
            StepType::Close | StepType::CustomStep | StepType::EmulateNetworkConditions => {}
        }
        if let Some(action) = step.on_dialog
            && step.type_ != StepType::Dialog
        {
            self.answer_dialog(action, clock).await?;
        }
        self.asserted_events(step, clock).await?;
        Ok(Next::Step)
    }
}
