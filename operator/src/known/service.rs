//! Whether the operator can work in a scope, which is all namespaces or one namespace of the list.
//!
//! A listed namespace may be missing, may be deleted later, or may lack the RoleBinding. Then its watches are refused, and the scope is out
//! of service: nothing in it is planned or reconciled, while the other scopes continue. Once the watches are allowed again and have listed
//! everything, the scope is back in service.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use fno_cluster::watch::Health;
use tokio::sync::watch;

/// The kinds that are watched in a scope.
pub const WATCHED: [&str; 4] = ["FnoProvider", "FnoBatch", "FnoJob", "Pod"];

/// Whether the operator can work in a scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ServiceState {
    /// Not every watch has delivered its first list yet.
    #[default]
    Starting,
    /// Every watch has delivered a complete list.
    InService,
    /// The API server refuses a watch, for this reason.
    Refused(String),
}

/// What the watches of a scope report. A watch that merely fails because the API server does not answer changes nothing: what was listed
/// before is still used.
#[derive(Debug, Default)]
pub struct Service {
    watches: Mutex<BTreeMap<&'static str, Result<(), String>>>,
    state: watch::Sender<ServiceState>,
}

impl Service {
    /// Records the health of the watch of a kind. Returns the new state if that changed it.
    pub fn report(&self, kind: &'static str, health: &Health) -> Option<ServiceState> {
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        match health {
            Health::Synced => watches.insert(kind, Ok(())),
            Health::Refused(why) => watches.insert(kind, Err(why.clone())),
            Health::Failing(_) => return None,
        };
        let new = state_of(&watches);
        let changed = self.state.send_if_modified(|state| {
            let changed = !same(state, &new);
            state.clone_from(&new);
            changed
        });
        changed.then_some(new)
    }

    /// Whether the operator can work in the scope now.
    #[must_use]
    pub fn is_in_service(&self) -> bool {
        *self.state.borrow() == ServiceState::InService
    }

    /// Waits until the scope is in service or refused.
    pub async fn started(&self) {
        let mut state = self.state.subscribe();
        // An error is impossible: the sender is borrowed.
        _ = state.wait_for(|state| *state != ServiceState::Starting).await;
    }
}

/// A refusal with another text is still the same state.
fn same(one: &ServiceState, other: &ServiceState) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

fn state_of(watches: &BTreeMap<&'static str, Result<(), String>>) -> ServiceState {
    if let Some(why) = watches.values().find_map(|watch| watch.as_ref().err()) {
        return ServiceState::Refused(why.clone());
    }
    if WATCHED.iter().all(|kind| watches.contains_key(kind)) {
        ServiceState::InService
    } else {
        ServiceState::Starting
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Health {
        Health::Refused("403 Forbidden".to_owned())
    }

    #[test]
    fn a_scope_is_in_service_once_every_watch_has_a_complete_list() {
        let service = Service::default();
        for kind in &WATCHED[..3] {
            assert_eq!(service.report(kind, &Health::Synced), None);
        }
        assert_eq!(service.report("Pod", &Health::Synced), Some(ServiceState::InService));
        assert_eq!(service.report("Pod", &Health::Synced), None, "nothing new");
        assert!(service.is_in_service());
    }

    #[test]
    fn one_refused_watch_takes_the_scope_out_of_service_until_it_has_listed_everything_again() {
        let service = Service::default();
        let all =
            |health: &Health| WATCHED.iter().filter_map(|kind| service.report(kind, health)).last();
        assert_eq!(all(&Health::Synced), Some(ServiceState::InService));
        let out = ServiceState::Refused("403 Forbidden".to_owned());
        assert_eq!(service.report("FnoJob", &refused()), Some(out));
        assert_eq!(service.report("Pod", &refused()), None, "reported once");
        assert_eq!(service.report("FnoJob", &Health::Synced), None, "Pods are still refused");
        assert_eq!(service.report("Pod", &Health::Synced), Some(ServiceState::InService));
    }

    #[test]
    fn an_api_server_that_does_not_answer_takes_no_scope_out_of_service() {
        let service = Service::default();
        WATCHED.iter().for_each(|kind| _ = service.report(kind, &Health::Synced));
        assert_eq!(service.report("FnoJob", &Health::Failing("away".to_owned())), None);
        assert!(service.is_in_service());
    }

    #[tokio::test]
    async fn a_start_waits_for_every_scope_but_not_for_one_that_is_refused() {
        let (good, bad) = (Service::default(), Service::default());
        bad.report("FnoJob", &refused());
        bad.started().await;
        let waiting = good.started();
        tokio::pin!(waiting);
        assert!(futures::poll!(&mut waiting).is_pending());
        WATCHED.iter().for_each(|kind| _ = good.report(kind, &Health::Synced));
        waiting.await;
    }
}
