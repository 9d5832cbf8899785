//! What a step can choose between: the small closed lists of its fields.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether a step takes a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ScreenshotPolicy {
    /// Never, not even when the step fails.
    Never,
    /// When the step fails.
    #[default]
    OnFailure,
    /// After the step.
    After,
}

/// Where `extract` reads from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExtractFrom {
    /// The element's visible text.
    Text,
    /// The value of a form field.
    Value,
    /// An attribute, named by `attribute`.
    Attribute,
    /// A DOM property, named by `attribute`.
    Property,
    /// The page's URL (needs no selectors).
    Url,
    /// One row of a table, chosen by `match`, as an object with `columns`; with cardinality `Many` a list of rows.
    Table,
    /// The texts of all matching elements.
    List,
}

/// How many rows may match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Cardinality {
    /// Exactly one; none fails the step.
    One,
    /// Zero or one; with zero, the field is left out.
    #[default]
    ZeroOrOne,
    /// Any number, as a list.
    Many,
}

/// What is done to an extracted text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Normalize {
    /// White space at the ends goes, runs of it become one blank (this happens anyway unless a regex is given).
    Trim,
    /// Only the digits stay.
    Digits,
    /// DD/MM/YYYY, DD-MM-YYYY, YYYY/MM/DD and `2 Jan 2026` become YYYY-MM-DD.
    Date,
}

/// How `select` chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SelectBy {
    /// By the visible text.
    #[default]
    Label,
    /// By the value attribute.
    Value,
    /// By position, from 0.
    Index,
}

/// What to do with a native dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DialogAction {
    /// OK.
    Accept,
    /// Cancel.
    Dismiss,
}

/// Where `switchTo` goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SwitchTarget {
    /// The top of the page.
    Main,
    /// The frame matched by `selectors`.
    Frame,
    /// One frame up.
    Parent,
    /// The newest window or tab.
    Window,
}

/// How `waitForElement` compares.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CountOperator {
    /// At least.
    #[serde(rename = ">=")]
    AtLeast,
    /// Exactly (the recorder's default).
    #[default]
    #[serde(rename = "==")]
    Exactly,
    /// At most.
    #[serde(rename = "<=")]
    AtMost,
}
