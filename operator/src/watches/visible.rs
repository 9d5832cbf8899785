//! Passes on changed objects, each only once the store shows the change.
//!
//! A relist fills the store at its end. A task that is woken earlier would read the state from before the gap and not be woken again: a kill
//! switch that was set during the gap would take effect only at the next event of its provider.

use futures::{Stream, StreamExt as _, future, stream};
use kube::runtime::watcher::Event;

/// Passes on the objects of each event. Objects of a relist are passed on after its end, once `relisted` was called, because objects that
/// the relist no longer shows are gone without an event of their own. Must come after `reflect` in the stream.
pub fn visible<K, E>(
    events: impl Stream<Item = Result<Event<K>, E>>,
    mut relisted: impl FnMut(),
) -> impl Stream<Item = Result<K, E>> {
    events
        .scan(Vec::new(), move |listed, event| {
            let touched = match event {
                Ok(Event::Init) => {
                    listed.clear();
                    Vec::new()
                }
                Ok(Event::InitApply(object)) => {
                    listed.push(object);
                    Vec::new()
                }
                Ok(Event::InitDone) => {
                    relisted();
                    std::mem::take(listed).into_iter().map(Ok).collect()
                }
                Ok(Event::Apply(object) | Event::Delete(object)) => vec![Ok(object)],
                Err(error) => vec![Err(error)],
            };
            future::ready(Some(touched))
        })
        .flat_map(stream::iter)
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, convert::Infallible};

    use fno_crds::FnoProvider;
    use futures::executor::block_on;
    use kube::{
        ResourceExt as _,
        runtime::{
            WatchStreamExt as _,
            reflector::{ObjectRef, Store, store::Writer},
            watcher,
        },
    };
    use serde_json::json;

    use super::*;

    fn provider(name: &str, held: bool) -> FnoProvider {
        let flow = json!({"steps": [{"type": "navigate", "url": "/"}]});
        serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoProvider", "metadata": {"name": name, "namespace": "n"},
            "spec": {"baseUrl": "https://portal.example.net", "allowedOrigins": ["https://portal.example.net"], "suspendCancellations": held,
                "accounts": [{"name": "a", "credentialsSecretRef": {"name": "s"}}], "flows": {"login": flow, "validation": flow}},
        }))
        .expect("a provider")
    }

    fn holds(store: &Store<FnoProvider>, name: &str) -> Option<bool> {
        store
            .get(&ObjectRef::new(name).within("n"))
            .map(|provider| provider.spec.suspend_cancellations)
    }

    #[test]
    fn a_kill_switch_set_in_a_gap_of_the_watch_is_in_the_store_when_its_provider_is_passed_on() {
        let writer = Writer::default();
        let store = writer.as_reader();
        let events = stream::iter([
            Event::Init,
            Event::InitApply(provider("p", false)),
            Event::InitDone,
            Event::Init,
            Event::InitApply(provider("p", true)),
            Event::InitDone,
        ])
        .map(Ok::<_, watcher::Error>);
        let seen: Vec<_> = block_on(
            visible(events.reflect(writer), || ())
                .map(|object| {
                    let object = object.expect("no error");
                    (object.spec.suspend_cancellations, holds(&store, &object.name_any()))
                })
                .collect(),
        );
        assert_eq!(seen, [(false, Some(false)), (true, Some(true))]);
    }

    #[test]
    fn objects_that_a_relist_no_longer_shows_are_gone_from_the_store_at_its_end() {
        let writer = Writer::default();
        let store = writer.as_reader();
        let events = stream::iter([
            Event::Init,
            Event::InitApply(provider("p", false)),
            Event::InitApply(provider("q", false)),
            Event::InitDone,
            Event::Init,
            Event::InitApply(provider("q", false)),
            Event::InitDone,
        ])
        .map(Ok::<_, watcher::Error>);
        let gone = RefCell::new(Vec::new());
        let passed_on = visible(events.reflect(writer), || {
            gone.borrow_mut().push(holds(&store, "p").is_none())
        });
        assert_eq!(block_on(passed_on.count()), 3);
        assert_eq!(*gone.borrow(), [false, true]);
    }

    #[test]
    fn changes_and_errors_outside_a_relist_are_passed_on_at_once() {
        let events = stream::iter([Ok(Event::Apply(1)), Err("lost"), Ok(Event::Delete(2))]);
        let seen: Vec<Result<i32, &str>> = block_on(visible(events, || ()).collect());
        assert_eq!(seen, [Ok(1), Err("lost"), Ok(2)]);
        let broken = stream::iter([Event::Init, Event::InitApply(1), Event::Init, Event::InitDone])
            .map(Ok::<_, Infallible>);
        assert_eq!(block_on(visible(broken, || ()).count()), 0, "a relist that started again");
    }
}
