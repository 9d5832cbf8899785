//! The window and frame of the flow. The driver forgets its own when a page is replaced, so they are kept here.

use fno_core::flow::selector::Chain;
use fno_crds::Step;

use super::{
    clock::Clock,
    failure::FailureKind,
    look::Found,
    problem::{Done, Problem},
    walk::Walk,
};
use crate::browser::{Answer, DriverError, DriverErrorKind, Request};

/// A window and a path of frames in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Place {
    /// None is the main window.
    pub(super) window: Option<String>,
    frames: Vec<Frame>,
    /// Whether the driver is in this window and frame.
    is_entered: bool,
}

#[derive(Clone, Debug, PartialEq)]
enum Frame {
    Index(u16),
    Matching(Vec<Chain>),
}

impl Place {
    pub(super) fn top_of(window: Option<String>) -> Self {
        Self { window, frames: Vec::new(), is_entered: false }
    }

    pub(super) fn add_frame(&mut self, alternatives: Vec<Chain>) {
        self.frames.push(Frame::Matching(alternatives));
        self.is_entered = false;
    }

    pub(super) fn leave_frame(&mut self) {
        self.frames.pop();
        self.is_entered = false;
    }

    pub(super) fn back_to(&mut self, outer: Self) {
        if (&self.window, &self.frames) != (&outer.window, &outer.frames) {
            *self = Self { is_entered: false, ..outer };
        }
    }

    /// Notes that the driver may be elsewhere.
    pub(super) fn is_lost(&mut self) {
        self.is_entered = false;
    }

    pub(super) fn is_in_frame(&self) -> bool {
        !self.frames.is_empty()
    }

    /// Notes that the driver is at the top of the window's page.
    pub(super) fn at_top(&mut self) {
        self.frames.clear();
        self.is_entered = true;
    }
}

impl Walk<'_, '_> {
    /// Starts a flow at the top of the main window. Dialogs and windows that an earlier flow left open are closed.
    pub(super) async fn begin(&mut self) -> Done {
        match self.browser.answer_dialog(false).await {
            Err(error) if error.kind != DriverErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let main = self.browser.main_window().to_owned();
        let windows = self.browser.windows().await?;
        if !windows.contains(&main) {
            return Err(Problem::new(FailureKind::Crashed, "the browser's main window is closed"));
        }
        for window in windows.iter().filter(|window| **window != main) {
            self.browser.enter_window(window).await?;
            self.browser.close_window().await?;
        }
        self.browser.enter_window(&main).await?;
        self.place = Place::default();
        self.place.at_top();
        Ok(())
    }

    /// Brings the driver to the window and frame of the flow.
    pub(super) async fn enter(&mut self, clock: &mut Clock) -> Done {
        if self.place.is_entered {
            return Ok(());
        }
        let window =
            self.place.window.clone().unwrap_or_else(|| self.browser.main_window().to_owned());
        match self.browser.enter_window(&window).await {
            Err(error) if error.kind == DriverErrorKind::Stale => {
                let (kind, which) = if self.place.window.is_none() {
                    (FailureKind::Crashed, "the browser's main window")
                } else {
                    (FailureKind::NotFound, "the window the flow works in")
                };
                return Err(Problem::new(kind, format!("{which} is closed")));
            }
            other => other?,
        }
        'again: loop {
            for frame in self.place.frames.clone() {
                match self.enter_frame(&frame, clock).await? {
                    Ok(()) => {}
                    Err(error) if clock.is_over() => {
                        return Err(Problem::new(
                            FailureKind::NotFound,
                            format!("the frame {frame} is not there: {}", error.message),
                        ));
                    }
                    Err(_) => {
                        tokio::time::sleep(super::look::AGAIN).await;
                        self.browser.enter_top().await?;
                        continue 'again;
                    }
                }
            }
            self.place.is_entered = true;
            return Ok(());
        }
    }

    /// The inner error means that the frame is not there yet.
    async fn enter_frame(
        &mut self,
        frame: &Frame,
        clock: &mut Clock,
    ) -> Done<Result<(), DriverError>> {
        let entered = match frame {
            Frame::Index(index) => self.browser.enter_child_frame(*index).await,
            Frame::Matching(alternatives) => {
                let request =
                    Request::new("find").alternatives(alternatives).with("need", "displayed");
                match self.browser.ask::<Found>(&request, clock.remaining()).await? {
                    Answer::Here(Found { found: Some(target), .. }, _, waited) => {
                        clock.page_took(waited);
                        self.browser.enter_frame(&target.element).await
                    }
                    Answer::Here(_, _, waited) => {
                        clock.page_took(waited);
                        Err(not_there())
                    }
                    Answer::Leaving => Err(not_there()),
                    Answer::Wrong(message, _) => {
                        return Err(Problem::new(FailureKind::Flow, message));
                    }
                }
            }
        };
        match entered {
            Err(error) if error.kind == DriverErrorKind::Stale => Ok(Err(error)),
            Err(error) => Err(error.into()),
            Ok(()) => Ok(Ok(())),
        }
    }

    /// Enters `target` and `frame` of a recorded step. They apply to this step only.
    pub(super) async fn enter_frame_of(&mut self, step: &Step, clock: &mut Clock) -> Done {
        match step.target.as_deref() {
            None => {}
            Some("main") if self.place.window.is_none() => {}
            Some("main") => self.place = Place::top_of(None),
            Some(address) => {
                let window = self.window_showing(address, clock).await?;
                self.place = Place::top_of(Some(window));
            }
        }
        if !step.frame.is_empty() {
            self.place = Place::top_of(self.place.window.clone());
            self.place.frames = step
                .frame
                .iter()
                .map(|index| Frame::Index(u16::try_from(*index).unwrap_or(u16::MAX)))
                .collect();
        }
        Ok(())
    }

    /// The window whose page has this address, ignoring query and fragment.
    async fn window_showing(&mut self, address: &str, clock: &mut Clock) -> Done<String> {
        let wanted = up_to_path(address);
        loop {
            for window in self.browser.windows().await? {
                self.place.is_lost();
                if self.browser.enter_window(&window).await.is_ok()
                    && self.browser.url().await.is_ok_and(|url| up_to_path(&url) == wanted)
                {
                    return Ok(window);
                }
            }
            if clock.is_over() {
                return Err(Problem::new(
                    FailureKind::NotFound,
                    format!("no window shows {wanted}"),
                ));
            }
            tokio::time::sleep(super::look::AGAIN).await;
        }
    }

    /// The window that was opened most recently.
    pub(super) async fn newest_window(&mut self, clock: &Clock) -> Done<String> {
        let here =
            self.place.window.clone().unwrap_or_else(|| self.browser.main_window().to_owned());
        loop {
            let windows = self.browser.windows().await?;
            // Firefox lists windows in the order in which they were opened.
            if let Some(newest) = windows.iter().rfind(|window| **window != here) {
                return Ok(newest.clone());
            }
            if clock.is_over() {
                return Err(Problem::new(FailureKind::NotFound, "no other window has opened"));
            }
            tokio::time::sleep(super::look::AGAIN).await;
        }
    }
}

impl std::fmt::Display for Frame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Index(index) => write!(f, "number {index}"),
            Self::Matching(alternatives) => f.write_str(&super::missing::written(alternatives)),
        }
    }
}

fn not_there() -> DriverError {
    DriverError { kind: DriverErrorKind::Stale, message: "nothing matches".to_owned() }
}

/// Origin and path of an address, without a slash at the end.
pub(super) fn up_to_path(address: &str) -> String {
    address.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/').to_owned()
}
