//! `script`: runs JavaScript of the flow's author.

use fno_crds::Step;

use super::super::{
    clock::Clock,
    failure::FailureKind,
    problem::{Done, Problem},
    walk::Walk,
};
use crate::browser::DriverErrorKind;

impl Walk<'_, '_> {
    pub(super) fn scripts_allowed(&self) -> Done {
        if self.run.rules.allow_scripts {
            return Ok(());
        }
        Err(Problem::new(FailureKind::Flow, "scripts need browser.allowScripts: true"))
    }

    /// Runs an expression, or statements.
    pub(super) async fn script(&mut self, step: &Step, clock: &mut Clock) -> Done {
        self.scripts_allowed()?;
        let code = step.expression.as_deref().ok_or_else(|| Problem::lacks("expression"))?;
        self.settle(clock).await?;
        let ran = match self.browser.script(&format!("return (\n{code}\n);")).await {
            // As an expression it did not start.
            Err(error) if error.message.contains("SyntaxError") => self.browser.script(code).await,
            other => other,
        };
        match ran {
            // The script left the page, or opened a dialog.
            Err(error)
                if matches!(error.kind, DriverErrorKind::Stale | DriverErrorKind::DialogOpen) =>
            {
                Ok(())
            }
            other => other.map(drop).map_err(Into::into),
        }
    }
}
