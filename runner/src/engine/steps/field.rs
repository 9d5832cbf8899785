//! `change`: sets the value of a field, as a person at the keyboard does.

use fno_core::flow::template::{SecretValues, Template};
use fno_crds::Step;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use tokio::time::Instant;

use super::super::{
    clock::Clock,
    failure::FailureKind,
    look::{AGAIN, Control, Need, Target},
    problem::{Done, Problem},
    walk::Walk,
};
use crate::browser::{Answer, DriverErrorKind, KeyAction, PageState, Press, Request};

const BACKSPACE: char = '\u{e003}';

/// What a field shows after typing.
#[derive(Deserialize)]
struct Typed {
    here: bool,
    same: bool,
    shows: Option<String>,
}

impl Walk<'_, '_> {
    pub(super) async fn change(&mut self, step: &Step, clock: &mut Clock) -> Done {
        let template =
            Template::parse(step.value.as_deref().ok_or_else(|| Problem::lacks("value"))?)?;
        let sensitive = template.is_secret() || step.sensitive == Some(true);
        if sensitive {
            // Before anything is typed, because the picture of a failure must not show it either.
            let alternatives = self.alternatives(&step.selectors)?;
            self.sensitive.extend(alternatives);
            self.sensitive_frame |= self.place.is_in_frame();
        }
        let (target, page) = self.field(step, sensitive, clock).await?;
        if !template.is_secret() {
            let text = template.render(&self.run.scope)?;
            return self.put(step, target, &page, SecretString::from(text), sensitive, clock).await;
        }
        self.guard_origin(&page).await?;
        let mut secrets = SecretValues {
            username: self.run.secrets.username(),
            password: self.run.secrets.password(),
            totp: None,
        };
        if !template.uses_totp() {
            let text = template.render_secret(&self.run.scope, &secrets)?;
            return self.put(step, target, &page, text, true, clock).await;
        }
        // The field is on screen, so a code can be used now.
        let asked = Instant::now();
        let portal_clock = self.browser.clock_offset().await.map(|offset| offset.millis);
        let code = self.run.secrets.code(portal_clock).await;
        clock.pause(asked.elapsed());
        secrets.totp =
            Some(code.map_err(|none| {
                Problem::because(none.reason, FailureKind::Secret, none.message)
            })?);
        let text = template.render_secret(&self.run.scope, &secrets)?;
        let (target, page) = self.field(step, true, clock).await?;
        self.guard_origin(&page).await?;
        self.put(step, target, &page, text, true, clock).await
    }

    async fn field(
        &mut self,
        step: &Step,
        sensitive: bool,
        clock: &mut Clock,
    ) -> Done<(Target, PageState)> {
        let alternatives = self.alternatives(&step.selectors)?;
        let request = Request::new("find")
            .alternatives(&alternatives)
            .with("need", Need::Editable.as_str())
            .with("focus", "all")
            .with("sensitive", sensitive)
            .fresh(sensitive);
        self.search(&request, &alternatives, |target: &Target| target.alternative, clock).await
    }

    /// Refuses secrets for pages outside the provider's origins. `page` is the document of the element.
    async fn guard_origin(&mut self, page: &PageState) -> Done {
        // The driver's address, because the page could lie about its own.
        self.run.scope.page.url = self.browser.url().await?;
        if self.is_allowed(page).await? {
            return Ok(());
        }
        let origins: Vec<&str> = page
            .origins
            .iter()
            .map(|origin| origin.as_deref().unwrap_or("one that hides its origin"))
            .collect();
        Err(Problem::new(
            FailureKind::ForeignOrigin,
            format!(
                "nothing secret is typed here: {} is not in allowedOrigins",
                origins.join(" in ")
            ),
        ))
    }

    async fn put(
        &mut self,
        step: &Step,
        target: Target,
        page: &PageState,
        text: SecretString,
        sensitive: bool,
        clock: &mut Clock,
    ) -> Done {
        match target.control {
            Control::Text => self.type_into(step, target, page, text, sensitive, clock).await,
            Control::None => Err(Problem::new(
                FailureKind::NotActionable,
                format!("{} is not a field that takes a value", target.tag),
            )),
            _ if sensitive && target.control != Control::Value => Err(Problem::new(
                FailureKind::Flow,
                format!(
                    "{} is not a text field: nothing sensitive can be typed into it",
                    target.tag
                ),
            )),
            Control::List => self.choose(step, "Either", text.expose_secret(), clock).await,
            Control::Check => self.tick(step, &target, text.expose_secret(), clock).await,
            Control::Value => self.assign(&target, text.expose_secret(), clock).await,
        }
    }

