//! What the operator and people say.

use std::time::Duration;

use fno_crds::{Reason, batch::Stop};
use fno_runner::control::{Control as _, Refused};
use serde_json::json;

use crate::api_server::ApiServer;

const LONG: Duration = Duration::from_secs(20);

#[tokio::test]
async fn leave_is_waited_for_until_the_operator_gives_it() {
    let server = ApiServer::start().await;
    let cluster = server.connect(1, LONG);
    let granting = async {
        assert!(cluster.delivered().await);
        server.change(|batch| {
            batch["status"]["grants"] =
                json!([{"login": 1, "state": "Done"}, {"login": 2, "state": "Granted"}])
        });
    };
    let (permission, ()) = tokio::join!(cluster.permission(2), granting);
    assert_eq!(permission, Ok(()));
    cluster.counted(1).await;
}

#[tokio::test]
async fn a_refusal_carries_what_the_batch_says_of_itself() {
    let server = ApiServer::start().await;
    let cluster = server.connect(1, LONG);
    server.change(|batch| {
        batch["status"]["grants"] = json!([{"login": 1, "state": "Refused"}]);
        batch["status"]["reason"] = json!("BreakerOpen");
        batch["status"]["message"] = json!("The account's breaker is open.");
    });
    let refused = Refused {
        reason: Reason::BreakerOpen,
        message: "The account's breaker is open.".to_owned(),
    };
    assert_eq!(cluster.permission(1).await, Err(refused));
}

#[tokio::test]
async fn orders_reach_the_runner_as_they_are_given() {
    let server = ApiServer::start().await;
    let cluster = server.connect(1, LONG);
    let mut orders = cluster.orders();
    assert!(cluster.delivered().await);
    server.change(|batch| batch["status"]["withdrawn"] = json!(["u"]));
    orders.wait_for(|orders| orders.withdrawn.contains("u")).await.expect("an order");
    server.change(|batch| batch["spec"]["stop"] = json!("Drain"));
    orders.wait_for(|orders| orders.stop == Stop::Drain).await.expect("an order");
    server.change(|batch| batch["metadata"]["deletionTimestamp"] = json!("2026-03-01T08:00:00Z"));
    orders.wait_for(|orders| orders.stop == Stop::Abort).await.expect("an order");
    assert_eq!(orders.borrow().unheard, None, "an aborted batch still wants to hear how it ended");
    server.delete();
    orders.wait_for(|orders| orders.unheard.is_some()).await.expect("an order");
}
