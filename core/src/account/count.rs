//! The end of a login, counted in the entry of its account.

use fno_crds::{
    FnoBatch, FnoProvider, FnoProviderStatus,
    provider::Limits,
    provider_status::{AccountBreaker, AccountStatus},
};
use jiff::Timestamp;

use super::{SharedAccount, history::typed_version, logins_of, without_batch};
use crate::{
    breaker::{
        Change,
        account::{Failure, failed, succeeded},
    },
    lifecycle::{LoginEnded, ended_without_grant},
    provider_status::{ProviderNews, login_flow_failures},
};

/// A login that ended.
#[derive(Clone, Copy, Debug)]
pub struct EndedLogin<'a> {
    /// Its batch.
    pub batch: &'a FnoBatch,
    /// Number of the login within the batch, from 1.
    pub login: i32,
    /// How it ended.
    pub ended: &'a LoginEnded,
    /// Version of the credentials in the account's Secret. None if it cannot be read: then a refusal counts against whatever the Secret
    /// holds.
    pub current: Option<&'a str>,
}

/// What the other names of an account add to an entry of it.
#[derive(Clone, Debug, Default)]
pub struct Elsewhere {
    /// The strictest limits of all names. None if the operator knows of none: then the provider's own hold.
    limits: Option<Limits>,
    /// What the other names have counted.
    breaker: AccountBreaker,
}

impl Elsewhere {
    /// What is recorded under the other names of an account. There is nothing to add for an account that no provider's spec names.
    #[must_use]
    pub fn of(account: Option<&SharedAccount<'_>>) -> Self {
        Self {
            limits: account.map(SharedAccount::limits),
            breaker: account.map(SharedAccount::others_breaker).unwrap_or_default(),
        }
    }
}

/// The breaker of an entry of `provider` after a login. A login that failed in a step of the flow counts towards the limit, too: the
/// portal may have refused something that the flow did not recognize.
#[must_use]
pub fn counted(
    provider: &FnoProvider,
    entry: &AccountStatus,
    login: &EndedLogin<'_>,
    elsewhere: &Elsewhere,
    now: Timestamp,
) -> Change<AccountBreaker> {
    let breaker = entry.breaker.clone().unwrap_or_default();
    let typed = typed_version(login.batch);
    let refused = match (login.ended, login.ended.counts()) {
        (LoginEnded::LoggedIn, _) => return succeeded(&entry.name, &breaker, typed),
        (_, None) => return Change { breaker, event: None },
        (_, Some(refused)) => refused,
    };
    let failure = Failure {
        now,
        batch: login.batch.metadata.name.as_deref().unwrap_or_default(),
        login: login.login,
        refused,
        locked: login.ended.found_locked(),
        message: login.ended.why().map(|why| why.message.as_str()).unwrap_or_default(),
        typed,
        current: login.current,
    };
    let limits = elsewhere.limits.as_ref().unwrap_or(&provider.spec.limits);
    let in_flow = provider.status.as_ref().map_or(0, login_flow_failures);
    let others = AccountBreaker {
        failures: elsewhere.breaker.failures.saturating_add(in_flow),
        ..elsewhere.breaker.clone()
    };
    failed(&entry.name, &breaker, &failure, limits, &others)
}

/// The status without the logins of a batch that has ended. A login that the batch itself has no record of is counted first.
#[must_use]
pub fn forget_batch(
    provider: &FnoProvider,
    mut status: FnoProviderStatus,
    batch: &FnoBatch,
    elsewhere: &Elsewhere,
    now: Timestamp,
) -> (FnoProviderStatus, Vec<ProviderNews>) {
    let name = batch.metadata.name.as_deref().unwrap_or_default();
    let recorded = batch.status.clone().unwrap_or_default();
    let mut news = Vec::new();
    for entry in &mut status.accounts {
        for login in logins_of(entry, name) {
            let Some(ended) = ended_without_grant(&recorded, login) else { continue };
            let login = EndedLogin { batch, login, ended: &ended, current: None };
            let change = counted(provider, entry, &login, elsewhere, now);
            news.extend(ProviderNews::of_breaker(change.breaker.state, change.event));
            entry.breaker = Some(change.breaker);
        }
        *entry = without_batch(std::mem::take(entry), name);
    }
    (status, news)
}

