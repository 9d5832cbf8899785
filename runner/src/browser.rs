//! One browser session: Firefox behind geckodriver, spoken to by W3C WebDriver through thirtyfour.
//!
//! * `session`, `capabilities`, `wire`: opening it and sending it commands. `repeat_guard`: proof that it sends a request once.
//! * `page` and `page_script/`: questions to the page, answered at the change that makes the answer possible.
//! * `input`, `view`: what is done and seen.

mod capabilities;
mod driver_error;
mod input;
mod page;
mod repeat_guard;
mod session;
mod view;
mod wire;

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use thirtyfour::common::command::FormatRequestData;

use session::{QUICK, Session};

pub use self::driver_error::{DriverError, DriverErrorKind};
pub(crate) use self::{
    input::{KeyAction, Press},
    page::{Answer, Element, PageState, Request, chain_json},
};

/// How a session is opened.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where geckodriver listens.
    pub webdriver_url: String,
    /// `spec.browser` of the provider.
    pub browser: fno_crds::provider::Browser,
    /// HTTP proxy, `host:port`.
    pub proxy: Option<String>,
    /// How long geckodriver may take to listen, and the browser to start.
    pub start_timeout: Duration,
    /// Path of the browser's program, if geckodriver shall not find it itself.
    pub binary: Option<String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            webdriver_url: "http://127.0.0.1:4444".into(),
            browser: fno_crds::provider::Browser::default(),
            proxy: None,
            start_timeout: Duration::from_secs(60),
            binary: None,
        }
    }
}

/// Whether a request that got no answer is sent again by the browser (`network.http.request.max-attempts`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RepeatGuard {
    /// Tried at session start: a POST whose connection broke was sent once.
    SentOnce,
    /// It could not be tried, and why. Irreversible acts must wait.
    Unproven(String),
}

/// The portal's clock against ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockOffset {
    /// The portal's time minus ours, milliseconds.
    pub millis: i64,
    /// How far off that may be: half of the header's second and of the round trip.
    pub uncertainty_millis: i64,
}

/// A browser session. End it with [`Browser::quit`].
pub struct Browser {
    settings: Settings,
    session: Option<Session>,
    id: String,
    version: String,
    guard: RepeatGuard,
    /// The window the session began with.
    main_window: String,
}

impl Browser {
    /// Opens a session, waiting until geckodriver listens.
    ///
    /// # Errors
    /// [`DriverErrorKind::Timeout`] if nothing listens in time, [`DriverErrorKind::Crashed`] if the browser does not start,
    /// [`DriverErrorKind::Other`] if it would repeat requests.
    pub async fn open(settings: Settings) -> Result<Self, DriverError> {
        let mut browser = Self {
            settings,
            session: None,
            id: String::new(),
            version: String::new(),
            guard: RepeatGuard::Unproven("no session".into()),
            main_window: String::new(),
        };
        browser.reopen().await?;
        Ok(browser)
    }

    /// Opens a new session in place of one that crashed or was quit.
    ///
    /// # Errors
    /// As [`Browser::open`].
    pub async fn reopen(&mut self) -> Result<(), DriverError> {
        self.quit().await;
        let mut session = Session::open(&self.settings).await?;
        (self.id, self.version) = (session.id(), session.version());
        let guard = session.try_repeat_guard().await;
        self.session = Some(session);
        match guard {
            Ok(guard) => self.guard = guard,
            Err(error) => {
                self.quit().await;
                return Err(error);
            }
        }
        self.main_window = self.window().await?;
        let size = self.settings.browser.window_size.clone();
        self.resize(size.width.into(), size.height.into()).await
    }

    /// Ends the session; after 5 s it is given up. Harmless on a dead one.
    pub async fn quit(&mut self) {
        if let Some(session) = self.session.take() {
            session.quit().await;
        }
    }

    /// WebDriver's id of the session, for logs.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.id
    }

    /// `Firefox 140.12.0`, as the browser calls itself.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Whether the browser sends a request once.
    #[must_use]
    pub const fn repeat_guard(&self) -> &RepeatGuard {
        &self.guard
    }

    /// Whether driver, browser and page answer.
    pub async fn is_alive(&mut self) -> bool {
        const BOUND: Duration = Duration::from_secs(5);
        // A dialog is an answer too.
        let asked = tokio::time::timeout(BOUND, self.window()).await;
        asked.is_ok_and(|answer| answer.is_ok_and(|window| !window.is_empty()))
    }

    /// Reads the `Date` header of the origin of the page at hand (`HEAD /robots.txt`, without cookies, so no session is touched).
    /// None if there is no page of a portal, or it does not tell.
    pub async fn clock_offset(&mut self) -> Option<ClockOffset> {
        #[derive(Deserialize)]
        struct Clock {
            offset: Option<f64>,
            uncertainty: Option<f64>,
        }
        let Ok(Answer::Here(clock, _, _)) = self.ask::<Clock>(&Request::new("clock"), QUICK).await
        else {
            return None;
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "milliseconds between two clocks, rounded on purpose"
        )]
        let whole = |millis: f64| millis.round() as i64;
        Some(ClockOffset {
            millis: whole(clock.offset?),
            uncertainty_millis: whole(clock.uncertainty?),
        })
    }

    pub(crate) fn main_window(&self) -> &str {
        &self.main_window
    }

    pub(crate) fn page_load_timeout(&self) -> Duration {
        self.settings.browser.page_load_timeout.std()
    }

    fn script_timeout(&self) -> Duration {
        self.settings.browser.script_timeout.std()
    }

    fn session(&self) -> Result<&Session, DriverError> {
        self.session.as_ref().ok_or_else(no_session)
    }

    fn session_mut(&mut self) -> Result<&mut Session, DriverError> {
        self.session.as_mut().ok_or_else(no_session)
    }

    async fn command(
        &self,
        limit: Duration,
        command: impl FormatRequestData,
    ) -> Result<Value, DriverError> {
        self.session()?.command(limit, command).await
    }
}

fn no_session() -> DriverError {
    DriverError::new(DriverErrorKind::Crashed, "there is no browser session")
}
