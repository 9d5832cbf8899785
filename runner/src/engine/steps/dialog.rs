//! `dialog` and `onDialog`: native dialogs (alert, confirm, prompt).

use fno_core::flow::{template::Template, text::fold};
use fno_crds::{Step, flow::DialogAction};
use secrecy::SecretString;
use serde_json::Value;

use super::super::{
    clock::Clock,
    failure::FailureKind,
    look::AGAIN,
    problem::{Done, Problem},
    walk::Walk,
};
use crate::browser::{Answer, DriverErrorKind, Request};

impl Walk<'_, '_> {
    pub(super) async fn dialog(&mut self, step: &Step, clock: &mut Clock) -> Done {
        let action = step.action.ok_or_else(|| Problem::lacks("action"))?;
        let text = self.dialog_saying(step, clock).await?;
        if let (Some(value), DialogAction::Accept) = (&step.value, action) {
            let answer = Template::parse(value)?.render(&self.run.scope)?;
            self.browser.type_into_dialog(SecretString::from(answer)).await?;
        }
        self.browser.answer_dialog(action == DialogAction::Accept).await?;
        self.note.message = Some(format!(
            "{} {text:?}",
            if action == DialogAction::Accept { "accepted" } else { "dismissed" }
        ));
        Ok(())
    }

    /// Waits for the dialog of the step. A dialog with another text fails the step and is dismissed.
    pub(in super::super) async fn dialog_saying(
        &mut self,
        step: &Step,
        clock: &mut Clock,
    ) -> Done<String> {
        let text = self.dialog_text(clock).await?;
        if let Some(contains) = &step.contains {
            let wanted = Template::parse(contains)?.render(&self.run.scope)?;
            if !fold(&text).contains(&fold(&wanted)) {
                return Err(Problem::new(
                    FailureKind::Dialog,
                    format!("the dialog says {text:?}, not {wanted:?}"),
                ));
            }
        }
        Ok(text)
    }

    /// Answers the dialog that the previous act opens.
    pub(super) async fn answer_dialog(&mut self, action: DialogAction, clock: &mut Clock) -> Done {
        let text = self.dialog_text(clock).await?;
        self.browser.answer_dialog(action == DialogAction::Accept).await?;
        self.note.message = Some(format!(
            "{} {text:?}",
            if action == DialogAction::Accept { "accepted" } else { "dismissed" }
        ));
        Ok(())
    }

    /// Waits for a dialog. A script that runs in the page ends when a dialog opens.
    pub(in super::super) async fn dialog_text(&mut self, clock: &mut Clock) -> Done<String> {
        loop {
            match self.browser.dialog_text().await {
                Ok(text) => return Ok(text),
                Err(error) if error.kind == DriverErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
            if clock.is_over() {
                return Err(Problem::new(
                    FailureKind::Dialog,
                    "no dialog opened (if it does not open every time, use a dialog step with optional: true)",
                ));
            }
            match self.browser.ask::<Value>(&Request::new("sleep"), clock.remaining()).await {
                Ok(Answer::Leaving) => tokio::time::sleep(AGAIN).await,
                Ok(_) => {}
                Err(error) if error.kind == DriverErrorKind::DialogOpen => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
