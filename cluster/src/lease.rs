//! Leader election by a Lease, with the times of `client-go`.
//!
//! A holder gives up when its renewals fail for `RENEW_WITHIN`. Another holder's Lease counts as abandoned when it has not changed for its
//! duration by this process's own monotonic clock: the wall clocks of two machines are never compared.
//! `docs/decisions/0005-leader-election.md` says why no crate is used for this.
//!
//! A Lease is not a fence: two operators may act at the same time for a moment. Every write that matters is a compare-and-set, or creates an
//! object under a fixed name.

use std::time::{Duration, Instant};

use fno_core::outage::Outage;
use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
};
use kube::{Api, Client, api::PostParams};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use crate::failure::sentence;

/// How long a Lease must be unchanged before another candidate takes over.
const DURATION: Duration = Duration::from_secs(15);
/// The holder stops acting if it could not renew for this long: before another candidate takes over.
const RENEW_WITHIN: Duration = Duration::from_secs(10);
const RETRY_EVERY: Duration = Duration::from_secs(2);

/// A process that leads or wants to lead.
pub struct Candidate {
    api: Api<Lease>,
    /// Name of the Lease.
    name: String,
    identity: String,
    /// The Lease as it was last read, and since when it has been unchanged.
    seen: Option<(Lease, Instant)>,
}

impl Candidate {
    /// A candidate for the Lease of that name. `identity` must be different for every candidate.
    #[must_use]
    pub fn new(client: Client, namespace: &str, name: &str, identity: String) -> Self {
        let api = Api::namespaced(client, namespace);
        Self { api, name: name.to_owned(), identity, seen: None }
    }

    /// Waits until this candidate leads. Meanwhile, `standby` is called with whether the API server answers.
    pub async fn lead(&mut self, standby: impl Fn(bool)) {
        let (started, mut outage, mut is_waiting) = (Instant::now(), Outage::default(), false);
        loop {
            match self.try_acquire().await {
                Ok(true) => return info!(identity = self.identity, "this process holds the Lease"),
                Ok(false) => {
                    standby(true);
                    back(&mut outage, started);
                    let holder = self
                        .seen
                        .as_ref()
                        .and_then(|(lease, _)| holder(lease))
                        .cloned()
                        .unwrap_or_default();
                    if !std::mem::replace(&mut is_waiting, true) {
                        info!(holder, "another process holds the Lease: waiting");
                    }
                }
                Err(error) => {
                    standby(false);
                    failed(&mut outage, started, &sentence(&error));
                }
            }
            sleep(RETRY_EVERY).await;
        }
    }

    /// Renews the Lease. Returns when it is lost.
    pub async fn keep(&mut self) {
        let (started, mut outage) = (Instant::now(), Outage::default());
        let mut renewed = Instant::now();
        loop {
            sleep(RETRY_EVERY).await;
            // The time counts from before the request, because the API server may have stored it long before its answer arrives.
            let asked = Instant::now();
            match timeout(RENEW_WITHIN.saturating_sub(renewed.elapsed()), self.try_acquire()).await
            {
                Ok(Ok(true)) => {
                    renewed = asked;
                    back(&mut outage, started);
                }
                Ok(Ok(false)) => return warn!("another process has taken the Lease"),
                Ok(Err(error)) => failed(&mut outage, started, &sentence(&error)),
                Err(_) => failed(&mut outage, started, "no answer from the API server"),
            }
            if renewed.elapsed() >= RENEW_WITHIN {
                return warn!("the Lease could not be renewed for {} s", RENEW_WITHIN.as_secs());
            }
        }
    }

    /// Releases the Lease, so that the next process does not have to wait until it expires.
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
            Ok(_) => info!("released the Lease"),
            Err(error) => {
                warn!(error = sentence(&error), "the Lease could not be released: it will expire");
            }
        }
    }

    /// Takes or renews the Lease. False if another candidate holds it or wrote first.
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
        // The resourceVersion that was read guards the write: if two candidates try, one gets a conflict.
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

fn failed(outage: &mut Outage, started: Instant, cause: &str) {
    if outage.failed(cause, started.elapsed()) {
        warn!(error = cause, "the Lease cannot be read or written: trying again");
    }
}

fn back(outage: &mut Outage, started: Instant) {
    if let Some(lasted) = outage.ended(started.elapsed()) {
        info!(seconds = lasted.as_secs(), "the Lease can be read and written again");
    }
}

fn holder(lease: &Lease) -> Option<&String> {
    lease.spec.as_ref()?.holder_identity.as_ref()
}

/// Whether `identity` may take the Lease. `unchanged` is how long this process has seen the Lease in its current state.
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
    fn a_lease_is_taken_if_it_is_free_or_our_own_or_unchanged_for_its_duration() {
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
    fn a_holder_stops_before_another_candidate_may_start() {
        assert!(RENEW_WITHIN + RETRY_EVERY < DURATION);
    }
}
