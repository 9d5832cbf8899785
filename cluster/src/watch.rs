//! Watches that survive what API servers do: no streaming lists, broken connections, rights that come and go.

use std::time::{Duration, Instant};

use fno_core::outage::Outage;
use futures::{Stream, StreamExt as _, stream, stream::BoxStream};
use kube::{
    Api, Resource,
    runtime::watcher::{self, Event, watcher},
};
use serde::de::DeserializeOwned;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::failure;

/// A watch is renewed after this, in seconds. kube takes a watch that is quiet for 5 s longer for dead.
const LIFE_SECONDS: u32 = 60;
/// The first pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause between two attempts: what waits for the API server goes on within seconds of its return.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// How a watch is doing. Reported when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// The list is complete and changes arrive.
    Synced,
    /// The last attempt failed, for this reason. What was received before may be out of date.
    Failing(String),
}

/// What is watched, for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The kind, such as `FnoJob`.
    pub kind: &'static str,
    /// The namespace; `None` means all namespaces.
    pub namespace: Option<String>,
}

type Events<K> = BoxStream<'static, watcher::Result<Event<K>>>;

struct Watch<K: Resource, F> {
    subject: Subject,
    events: Events<K>,
    /// What a watch by list needs; `None` once it is one.
    streaming: Option<(Api<K>, watcher::Config)>,
    health: Option<Health>,
    outage: Outage,
    started: Instant,
    pause: Duration,
    report: F,
}

/// Watches for ever. The stream never yields an error: a failed watch is started again after a pause, and `report` is told.
///
/// The first list comes as a stream (`sendInitialEvents`), so that a large namespace is never in memory twice. A server that refuses
/// that (Kubernetes 1.33 by default) is listed page by page instead.
pub fn watch<K, F>(
    api: Api<K>,
    config: watcher::Config,
    subject: Subject,
    report: F,
) -> impl Stream<Item = watcher::Result<Event<K>>> + Send
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
    F: FnMut(&Health) + Send + 'static,
{
    let config = watcher::Config { timeout: Some(LIFE_SECONDS), ..config };
    let events = watcher(api.clone(), config.clone().streaming_lists()).boxed();
    let watch = Watch {
        subject,
        events,
        streaming: Some((api, config)),
        health: None,
        outage: Outage::default(),
        started: Instant::now(),
        pause: FIRST_PAUSE,
        report,
    };
    stream::unfold(watch, |mut watch| async {
        let event = watch.next().await?;
        Some((Ok(event), watch))
    })
}

impl<K, F> Watch<K, F>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
    F: FnMut(&Health) + Send,
{
    async fn next(&mut self) -> Option<Event<K>> {
        loop {
            match self.events.next().await? {
                Ok(event) => {
                    self.pause = FIRST_PAUSE;
                    if matches!(event, Event::InitDone | Event::Apply(_) | Event::Delete(_)) {
                        self.synced();
                    }
                    return Some(event);
                }
                Err(error) if refuses_streaming(&error) && self.streaming.is_some() => {
                    self.list_instead()
                }
                Err(error) => {
                    self.failing(&failure::of_watch(&error));
                    sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn list_instead(&mut self) {
        let Some((api, config)) = self.streaming.take() else { return };
        let Subject { kind, namespace } = &self.subject;
        info!(
            kind,
            namespace, "the API server does not stream lists (WatchList is off): listing in pages"
        );
        self.events = watcher(api, config).boxed();
    }

    fn synced(&mut self) {
        let Subject { kind, namespace } = &self.subject;
        if let Some(lasted) = self.outage.ended(self.started.elapsed()) {
            info!(kind, namespace, seconds = lasted.as_secs(), "the watch works again");
        }
        self.tell(Health::Synced);
    }

    fn failing(&mut self, why: &str) {
        let Subject { kind, namespace } = &self.subject;
        if self.outage.failed(why, self.started.elapsed()) {
            warn!(kind, namespace, error = why, "a watch failed and is started again");
        }
        self.tell(Health::Failing(why.to_owned()));
    }

    fn tell(&mut self, health: Health) {
        if self.health.as_ref() != Some(&health) {
            (self.report)(&health);
            self.health = Some(health);
        }
    }
}

/// The API server answers 422 where the feature gate `WatchList` is off, as client-go expects it, too.
fn refuses_streaming(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status)) if status.code == 422)
}

#[cfg(test)]
mod tests;