#[cfg(test)]
mod tests {
    use fno_crds::provider_status::BreakerState;
    use serde_json::json;

    use super::*;

    /// The provider after the end of batch `b`, whose second login it still records. `status` is that of the batch.
    fn after_the_end(status: &serde_json::Value) -> (AccountStatus, Vec<ProviderNews>) {
        after_the_end_with(status, 1, &Elsewhere::default())
    }

    fn after_the_end_with(
        status: &serde_json::Value,
        limit: i32,
        elsewhere: &Elsewhere,
    ) -> (AccountStatus, Vec<ProviderNews>) {
        let flow = json!({"steps": [{"type": "navigate", "url": "/"}]});
        let provider: FnoProvider = serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoProvider", "metadata": {"name": "p", "namespace": "n"},
            "spec": {"baseUrl": "https://portal.example.net", "allowedOrigins": ["https://portal.example.net"],
                "accounts": [{"name": "a", "credentialsSecretRef": {"name": "s"}}], "limits": {"loginFailuresToOpen": limit},
                "flows": {"login": flow, "validation": flow}},
            "status": {"accounts": [{"name": "a", "logins": ["b/2", "other/1"]}]},
        }))
        .expect("a provider");
        let batch: FnoBatch = serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": "b", "namespace": "n", "uid": "u"},
            "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "d", "jobs": [{"name": "j", "uid": "1"}]},
            "status": status,
        }))
        .expect("a batch");
        let status = provider.status.clone().unwrap_or_default();
        let (mut status, news) =
            forget_batch(&provider, status, &batch, elsewhere, Timestamp::UNIX_EPOCH);
        (status.accounts.remove(0), news)
    }

    #[test]
    fn a_login_of_which_the_batch_has_lost_its_record_counts_when_the_batch_ends() {
        let reported = |n| json!({"run": {"login": {"n": n, "state": "Rejected", "at": "2030-01-01T00:00:00.000000Z"}}});
        let (entry, news) = after_the_end(&reported(2));
        let breaker = entry.breaker.expect("counted");
        assert!(breaker.refused && breaker.state == BreakerState::Open);
        assert_eq!((entry.logins, news.len()), (vec!["other/1".to_owned()], 1));

        // What the runner last reported says nothing of this login: it counts, but credentials are not doubted.
        for status in [json!({}), reported(1)] {
            let breaker = after_the_end(&status).0.breaker.expect("counted");
            assert_eq!((breaker.refused, breaker.failures), (false, 1));
        }
    }

    #[test]
    fn the_strictest_limit_and_the_failures_of_all_names_count() {
        let rejected = json!({"run": {"login": {"n": 2, "state": "Rejected", "at": "2030-01-01T00:00:00.000000Z"}}});
        let state = |elsewhere| {
            let breaker = after_the_end_with(&rejected, 9, &elsewhere).0.breaker;
            breaker.expect("counted").state
        };
        assert_eq!(state(Elsewhere::default()), BreakerState::Closed);
        let limits = |limit| Some(Limits { login_failures_to_open: limit, ..Limits::default() });
        let once = AccountBreaker { failures: 1, ..AccountBreaker::default() };
        for (limit, failures) in [(1, AccountBreaker::default()), (2, once)] {
            let elsewhere = Elsewhere { limits: limits(limit), breaker: failures };
            assert_eq!(state(elsewhere), BreakerState::Open, "{limit}");
        }
    }

    #[test]
    fn a_login_that_the_batch_has_a_grant_for_is_only_removed() {
        let grants = json!({"grants": [{"login": 2, "state": "Done", "result": "Failed"}]});
        let (entry, news) = after_the_end(&grants);
        assert_eq!((entry.breaker, news.len()), (None, 0));
        assert_eq!(entry.logins, ["other/1"]);
    }
}
