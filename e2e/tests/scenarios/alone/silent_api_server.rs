//! The connection to the API server hangs: packets are dropped, not refused.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use fno_crds::FnoBatch;
use fno_e2e::{
    Ground,
    ground::{SYSTEM, kubectl, run},
    jobs::{self, wait_until},
};
use kube::{Api, ResourceExt as _};
use serde_json::json;

use crate::support::{LONG, alone, arena, close, finished};

#[tokio::test]
async fn a_silent_api_server_stops_planning_only_while_it_is_silent() -> Result<()> {
    let _alone = alone().await;
    // Only the local cluster's network is ours to disturb.
    let Ok(node) = std::env::var("FNO_NODE") else { return Ok(()) };
    let arena = arena("silent").await?;
    arena.provider("evotel", |_| {}).await?;
    let circuits = crate::support::circuits(&arena, "evotel", 2).await?;
    let mut all = crate::support::validations("evotel", &circuits, &json!({}));
    let second = all.pop().into_iter().collect();
    jobs::submit(&arena.jobs(), all).await?;
    jobs::all_finished(&arena.jobs(), LONG).await?;

    let silence = Silence::of_the_operator(&node).await?;
    let told = async {
        jobs::submit(&arena.jobs(), second).await?;
        // Packets are dropped, not refused: nothing tells either side. Liveness, or the Lease, must.
        not_alive().await
    };
    let told = told.await;
    tokio::time::sleep(Duration::from_secs(120).saturating_sub(silence.since.elapsed())).await;
    silence.end().await?;
    let two = |batches: &std::collections::BTreeMap<String, FnoBatch>| batches.len() == 2;
    wait_until(&arena.batches(), Duration::from_secs(30), |b| b.phase().to_string(), two)
        .await
        .context("nothing was planned within 30 s of the network's return")?;
    told?;
    finished(&arena).await?.is_right("evotel", &circuits)?;
    close(arena, []).await
}

/// The operator's Pod says that it is not well: it is not ready, or was restarted.
async fn not_alive() -> Result<()> {
    use k8s_openapi::api::core::v1::Pod;
    let pods: Api<Pod> = Api::namespaced(Ground::connect().await?.client, SYSTEM);
    let unwell = |pod: &Pod| {
        pod.labels().get("app.kubernetes.io/component").is_some_and(|c| c == "operator")
            && pod.status.as_ref().is_some_and(|status| {
                status
                    .container_statuses
                    .iter()
                    .flatten()
                    .any(|container| !container.ready || container.restart_count > 0)
            })
    };
    wait_until(&pods, LONG, |_| String::new(), |pods| pods.values().any(unwell))
        .await
        .context("the operator did not tell that it is cut off")
        .map(drop)
}

/// Every packet between the operator's Pod and the API server is dropped in the node's network.
struct Silence {
    node: String,
    since: std::time::Instant,
}

impl Silence {
    async fn of_the_operator(node: &str) -> Result<Self> {
        let selector = "app.kubernetes.io/component=operator";
        let jsonpath = "jsonpath={.items[0].status.podIP}";
        let ip = kubectl(&[
            "get",
            "pods",
            "--namespace",
            SYSTEM,
            "--selector",
            selector,
            "-o",
            jsonpath,
        ])
        .await?;
        ensure!(!ip.trim().is_empty(), "the operator's Pod has no address");
        let rules = format!(
            "table inet silence {{
               chain in {{ type filter hook input priority -10; ip saddr {ip} tcp dport 6443 drop; }}
               chain out {{ type filter hook output priority -10; ip daddr {ip} tcp sport {{ 443, 6443 }} drop; }}
             }}"
        );
        nft(node, &["-f", "-"], Some(&rules)).await?;
        Ok(Self { node: node.to_owned(), since: std::time::Instant::now() })
    }

    async fn end(self) -> Result<()> {
        nft(&self.node, &["delete", "table", "inet", "silence"], None).await
    }
}

async fn nft(node: &str, args: &[&str], input: Option<&str>) -> Result<()> {
    let namespace = format!("--net=/run/netns/{node}");
    let all: Vec<&str> =
        [namespace.as_str(), "nft"].into_iter().chain(args.iter().copied()).collect();
    run("nsenter", &all, input).await.map(drop)
}
