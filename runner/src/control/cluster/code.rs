//! Receives a one-time code: a Secret by name, watched through the API because a mounted volume lags by a minute.

use fno_cluster::failure::sentence;
use fno_core::outage::Outage;
use fno_crds::{
    Reason,
    names::{KEY_CODE, KEY_NOT_AFTER},
};
use futures::{StreamExt as _, pin_mut};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, api::WatchEvent};
use secrecy::{SecretString, zeroize::Zeroize as _};
use tokio::time::{Instant, sleep, timeout};

use super::watching;
use crate::engine::NoCode;

/// Waits for the Secret of that name. A watch without a version starts with the object as it is.
pub(super) async fn wait(secrets: &Api<Secret>, name: &str) -> Result<SecretString, NoCode> {
    let (mut pause, mut outage, started) =
        (watching::FIRST_PAUSE, Outage::default(), Instant::now());
    loop {
        match once(secrets, name).await {
            Ok(Some(secret)) => return read(secret, Timestamp::now()),
            Ok(None) => pause = watching::FIRST_PAUSE,
            Err(error) => {
                if outage.failed(&error, started.elapsed()) {
                    tracing::warn!(
                        error,
                        "the watch on the code's Secret failed and is started again"
                    );
                }
                sleep(pause).await;
                pause = (pause * 2).min(watching::LONGEST_PAUSE);
            }
        }
    }
}

async fn once(secrets: &Api<Secret>, name: &str) -> Result<Option<Secret>, String> {
    let stream = secrets.watch(&watching::of(name), "").await.map_err(|error| sentence(&error))?;
    pin_mut!(stream);
    loop {
        match timeout(watching::SILENCE, stream.next()).await {
            Ok(Some(Ok(WatchEvent::Added(secret) | WatchEvent::Modified(secret)))) => {
                return Ok(Some(secret));
            }
            Ok(Some(Ok(WatchEvent::Bookmark(_) | WatchEvent::Deleted(_)))) => {}
            Ok(Some(Ok(WatchEvent::Error(status)))) => {
                return Err(sentence(&kube::Error::Api(status.boxed())));
            }
            Ok(Some(Err(error))) => return Err(sentence(&error)),
            Ok(None) => return Ok(None),
            Err(_) => return Err("no event within the life of a watch".to_owned()),
        }
    }
}

/// Takes the code out of the Secret, and wipes what it came in.
fn read(secret: Secret, now: Timestamp) -> Result<SecretString, NoCode> {
    let mut data = secret.data.unwrap_or_default();
    let mut take = |key| data.remove(key).map(|bytes| bytes.0).unwrap_or_default();
    let (mut code, not_after) = (take(KEY_CODE), take(KEY_NOT_AFTER));
    let text =
        std::str::from_utf8(&code).ok().filter(|code| !code.is_empty()).map(SecretString::from);
    code.zeroize();
    let failed = |reason, message: String| Err(NoCode { reason, message });
    let not_after = String::from_utf8_lossy(&not_after).parse::<Timestamp>();
    match (text, not_after) {
        (Some(_), Ok(not_after)) if now >= not_after => {
            // A code that is not typed is not refused: another login gets the next one.
            let message = format!("The code came too late: it was valid until {not_after}.");
            failed(Reason::WaitingForCode, message)
        }
        (Some(code), Ok(_)) => Ok(code),
        _ => failed(Reason::LoginFailed, "The Secret for the code contains no code.".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::ByteString;
    use secrecy::ExposeSecret as _;

    use super::*;

    fn secret(pairs: &[(&str, &str)]) -> Secret {
        let data = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), ByteString(value.as_bytes().to_vec())))
            .collect();
        Secret { data: Some(data), ..Secret::default() }
    }

    fn read_at(second: i64, pairs: &[(&str, &str)]) -> Result<String, NoCode> {
        read(secret(pairs), Timestamp::from_second(second).expect("a time"))
            .map(|code| code.expose_secret().to_owned())
    }

    #[test]
    fn a_code_is_typed_until_its_step_ends_and_never_after() {
        let pairs = [(KEY_CODE, "123456"), (KEY_NOT_AFTER, "1970-01-01T00:01:00Z")];
        assert_eq!(read_at(59, &pairs), Ok("123456".to_owned()));
        let late = read_at(60, &pairs).expect_err("late");
        assert_eq!(late.reason, Reason::WaitingForCode);
        assert!(
            late.message.contains("too late") && !late.message.contains("123456"),
            "{}",
            late.message
        );
    }

    #[test]
    fn a_secret_without_code_or_time_gives_no_code() {
        for pairs in [
            vec![],
            vec![(KEY_CODE, "123456")],
            vec![(KEY_CODE, ""), (KEY_NOT_AFTER, "1970-01-01T00:01:00Z")],
            vec![(KEY_CODE, "1"), (KEY_NOT_AFTER, "soon")],
        ] {
            assert!(read_at(0, &pairs).is_err(), "{pairs:?}");
        }
    }
}
