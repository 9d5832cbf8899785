//! `click`, `doubleClick`, `hover`.

use std::time::Duration;

use fno_crds::{Step, StepType};
use serde::Deserialize;

use super::super::{
    clock::Clock,
    failure::FailureKind,
    look::{AGAIN, Target},
    problem::{Done, Problem},
    walk::Walk,
};
use crate::browser::{Answer, DriverErrorKind, PageState, Press, Request};

impl Walk<'_, '_> {
    pub(super) async fn click(&mut self, step: &Step, clock: &mut Clock) -> Done {
        let times = if step.type_ == StepType::DoubleClick { 2 } else { 1 };
        self.point(step, times, clock).await
    }

    pub(super) async fn hover(&mut self, step: &Step, clock: &mut Clock) -> Done {
        self.point(step, 0, clock).await
    }

    /// Finds and presses the element. If it is replaced before or during the press, nothing was clicked, and the search starts again.
    async fn point(&mut self, step: &Step, times: u8, clock: &mut Clock) -> Done {
        loop {
            let (target, page) = self.find_to_press(step, times, clock).await?;
            let press = press(step, &target, times)?;
            let is_done = match self.browser.press(&target.element, press).await {
                Ok(()) => times == 0 || !self.was_lost(&page).await,
                Err(error) if error.kind == DriverErrorKind::Stale && !clock.is_over() => false,
                Err(error) => return Err(error.into()),
            };
            if is_done {
                return Ok(());
            }
            if clock.is_over() {
                return Err(Problem::new(
                    FailureKind::NotActionable,
                    format!("{} was replaced each time it was pressed", target.tag),
                ));
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Whether the press did not become a click. Only a clear yes counts: anything else may be the effect of the click.
    async fn was_lost(&mut self, page: &PageState) -> bool {
        #[derive(Deserialize)]
        struct Told {
            lost: bool,
        }
        match self.browser.ask::<Told>(&Request::new("lost"), Duration::ZERO).await {
            Ok(Answer::Here(told, now, _)) => told.lost && now.document == page.document,
            _ => false,
        }
    }
}

/// The press of the step on the element.
pub(in super::super) fn press(step: &Step, target: &Target, times: u8) -> Done<Press> {
    let button = match step.button.as_deref() {
        None | Some("primary") => 0,
        Some("auxiliary") => 1,
        Some("secondary") => 2,
        Some("back") => 3,
        Some("forward") => 4,
        Some(other) => {
            return Err(Problem::new(
                FailureKind::Flow,
                format!(
                    "unknown button {other:?}: use primary, auxiliary, secondary, back or forward"
                ),
            ));
        }
    };
    // Recordings have fractions of a millisecond.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to 0..=5000"
    )]
    let hold = step.duration.map_or(0, |ms| ms.clamp(0.0, 5000.0) as u64);
    Ok(Press { dx: target.dx, dy: target.dy, button, times, hold })
}
