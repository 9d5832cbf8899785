//! Windows, frames, dialogs, addresses: where the session looks, and what it gets to see.

use std::time::Duration;

use data_encoding::BASE64;
use secrecy::SecretString;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    Browser, DriverError, DriverErrorKind,
    page::Element,
    session::{QUICK, Raw},
};

/// A whole page may be long.
const PICTURE: Duration = Duration::from_secs(30);

impl Browser {
    /// Opens an address and waits until its document is there, or `limit` is over.
    pub(crate) async fn navigate(&mut self, url: &str, limit: Duration) -> Result<(), DriverError> {
        self.session_mut()?.navigate(url, limit).await
    }

    /// Address of the window's page, also from inside a frame of another origin.
    pub(crate) async fn url(&mut self) -> Result<String, DriverError> {
        self.value(Raw::get("url")).await
    }

    pub(crate) async fn title(&mut self) -> Result<String, DriverError> {
        self.value(Raw::get("title")).await
    }

    /// The window at work.
    pub(crate) async fn window(&mut self) -> Result<String, DriverError> {
        self.value(Raw::get("window")).await
    }

    /// All windows and tabs, in the order they were opened.
    pub(crate) async fn windows(&mut self) -> Result<Vec<String>, DriverError> {
        self.value(Raw::get("window/handles")).await
    }

    pub(crate) async fn enter_window(&mut self, window: &str) -> Result<(), DriverError> {
        self.command(QUICK, Raw::post("window", json!({ "handle": window }))).await.map(drop)
    }

    pub(crate) async fn close_window(&mut self) -> Result<(), DriverError> {
        self.command(QUICK, Raw::delete("window")).await.map(drop)
    }

    /// To the top of the window's page.
    pub(crate) async fn enter_top(&mut self) -> Result<(), DriverError> {
        self.command(QUICK, Raw::post("frame", json!({ "id": null }))).await.map(drop)
    }

    pub(crate) async fn enter_frame(&mut self, frame: &Element) -> Result<(), DriverError> {
        self.command(QUICK, Raw::post("frame", json!({ "id": frame.json() }))).await.map(drop)
    }

    pub(crate) async fn enter_child_frame(&mut self, index: u16) -> Result<(), DriverError> {
        self.command(QUICK, Raw::post("frame", json!({ "id": index }))).await.map(drop)
    }

    /// Outer size of the window, pixels.
    pub(crate) async fn resize(&mut self, width: i64, height: i64) -> Result<(), DriverError> {
        self.command(QUICK, Raw::post("window/rect", json!({"width": width, "height": height})))
            .await
            .map(drop)
    }

    /// What the open dialog says.
    ///
    /// # Errors
    /// [`DriverErrorKind::NotFound`] if none is open.
    pub(crate) async fn dialog_text(&mut self) -> Result<String, DriverError> {
        self.value(Raw::get("alert/text")).await
    }

    pub(crate) async fn answer_dialog(&mut self, accept: bool) -> Result<(), DriverError> {
        self.command(
            QUICK,
            Raw::post(if accept { "alert/accept" } else { "alert/dismiss" }, json!({})),
        )
        .await
        .map(drop)
    }

    /// Types into the open prompt.
    pub(crate) async fn type_into_dialog(&mut self, text: SecretString) -> Result<(), DriverError> {
        self.session()?.send_text(QUICK, "alert/text".to_owned(), text).await
    }

    /// A picture (PNG) of what is in view, or of the whole page.
    pub(crate) async fn screenshot(&mut self, full_page: bool) -> Result<Vec<u8>, DriverError> {
        let command = Raw::get(if full_page { "moz/screenshot/full" } else { "screenshot" });
        self.base64(command).await
    }

    /// The page as PDF, A4.
    pub(crate) async fn print(&mut self) -> Result<Vec<u8>, DriverError> {
        self.base64(Raw::post(
            "print",
            json!({"page": {"width": 21.0, "height": 29.7}, "background": true}),
        ))
        .await
    }

    /// Runs JavaScript in the page: an expression, or statements with `return`.
    pub(crate) async fn script(&mut self, javascript: &str) -> Result<Value, DriverError> {
        let limit = self.script_timeout();
        self.command(
            limit + super::session::MARGIN,
            Raw::post("execute/sync", json!({"script": javascript, "args": []})),
        )
        .await
    }

    async fn base64(&mut self, command: Raw) -> Result<Vec<u8>, DriverError> {
        let encoded: String = self.read(PICTURE, command).await?;
        BASE64.decode(encoded.as_bytes()).map_err(|error| {
            DriverError::new(
                DriverErrorKind::Other,
                &format!("the driver's answer is not base64: {error}"),
            )
        })
    }

    async fn value<T: DeserializeOwned>(&mut self, command: Raw) -> Result<T, DriverError> {
        self.read(QUICK, command).await
    }

    async fn read<T: DeserializeOwned>(
        &mut self,
        limit: Duration,
        command: Raw,
    ) -> Result<T, DriverError> {
        let value = self.command(limit, command).await?;
        serde_json::from_value(value).map_err(|error| {
            DriverError::new(
                DriverErrorKind::Other,
                &format!("the driver's answer is not understood: {error}"),
            )
        })
    }
}
