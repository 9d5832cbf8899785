//! `assert` and `outcome`.

use fno_core::flow::template::Template;
use fno_crds::Step;

use super::super::{
    clock::Clock,
    failure::FailureKind,
    problem::{Done, Problem},
    walk::{Next, Walk},
};

impl Walk<'_, '_> {
    /// Waits until it holds.
    pub(super) async fn assert(&mut self, step: &Step, clock: &mut Clock) -> Done {
        let condition = step.assert.as_deref().ok_or_else(|| Problem::lacks("assert"))?;
        if self.wait_until(condition, clock).await? {
            return Ok(());
        }
        let words = self.words(step)?;
        let words = if words.is_empty() { String::new() } else { format!(": {words}") };
        Err(Problem::new(FailureKind::Value, format!("`{condition}` does not hold{words}")))
    }

    /// Its `when` holds already.
    pub(super) fn outcome(&mut self, step: &Step) -> Done<Next> {
        let code = step.code.clone().ok_or_else(|| Problem::lacks("code"))?;
        let message = self.words(step)?;
        self.note.message =
            Some(if message.is_empty() { code.clone() } else { format!("{code}: {message}") });
        Ok(Next::Outcome { code, message })
    }

    fn words(&self, step: &Step) -> Done<String> {
        Ok(match &step.message {
            Some(message) => Template::parse(message)?.render(&self.run.scope)?,
            None => String::new(),
        })
    }
}