    async fn type_into(
        &mut self,
        step: &Step,
        mut target: Target,
        page: &PageState,
        text: SecretString,
        sensitive: bool,
        clock: &mut Clock,
    ) -> Done {
        let uses_totp = step
            .value
            .as_deref()
            .is_some_and(|value| Template::parse(value).is_ok_and(|template| template.uses_totp()));
        loop {
            let typed = if text.expose_secret().is_empty() {
                self.browser.keys(&[(KeyAction::Down, BACKSPACE), (KeyAction::Up, BACKSPACE)]).await
            } else {
                self.browser.type_text(&target.element, text.clone()).await
            };
            match typed {
                Ok(()) => {}
                // Nothing was typed, because the field was replaced before.
                Err(error) if error.kind == DriverErrorKind::Stale && !clock.is_over() => {
                    tokio::time::sleep(AGAIN).await;
                    let again = self.field(step, sensitive, clock).await?;
                    if sensitive {
                        self.guard_origin_of(step, &again.1).await?;
                    }
                    target = again.0;
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            let expected = (!sensitive).then(|| text.expose_secret());
            let request = Request::new("typed").element(&target.element).with("expected", expected);
            if let Ok(Answer::Here(typed, ..)) =
                self.browser.ask::<Typed>(&request, clock.remaining()).await
                && typed.here
            {
                if !typed.same {
                    self.note.message =
                        Some(format!("the field shows {:?} now", typed.shows.unwrap_or_default()));
                }
                return Ok(());
            }
            // The field is gone. If the page is another one, or a field with a value has replaced it, typing has caused that. Otherwise
            // the page was redrawn during typing. A code is never typed twice.
            let Ok((new, now)) = self.field(step, sensitive, &mut clock.at_most(AGAIN)).await
            else {
                return Ok(());
            };
            if uses_totp || now.document != page.document || new.filled || clock.is_over() {
                return Ok(());
            }
            if sensitive {
                self.guard_origin_of(step, &now).await?;
            }
            target = new;
        }
    }

    async fn guard_origin_of(&mut self, step: &Step, page: &PageState) -> Done {
        let is_secret = step
            .value
            .as_deref()
            .is_some_and(|value| Template::parse(value).is_ok_and(|template| template.is_secret()));
        if is_secret { self.guard_origin(page).await } else { Ok(()) }
    }

    /// Presses a checkbox or radio button unless it has the wanted state.
    async fn tick(&mut self, step: &Step, target: &Target, value: &str, clock: &mut Clock) -> Done {
        let wanted = match value.trim().to_ascii_lowercase().as_str() {
            "true" | "on" | "yes" | "1" | "checked" => true,
            "false" | "off" | "no" | "0" | "" => false,
            _ => {
                return Err(Problem::new(
                    FailureKind::Flow,
                    format!("{} is ticked by true or false, not by {value:?}", target.tag),
                ));
            }
        };
        if target.checked == wanted {
            return Ok(());
        }
        let (target, _) = self.find_to_press(step, 1, clock).await?;
        self.browser
            .press(
                &target.element,
                Press { dx: target.dx, dy: target.dy, button: 0, times: 1, hold: 0 },
            )
            .await?;
        Ok(())
    }

    /// Sets the value of a field that browsers type into differently (date, time, colour, range).
    async fn assign(&mut self, target: &Target, value: &str, clock: &mut Clock) -> Done {
        #[derive(Deserialize)]
        struct Assigned {
            same: bool,
            shows: String,
        }
        let (assigned, _): (Assigned, _) = self
            .ask(&Request::new("assign").element(&target.element).with("value", value), clock)
            .await?;
        if assigned.same {
            return Ok(());
        }
        Err(Problem::new(
            FailureKind::Value,
            format!(
                "{} does not take {value:?} (it shows {:?}): dates are written 2026-01-31, times 13:45",
                target.tag, assigned.shows
            ),
        ))
    }
}
