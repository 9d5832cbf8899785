//! The way to the driver: one connection per command, and secrets put in below everything that logs.

use std::{error::Error as _, iter, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use thirtyfour::{
    error::{WebDriverError, WebDriverResult},
    session::http::{Body, HttpClient},
};
use tokio::sync::Mutex;

/// Stands in a command for the text that [`Wire::hand_over`] was given. thirtyfour logs whole commands.
pub(super) const TEXT: &str = "\u{f8ff}text\u{f8ff}";

/// An HTTP client for WebDriver on loopback.
#[derive(Clone)]
pub(super) struct Wire {
    client: reqwest::Client,
    text: Arc<Mutex<Option<SecretString>>>,
}

impl Wire {
    /// No idle connections: a click must not ride on one that the other end has just closed, for it might be sent again.
    /// No proxy from the environment either, and no retries.
    ///
    /// # Errors
    /// If the TLS library cannot be set up.
    pub(super) fn new(longest: Duration) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(0)
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(5))
            .timeout(longest)
            .build()?;
        Ok(Self { client, text: Arc::default() })
    }

    /// The next command with [`TEXT`] in it carries this instead.
    pub(super) async fn hand_over(&self, text: SecretString) {
        *self.text.lock().await = Some(text);
    }

    async fn body(&self, body: &Value) -> WebDriverResult<Vec<u8>> {
        let filled = match body.get("text") {
            Some(Value::String(text)) if text == TEXT => {
                let text = self.text.lock().await.take().ok_or_else(|| {
                    WebDriverError::RequestFailed("there is no text to type".into())
                })?;
                serde_json::to_vec(&json!({ "text": text.expose_secret() }))?
            }
            _ => serde_json::to_vec(body)?,
        };
        Ok(filled)
    }
}

#[async_trait]
impl HttpClient for Wire {
    async fn send(&self, request: Request<Body<'_>>) -> WebDriverResult<Response<Bytes>> {
        let (parts, body) = request.into_parts();
        let body = match body {
            Body::Empty => Vec::new(),
            Body::Json(json) => self.body(json).await?,
        };
        let answer = self
            .client
            .request(parts.method, parts.uri.to_string())
            .headers(parts.headers)
            .body(body)
            .send()
            .await
            .map_err(explain)?;
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        *response.body_mut() = answer.bytes().await.map_err(explain)?;
        Ok(response)
    }

    async fn new(&self) -> Arc<dyn HttpClient> {
        Arc::new(self.clone())
    }
}

/// Keeps apart what thirtyfour's own conversion throws together: no answer in time, and nobody there.
fn explain(error: reqwest::Error) -> WebDriverError {
    let error = error.without_url();
    let causes = iter::successors(error.source(), |&error| error.source());
    let why = iter::once(error.to_string())
        .chain(causes.map(ToString::to_string))
        .collect::<Vec<_>>()
        .join(": ");
    if error.is_timeout() && !error.is_connect() {
        WebDriverError::Timeout(format!("the driver gave no answer: {why}"))
    } else {
        WebDriverError::HttpError(format!("the driver cannot be reached: {why}"))
    }
}
