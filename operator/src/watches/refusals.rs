//! The objects of a watch that cannot be read. Each is logged when it becomes unreadable or its error changes, not at every relist.

use std::collections::{HashMap, HashSet};

use fno_core::key::Key;
use kube::{Resource, runtime::watcher::Event};
use prometheus_client::metrics::counter::Counter;
use tracing::error;

use crate::known::{key, parsed::Parsed};

/// The objects of one watch that cannot be read.
#[derive(Debug)]
pub struct Refusals {
    kind: &'static str,
    /// UID and error of each unreadable object.
    known: HashMap<Key, (Option<String>, String)>,
    /// The unreadable objects that a relist in progress has shown.
    listed: HashSet<Key>,
    /// Whether the relist differs from what was known.
    differs: bool,
}

impl Refusals {
    /// An empty list for a kind.
    #[must_use]
    pub fn of(kind: &'static str) -> Self {
        Self { kind, known: HashMap::new(), listed: HashSet::new(), differs: false }
    }

    /// Handles an event: logs and counts what is new. Returns whether an object became unreadable or readable, or is gone, or its error
    /// changed. For a relist this is returned at its end, when the store shows the result.
    pub fn note<K: Resource + Clone>(
        &mut self,
        malformed: &Counter,
        event: &Event<Parsed<K>>,
    ) -> bool {
        match event {
            Event::Init => {
                self.listed.clear();
                false
            }
            Event::InitApply(object) => {
                self.listed.insert(key(object));
                self.differs |= self.take(malformed, object);
                false
            }
            Event::Apply(object) => self.take(malformed, object),
            Event::Delete(object) => self.known.remove(&key(object)).is_some(),
            Event::InitDone => {
                let before = self.known.len();
                self.known.retain(|of, _| self.listed.contains(of));
                self.listed = HashSet::new();
                std::mem::take(&mut self.differs) || self.known.len() != before
            }
        }
    }

    fn take<K: Resource + Clone>(&mut self, malformed: &Counter, object: &Parsed<K>) -> bool {
        let of = key(object);
        let Parsed::Unreadable(unreadable) = object else {
            return self.known.remove(&of).is_some();
        };
        let now = (unreadable.metadata.uid.clone(), unreadable.error.clone());
        if self.known.get(&of) == Some(&now) {
            return false;
        }
        error!(
            kind = self.kind,
            name = of.name,
            namespace = of.namespace,
            error = unreadable.error,
            "an object cannot be read: it counts as occupied and is not touched"
        );
        malformed.inc();
        self.known.insert(of, now);
        true
    }
}

#[cfg(test)]
mod tests {
    use fno_crds::FnoJob;
    use serde_json::{Value, json};

    use super::*;

    fn job(name: &str, attempts: &Value) -> Parsed<FnoJob> {
        serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob", "metadata": {"name": name, "namespace": "n", "uid": name},
            "spec": {"provider": "p", "action": "Validation", "circuitNumber": "C1"}, "status": {"attempts": attempts},
        }))
        .expect("an object")
    }

    #[test]
    fn an_unreadable_object_is_logged_once_per_change_and_not_per_relist() {
        let (mut refusals, malformed) = (Refusals::of("FnoJob"), Counter::default());
        let bad = || job("bad", &json!("many"));
        for (event, changed, counted) in [
            (Event::Init, false, 0),
            (Event::InitApply(bad()), false, 1),
            (Event::InitApply(job("good", &json!(1))), false, 1),
            (Event::InitDone, true, 1),
            (Event::Apply(bad()), false, 1),
            (Event::Init, false, 1),
            (Event::InitApply(bad()), false, 1),
            (Event::InitDone, false, 1),
            (Event::Apply(job("bad", &json!([]))), true, 2),
            (Event::Apply(job("bad", &json!(1))), true, 2),
            (Event::Apply(bad()), true, 3),
            (Event::Init, false, 3),
            (Event::InitDone, true, 3),
        ] {
            let name = format!("{event:?}");
            assert_eq!(refusals.note(&malformed, &event), changed, "{name}");
            assert_eq!(malformed.get(), counted, "{name}");
        }
    }
}
