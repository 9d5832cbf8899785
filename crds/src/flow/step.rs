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
    /// How many times the step is tried again, 1 to 3.
    #[schemars(range(min = 1, max = 3))]
    pub attempts: i32,
    /// Pause before each further try. Default 1s.
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
    /// Kind of the event. Only `navigation` has a meaning.
    #[serde(rename = "type")]
    #[schemars(length(max = 50))]
    pub type_: String,
    /// Recorded address. The runner waits for its origin and path; query and fragment differ from run to run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub url: Option<String>,
    /// Recorded title. Accepted and not compared.
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
    /// Type of the step. It decides which other fields matter.
    #[serde(rename = "type")]
    pub type_: StepType,

    // On any step.
    /// Stable name, shown in status and evidence. Default: position and type of the step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$')").message("a step's name must begin and end with a letter or digit and contain only letters, digits and . _ -"))]
    pub name: Option<String>,
    /// Free text for people. Not used by the runner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 200))]
    pub label: Option<String>,
    /// CEL over `params`, `fields`, `page`, `exists(selector)`, `text(selector)` and `count(selector)`. The step is skipped unless it
    /// is true. Default: the step always runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000))]
    pub when: Option<String>,
    /// If true, a failure of this step is recorded and the flow continues. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
    /// Repeats the step if it fails. Default: it is not repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<StepRetry>,
    /// When a picture is taken: `Never`, `OnFailure` or `After`. Default `OnFailure`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screenshot: Option<ScreenshotPolicy>,
    /// If true, the value appears in no timeline and no log, and the field is blanked in pictures. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitive: Option<bool>,
    /// Marks the irreversible step of a cancellation flow. Exactly one step of that flow has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<Commit>,
    /// Answer to a native dialog that this step opens: `Accept` or `Dismiss`. Default: no dialog is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_dialog: Option<DialogAction>,
    /// Milliseconds that this step may take. A number of milliseconds, not a duration, because this is the DevTools Recorder's field.
    /// Default: the flow's `timeout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 180_000))]
    pub timeout: Option<i32>,
    /// Events that a recording expects after the step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub asserted_events: Vec<AssertedEvent>,
    /// Window that the step works in: `main`, or the address of a popup. Default: the current one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub target: Option<String>,
    /// Frame that the step works in, as a path of child-frame positions from the top. Default: the current one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 5))]
    pub frame: Vec<i32>,
    /// Alternatives, tried in order. Each is a chain of selectors from an ancestor or shadow host to the target. Without a prefix a
    /// selector is CSS; the prefixes are `aria/`, `text/`, `xpath/` and `pierce/`.
    #[serde(
        default,
        deserialize_with = "super::selectors::alternatives",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schemars(schema_with = "schema::selectors")]
    pub selectors: Vec<Vec<String>>,

    // Pointer and keyboard. The API conventions advise against floating-point numbers. Here they are the DevTools Recorder's: it
    // records fractions of pixels, and a recording must paste in unchanged. Statuses have none.
    /// Pixels from the element's left edge. Default: its middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_x: Option<f64>,
    /// Pixels from the element's top edge. Default: its middle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset_y: Option<f64>,
    /// Mouse button: `primary`, `secondary` or `auxiliary`. Default `primary`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub button: Option<String>,
    /// Pointing device of the recording. Accepted and ignored: every device is a mouse here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 20))]
    pub device_type: Option<String>,
    /// Milliseconds that the mouse button stays down. Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<f64>,
    /// Template of the value of a `change` or `select` step. The only field that may use `{{ secret.* }}` and `{{ totp }}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 4000))]
    pub value: Option<String>,
    /// Name of a key, for example `Enter`, `Tab`, `Escape`, `ArrowDown` or `a`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 30))]
    pub key: Option<String>,
    /// How a `select` step finds the option: by `Label`, `Value` or `Index`. Default `Label`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<SelectBy>,

    // Page.
    /// Template of the address that a `navigate` step opens. A path is relative to `spec.baseUrl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2000))]
    pub url: Option<String>,
    /// Horizontal scroll position in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<f64>,
    /// Vertical scroll position in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub y: Option<f64>,
    /// Width of the page in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub width: Option<i32>,
    /// Height of the page in pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub height: Option<i32>,
    /// Accepted from recordings and ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_scale_factor: Option<f64>,
    /// Accepted from recordings and ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_mobile: Option<bool>,
    /// Accepted from recordings and ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_touch: Option<bool>,
    /// Accepted from recordings and ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_landscape: Option<bool>,

    // waitForElement, waitForExpression, script, customStep.
    /// How the number of matching elements is compared with `count`: `>=`, `==` or `<=`. Default `==`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<CountOperator>,
    /// Number of elements that a `waitForElement` step waits for. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000))]
    pub count: Option<i32>,
    /// Count only displayed elements (true) or only hidden ones (false). Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visible: Option<bool>,
    /// Attributes, with their values, that counted elements must have. Default: any.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::string_map")]
    pub attributes: BTreeMap<String, String>,
    /// DOM properties, with their values, that counted elements must have. Default: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::open_object")]
    pub properties: Option<serde_json::Value>,
    /// JavaScript of a `waitForExpression` or `script` step. Needs `spec.browser.allowScripts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 4000))]
    pub expression: Option<String>,
    /// Parameters of a `customStep`. Accepted from recordings and ignored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::open_object")]
    pub parameters: Option<serde_json::Value>,

    // extract.
    /// Name under which an `extract` step stores the value in `fields`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z][A-Za-z0-9]*$')").message("field must begin with a lower-case letter and contain only letters and digits"))]
    pub field: Option<String>,
    /// What an `extract` step reads: `Text`, `Value`, `Attribute`, `Property`, `Url`, `Table` or `List`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<ExtractFrom>,
    /// Name of the attribute or property that is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub attribute: Option<String>,
    /// Regular expression (Rust `regex` syntax) applied to the text that was read; what `group` captures is the value. Default: the
    /// whole text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub regex: Option<String>,
    /// Number of the capture group of `regex`. Default 1 if the expression has a group, otherwise 0, the whole match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 20))]
    pub group: Option<i32>,
    /// Whether the step fails if nothing is found. Default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<bool>,
    /// How the value is cleaned: `Trim`, `Digits` or `Date`. Default: blanks are trimmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalize: Option<Normalize>,
    /// Columns of a table: the name in the row object, and the header text of the column.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "schema::string_map")]
    pub columns: BTreeMap<String, String>,
    /// CEL over `row` and `params` that is true for the row of a table that is meant. Rows are never chosen by position.
    #[serde(rename = "match", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000))]
    pub match_: Option<String>,
    /// How many rows of a table may match: `One`, `ZeroOrOne` or `Many`. Two where one is allowed fail with `AmbiguousMatch`.
    /// Default `ZeroOrOne`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cardinality: Option<Cardinality>,

    // assert, outcome.
    /// CEL of an `assert` step. The step fails unless it is true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1000))]
    pub assert: Option<String>,
    /// Outcome with which an `outcome` step ends the flow, for example `Active` or `NotFound`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[A-Z][A-Za-z0-9]*$')").message("code must be a word in CamelCase, such as NotFound"))]
    pub code: Option<String>,
    /// Template of a human-readable explanation of the outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1000))]
    pub message: Option<String>,

    // dialog, switchTo, screenshot, runFlow, forEach.
    /// How a `dialog` step answers: `Accept` or `Dismiss`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<DialogAction>,
    /// Template of a text that the dialog must contain. Otherwise the dialog is dismissed and the step fails. Default: any text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub contains: Option<String>,
    /// Where a `switchTo` step goes: `Main`, `Frame`, `Parent` or `Window`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<SwitchTarget>,
    /// If true, a `screenshot` step takes the whole page, otherwise only what is in view. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full_page: Option<bool>,
    /// Name of the subflow that a `runFlow` or `forEach` step runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub flow: Option<String>,
    /// Name of the extracted field whose list a `forEach` step walks. The subflow reads each entry as `item`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub items: Option<String>,
    /// A `forEach` step fails if the list has more entries than this. Default 20.
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
