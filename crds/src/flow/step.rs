//! One step of a flow: a flat object with a `type`.

use std::collections::BTreeMap;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    choice::{
        Cardinality, CountOperator, DialogAction, ExtractFrom, Normalize, ScreenshotPolicy,
        SelectBy, SwitchTarget,
    },
    commit::Commit,
    step_type::StepType,
};
use crate::{duration::Duration, schema};

/// Repeats a step that failed. Never on a `commit` step or after it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StepRetry {
    /// How often it is tried again.
    #[schemars(range(min = 1, max = 3))]
    pub attempts: i32,
    /// Pause before each.
    #[serde(default = "default_retry_delay")]
    pub delay: Duration,
}

fn default_retry_delay() -> Duration {
    Duration::from_secs(1)
}

/// What a recording expects after a step. Only navigation exists in the recorder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssertedEvent {
    /// `navigation`.
    #[serde(rename = "type")]
    #[schemars(length(max = 50))]
    pub type_: String,
    /// Recorded address; waited for up to the path, since query and fragment differ from run to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub url: Option<String>,
    /// Recorded title; not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 500))]
    pub title: Option<String>,
}

/// One step. Which fields matter depends on `type`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(self.type in ['click','doubleClick','change','hover','waitForElement','select']) || has(self.selectors)")
        .message("this type of step needs selectors"),
    validation = Rule::new("self.type != 'navigate' || has(self.url)").message("a navigate step needs url"),
    validation = Rule::new("!(self.type in ['change','select']) || has(self.value)").message("a change or select step needs value"),
    validation = Rule::new("!(self.type in ['keyDown','keyUp','press']) || has(self.key)").message("a keyDown, keyUp or press step needs key"),
    validation = Rule::new("self.type != 'setViewport' || (has(self.width) && has(self.height))").message("a setViewport step needs width and height"),
    validation = Rule::new("!(self.type in ['waitForExpression','script']) || has(self.expression)").message("a waitForExpression or script step needs expression"),
    validation = Rule::new("self.type != 'extract' || (has(self.field) && has(self.from))").message("an extract step needs field and from"),
    validation = Rule::new("self.type != 'extract' || !has(self.from) || self.from == 'Url' || has(self.selectors)").message("an extract step needs selectors unless it reads from Url"),
    validation = Rule::new("self.type != 'extract' || !has(self.from) || !(self.from in ['Attribute','Property']) || has(self.attribute)").message("extracting an Attribute or Property needs attribute"),
    validation = Rule::new("self.type != 'extract' || !has(self.from) || self.from != 'Table' || has(self.columns)").message("extracting a Table needs columns"),
    validation = Rule::new("self.type != 'assert' || has(self.assert)").message("an assert step needs assert"),
    validation = Rule::new("self.type != 'outcome' || has(self.code)").message("an outcome step needs code"),
    validation = Rule::new("self.type != 'dialog' || has(self.action)").message("a dialog step needs action"),
    validation = Rule::new("self.type != 'switchTo' || (has(self.to) && (self.to != 'Frame' || has(self.selectors)))").message("a switchTo step needs to, and selectors for a Frame"),
    validation = Rule::new("!(self.type in ['runFlow','forEach']) || has(self.flow)").message("a runFlow or forEach step needs flow"),
    validation = Rule::new("self.type != 'forEach' || has(self.items)").message("a forEach step needs items"),
    validation = Rule::new("!has(self.commit) || self.type in ['click','doubleClick','press','dialog']").message("commit belongs on a click, doubleClick, press or dialog step"),
    validation = Rule::new("!has(self.commit) || !has(self.retry)").message("a commit step is never retried: remove retry"),
)]
pub struct Step {
    /// What kind of step this is.
    #[serde(rename = "type")]
    pub type_: StepType,

