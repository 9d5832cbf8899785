//! Flows: what a browser does on a portal, as data.
//!
//! A strict superset of the Chrome DevTools Recorder's `UserFlow` (`@puppeteer/replay`): same step types and field names,
//! so a recording made in the browser pastes in unchanged. Steps are flat objects with a `type` because same-named fields
//! of a structural schema must agree anyway, and one rule per type gives the clearer message.

mod choice;
mod commit;
mod selectors;
mod step;
mod step_type;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    choice::{
        Cardinality, CountOperator, DialogAction, ExtractFrom, Normalize, ScreenshotPolicy,
        SelectBy, SwitchTarget,
    },
    commit::{Commit, Identify},
    step::{AssertedEvent, Step, StepRetry},
    step_type::StepType,
};

/// A list of steps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Flow {
    /// What the flow does, in a few words. Not used by the runner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub title: Option<String>,
    /// Milliseconds that each step may take unless it has a `timeout` of its own. A number of milliseconds, not a duration, because
    /// this is the DevTools Recorder's field. Default 5000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 180_000))]
    pub timeout: Option<i32>,
    /// Attribute that the recorder preferred for selectors. Accepted from recordings and ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub selector_attribute: Option<String>,
    /// The steps, in order.
    #[schemars(length(min = 1, max = 100))]
    pub steps: Vec<Step>,
}
