//! Events: transitions only, and only once the status that says the same is stored.

use fno_core::{text::at_most, why::Why};
use k8s_openapi::api::core::v1::ObjectReference;
use kube::{
    Client, Resource,
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use tracing::debug;

/// Publishes events. One for the whole program: it counts repeats.
pub struct Publisher(Recorder);

impl Publisher {
    /// A publisher that reports as that controller; `identity` is the Pod.
    #[must_use]
    pub fn new(client: Client, controller: &str, identity: String) -> Self {
        Self(Recorder::new(
            client,
            Reporter { controller: controller.to_owned(), instance: Some(identity) },
        ))
    }

    /// Something went as it should.
    pub async fn normal<K: Resource<DynamicType = ()>>(&self, about: &K, action: &str, why: &Why) {
        self.publish(about, EventType::Normal, action, why).await;
    }

    /// Something is worth a look.
    pub async fn warning<K: Resource<DynamicType = ()>>(&self, about: &K, action: &str, why: &Why) {
        self.publish(about, EventType::Warning, action, why).await;
    }

    async fn publish<K: Resource<DynamicType = ()>>(
        &self,
        about: &K,
        type_: EventType,
        action: &str,
        why: &Why,
    ) {
        let event = Event {
            type_,
            reason: why.reason.to_string(),
            note: Some(at_most(&why.message, 1000)).filter(|note| !note.is_empty()),
            action: action.to_owned(),
            secondary: None,
        };
        // An event lost is no harm: the status says the same.
        if let Err(error) = self.0.publish(&event, &reference(about)).await {
            debug!(%error, action, "an event was not published");
        }
    }
}

fn reference<K: Resource<DynamicType = ()>>(object: &K) -> ObjectReference {
    object.object_ref(&())
}
