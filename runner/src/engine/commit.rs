//! The irreversible step: check, ask for permission, check again, act once.
//!
//! Nothing here is done twice. A command without an answer counts as done. Only a command that the driver explicitly refused before it
//! touched the page counts as not done.

use std::time::Duration;

use fno_core::flow::{
    expect,
    template::Template,
    text::{fold, shorten},
};
use fno_crds::{Reason, Step, StepType, flow::Commit};
use serde::Deserialize;
use tokio::time::Instant;

use super::{
    clock::Clock,
    failure::{Act, FailureKind},
    gate::CommitPoint,
    look::Target,
    problem::{Done, Problem},
    safe_url::safe_url,
    steps::{keyboard, pointer},
    walk::Walk,
};
use crate::browser::{DriverError, DriverErrorKind, Request};

/// Maximum time from the gate's permission to the act.
const FRESH: Duration = Duration::from_secs(10);

/// What the page shows before the act.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    says: String,
    /// Id of the document. None for a native dialog, which blocks its page.
    document: Option<String>,
    url: String,
}

impl Walk<'_, '_> {
    pub(super) async fn commit(&mut self, step: &Step, name: &str, clock: &mut Clock) -> Done {
        let Some(commit) = &step.commit else { return Err(Problem::lacks("commit")) };
        if self.act != Act::NotReached {
            return Err(Problem::new(
                FailureKind::Flow,
                "a flow has one irreversible step, and this is the second one",
            ));
        }
        let seen = self.look_before(step, commit, clock).await?;
        let mismatches = expect::mismatches(self.run.expect, &self.run.scope.fields);
        if !mismatches.is_empty() {
            return Err(Problem::because(
                Reason::ExpectMismatch,
                FailureKind::Gate,
                expect::sentence(&mismatches),
            ));
        }
        let picture = self.picture(name, false).await.ok();
        let point = CommitPoint {
            step: name.to_owned(),
            url: safe_url(&seen.url),
            identified: shorten(&seen.says, 1000),
            fields: self.run.scope.fields.clone(),
            picture,
        };
        let asked = Instant::now();
        let permission = self.run.gate.arm(&point).await;
        clock.pause(asked.elapsed());
        permission
            .map_err(|held| Problem::because(held.reason, FailureKind::Gate, held.message))?;
        let (act, result) = self.act_once(step, commit, &seen).await;
        self.act = act;
        self.refused_when.clone_from(&commit.refused_when);
        self.run.gate.acted(act).await;
        result
    }

    /// Checks that the element is the one that is meant, its origin allowed, and its state cancellable.
    async fn look_before(&mut self, step: &Step, commit: &Commit, clock: &mut Clock) -> Done<Seen> {
        let wanted = Template::parse(&commit.identify.contains)?.render(&self.run.scope)?;
        if fold(&wanted).is_empty() {
            return Err(Problem::new(
                FailureKind::Flow,
                "identify.contains is empty, which every line contains",
            ));
        }
        let in_dialog = step.type_ == StepType::Dialog && commit.identify.selectors.is_empty();
        let (says, document) = if in_dialog {
            (self.dialog_saying(step, clock).await?, None)
        } else {
            self.identified(commit, clock).await?
        };
        if !names(&says, &wanted) {
            return Err(Problem::because(
                Reason::ExpectMismatch,
                FailureKind::Gate,
                format!(
                    "what is about to be acted on does not name {wanted:?}: it says {:?}",
                    shorten(&says, 200)
                ),
            ));
        }
        if step.type_ == StepType::Dialog {
            // The page behind a dialog cannot be asked, so its last known address is used.
            self.dialog_saying(step, clock).await?;
            let url = self.run.scope.page.url.clone();
            return Ok(Seen { says, document, url });
        }
        if !self.holds(&commit.cancellable_when, clock).await? {
            return Err(Problem::because(
                Reason::StepFailed,
                FailureKind::Gate,
                format!("`{}` does not hold", commit.cancellable_when),
            ));
        }
        if !step.selectors.is_empty() {
            self.find_to_press(step, 1, clock).await?;
        }
        Ok(Seen { says, document, url: self.run.scope.page.url.clone() })
    }

    /// The text of the element that `identify` names.
    async fn identified(
        &mut self,
        commit: &Commit,
        clock: &mut Clock,
    ) -> Done<(String, Option<String>)> {
        #[derive(Deserialize)]
        struct Identified {
            alternative: usize,
            says: String,
        }
        let alternatives = self.alternatives(&commit.identify.selectors)?;
        let request = Request::new("identify").alternatives(&alternatives);
        let (identified, page) = self
            .search(
                &request,
                &alternatives,
                |identified: &Identified| identified.alternative,
                clock,
            )
            .await?;
        if !self.is_allowed(&page).await? {
            return Err(Problem::new(
                FailureKind::ForeignOrigin,
                "nothing irreversible is done here: the origin of the page is not in allowedOrigins",
            ));
        }
        Ok((identified.says, Some(page.document)))
    }

