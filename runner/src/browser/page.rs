//! Questions to the page: one script for all of them, told what to look for and how long to wait for it.

use std::time::Duration;

use fno_core::flow::selector::{Chain, Locator};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{
    Browser, DriverError, DriverErrorKind,
    session::{MARGIN, Raw},
};

/// The script. Its parts are numbered in the order they are put together.
const SCRIPT: &str = concat!(
    include_str!("page_script/1_memory.js"),
    include_str!("page_script/2_visible.js"),
    include_str!("page_script/3_name.js"),
    include_str!("page_script/4_find.js"),
    include_str!("page_script/5_watch.js"),
    include_str!("page_script/6_read.js"),
    include_str!("page_script/7_cover.js"),
    include_str!("page_script/8_clock.js"),
    include_str!("page_script/9_requests.js"),
);

/// Asks a document that has the script already. It takes a third of the time.
const AGAIN: &str = "const known = window[Symbol.for('fno')]?.reply;
if (known) known(arguments[0], arguments[1]); else arguments[1]('unknown');";

/// How long a later alternative of a step's selectors waits for an earlier one to appear.
const GRACE: Duration = Duration::from_millis(250);

/// The page as it was when it answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct PageState {
    /// Address of the window's page. None inside a frame of another origin.
    pub(crate) url: Option<String>,
    /// Its title. None like `url`.
    pub(crate) title: Option<String>,
    /// Origins from the frame at work up to the window; none where the frame may not see it.
    pub(crate) origins: Vec<Option<String>>,
    /// Tells this document from the one before and behind it.
    pub(crate) document: String,
    /// HTTP status of the document, 0 if there is none.
    pub(crate) status: u16,
    /// The code of the browser's own error page.
    pub(crate) error: Option<String>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer<T> {
    /// As asked for.
    Here(T, PageState, Waited),
    /// The document was replaced meanwhile, or is about to be: ask again. What was waited for was the page, not the step.
    Leaving,
    /// The request itself is wrong: a selector the browser refuses, a table that is none.
    Wrong(String, PageState),
}

/// How long the page took to be there.
pub(crate) type Waited = Duration;

/// An element of the page, valid as long as its document.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(crate) struct Element(Value);

impl Element {
    /// As it stands in commands.
    pub(super) fn json(&self) -> Value {
        self.0.clone()
    }

    /// As it stands in paths.
    pub(super) fn id(&self) -> String {
        self.0
            .as_object()
            .and_then(|reference| reference.values().next())
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    }
}

/// A request to the page.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    ask: &'static str,
    fields: Map<String, Value>,
    /// JavaScript before the script's own.
    prelude: String,
    /// Nothing that is in the page already may answer.
    is_fresh: bool,
}

impl Request {
    pub(crate) fn new(ask: &'static str) -> Self {
        Self { ask, fields: Map::new(), prelude: String::new(), is_fresh: false }
    }

    #[must_use]
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields.insert(name.to_owned(), value.into());
        self
    }

    #[must_use]
    pub(crate) fn element(self, element: &Element) -> Self {
        self.with("element", element.json())
    }

    #[must_use]
    pub(crate) fn alternatives(self, chains: &[Chain]) -> Self {
        self.with("alternatives", chains.iter().map(chain_json).collect::<Vec<_>>())
    }

    /// Sends the whole script again: a page could have put another one in its place, to lie about where it is from.
    #[must_use]
    pub(crate) fn fresh(mut self, is_fresh: bool) -> Self {
        self.is_fresh |= is_fresh;
        self
    }

    #[must_use]
    pub(crate) fn expression(mut self, javascript: &str) -> Self {
        // On lines of its own, so that a comment at its end does not swallow the bracket.
        self.is_fresh = true;
        self.prelude = format!("const expression = () => (\n{javascript}\n);\n");
        self
    }
}

/// A chain as the script takes it.
pub(crate) fn chain_json(chain: &Chain) -> Value {
    let locators: Vec<Value> = chain
        .locators()
        .iter()
        .map(|locator| match locator {
            Locator::Css(value) => json!({"kind": "css", "value": value}),
            Locator::XPath(value) => json!({"kind": "xpath", "value": value}),
            Locator::Text(value) => json!({"kind": "text", "value": value}),
            Locator::Pierce(value) => json!({"kind": "pierce", "value": value}),
            Locator::Aria { name, role } => json!({"kind": "aria", "name": name, "role": role}),
        })
        .collect();
    json!({"written": chain.to_string(), "locators": locators})
}

impl Browser {
    /// Asks the page and waits at most `wait` for the answer. The page answers at the change that makes it possible.
    ///
    /// # Errors
    /// [`DriverErrorKind::DialogOpen`] also if a native dialog opens meanwhile.
    pub(crate) async fn ask<T: DeserializeOwned>(
        &mut self,
        request: &Request,
        wait: Duration,
    ) -> Result<Answer<T>, DriverError> {
        let mut fields = request.fields.clone();
        fields.insert("ask".into(), request.ask.into());
        fields.insert("wait".into(), millis(wait));
        fields.insert("pageLoad".into(), millis(self.page_load_timeout()));
        fields.insert("grace".into(), millis(GRACE));
        let args = json!([fields]);
        let mut answer = if request.is_fresh {
            Ok(UNKNOWN.into())
        } else {
            self.execute(AGAIN, &args, wait).await
        };
        if answer.as_ref().is_ok_and(|answer| answer == UNKNOWN) {
            answer = self.execute(&format!("{}{SCRIPT}", request.prelude), &args, wait).await;
        }
        match answer {
            // A dialog ends a running script without a value; so does, sometimes, a frame that is taken away.
            Ok(Value::Null) => match self.dialog_text().await {
                Ok(text) => Err(DriverError::new(DriverErrorKind::DialogOpen, &text)),
                Err(error)
                    if matches!(error.kind, DriverErrorKind::NotFound | DriverErrorKind::Stale) =>
                {
                    Ok(Answer::Leaving)
                }
                Err(error) => Err(error),
            },
            Ok(value) => read(value),
            Err(error) if error.kind == DriverErrorKind::Stale => Ok(Answer::Leaving),
            Err(error) => Err(error),
        }
    }

    async fn execute(
        &self,
        script: &str,
        args: &Value,
        wait: Duration,
    ) -> Result<Value, DriverError> {
        self.command(
            wait + MARGIN,
            Raw::post("execute/async", json!({"script": script, "args": args})),
        )
        .await
    }
}

/// What a document answers that has no script yet.
const UNKNOWN: &str = "unknown";

fn read<T: DeserializeOwned>(value: Value) -> Result<Answer<T>, DriverError> {
    #[derive(Deserialize)]
    struct Envelope {
        page: PageState,
        waited: u64,
        #[serde(default)]
        unsettled: bool,
        wrong: Option<String>,
    }
    let odd = |error: serde_json::Error| {
        DriverError::new(
            DriverErrorKind::Other,
            &format!("the page's answer is not understood: {error}"),
        )
    };
    let envelope = Envelope::deserialize(&value).map_err(odd)?;
    if let Some(wrong) = envelope.wrong {
        return Ok(Answer::Wrong(wrong, envelope.page));
    }
    if envelope.unsettled {
        return Ok(Answer::Leaving);
    }
    let answer = serde_json::from_value(value).map_err(odd)?;
    Ok(Answer::Here(answer, envelope.page, Duration::from_millis(envelope.waited)))
}

fn millis(duration: Duration) -> Value {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).into()
}
