//! `keyDown`, `keyUp`, `press`.

use fno_crds::{Step, StepType};

use super::super::{
    clock::Clock,
    failure::FailureKind,
    look::Need,
    problem::{Done, Problem},
    walk::Walk,
};
use crate::browser::{KeyAction, Request};

/// Names of `KeyboardEvent.key` and the code points that stand for them in WebDriver (W3C WebDriver, 17.4.2).
const KEYS: [(&str, char); 51] = [
    ("Unidentified", '\u{e000}'),
    ("Cancel", '\u{e001}'),
    ("Help", '\u{e002}'),
    ("Backspace", '\u{e003}'),
    ("Tab", '\u{e004}'),
    ("Clear", '\u{e005}'),
    ("Return", '\u{e006}'),
    ("Enter", '\u{e007}'),
    ("Shift", '\u{e008}'),
    ("Control", '\u{e009}'),
    ("Alt", '\u{e00a}'),
    ("Pause", '\u{e00b}'),
    ("Escape", '\u{e00c}'),
    ("Space", '\u{e00d}'),
    ("PageUp", '\u{e00e}'),
    ("PageDown", '\u{e00f}'),
    ("End", '\u{e010}'),
    ("Home", '\u{e011}'),
    ("ArrowLeft", '\u{e012}'),
    ("ArrowUp", '\u{e013}'),
    ("ArrowRight", '\u{e014}'),
    ("ArrowDown", '\u{e015}'),
    ("Insert", '\u{e016}'),
    ("Delete", '\u{e017}'),
    ("Numpad0", '\u{e01a}'),
    ("Numpad1", '\u{e01b}'),
    ("Numpad2", '\u{e01c}'),
    ("Numpad3", '\u{e01d}'),
    ("Numpad4", '\u{e01e}'),
    ("Numpad5", '\u{e01f}'),
    ("Numpad6", '\u{e020}'),
    ("Numpad7", '\u{e021}'),
    ("Numpad8", '\u{e022}'),
    ("Numpad9", '\u{e023}'),
    ("NumpadMultiply", '\u{e024}'),
    ("NumpadAdd", '\u{e025}'),
    ("NumpadSubtract", '\u{e027}'),
    ("NumpadDecimal", '\u{e028}'),
    ("NumpadDivide", '\u{e029}'),
    ("F1", '\u{e031}'),
    ("F2", '\u{e032}'),
    ("F3", '\u{e033}'),
    ("F4", '\u{e034}'),
    ("F5", '\u{e035}'),
    ("F6", '\u{e036}'),
    ("F7", '\u{e037}'),
    ("F8", '\u{e038}'),
    ("F9", '\u{e039}'),
    ("F10", '\u{e03a}'),
    ("F11", '\u{e03b}'),
    ("F12", '\u{e03c}'),
];

impl Walk<'_, '_> {
    pub(super) async fn key(&mut self, step: &Step, clock: &mut Clock) -> Done {
        self.aim_keys(step, clock).await?;
        let key = key_of(step)?;
        self.keys_down |= step.type_ == StepType::KeyDown;
        self.browser.keys(&strokes(step.type_, key)).await?;
        Ok(())
    }

    /// Puts the focus where the key goes. Without selectors it goes to where the focus is; the page is looked at all the same, for
    /// a page that is on its way out takes no keys.
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
    let mut chars = name.chars();
    match (chars.next(), chars.next()) {
        (Some(single), None) => Ok(single),
        _ => {
            let found = KEYS
                .iter()
                .find(|(known, _)| known.eq_ignore_ascii_case(name))
                .map(|(_, code)| *code);
            found.or_else(|| (name == "Meta").then_some('\u{e03d}')).ok_or_else(|| {
                Problem::new(FailureKind::Flow, format!("there is no key {name:?}: a character, or a name such as Enter, Tab, Escape, ArrowDown, F5"))
            })
        }
    }
}

pub(in super::super) fn strokes(type_: StepType, key: char) -> Vec<(KeyAction, char)> {
    match type_ {
        StepType::KeyDown => vec![(KeyAction::Down, key)],
        StepType::KeyUp => vec![(KeyAction::Up, key)],
        _ => vec![(KeyAction::Down, key), (KeyAction::Up, key)],
    }
}
