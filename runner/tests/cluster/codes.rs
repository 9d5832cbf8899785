//! One-time codes as Secrets.

use std::time::Duration;

use data_encoding::BASE64;
use fno_crds::Reason;
use fno_runner::control::Control as _;
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::api_server::ApiServer;

const LONG: Duration = Duration::from_secs(20);

fn secret(name: &str, code: &str, seconds_left: i64) -> Value {
    let not_after = Timestamp::now() + SignedDuration::from_secs(seconds_left);
    let data: serde_json::Map<_, _> =
        [("code", code.to_owned()), ("step", "7".to_owned()), ("notAfter", not_after.to_string())]
            .into_iter()
            .map(|(key, value)| (key.to_owned(), json!(BASE64.encode(value.as_bytes()))))
            .collect();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "isp"}, "data": data})
}

#[tokio::test]
async fn a_code_is_taken_whether_it_lies_there_already_or_comes_later() {
    for early in [true, false] {
        let server = ApiServer::start().await;
        let cluster = server.connect(1, LONG);
        assert!(cluster.delivered().await);
        // Another login's code is not ours.
        server.create_secret("b-1-totp-1", secret("b-1-totp-1", "111111", 20));
        let create = || server.create_secret("b-1-totp-2", secret("b-1-totp-2", "222222", 20));
        if early {
            create();
        }
        let creating = async {
            if !early {
                tokio::task::yield_now().await;
                create();
            }
        };
        let (code, ()) = tokio::join!(cluster.code(2), creating);
        assert_eq!(code.expect("a code").expose_secret(), "222222");
        assert!(server.world().forbidden.is_empty(), "{:?}", server.world().forbidden);
    }
}

#[tokio::test]
async fn a_code_that_comes_too_late_is_not_typed() {
    let server = ApiServer::start().await;
    let cluster = server.connect(1, LONG);
    server.create_secret("b-1-totp-1", secret("b-1-totp-1", "111111", -1));
    let late = cluster.code(1).await.expect_err("late");
    assert_eq!(late.reason, Reason::WaitingForCode);
    assert!(!late.message.contains("111111"), "{}", late.message);
}

#[tokio::test]
async fn a_login_that_is_closed_or_refused_gets_no_code() {
    for (state, reason) in [("Done", Reason::LoginFailed), ("Refused", Reason::ClockSkew)] {
        let server = ApiServer::start().await;
        let cluster = server.connect(1, LONG);
        assert!(cluster.delivered().await);
        let closing = async {
            tokio::task::yield_now().await;
            server.change(|batch| {
                batch["status"]["grants"] = json!([{"login": 1, "state": state}]);
                batch["status"]["reason"] = json!("ClockSkew");
            });
        };
        let (code, ()) = tokio::join!(cluster.code(1), closing);
        assert_eq!(code.expect_err("no code").reason, reason);
    }
}
