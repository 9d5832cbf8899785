//! What the driver can complain about, as a small closed list.

use fno_core::flow::text::{fold, shorten};
use strum::{Display, IntoStaticStr};
use thirtyfour::error::{WebDriverError, WebDriverErrorInfo, WebDriverErrorInner as Inner};
use url::Url;

/// A command the driver did not do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DriverError {
    /// What it means.
    pub kind: DriverErrorKind,
    /// The driver's own words, without stack trace; at most 300 characters.
    pub message: String,
}

/// What a driver's error means to whoever drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, IntoStaticStr)]
pub enum DriverErrorKind {
    /// No native dialog is open.
    NotFound,
    /// The page or a script took longer than it may.
    Timeout,
    /// The element, its frame, its window or its whole document has been replaced, moved or hidden: look again.
    Stale,
    /// A native dialog is open and must be answered first.
    DialogOpen,
    /// The browser shows its own error page instead of the portal's.
    ErrorPage,
    /// No browser, no driver, no session: only a new session helps.
    Crashed,
    /// No answer in time: whether the command was done is not known.
    Unknown,
    /// Anything else: a refused argument, a failing script.
    Other,
}

impl DriverError {
    pub(crate) fn new(kind: DriverErrorKind, message: &str) -> Self {
        Self { kind, message: shorten(&fold(message), 300) }
    }
}

impl From<WebDriverError> for DriverError {
    fn from(error: WebDriverError) -> Self {
        use DriverErrorKind::{
            Crashed, DialogOpen, ErrorPage, NotFound, Other, Stale, Timeout, Unknown,
        };
        let of = |kind, info: &WebDriverErrorInfo| Self::new(kind, &info.value.message);
        match error.as_inner() {
            Inner::NoSuchAlert(info) => of(NotFound, info),
            Inner::UnexpectedAlertOpen(info) => of(DialogOpen, info),
            Inner::InsecureCertificate(info) => Self::new(
                ErrorPage,
                &format!("the portal's certificate is not trusted. {}", info.value.message),
            ),
            Inner::ScriptTimeout(info) | Inner::WebDriverTimeout(info) => of(Timeout, info),
            Inner::StaleElementReference(info)
            | Inner::NoSuchElement(info)
            | Inner::NoSuchFrame(info)
            | Inner::NoSuchWindow(info)
            | Inner::ElementNotInteractable(info)
            | Inner::MoveTargetOutOfBounds(info) => of(Stale, info),
            Inner::InvalidSessionId(info) | Inner::SessionNotCreated(info) => of(Crashed, info),
            Inner::JavascriptError(info) | Inner::UnknownError(info) => {
                Self::new(kind_of_words(&info.value.message), &words(&info.value.message))
            }
            // What goes wrong on the way to the driver: see `wire`.
            Inner::HttpError(message) => Self::new(Crashed, message),
            Inner::Timeout(message) => Self::new(Unknown, message),
            Inner::ElementClickIntercepted(info)
            | Inner::InvalidArgument(info)
            | Inner::InvalidElementState(info)
            | Inner::InvalidSelector(info)
            | Inner::UnableToCaptureScreen(info)
            | Inner::UnknownCommand(info)
            | Inner::UnknownMethod(info)
            | Inner::UnsupportedOperation(info)
            | Inner::NotInSpec(info) => of(Other, info),
            other => Self::new(Other, &other.to_string()),
        }
    }
}

/// Two of WebDriver's errors say only in words what they are. The words are Firefox's own (Marionette) and geckodriver's.
fn kind_of_words(message: &str) -> DriverErrorKind {
    const GONE: [&str; 4] = [
        "Failed to decode response from marionette",
        "without establishing a connection",
        "Process unexpectedly closed",
        "connection refused",
    ];
    const REPLACED: [&str; 4] = [
        "Document was unloaded",
        "destroyed before query",
        "AbortError",
        "Browsing context has been discarded",
    ];
    let says = |list: &[&str]| list.iter().any(|words| message.contains(words));
    if message.contains("Reached error page") {
        DriverErrorKind::ErrorPage
    } else if says(&GONE) {
        DriverErrorKind::Crashed
    } else if says(&REPLACED) {
        DriverErrorKind::Stale
    } else {
        DriverErrorKind::Other
    }
}

/// `Reached error page: about:neterror?e=dnsNotFound&u=…&d=…` becomes a sentence; the address, which may hold secrets, goes.
fn words(message: &str) -> String {
    let Some(url) = message
        .split_once("Reached error page: ")
        .and_then(|(_, url)| Url::parse(url.split_whitespace().next()?).ok())
    else {
        return message.to_owned();
    };
    let part = |name: &str| {
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let code = part("e").unwrap_or_else(|| url.path().to_owned());
    format!("the browser shows its error page {code}. {}", part("d").unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(error: &str, message: &str) -> DriverError {
        WebDriverError::parse(500, serde_json::json!({"value": {"error": error, "message": message, "stacktrace": "at line 1"}}).to_string()).into()
    }

    #[test]
    fn an_error_page_is_told_by_its_code_and_without_its_address() {
        let message = "Reached error page: about:neterror?e=dnsNotFound&u=http%3A//portal.test/cb%3Fcode%3Dsecret&c=UTF-8&d=We%20can%E2%80%99t%20connect.";
        let error = parsed("unknown error", message);
        assert_eq!(
            error,
            DriverError {
                kind: DriverErrorKind::ErrorPage,
                message: "the browser shows its error page dnsNotFound. We can’t connect.".into()
            }
        );
    }

    #[test]
    fn what_firefox_says_only_in_words_is_sorted_by_its_words() {
        for (error, message, kind) in [
            ("javascript error", "Document was unloaded", DriverErrorKind::Stale),
            (
                "unknown error",
                "AbortError: Actor 'MarionetteCommands' destroyed before query 'x' was resolved",
                DriverErrorKind::Stale,
            ),
            (
                "unknown error",
                "Failed to decode response from marionette",
                DriverErrorKind::Crashed,
            ),
            (
                "unknown error",
                "Process unexpectedly closed with status 11",
                DriverErrorKind::Crashed,
            ),
            ("javascript error", "TypeError: x is null", DriverErrorKind::Other),
            ("stale element reference", "gone", DriverErrorKind::Stale),
            ("no such alert", "none", DriverErrorKind::NotFound),
            ("unexpected alert open", "Sure?", DriverErrorKind::DialogOpen),
            ("timeout", "Navigation timed out after 30000 ms", DriverErrorKind::Timeout),
            ("invalid session id", "x", DriverErrorKind::Crashed),
        ] {
            assert_eq!(parsed(error, message).kind, kind, "{error}: {message}");
        }
    }

    #[test]
    fn a_broken_connection_is_a_crash_and_a_late_answer_is_unknown() {
        assert_eq!(
            DriverError::from(WebDriverError::HttpError("connection refused".into())).kind,
            DriverErrorKind::Crashed
        );
        assert_eq!(
            DriverError::from(WebDriverError::Timeout("no answer".into())).kind,
            DriverErrorKind::Unknown
        );
    }
}
