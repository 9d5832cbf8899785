//! The browser as the batch sees it: flows go in, their ends come out. The tests put a scripted one in its place.

use crate::{
    browser::{Browser, DriverError, DriverErrorKind, Settings},
    engine::{self, FlowEnd, FlowRun, Trace},
};

/// A browser session that has been opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// WebDriver's id of it.
    pub session_id: String,
    /// The browser's name and version.
    pub version: String,
    /// Something the log should say about it.
    pub warning: Option<String>,
}

/// What walks flows. One session at a time.
pub trait Portal {
    /// Opens a session, in place of the one before if there was one.
    ///
    /// # Errors
    /// What the driver says.
    fn open(&mut self) -> impl Future<Output = Result<Opened, DriverError>>;

    /// Walks a flow. See [`engine::run`].
    fn run(&mut self, run: &mut FlowRun<'_>, trace: &mut Trace) -> impl Future<Output = FlowEnd>;

    /// Takes a picture into the trace.
    ///
    /// # Errors
    /// What the driver says.
    fn picture(
        &mut self,
        trace: &mut Trace,
        step: &str,
    ) -> impl Future<Output = Result<String, DriverError>>;

    /// The portal's clock minus ours in milliseconds, if its page tells.
    fn clock_offset(&mut self) -> impl Future<Output = Option<i64>>;

    /// Ends the session, if there is one. Bounded, and harmless on a dead one.
    fn quit(&mut self) -> impl Future<Output = ()>;
}

/// Firefox behind geckodriver.
pub struct Firefox {
    settings: Settings,
    browser: Option<Browser>,
}

impl Firefox {
    /// Nothing is opened yet.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self { settings, browser: None }
    }
}

impl Portal for Firefox {
    async fn open(&mut self) -> Result<Opened, DriverError> {
        match &mut self.browser {
            Some(browser) => browser.reopen().await?,
            None => self.browser = Some(Browser::open(self.settings.clone()).await?),
        }
        let browser = self.browser.as_ref().ok_or_else(no_browser)?;
        let warning = match browser.repeat_guard() {
            crate::browser::RepeatGuard::SentOnce => None,
            crate::browser::RepeatGuard::Unproven(why) => {
                Some(format!("whether the browser sends a request once could not be tried: {why}"))
            }
        };
        Ok(Opened {
            session_id: browser.session_id().to_owned(),
            version: browser.version().to_owned(),
            warning,
        })
    }

    async fn run(&mut self, run: &mut FlowRun<'_>, trace: &mut Trace) -> FlowEnd {
        match &mut self.browser {
            Some(browser) => engine::run(browser, run, trace).await,
            None => FlowEnd::Failed(engine::Failure {
                reason: fno_crds::Reason::BrowserCrashed,
                kind: engine::FailureKind::Crashed,
                step: String::new(),
                message: no_browser().message,
                act: engine::Act::NotReached,
            }),
        }
    }

    async fn picture(&mut self, trace: &mut Trace, step: &str) -> Result<String, DriverError> {
        engine::picture(self.browser.as_mut().ok_or_else(no_browser)?, trace, step, false).await
    }

    async fn clock_offset(&mut self) -> Option<i64> {
        Some(self.browser.as_mut()?.clock_offset().await?.millis)
    }

    async fn quit(&mut self) {
        if let Some(browser) = &mut self.browser {
            browser.quit().await;
        }
    }
}

fn no_browser() -> DriverError {
    DriverError { kind: DriverErrorKind::Crashed, message: "no browser is open".to_owned() }
}
