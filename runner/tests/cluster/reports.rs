//! `status.run` on its way.

use std::time::Duration;

use fno_crds::{
    JobPhase, Reason,
    batch::{JobResult, Run, RunEnd},
};
use fno_runner::control::{Control as _, Urgency};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde_json::{Value, json};

use crate::api_server::{Answer, ApiServer};

const LONG: Duration = Duration::from_secs(20);

fn result(n: usize) -> JobResult {
    JobResult {
        job: format!("j-{n}"),
        uid: format!("u-{n}"),
        phase: JobPhase::Succeeded,
        outcome: Some("Active".to_owned()),
        reason: Reason::Answered,
        message: None,
        fields: Default::default(),
        evidence: None,
        step: None,
        drift: Vec::new(),
        started_at: MicroTime(Timestamp::UNIX_EPOCH),
        milliseconds: 1000,
    }
}

fn end(run: &mut Run) {
    run.job = None;
    run.end = Some(RunEnd {
        reason: Reason::Completed,
        message: None,
        step: None,
        evidence: None,
        logged_out: true,
        at: MicroTime(Timestamp::UNIX_EPOCH),
    });
}

fn results(batch: &Value) -> usize {
    batch["status"]["run"]["results"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn the_first_report_says_who_reports_and_touches_nothing_else() {
    let server = ApiServer::start().await;
    let cluster = server.connect(1, LONG);
    assert!(cluster.delivered().await);
    let world = server.world();
    let first = &world.patches[0];
    assert_eq!(first.as_object().expect("an object").keys().collect::<Vec<_>>(), ["status"]);
    let run = first["status"]["run"].as_object().expect("a run");
    assert_eq!(first["status"].as_object().expect("an object").len(), 1);
    assert_eq!(
        run.keys().map(String::as_str).collect::<std::collections::BTreeSet<_>>(),
        ["heartbeat", "podUid"].into()
    );
    assert_eq!(run["podUid"], json!("pod-1"));
    assert!(world.forbidden.is_empty(), "{:?}", world.forbidden);
}

#[tokio::test]
async fn fifty_results_in_a_burst_take_a_handful_of_patches_and_all_arrive() {
    let server = ApiServer::start().await;
    let cluster = server.connect(50, LONG);
    assert!(cluster.delivered().await);
    for n in 0..50 {
        cluster.reporter().report(Urgency::Soon, |run| {
            run.job = Some(format!("j-{n}"));
            run.results.push(result(n));
        });
        tokio::task::yield_now().await;
    }
    cluster.reporter().report(Urgency::Now, end);
    assert!(cluster.delivered().await);
    let world = server.world();
    assert_eq!(
        (results(&world.batch), &world.batch["status"]["run"]["end"]["reason"]),
        (50, &json!("Completed"))
    );
    assert_eq!(world.batch["status"]["run"].get("job"), None, "no job is current any more");
    assert!(world.patches.len() <= 4, "{} patches", world.patches.len());
    assert_eq!(world.batch["status"]["phase"], json!("Assigned"), "what is the operator's stays");
    assert!(world.forbidden.is_empty(), "{:?}", world.forbidden);
}

#[tokio::test]
async fn a_report_that_is_refused_goes_again_whole() {
    let server = ApiServer::start().await;
    let cluster = server.connect(3, LONG);
    assert!(cluster.delivered().await);
    server.world().answers = vec![Answer::Fail, Answer::ApplyAndFail, Answer::Fail];
    for n in 0..3 {
        cluster.reporter().report(Urgency::Now, |run| run.results.push(result(n)));
    }
    cluster.reporter().report(Urgency::Now, end);
    assert!(cluster.delivered().await);
    let world = server.world();
    assert_eq!((results(&world.batch), world.answers.len()), (3, 0));
    assert_eq!(world.batch["status"]["run"]["end"]["loggedOut"], json!(true));
}

/// An admission policy refuses reports until the operator has recorded the Pod, which it does after it has created it.
#[tokio::test]
async fn a_runner_that_is_faster_than_the_record_of_its_pod_reports_once_it_is_recorded() {
    for status in [json!({}), json!({"phase": "Assigned", "worker": "b-1-a0", "podUid": "pod-0"})] {
        let server = ApiServer::start().await;
        server.change(|batch| batch["status"] = status.clone());
        server.world().answers = vec![Answer::Refuse; 3];
        let cluster = server.connect(1, LONG);
        assert!(cluster.delivered().await, "{status}");
        let world = server.world();
        assert_eq!((world.answers.len(), world.patches.len()), (0, 1), "{status}");
        assert_eq!(world.batch["status"]["run"]["podUid"], json!("pod-1"));
    }
}

#[tokio::test]
async fn a_change_that_was_stored_without_an_answer_is_taken_back_by_a_later_report() {
    let server = ApiServer::start().await;
    let cluster = server.connect(1, LONG);
    assert!(cluster.delivered().await);
    server.world().answers = vec![Answer::ApplyAndFail];
    cluster.reporter().report(Urgency::Now, |run| run.job = Some("j-1".to_owned()));
    while server.world().batch["status"]["run"]["job"] != json!("j-1") {
        tokio::task::yield_now().await;
    }
    cluster.reporter().report(Urgency::Now, |run| run.job = None);
    assert!(cluster.delivered().await);
    assert_eq!(server.world().batch["status"]["run"].get("job"), None);
}

#[tokio::test]
async fn when_nobody_takes_reports_the_runner_gives_up() {
    let server = ApiServer::start().await;
    let cluster = server.connect(1, Duration::from_millis(600));
    assert!(cluster.delivered().await);
    server.world().broken = true;
    cluster.reporter().report(Urgency::Now, |run| run.logins = Some(1));
    assert!(!cluster.delivered().await);
    let orders = cluster.orders();
    let why = orders.borrow().unheard.clone().expect("nobody listens");
    assert!(why.contains("has not taken a report for 600ms"), "{why}");
}

#[tokio::test]
async fn a_pod_that_was_replaced_does_not_report_over_its_successor() {
    for change in [
        |batch: &mut Value| batch["status"]["worker"] = json!("b-1-a2"),
        |batch: &mut Value| batch["status"]["run"] = json!({"podUid": "pod-2"}),
        |batch: &mut Value| batch["status"]["podUid"] = json!("pod-2"),
    ] {
        let server = ApiServer::start().await;
        server.change(change);
        let cluster = server.connect(1, LONG);
        assert!(!cluster.delivered().await);
        assert!(server.world().patches.is_empty());
    }
}

#[tokio::test]
async fn after_the_fence_nothing_more_is_sent() {
    let server = ApiServer::start().await;
    let cluster = server.connect(1, LONG);
    assert!(cluster.delivered().await);
    server.change(|batch| batch["status"]["phase"] = json!("Failed"));
    cluster.orders().wait_for(|orders| orders.unheard.is_some()).await.expect("an order");
    let before = server.world().patches.len();
    cluster.reporter().report(Urgency::Now, |run| run.results.push(result(0)));
    assert!(!cluster.delivered().await);
    assert_eq!(server.world().patches.len(), before);
}

#[tokio::test]
async fn a_batch_that_is_gone_is_not_waited_for() {
    let server = ApiServer::start().await;
    server.delete();
    let cluster = server.connect(1, LONG);
    assert!(!cluster.delivered().await);
    assert_eq!(
        cluster.orders().borrow().unheard.as_deref(),
        Some("The batch does not exist any more.")
    );
}
