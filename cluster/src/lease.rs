//! Leader election by a Lease, with the times of `client-go`.
//!
//! Why not a crate: the one that fits this version of kube goes on saying "leader" while it cannot renew, and judges another's Lease by two
//! machines' wall clocks. Here a holder gives up when its renewals fail for [`RENEW_WITHIN`], and a Lease counts as abandoned when it has not
//! changed for its duration by our own monotonic clock.
//!
//! A Lease is no fence: two operators may overlap for a moment. Every write that matters is a compare-and-set or creates under a fixed name.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, api::PostParams};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

/// Another takes over after this much silence.
const DURATION: Duration = Duration::from_secs(15);
/// The holder stops acting after this much failure; sooner than another takes over.
const RENEW_WITHIN: Duration = Duration::from_secs(10);
const RETRY_EVERY: Duration = Duration::from_secs(2);

/// One who wants to lead, or leads.
pub struct Candidate {
    api: Api<Lease>,
    /// Name of the Lease.
    name: String,
    identity: String,
    /// The Lease as it was last seen, and when it was first seen so.
    seen: Option<(Lease, Instant)>,
}

impl Candidate {
    /// A candidate for the Lease of that name. `identity` must differ between all candidates.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: &str, identity: String) -> Self {
        let api = Api::namespaced(client, namespace);
        Self { api, name: name.to_owned(), identity, seen: None }
    }

    /// Waits until this candidate leads. `standby` is told whether the API server answers meanwhile.
    pub async fn lead(&mut self, standby: impl Fn(bool)) {
        let mut told = false;
        loop {
            match self.try_acquire().await {
                Ok(true) => return info!(identity = self.identity, "leading"),
                Ok(false) => {
                    standby(true);
                    let holder = self
                        .seen
                        .as_ref()
                        .and_then(|(lease, _)| holder(lease))
                        .cloned()
                        .unwrap_or_default();
                    if !std::mem::replace(&mut told, true) {
                        info!(holder, "another operator leads; waiting");
                    }
                }
                Err(error) => {
                    standby(false);
                    warn!(%error, "the Lease cannot be read or written; trying again");
                }
            }
            sleep(RETRY_EVERY).await;
        }
    }

    /// Keeps the Lease; returns when it is lost.
    pub async fn keep(&mut self) {
        let mut renewed = Instant::now();
        loop {
            sleep(RETRY_EVERY).await;
            match timeout(RENEW_WITHIN.saturating_sub(renewed.elapsed()), self.try_acquire()).await
            {
                Ok(Ok(true)) => renewed = Instant::now(),
                Ok(Ok(false)) => return warn!("another operator has taken the Lease"),
                Ok(Err(error)) => warn!(%error, "the Lease was not renewed; trying again"),
                Err(_) => {}
            }
            if renewed.elapsed() >= RENEW_WITHIN {
                return warn!("the Lease could not be renewed for {} s", RENEW_WITHIN.as_secs());
            }
        }
    }

    /// Gives the Lease up, so that the next operator need not wait for its end.
    pub async fn release(&mut self) {
        let Some((mut lease, _)) = self.seen.take() else { return };
        if holder(&lease) != Some(&self.identity) {
            return;
        }
        if let Some(spec) = &mut lease.spec {
            spec.holder_identity = Some(String::new());
            spec.lease_duration_seconds = Some(1);
            spec.renew_time = Some(MicroTime(Timestamp::now()));
        }
        match self.api.replace(&self.name, &PostParams::default(), &lease).await {
            Ok(_) => info!("the Lease was given up"),
            Err(error) => warn!(%error, "the Lease could not be given up; it ends by itself"),
        }
    }

    /// Takes or renews the Lease. `false`: another holds it, or was quicker.
    async fn try_acquire(&mut self) -> kube::Result<bool> {
        let Some(lease) = self.api.get_opt(&self.name).await? else {
            let lease = Lease {
                metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
                spec: Some(self.spec(None)),
            };
            return self.written(self.api.create(&PostParams::default(), &lease).await);
        };
        let unchanged = self
            .seen
            .as_ref()
            .filter(|(old, _)| old.metadata.resource_version == lease.metadata.resource_version);
        let since = unchanged.map_or_else(Instant::now, |(_, since)| *since);
        self.seen = Some((lease.clone(), since));
        if !may_take(&lease, &self.identity, since.elapsed()) {
            return Ok(false);
        }
        let spec = self.spec(lease.spec.as_ref());
        // With the resourceVersion that was read: of two who try, one gets a conflict.
        self.written(
            self.api
                .replace(&self.name, &PostParams::default(), &Lease { spec: Some(spec), ..lease })
                .await,
        )
    }

    fn spec(&self, old: Option<&LeaseSpec>) -> LeaseSpec {
        let now = Some(MicroTime(Timestamp::now()));
        let ours = old.and_then(|spec| spec.holder_identity.as_deref()) == Some(&self.identity);
        let transitions = old.and_then(|spec| spec.lease_transitions);
        LeaseSpec {
            holder_identity: Some(self.identity.clone()),
            lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
            acquire_time: if ours {
                old.and_then(|spec| spec.acquire_time.clone())
            } else {
                now.clone()
            },
            renew_time: now,
            lease_transitions: if ours {
                transitions
            } else {
                Some(transitions.map_or(0, |n| n.saturating_add(1)))
            },
            ..LeaseSpec::default()
        }
    }

    fn written(&mut self, answer: kube::Result<Lease>) -> kube::Result<bool> {
        match answer {
            Ok(lease) => {
                self.seen = Some((lease, Instant::now()));
                Ok(true)
            }
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }
}

fn holder(lease: &Lease) -> Option<&String> {
    lease.spec.as_ref()?.holder_identity.as_ref()
}

/// `unchanged`: for how long we have seen the Lease as it is.
fn may_take(lease: &Lease, identity: &str, unchanged: Duration) -> bool {
    let spec = lease.spec.as_ref();
    match spec.and_then(|spec| spec.holder_identity.as_deref()) {
        None | Some("") => true,
        Some(holder) if holder == identity => true,
        Some(_) => {
            let seconds = spec
                .and_then(|spec| spec.lease_duration_seconds)
                .and_then(|s| u64::try_from(s).ok());
            unchanged > seconds.map_or(DURATION, Duration::from_secs)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease(holder: Option<&str>) -> Lease {
        let spec = LeaseSpec {
            holder_identity: holder.map(ToOwned::to_owned),
            lease_duration_seconds: Some(15),
            ..LeaseSpec::default()
        };
        Lease { spec: Some(spec), ..Lease::default() }
    }

    #[test]
    fn a_lease_is_taken_if_it_is_free_or_ours_or_has_not_changed_for_its_duration() {
        let seconds = Duration::from_secs;
        for (holder, unchanged, taken) in [
            (None, 0, true),
            (Some(""), 0, true),
            (Some("me"), 0, true),
            (Some("other"), 15, false),
            (Some("other"), 16, true),
        ] {
            assert_eq!(
                may_take(&lease(holder), "me", seconds(unchanged)),
                taken,
                "{holder:?} {unchanged}"
            );
        }
    }

    #[test]
    fn a_holder_stops_before_another_may_begin() {
        assert!(RENEW_WITHIN + RETRY_EVERY < DURATION);
    }
}
