//! Reads the page: finds elements, answers conditions, waits for what is not there yet.

use std::time::Duration;

use fno_core::flow::{
    address,
    condition::{Answers, Condition, PageQuestion, Seen},
    selector::Chain,
};
use fno_crds::Step;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    clock::Clock,
    failure::FailureKind,
    missing::{Missing, broken_page},
    problem::{Done, Problem},
    trace::Drift,
    walk::Walk,
};
use crate::browser::{Answer, DriverErrorKind, Element, PageState, Request, chain_json};

/// Pause before a request to a page that is being replaced is repeated.
pub(super) const AGAIN: Duration = Duration::from_millis(20);

/// The answer to `find`, `choose`, `count` and `scroll`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Found<T = Target> {
    pub(super) found: Option<T>,
    pub(super) missing: Option<Missing>,
}

/// An element that was found.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Target {
    pub(super) element: Element,
    pub(super) alternative: usize,
    /// From the middle of its visible part to the point where it is pressed, pixels.
    pub(super) dx: i64,
    pub(super) dy: i64,
    pub(super) control: Control,
    pub(super) checked: bool,
    /// Whether the element has a value.
    pub(super) filled: bool,
    /// `<button#save.primary>`
    pub(super) tag: String,
}

/// How a form field takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Control {
    Text,
    /// Checkbox or radio button.
    Check,
    /// `<select>`
    List,
    /// Date, time, colour, range: browsers differ in how these are typed.
    Value,
    None,
}

/// The state that an element must have to be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Displayed,
    /// Enabled, and accepts text.
    Editable,
}

