//! Watches that survive everything an API server may do: no streaming lists, broken connections, permissions that come and go.

use std::time::{Duration, Instant};

use fno_core::outage::Outage;
use futures::{Stream, StreamExt as _, stream, stream::BoxStream};
use kube::{
    Api, Resource,
    runtime::watcher::{self, Event, watcher},
};
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::failure;

/// Seconds after which a watch is renewed. kube treats a watch that is silent for 5 s longer as dead.
const LIFE_SECONDS: u32 = 60;
/// The first pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
/// The longest pause between two attempts, so that everything continues within seconds once the API server is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// A failed watch without a further failure for this long counts as working. Longer than the longest pause and the limit of a call.
const QUIET: Duration = Duration::from_secs(30);

/// The health of a watch. Reported when it changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// The complete list was passed on, and changes arrive.
    Synced,
    /// The last attempt failed for this reason: the API server does not answer or answers with an error. Objects that were received before may
    /// be out of date.
    Failing(String),
    /// The API server refuses the watch for this reason: there is no permission, or the kind does not exist. Once the watch is allowed,
    /// everything is listed again before the watch is synced.
    Refused(String),
}

/// What is watched; used in log lines.
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
    api: Api<K>,
    config: watcher::Config,
    /// Whether the first list is requested as a stream.
    streams: bool,
    events: Events<K>,
    health: Option<Health>,
    /// The event that was passed on last completed the list. Reported when the next event is requested, because then that event was handled.
    completed: bool,
    /// A complete list was received, and nothing since then made it invalid.
    was_synced: bool,
    outage: Outage,
    started: Instant,
    pause: Duration,
    report: F,
}

/// Watches for ever. The stream never yields an error: a failed watch is restarted after a pause, and `report` is called.
///
/// The first list is requested as a stream (`sendInitialEvents`), so that a large namespace is never in memory twice. If the server refuses
/// that (Kubernetes 1.33 does by default), the list is read page by page instead.
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
    let watch = Watch {
        subject,
        events: start(&api, &config, true),
        api,
        config,
        streams: true,
        health: None,
        completed: false,
        was_synced: false,
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

fn start<K>(api: &Api<K>, config: &watcher::Config, streams: bool) -> Events<K>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
{
    let config = config.clone();
    watcher(api.clone(), if streams { config.streaming_lists() } else { config }).boxed()
}

impl<K, F> Watch<K, F>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + 'static,
    F: FnMut(&Health) + Send,
{
    async fn next(&mut self) -> Option<Event<K>> {
        if std::mem::take(&mut self.completed) {
            self.synced();
        }
        loop {
            match self.next_event().await? {
                Ok(event) => {
                    self.pause = FIRST_PAUSE;
                    match event {
                        Event::InitDone => self.completed = true,
                        Event::Apply(_) | Event::Delete(_) => self.synced(),
                        Event::Init | Event::InitApply(_) => {}
                    }
                    return Some(event);
                }
                Err(error) if self.streams && refuses_streaming(&error) => self.list_instead(),
                Err(error) => {
                    let why = failure::of_watch(&error);
                    if is_refusal(&error) {
                        self.failed(&why, Health::Refused(why.clone()));
                        self.events = start(&self.api, &self.config, self.streams);
                    } else {
                        self.failed(&why, Health::Failing(why.clone()));
                    }
                    sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// The next event. A watch that failed and has been silent since then for [`QUIET`] works again: otherwise it would have failed once more.
    async fn next_event(&mut self) -> Option<watcher::Result<Event<K>>> {
        if matches!(self.health, Some(Health::Failing(_))) && self.was_synced {
            match timeout(QUIET, self.events.next()).await {
                Ok(event) => return event,
                Err(_) => self.synced(),
            }
        }
        self.events.next().await
    }

    fn list_instead(&mut self) {
        let Subject { kind, namespace } = &self.subject;
        info!(
            kind,
            namespace, "the API server does not stream lists (WatchList is off): listing in pages"
        );
        self.streams = false;
        self.events = start(&self.api, &self.config, self.streams);
    }

    fn synced(&mut self) {
        let Subject { kind, namespace } = &self.subject;
        if let Some(lasted) = self.outage.ended(self.started.elapsed()) {
            info!(kind, namespace, seconds = lasted.as_secs(), "the watch works again");
        }
        self.was_synced = true;
        self.tell(Health::Synced);
    }

    fn failed(&mut self, why: &str, health: Health) {
        let Subject { kind, namespace } = &self.subject;
        if self.outage.failed(why, self.started.elapsed()) {
            warn!(kind, namespace, error = why, "a watch failed and is restarted");
        }
        self.was_synced &= !matches!(health, Health::Refused(_));
        self.tell(health);
    }

    fn tell(&mut self, health: Health) {
        if self.health.as_ref() != Some(&health) {
            (self.report)(&health);
            self.health = Some(health);
        }
    }
}

/// Whether the server refuses streaming lists. It answers 422 if the feature gate `WatchList` is off; client-go relies on this, too.
fn refuses_streaming(error: &watcher::Error) -> bool {
    matches!(error, watcher::Error::WatchStartFailed(kube::Error::Api(status)) if status.code == 422)
}

/// Whether the server refuses the watch, as opposed to one that does not answer or is overloaded.
fn is_refusal(error: &watcher::Error) -> bool {
    let code = match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status))
        | watcher::Error::WatchFailed(kube::Error::Api(status))
        | watcher::Error::WatchError(status) => status.code,
        _ => return false,
    };
    matches!(code, 403 | 404)
}

#[cfg(test)]
mod tests;
