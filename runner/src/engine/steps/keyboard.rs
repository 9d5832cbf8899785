//! `keyDown`, `keyUp`, `press`.

use fno_core::flow::keyboard;
use fno_crds::{Step, StepType};

use super::super::{
    clock::Clock,
    failure::FailureKind,
    look::Need,
    problem::{Done, Problem},
    walk::Walk,
};
use crate::browser::{KeyAction, Request};

impl Walk<'_, '_> {
    pub(super) async fn key(&mut self, step: &Step, clock: &mut Clock) -> Done {
        self.aim_keys(step, clock).await?;
        let key = key_of(step)?;
        self.keys_down |= step.type_ == StepType::KeyDown;
        self.browser.keys(&strokes(step.type_, key)).await?;
        Ok(())
    }

    /// Focuses the element of the step. Without selectors the key goes to the focused element; the page must have settled, because a
    /// page that is unloading takes no keys.
    pub(in super::super) async fn aim_keys(&mut self, step: &Step, clock: &mut Clock) -> Done {
        if step.selectors.is_empty() {
            self.settle(clock).await?;
            return Ok(());
        }
        let alternatives = self.alternatives(&step.selectors)?;
        let request = Request::new("find")
            .alternatives(&alternatives)
            .with("need", Need::Editable.as_str())
            .with("focus", "caret");
        self.search(
            &request,
            &alternatives,
            |target: &super::super::look::Target| target.alternative,
            clock,
        )
        .await?;
        Ok(())
    }
}

pub(in super::super) fn key_of(step: &Step) -> Done<char> {
    let name = step.key.as_deref().ok_or_else(|| Problem::lacks("key"))?;
    keyboard::key(name).map_err(|error| Problem::new(FailureKind::Flow, error.to_string()))
}

pub(in super::super) fn strokes(type_: StepType, key: char) -> Vec<(KeyAction, char)> {
    match type_ {
        StepType::KeyDown => vec![(KeyAction::Down, key)],
        StepType::KeyUp => vec![(KeyAction::Up, key)],
        _ => vec![(KeyAction::Down, key), (KeyAction::Up, key)],
    }
}