    async fn act_once(&mut self, step: &Step, commit: &Commit, before: &Seen) -> (Act, Done) {
        let mut clock = Clock::start(FRESH, Duration::ZERO, Instant::now() + FRESH);
        let now = match self.look_before(step, commit, &mut clock).await {
            Ok(now) => now,
            Err(problem) => return (Act::NotDone, Err(problem)),
        };
        if now != *before {
            return (
                Act::NotDone,
                Err(Problem::new(
                    FailureKind::Gate,
                    "the page has changed since permission was given",
                )),
            );
        }
        let done = match step.type_ {
            StepType::Dialog => self.browser.answer_dialog(true).await,
            StepType::Press => {
                let key = match (self.aim_keys(step, &mut clock).await, keyboard::key_of(step)) {
                    (Ok(()), Ok(key)) => key,
                    (Err(problem), _) | (_, Err(problem)) => return (Act::NotDone, Err(problem)),
                };
                self.browser.keys(&keyboard::strokes(StepType::Press, key)).await
            }
            _ => {
                let times = if step.type_ == StepType::DoubleClick { 2 } else { 1 };
                let found = self.find_to_press(step, times, &mut clock).await;
                let (target, press): (Target, _) = match found.and_then(|(target, _)| {
                    pointer::press(step, &target, times).map(|press| (target, press))
                }) {
                    Ok(both) => both,
                    Err(problem) => return (Act::NotDone, Err(problem)),
                };
                self.browser.press(&target.element, press).await
            }
        };
        match done {
            Ok(()) => (Act::Done, Ok(())),
            Err(error) if is_refused_before(step.type_, &error) => {
                (Act::NotDone, Err(error.into()))
            }
            Err(error) => (Act::Done, Err(error.into())),
        }
    }

    /// Whether the portal refused explicitly. Asked after something has failed behind the act.
    pub(super) async fn was_refused(&mut self) -> bool {
        let Some(refused_when) = self.refused_when.clone() else { return false };
        let mut clock = Clock::start(
            Duration::from_secs(1),
            self.browser.page_load_timeout(),
            self.run.deadline,
        );
        self.holds(&refused_when, &mut clock).await.unwrap_or(false)
    }
}

/// Whether the driver refused before it touched the page, because the element or dialog was not there. A key may have been pressed
/// already.
fn is_refused_before(type_: StepType, error: &DriverError) -> bool {
    match error.kind {
        DriverErrorKind::DialogOpen => type_ != StepType::Dialog,
        DriverErrorKind::Stale => matches!(type_, StepType::Click | StepType::DoubleClick),
        DriverErrorKind::NotFound => type_ == StepType::Dialog,
        _ => false,
    }
}

/// Whether a text names exactly this word: B53001 does not name B5300.
fn names(says: &str, wanted: &str) -> bool {
    let (says, wanted) = (fold(says).to_lowercase(), fold(wanted).to_lowercase());
    let part = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    says.match_indices(&wanted).any(|(at, found)| {
        !part(says[..at].chars().next_back()) && !part(says[at + found.len()..].chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_number_does_not_name_the_circuit() {
        for (says, named) in [
            ("Cancel B5300?", true),
            ("B5300", true),
            ("b5300: 12 Main Rd", true),
            ("Cancel B53001?", false),
            ("Cancel XB5300?", false),
            ("B53001 and B5300", true),
            ("", false),
        ] {
            assert_eq!(names(says, "B5300"), named, "{says}");
        }
    }

    #[test]
    fn only_what_was_refused_before_the_page_was_touched_counts_as_not_done() {
        let of = |kind| DriverError { kind, message: String::new() };
        for (type_, kind, refused) in [
            (StepType::Click, DriverErrorKind::Stale, true),
            (StepType::Click, DriverErrorKind::DialogOpen, true),
            (StepType::Click, DriverErrorKind::Unknown, false),
            (StepType::Click, DriverErrorKind::Crashed, false),
            (StepType::Click, DriverErrorKind::ErrorPage, false),
            (StepType::Press, DriverErrorKind::Stale, false),
            (StepType::Dialog, DriverErrorKind::NotFound, true),
            (StepType::Dialog, DriverErrorKind::DialogOpen, false),
            (StepType::Dialog, DriverErrorKind::Other, false),
        ] {
            assert_eq!(is_refused_before(type_, &of(kind)), refused, "{type_} {kind}");
        }
    }
}