impl Walk<'_, '_> {
    /// Sends a request until the page answers. A page that is replaced meanwhile is followed: the new page is asked.
    pub(super) async fn ask<T: DeserializeOwned>(
        &mut self,
        request: &Request,
        clock: &mut Clock,
    ) -> Done<(T, PageState)> {
        let mut replaced = 0;
        loop {
            self.enter(clock).await?;
            let began = Instant::now();
            match self.browser.ask(request, clock.remaining()).await {
                Ok(Answer::Here(answer, page, waited)) => {
                    clock.page_took(waited);
                    self.look_up(&page).await?;
                    return Ok((answer, page));
                }
                Ok(Answer::Wrong(message, page)) => {
                    self.look_up(&page).await?;
                    return Err(Problem::new(FailureKind::Flow, message));
                }
                Ok(Answer::Leaving) => {
                    clock.page_took(began.elapsed() + AGAIN);
                    replaced += 1;
                    if replaced > 1 || self.place.is_in_frame() {
                        self.find_way_back().await?;
                    }
                }
                Err(error) if error.kind == DriverErrorKind::DialogOpen => {
                    return Err(self.unexpected_dialog().await);
                }
                Err(error) => return Err(error.into()),
            }
            if clock.is_over() {
                let problem = Problem::new(
                    FailureKind::TimedOut,
                    "the page was still loading when the time was over",
                );
                return Err(if clock.is_deadline() { self.deadline() } else { problem });
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// The current frame or window may be gone with the page.
    async fn find_way_back(&mut self) -> Done {
        if self.place.is_in_frame() {
            self.place.is_lost();
        } else if let Err(error) = self.browser.window().await {
            if error.kind != DriverErrorKind::Stale {
                return Err(error.into());
            }
            self.place.is_lost();
        }
        Ok(())
    }

    async fn look_up(&mut self, page: &PageState) -> Done {
        self.status = page.status;
        let (url, title) = match (&page.url, &page.title) {
            (Some(url), Some(title)) => (url.clone(), title.clone()),
            _ => (self.browser.url().await?, self.browser.title().await?),
        };
        self.seen(url, title);
        Ok(())
    }

    async fn unexpected_dialog(&mut self) -> Problem {
        let text = self.browser.dialog_text().await.unwrap_or_default();
        Problem::new(
            FailureKind::Dialog,
            format!("a dialog is open that the flow does not expect: {text:?}"),
        )
    }

    /// Waits until the page has loaded, and notes where the flow is.
    pub(super) async fn settle(&mut self, clock: &mut Clock) -> Done<PageState> {
        Ok(self.ask::<Value>(&Request::new("look"), clock).await?.1)
    }

    /// The step's selectors with rendered templates.
    pub(super) fn alternatives(&self, selectors: &[Vec<String>]) -> Done<Vec<Chain>> {
        if selectors.is_empty() {
            return Err(Problem::lacks("selectors"));
        }
        Ok(selectors
            .iter()
            .map(|chain| Chain::render(chain, &self.run.scope))
            .collect::<Result<_, _>>()?)
    }

    /// Waits for the element of the step.
    pub(super) async fn find(
        &mut self,
        step: &Step,
        need: Need,
        clock: &mut Clock,
    ) -> Done<(Target, PageState)> {
        let alternatives = self.alternatives(&step.selectors)?;
        let request = Request::new("find").alternatives(&alternatives).with("need", need.as_str());
        self.search(&request, &alternatives, |target: &Target| target.alternative, clock).await
    }

    /// Waits for an element that is about to be pressed `times` times: it must be in view, and not covered at the point of the press.
    pub(super) async fn find_to_press(
        &mut self,
        step: &Step,
        times: u8,
        clock: &mut Clock,
    ) -> Done<(Target, PageState)> {
        let alternatives = self.alternatives(&step.selectors)?;
        let request = Request::new("find")
            .alternatives(&alternatives)
            .with("need", "reachable")
            .with("times", times);
        let request = match (step.offset_x, step.offset_y) {
            (Some(x), Some(y)) => request.with("offset", json!({"x": x, "y": y})),
            _ => request,
        };
        self.search(&request, &alternatives, |target: &Target| target.alternative, clock).await
    }

    /// Sends a request that is answered by `found` or `missing`, and notes which alternative was found.
    pub(super) async fn search<T: DeserializeOwned>(
        &mut self,
        request: &Request,
        alternatives: &[Chain],
        which: impl Fn(&T) -> usize,
        clock: &mut Clock,
    ) -> Done<(T, PageState)> {
        let (answer, page): (Found<T>, _) = self.ask(request, clock).await?;
        match answer.found {
            Some(found) => {
                self.drifted(which(&found), alternatives);
                Ok((found, page))
            }
            None => Err(self.missing(answer.missing, alternatives, &page, clock)),
        }
    }

    /// Notes that a later alternative was needed.
    pub(super) fn drifted(&mut self, alternative: usize, alternatives: &[Chain]) {
        if let (1.., Some(wanted), Some(found)) =
            (alternative, alternatives.first(), alternatives.get(alternative))
        {
            self.note.drift =
                Some(Drift { alternative, wanted: wanted.to_string(), found: found.to_string() });
        }
    }

    /// Evaluates a condition on the page as it is.
    pub(super) async fn holds(&mut self, source: &str, clock: &mut Clock) -> Done<bool> {
        let condition = Condition::parse(source)?;
        let looks = !condition.questions().is_empty()
            || condition.names().iter().any(|name| name.split('.').next() == Some("page"));
        let answers =
            if looks { self.answers(&condition, None, clock).await?.0 } else { Answers::default() };
        Ok(condition.eval(&self.run.scope, &answers)?)
    }

    /// Waits until a condition holds. It is evaluated again whenever the page answers differently. The inner error holds the values that
    /// the condition saw last.
    pub(super) async fn wait_until(
        &mut self,
        source: &str,
        clock: &mut Clock,
    ) -> Done<Result<(), Seen>> {
        let condition = Condition::parse(source)?;
        let mut before = None;
        loop {
            let (answers, now, page) = self.answers(&condition, before.take(), clock).await?;
            let holds = condition.eval(&self.run.scope, &answers);
            if holds == Ok(true) {
                return Ok(Ok(()));
            }
            if let Some(problem) = broken_page(&page) {
                return Err(problem);
            }
            if clock.is_over() {
                holds?;
                return Ok(Err(condition.seen(&self.run.scope, &answers)));
            }
            before = Some(now);
        }
    }

    async fn answers(
        &mut self,
        condition: &Condition,
        before: Option<String>,
        clock: &mut Clock,
    ) -> Done<(Answers, String, PageState)> {
        #[derive(Deserialize)]
        struct Told {
            answers: Vec<Value>,
            now: String,
        }
        let questions: Vec<Value> = condition
            .questions()
            .iter()
            .map(|question| match question {
                PageQuestion::Exists(chain) => {
                    json!({"kind": "Exists", "chain": chain_json(chain)})
                }
                PageQuestion::Text(chain) => json!({"kind": "Text", "chain": chain_json(chain)}),
                PageQuestion::Count(chain) => json!({"kind": "Count", "chain": chain_json(chain)}),
            })
            .collect();
        let request = Request::new("ask").with("questions", questions).with("before", before);
        let (told, page): (Told, _) = self.ask(&request, clock).await?;
        let mut answers = Answers::default();
        for (question, answer) in condition.questions().iter().zip(&told.answers) {
            match question {
                PageQuestion::Exists(chain) => {
                    answers.exists(chain, answer.as_bool().unwrap_or_default())
                }
                PageQuestion::Text(chain) => {
                    answers.text(chain, answer.as_str().unwrap_or_default())
                }
                PageQuestion::Count(chain) => answers.count(
                    chain,
                    usize::try_from(answer.as_u64().unwrap_or_default()).unwrap_or(usize::MAX),
                ),
            }
        }
        Ok((answers, told.now, page))
    }

    /// Whether the current frame and all pages around it belong to the provider's origins.
    pub(super) async fn is_allowed(&mut self, page: &PageState) -> Done<bool> {
        let allowed = &self.run.rules.allowed_origins;
        let window = self.run.scope.page.url.clone();
        let last = page.origins.len().saturating_sub(1);
        let all = page.origins.iter().enumerate().all(|(level, origin)| match origin {
            Some(origin) => address::is_allowed(origin, allowed),
            // A frame cannot read the origin of a page around it that belongs to another site; the driver knows the window's.
            None => level == last && address::is_allowed(&window, allowed),
        });
        Ok(all && !page.origins.is_empty() && address::is_allowed(&window, allowed))
    }
}

impl Need {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Displayed => "displayed",
            Self::Editable => "editable",
        }
    }
}
