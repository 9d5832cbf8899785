//! Watches of a server that streams no first list, as Kubernetes 1.33 does by default.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use fno_cluster::watch::{Subject, watch};
use futures::{Stream, StreamExt as _};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, ResourceExt as _,
    runtime::watcher::{self, Event},
};
use tokio::time::timeout;

use crate::api_server::{ApiServer, PATIENCE};

async fn next<K>(
    events: &mut (impl Stream<Item = watcher::Result<Event<K>>> + Unpin),
) -> Result<Event<K>> {
    let event = timeout(PATIENCE, events.next()).await.context("the watch is silent")?;
    Ok(event.context("the watch has ended")??)
}

#[tokio::test]
async fn without_streaming_lists_a_watch_has_the_list_and_then_the_changes() -> Result<()> {
    let server = ApiServer::start_with(&["--feature-gates=WatchList=false"]).await?;
    let create = |name: &'static str| {
        let arguments = ["create", "configmap", name, "--namespace=lines"];
        let server = &server;
        async move { server.kubectl(&arguments, None).await }
    };
    server.kubectl(&["create", "namespace", "lines"], None).await?;
    create("a").await?;
    create("b").await?;
    let api: Api<ConfigMap> = Api::namespaced(server.client.clone(), "lines");
    let subject = Subject { kind: "ConfigMap", namespace: Some("lines".to_owned()) };
    let mut events = Box::pin(watch(api, watcher::Config::default(), subject, |_| {}));
    let mut listed = BTreeSet::new();
    loop {
        match next(&mut events).await? {
            Event::InitApply(object) => _ = listed.insert(object.name_any()),
            Event::InitDone => break,
            Event::Init => listed.clear(),
            Event::Apply(_) | Event::Delete(_) => {}
        }
    }
    ensure!(listed == BTreeSet::from(["a".to_owned(), "b".to_owned()]), "{listed:?}");
    create("c").await?;
    loop {
        if matches!(next(&mut events).await?, Event::Apply(object) if object.name_any() == "c") {
            return Ok(());
        }
    }
}
