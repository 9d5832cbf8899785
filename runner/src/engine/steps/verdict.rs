//! `assert` and `outcome`.

use fno_core::flow::{condition::Seen, template::Template, text::shorten};
use fno_crds::Step;
use serde_json::Value;

use super::super::{
    clock::Clock,
    failure::FailureKind,
    problem::{Done, Problem},
    walk::{Next, Walk},
};

impl Walk<'_, '_> {
    /// Waits until the condition holds.
    pub(super) async fn assert(&mut self, step: &Step, clock: &mut Clock) -> Done {
        let condition = step.assert.as_deref().ok_or_else(|| Problem::lacks("assert"))?;
        let Err(seen) = self.wait_until(condition, clock).await? else { return Ok(()) };
        let seen = if step.sensitive == Some(true) { String::new() } else { self.compared(&seen) };
        let words = self.words(step)?;
        let words = if words.is_empty() { String::new() } else { format!(": {words}") };
        Err(Problem::new(FailureKind::Value, format!("`{condition}` does not hold{seen}{words}")))
    }

    /// The values that the condition compared, without sensitive ones.
    fn compared(&self, seen: &Seen) -> String {
        let is_shown = |name: &str| {
            let field = name.strip_prefix("fields.").unwrap_or_default();
            !self.sensitive_fields.contains(field.split('.').next().unwrap_or_default())
        };
        let parts: Vec<String> = seen
            .iter()
            .filter(|(name, _)| is_shown(name))
            .map(|(name, value)| match value {
                Value::Null => format!("{name} is not there"),
                value => format!("{name} is {}", shorten(&value.to_string(), 100)),
            })
            .collect();
        if parts.is_empty() {
            return String::new();
        }
        format!(" ({})", shorten(&parts.join(", "), 500))
    }

    /// Ends the flow. The walk has checked `when` already.
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