    // On any step.
    /// Stable name, shown in status and evidence. Without it a step is called by its place and type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")
    )]
    pub name: Option<String>,
    /// Free words for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub label: Option<String>,
    /// CEL over `params, fields, page, exists(sel), text(sel)`: skip the step unless it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000))]
    pub when: Option<String>,
    /// A failure of this step is noted and the flow goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
    /// Repeat the step when it fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<StepRetry>,
    /// When to take a picture. Default `OnFailure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screenshot: Option<ScreenshotPolicy>,
    /// The value is not shown in timeline or log, and the field is blanked in pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitive: Option<bool>,
    /// Cancellation flows: this step is the point of no return.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// Answer to a native dialog that this step opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_dialog: Option<DialogAction>,
    /// Milliseconds this step may take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 180_000))]
    pub timeout: Option<i32>,
    /// What a recording expects after the step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub asserted_events: Vec<AssertedEvent>,
    /// `main`, or the address of a popup.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub target: Option<String>,
    /// Path of child-frame indices from the top.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub frame: Vec<i32>,
    /// Alternatives, tried in turn; each a chain from an ancestor or shadow host to the target.
    /// Prefixes: none = CSS, `aria/`, `text/`, `xpath/`, `pierce/`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "schema::selectors")]
    pub selectors: Vec<Vec<String>>,

    // Pointer and keyboard.
    /// Pixels from the element's left edge. Without it the middle is clicked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_x: Option<f64>,
    /// Pixels from the element's top edge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_y: Option<f64>,
    /// `primary` (default), `secondary`, `auxiliary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub button: Option<String>,
    /// Accepted from recordings; every device is a mouse here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub device_type: Option<String>,
    /// Milliseconds the button stays down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// Template of the value. The only place for `{{ secret.* }}` and `{{ totp }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4000))]
    pub value: Option<String>,
    /// Name of a key: `Enter`, `Tab`, `Escape`, `ArrowDown`, `a`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 30))]
    pub key: Option<String>,
    /// How `select` chooses. Default `Label`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<SelectBy>,

    // Page.
    /// Template of the address to open. A path is taken from `baseUrl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2000))]
    pub url: Option<String>,
    /// Pixels to scroll to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<f64>,
    /// Pixels to scroll to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<f64>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub width: Option<i32>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub height: Option<i32>,
    /// Accepted from recordings, ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_scale_factor: Option<f64>,
    /// Accepted from recordings, ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_mobile: Option<bool>,
    /// Accepted from recordings, ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_touch: Option<bool>,
    /// Accepted from recordings, ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_landscape: Option<bool>,

    // waitForElement, waitForExpression, script, customStep.
    /// How `count` is compared. Default `==`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<CountOperator>,
    /// Number of elements. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000))]
    pub count: Option<i32>,
    /// Count only displayed elements (true) or only hidden ones (false).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visible: Option<bool>,
    /// Attributes the elements must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::string_map")]
    pub attributes: BTreeMap<String, String>,
    /// DOM properties the elements must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::open_object")]
    pub properties: Option<serde_json::Value>,
    /// JavaScript, of `waitForExpression` and `script`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4000))]
    pub expression: Option<String>,
    /// Accepted from recordings (`customStep`), ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::open_object")]
    pub parameters: Option<serde_json::Value>,

    // extract.
    /// Name in `fields`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z][A-Za-z0-9]*$"))]
    pub field: Option<String>,
    /// Where to read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ExtractFrom>,
    /// Name of the attribute or property.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub attribute: Option<String>,
    /// Regular expression (Rust `regex` syntax); what `group` captured is the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub regex: Option<String>,
    /// Number of the capture group. Default 1 if the expression has one, else the whole match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 20))]
    pub group: Option<i32>,
    /// Fail when nothing is found. Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// Clean the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<Normalize>,
    /// Table: name in the row object -> header text of the column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::string_map")]
    pub columns: BTreeMap<String, String>,
    /// Table: CEL over `row, params`, true for the row that is meant. Never "the first row".
    #[serde(rename = "match", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000))]
    pub match_: Option<String>,
    /// Table: how many rows may match. Two where one is allowed is `AmbiguousMatch`. Default `ZeroOrOne`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cardinality: Option<Cardinality>,

    // assert, outcome.
    /// CEL that must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000))]
    pub assert: Option<String>,
    /// The outcome's name: `Active`, `NotFound`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Z][A-Za-z0-9]*$"))]
    pub code: Option<String>,
    /// Template of a sentence for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    pub message: Option<String>,

    // dialog, switchTo, screenshot, runFlow, forEach.
    /// What to do with the dialog.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<DialogAction>,
    /// Dialog: template of a text it must contain, else the step fails (and the dialog is dismissed).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub contains: Option<String>,
    /// Where `switchTo` goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<SwitchTarget>,
    /// Picture of the whole page, not only of what is in view.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_page: Option<bool>,
    /// Name of the subflow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub flow: Option<String>,
    /// forEach: name of an extracted field with a list. The subflow sees each as `item`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub items: Option<String>,
    /// forEach: more than this fails the step. Default 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 200))]
    pub max_items: Option<i32>,
}

impl Step {
    /// A step of that type with nothing set, for code that builds steps.
    #[must_use]
    pub fn of(type_: StepType) -> Self {
        serde_json::from_value(serde_json::json!({"type": type_}))
            .unwrap_or_else(|_| unreachable!("every other field has a default"))
    }
}
