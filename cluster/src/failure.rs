//! Errors of requests to the API server as one short sentence.
//!
//! kube's own texts contain a whole `Status` object, repeat themselves, or quote the answer that could not be decoded, which may be a Secret.
//! Logs, statuses and messages use these sentences instead.

use std::error::Error as StdError;

use fno_core::text::at_most;
use kube::{core::Status, runtime::watcher};

/// Maximum bytes of a sentence.
const LONGEST: usize = 400;

/// Says what went wrong with a request.
#[must_use]
pub fn sentence(error: &kube::Error) -> String {
    let text = match error {
        kube::Error::Api(status) => return of_status(status),
        kube::Error::SerdeError(_) | kube::Error::FromUtf8(_) => {
            "the API server's answer could not be decoded".to_owned()
        }
        kube::Error::Service(cause) => no_answer(&**cause),
        kube::Error::HyperError(cause) => no_answer(cause),
        kube::Error::ReadEvents(cause) => no_answer(cause),
        kube::Error::Auth(cause) => format!("no credentials for the API server: {cause}"),
        other => format!("the request to the API server failed: {other}"),
    };
    at_most(&text, LONGEST)
}

/// Says what went wrong with a watch.
#[must_use]
pub fn of_watch(error: &watcher::Error) -> String {
    match error {
        watcher::Error::InitialListFailed(cause)
        | watcher::Error::WatchStartFailed(cause)
        | watcher::Error::WatchFailed(cause) => sentence(cause),
        watcher::Error::WatchError(status) => of_status(status),
        watcher::Error::NoResourceVersion => {
            "the API server sent an object without a resourceVersion".to_owned()
        }
    }
}

/// A refusal: `403 Forbidden: fnojobs.fno.dev is forbidden: User … cannot list …`.
fn of_status(status: &Status) -> String {
    let reason =
        if status.reason.is_empty() { String::new() } else { format!(" {}", status.reason) };
    let message =
        if status.message.is_empty() { String::new() } else { format!(": {}", status.message) };
    at_most(&format!("{}{reason}{message}", status.code), LONGEST)
}

/// Says why there was no answer. The innermost cause is the clearest: `connection refused`, `request timed out`.
fn no_answer(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("no answer from the API server: {cause}")
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    #[test]
    fn a_refusal_is_one_sentence_without_the_status_object() {
        let status: Status = serde_json::from_value(serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "Forbidden", "code": 403,
            "message": "fnojobs.fno.dev is forbidden: User \"x\" cannot list resource \"fnojobs\"", "details": {"group": "fno.dev", "kind": "fnojobs"},
        }))
        .expect("a status");
        assert_eq!(
            sentence(&kube::Error::Api(Box::new(status))),
            "403 Forbidden: fnojobs.fno.dev is forbidden: User \"x\" cannot list resource \"fnojobs\""
        );
    }

    #[test]
    fn an_answer_that_cannot_be_decoded_is_never_quoted() {
        let error = serde_json::from_str::<u32>("\"hunter2\"").expect_err("no number");
        assert!(error.to_string().contains("hunter2"), "the reason for this test: {error}");
        assert!(!sentence(&kube::Error::SerdeError(error)).contains("hunter2"));
    }

    #[test]
    fn a_lost_connection_names_its_innermost_cause() {
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "refused");
        assert_eq!(
            sentence(&kube::Error::ReadEvents(refused)),
            "no answer from the API server: refused"
        );
    }
}
