//! Kubernetes events, published only for transitions and only after the matching status is stored.
//!
//! kube's `Recorder` counts an event as a repeat if type, reason and action are equal, and keeps the first note for ever: "BreakerOpen (x2)"
//! would still show the cause of the first time. Here the note is part of an event's identity, so an event always shows its own cause. The
//! name of an event is derived from that identity: a repeat finds the first one by its name, even after a restart, and increases its count.

use data_encoding::HEXLOWER;
use fno_core::{text::at_most, why::Why};
use jiff::Timestamp;
use k8s_openapi::{
    api::{
        core::v1::ObjectReference,
        events::v1::{Event, EventSeries},
    },
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, Resource, api::PostParams};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tracing::debug;

use crate::{failure, patch::parameters};

/// Maximum bytes of a note; the API allows 1 kB.
const NOTE: usize = 1000;
/// Maximum bytes of the reporting instance.
const INSTANCE: usize = 128;
/// Maximum bytes of the object's name within an event's name, which may have 253 bytes in total.
const NAME: usize = 200;

/// Whether an event needs the attention of a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Normal operation.
    Normal,
    /// Something failed or waits for a person.
    Warning,
}

impl Severity {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "Normal",
            Self::Warning => "Warning",
        }
    }
}

/// Publishes events.
#[derive(Clone)]
pub struct Publisher {
    client: Client,
    controller: String,
    instance: String,
}

impl Publisher {
    /// A publisher that reports as `controller` (such as `fno.dev/operator`); `instance` is the name of the Pod.
    #[must_use]
    pub fn new(client: Client, controller: &str, instance: &str) -> Self {
        Self { client, controller: controller.to_owned(), instance: at_most(instance, INSTANCE) }
    }

    /// Publishes an event of normal operation. `action` is a verb that says what the controller did.
    pub async fn normal<K: Resource<DynamicType = ()>>(&self, about: &K, action: &str, why: &Why) {
        self.publish(about, Severity::Normal, action, why.reason.as_str(), &why.message).await;
    }

    /// Publishes an event that needs the attention of a person.
    pub async fn warning<K: Resource<DynamicType = ()>>(&self, about: &K, action: &str, why: &Why) {
        self.publish(about, Severity::Warning, action, why.reason.as_str(), &why.message).await;
    }

    /// Publishes an event. `reason` is a word in CamelCase that says what happened, or why. Losing an event does no harm, because the status
    /// says the same.
    pub async fn publish<K: Resource<DynamicType = ()>>(
        &self,
        about: &K,
        severity: Severity,
        action: &str,
        reason: &str,
        note: &str,
    ) {
        let at = Timestamp::now();
        let event = self.event(about.object_ref(&()), severity, [action, reason, note], at);
        if let Err(error) = self.store(&event).await {
            debug!(error = failure::sentence(&error), action, "an event was not published");
        }
    }

    async fn store(&self, event: &Event) -> kube::Result<()> {
        let namespace = event.metadata.namespace.as_deref().unwrap_or_default();
        let name = event.metadata.name.as_deref().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(self.client.clone(), namespace);
        match api.create(&PostParams::default(), event).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            created => return created.map(|_| ()),
        }
        let Some(first) = api.get_opt(name).await? else { return Ok(()) };
        let count = first.series.map_or(1, |series| series.count);
        let last = event.event_time.clone().unwrap_or_else(|| MicroTime(Timestamp::now()));
        let series = EventSeries { count: count.saturating_add(1), last_observed_time: last };
        let repeat = json!({"series": series});
        api.patch(name, &parameters(&self.controller), &kube::api::Patch::Merge(repeat))
            .await
            .map(|_| ())
    }

    fn event(
        &self,
        regarding: ObjectReference,
        severity: Severity,
        [action, reason, note]: [&str; 3],
        now: Timestamp,
    ) -> Event {
        let note = at_most(note, NOTE);
        let name = name(&regarding, [severity.as_str(), reason, action, &note]);
        Event {
            metadata: ObjectMeta {
                name: Some(name),
                namespace: regarding.namespace.clone(),
                ..ObjectMeta::default()
            },
            type_: Some(severity.as_str().to_owned()),
            reason: Some(reason.to_owned()),
            action: Some(action.to_owned()),
            note: Some(note).filter(|note| !note.is_empty()),
            event_time: Some(MicroTime(now)),
            regarding: Some(regarding),
            reporting_controller: Some(self.controller.clone()),
            reporting_instance: Some(self.instance.clone()),
            ..Event::default()
        }
    }
}

/// The event's name: the object's name and a digest of the event's identity. An event with an existing name is a repeat of that event.
fn name(regarding: &ObjectReference, identity: [&str; 4]) -> String {
    let object = regarding.name.as_deref().unwrap_or_default();
    let mut digest = Sha256::new();
    for part in [regarding.uid.as_deref().unwrap_or_default()].into_iter().chain(identity) {
        // With the length before each part, two different identities never give the same bytes.
        digest.update(part.len().to_be_bytes());
        digest.update(part.as_bytes());
    }
    let digest = HEXLOWER.encode(&digest.finalize()[..8]);
    let object: String = object.chars().take(NAME).collect();
    format!("{}.{digest}", object.trim_end_matches(['.', '-']))
}

#[cfg(test)]
mod tests;
