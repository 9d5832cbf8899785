//! A WebDriver session: opening it, sending it commands with a bound each, ending it.

use std::time::Duration;

use http::Method;
use secrecy::SecretString;
use serde_json::{Value, json};
use thirtyfour::{
    RequestData, SessionId, TimeoutConfiguration, WebDriver,
    common::command::{Command, FormatRequestData},
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::{
    DriverError, DriverErrorKind, Settings,
    capabilities::capabilities,
    wire::{TEXT, Wire},
};

/// How often it is looked whether the driver listens.
const KNOCK: Duration = Duration::from_millis(25);
/// No command may take longer, whatever its own bound: a step's time is at most 3 minutes.
const LONGEST: Duration = Duration::from_secs(200);
/// For commands that have nothing to wait for. Generous: the machine may be busy.
pub(super) const QUICK: Duration = Duration::from_secs(15);
/// What a command may take beyond the time it was told to wait.
pub(super) const MARGIN: Duration = Duration::from_secs(10);
/// After this a session that does not end is given up; its Pod ends it.
const QUIT: Duration = Duration::from_secs(5);

/// An open session.
pub(super) struct Session {
    driver: WebDriver,
    wire: Wire,
    page_load: Duration,
}

/// A command in W3C terms: method and path below the session.
#[derive(Debug)]
pub(super) struct Raw {
    method: Method,
    path: String,
    body: Option<Value>,
}

impl Raw {
    pub(super) fn get(path: &str) -> Self {
        Self { method: Method::GET, path: path.to_owned(), body: None }
    }

    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, path: path.into(), body: Some(body) }
    }

    pub(super) fn delete(path: &str) -> Self {
        Self { method: Method::DELETE, path: path.to_owned(), body: None }
    }
}

impl FormatRequestData for Raw {
    fn format_request(&self, session_id: &SessionId) -> RequestData {
        let request =
            RequestData::new(self.method.clone(), format!("session/{session_id}/{}", self.path));
        match &self.body {
            Some(body) => request.add_body(body.clone()),
            None => request,
        }
    }
}

impl Session {
    pub(super) async fn open(settings: &Settings) -> Result<Self, DriverError> {
        let until = Instant::now() + settings.start_timeout;
        wait_for_port(&settings.webdriver_url, until).await?;
        let broken = |error: &dyn std::fmt::Display| {
            DriverError::new(DriverErrorKind::Other, &error.to_string())
        };
        let wire = Wire::new(LONGEST).map_err(|error| broken(&error))?;
        let capabilities = capabilities(settings)?;
        let connect = WebDriver::builder(&settings.webdriver_url, capabilities)
            .client(wire.clone())
            .keep_alive(false)
            .connect();
        let left = until.saturating_duration_since(Instant::now());
        let driver = timeout(left, connect).await.map_err(|_| {
            DriverError::new(
                DriverErrorKind::Timeout,
                &format!("the browser did not start within {:?}", settings.start_timeout),
            )
        })??;
        let page_load = settings.browser.page_load_timeout.std();
        let session = Self { driver, wire, page_load };
        let script = settings.browser.script_timeout.std().max(QUICK);
        session
            .command(
                QUICK,
                Command::SetTimeouts(TimeoutConfiguration::new(
                    Some(script),
                    Some(page_load),
                    Some(Duration::ZERO),
                )),
            )
            .await?;
        Ok(session)
    }

    /// Sends a command and gives its value.
    ///
    /// # Errors
    /// [`DriverErrorKind::Unknown`] when there is no answer within `limit`.
    pub(super) async fn command(
        &self,
        limit: Duration,
        command: impl FormatRequestData,
    ) -> Result<Value, DriverError> {
        match timeout(limit, self.driver.cmd(command)).await {
            Ok(answer) => Ok(answer?.value_json()?),
            Err(_) => Err(DriverError::new(
                DriverErrorKind::Unknown,
                &format!("the driver gave no answer within {limit:?}"),
            )),
        }
    }

    /// Sends a text to `path` without any log seeing it.
    pub(super) async fn send_text(
        &self,
        limit: Duration,
        path: String,
        text: SecretString,
    ) -> Result<(), DriverError> {
        self.wire.hand_over(text).await;
        self.command(limit, Raw::post(path, json!({ "text": TEXT }))).await?;
        Ok(())
    }

    /// Opens an address and waits until its document is there.
    pub(super) async fn navigate(&mut self, url: &str, limit: Duration) -> Result<(), DriverError> {
        if self.page_load != limit {
            self.command(
                QUICK,
                Command::SetTimeouts(TimeoutConfiguration::new(None, Some(limit), None)),
            )
            .await?;
            self.page_load = limit;
        }
        self.command(limit + MARGIN, Raw::post("url", json!({ "url": url }))).await?;
        Ok(())
    }

    pub(super) fn id(&self) -> String {
        self.driver.session_id().to_string()
    }

    pub(super) fn version(&self) -> String {
        let version = self
            .driver
            .capabilities()
            .get("browserVersion")
            .and_then(Value::as_str)
            .unwrap_or("of unknown version")
            .to_owned();
        format!("Firefox {version}")
    }

    /// Ends it. Dropping would block the thread until the driver answers, so a session that does not end in time is forgotten.
    pub(super) async fn quit(self) {
        if timeout(QUIT, self.command(QUIT, Command::DeleteSession))
            .await
            .is_ok_and(|answer| answer.is_ok())
        {
            tracing::debug!("browser session ended");
        } else {
            tracing::warn!("the browser session did not end in order");
        }
        _ = self.driver.leak();
    }
}

async fn wait_for_port(webdriver_url: &str, until: Instant) -> Result<(), DriverError> {
    let wrong = |why: &str| {
        DriverError::new(
            DriverErrorKind::Other,
            &format!(
                "{webdriver_url} is no address of a driver such as http://127.0.0.1:4444: {why}"
            ),
        )
    };
    let url = url::Url::parse(webdriver_url).map_err(|error| wrong(&error.to_string()))?;
    let host = url.host_str().ok_or_else(|| wrong("no host"))?;
    let port = url.port_or_known_default().ok_or_else(|| wrong("no port"))?;
    while let Err(error) = TcpStream::connect((host, port)).await {
        if Instant::now() >= until {
            return Err(DriverError::new(
                DriverErrorKind::Timeout,
                &format!("nothing answers at {webdriver_url}: {error}"),
            ));
        }
        sleep(KNOCK).await;
    }
    Ok(())
}
