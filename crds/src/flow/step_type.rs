//! The step types.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr};

/// The closed list of step types.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
    Display,
    EnumIter,
    EnumString,
    IntoStaticStr,
)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
pub enum StepType {
    // The DevTools Recorder's.
    /// Open `url`.
    Navigate,
    /// Click an element.
    Click,
    /// Double-click an element.
    DoubleClick,
    /// Set the value of a field (text, checkbox, radio, list).
    Change,
    /// Press a key and hold it.
    KeyDown,
    /// Release a key.
    KeyUp,
    /// Move the pointer over an element.
    Hover,
    /// Scroll the page or an element.
    Scroll,
    /// Set the size of the page.
    SetViewport,
    /// Wait until as many elements match as asked for.
    WaitForElement,
    /// Wait until a JavaScript expression is true (needs `browser.allowScripts`).
    WaitForExpression,
    /// Accepted from recordings and ignored: the session outlives a flow.
    Close,
    /// Accepted from recordings and ignored.
    CustomStep,
    /// Accepted from recordings and ignored.
    EmulateNetworkConditions,
    // Ours.
    /// Read something from the page into `fields`.
    Extract,
    /// Fail unless a condition holds.
    Assert,
    /// End the flow with an outcome if `when` holds. First match wins.
    Outcome,
    /// Choose an entry of a list.
    Select,
    /// Press and release a key.
    Press,
    /// Answer a native dialog (alert, confirm, prompt).
    Dialog,
    /// Work in another frame or window from here on.
    SwitchTo,
    /// Take a picture.
    Screenshot,
    /// Store the page as PDF.
    Print,
    /// Run a subflow.
    RunFlow,
    /// Run a subflow for each row of an extracted table.
    ForEach,
    /// Run JavaScript (needs `browser.allowScripts`).
    Script,
}
