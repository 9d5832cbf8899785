//! Pointer and keyboard: W3C actions, which the browser takes for a person's.

use std::time::Duration;

use secrecy::SecretString;
use serde_json::{Value, json};

use super::{
    Browser, DriverError,
    page::Element,
    session::{QUICK, Raw},
};

/// Handlers of the page run before the command is answered, and may talk to the portal in the old, blocking way.
const ACT: Duration = Duration::from_secs(30);

/// Where and how the pointer presses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Press {
    /// Pixels right of the middle of the element's visible part.
    pub(crate) dx: i64,
    /// Pixels below it.
    pub(crate) dy: i64,
    /// 0 primary, 1 auxiliary, 2 secondary.
    pub(crate) button: u8,
    /// How often: 2 is a double click.
    pub(crate) times: u8,
    /// How long the button stays down, milliseconds.
    pub(crate) hold: u64,
}

impl Browser {
    /// Moves the pointer over the element and presses. Nothing is pressed if the element is gone or out of view: the move is first.
    ///
    /// Not WebDriver's Element Click, which takes ten times as long: the page script has looked that nothing covers the element, and
    /// sees a navigation begin.
    pub(crate) async fn press(
        &mut self,
        element: &Element,
        press: Press,
    ) -> Result<(), DriverError> {
        let mut actions = vec![
            json!({"type": "pointerMove", "duration": 0, "origin": element.json(), "x": press.dx, "y": press.dy}),
        ];
        for _ in 0..press.times {
            actions.push(json!({"type": "pointerDown", "button": press.button}));
            if press.hold > 0 {
                actions.push(json!({"type": "pause", "duration": press.hold}));
            }
            actions.push(json!({"type": "pointerUp", "button": press.button}));
        }
        self.perform(json!({"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions})).await
    }

    /// Presses (`down`) and releases (`up`) keys, each a character or one of WebDriver's code points.
    pub(crate) async fn keys(&mut self, keys: &[(KeyAction, char)]) -> Result<(), DriverError> {
        let actions: Vec<Value> =
            keys.iter().map(|(action, key)| json!({"type": if *action == KeyAction::Down { "keyDown" } else { "keyUp" }, "value": key})).collect();
        self.perform(json!({"type": "key", "id": "keyboard", "actions": actions})).await
    }

    /// Lets go of every key and button.
    pub(crate) async fn release(&mut self) -> Result<(), DriverError> {
        self.command(QUICK, Raw::delete("actions")).await.map(drop)
    }

    /// Types into a field as a keyboard does, at the caret or over what is selected. The text appears in no log.
    pub(crate) async fn type_text(
        &mut self,
        element: &Element,
        text: SecretString,
    ) -> Result<(), DriverError> {
        self.session()?.send_text(ACT, format!("element/{}/value", element.id()), text).await
    }

    async fn perform(&mut self, source: Value) -> Result<(), DriverError> {
        self.command(ACT, Raw::post("actions", json!({ "actions": [source] }))).await.map(drop)
    }
}

/// What is done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyAction {
    /// Pressed and held.
    Down,
    /// Released.
    Up,
}
