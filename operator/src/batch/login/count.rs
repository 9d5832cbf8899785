//! Counts the end of a login in the provider, against the credentials that were typed.

use fno_core::{
    account::{AccountName, logins_of, without_batch, without_login},
    breaker::{
        Change,
        account::{Failure, failed, id, succeeded},
    },
    key::Key,
    lifecycle::{LoginEnded, ended_without_grant},
    provider_status::{ProviderNews, account_mut, login_flow_failures},
};
use fno_crds::{
    FnoBatch, FnoProvider, FnoProviderStatus,
    provider::Limits,
    provider_status::{AccountBreaker, AccountStatus},
};
use jiff::Timestamp;
use kube::ResourceExt as _;
use tracing::warn;

use super::pinned;
use crate::{
    context::Context,
    error::Result,
    known::{accounts::Accounts, provider_key},
    provider::status,
    secrets,
};

/// Counts the end of a login in the account's breaker, exactly once even after a crash. The login is no longer in progress then.
///
/// # Errors
/// Any error of the API server.
pub async fn count(
    context: &Context,
    batch: &FnoBatch,
    login: i32,
    ended: &LoginEnded,
) -> Result<()> {
    let (of, name) = (provider_key(batch), AccountName::of(batch));
    let accounts = Accounts::watched(&context.known, &of.namespace);
    let namespace = accounts.namespace();
    let shared = namespace.account(&name);
    let limits = shared.as_ref().map(|shared| shared.limits());
    let others = shared.as_ref().map(|shared| shared.others_breaker()).unwrap_or_default();
    let current = match ended.counts() {
        Some(true) => current_version(context, &accounts, &name, &of).await,
        Some(false) | None => None,
    };
    let own = id(&batch.name_any(), login);
    status::update_if_readable(context, &of, |provider| {
        let limits = limits.as_ref().unwrap_or(&provider.spec.limits);
        let of_flow = provider.status.as_ref().map_or(0, login_flow_failures);
        let others =
            AccountBreaker { failures: others.failures.saturating_add(of_flow), ..others.clone() };
        let login =
            Ended { batch, login, ended, current: current.as_deref(), limits, others: &others };
        with_entry(provider, &name, |entry| {
            let change = counted(&entry, &login, context.now());
            (without_login(entry, &own), change)
        })
    })
    .await?;
    if *ended == LoginEnded::LoggedIn {
        clear_others(context, batch, &accounts, &name).await?;
    }
    Ok(())
}

/// A login that ended, and what its account's limits and other names say.
struct Ended<'a> {
    batch: &'a FnoBatch,
    login: i32,
    ended: &'a LoginEnded,
    /// Version of the credentials in the account's Secret. None if it cannot be read.
    current: Option<&'a str>,
    limits: &'a Limits,
    others: &'a AccountBreaker,
}

/// The breaker of an entry after a login.
fn counted(entry: &AccountStatus, login: &Ended<'_>, now: Timestamp) -> Change<AccountBreaker> {
    let breaker = entry.breaker.clone().unwrap_or_default();
    let typed = pinned(login.batch);
    let refused = match (login.ended, login.ended.counts()) {
        (LoginEnded::LoggedIn, _) => return succeeded(&entry.name, &breaker, typed),
        (_, None) => return Change { breaker, event: None },
        (_, Some(refused)) => refused,
    };
    let failure = Failure {
        now,
        batch: &login.batch.name_any(),
        login: login.login,
        refused,
        locked: login.ended.found_locked(),
        message: login.ended.why().map(|why| why.message.as_str()).unwrap_or_default(),
        typed,
        current: login.current,
    };
    failed(&entry.name, &breaker, &failure, login.limits, login.others)
}

/// The portal accepted the credentials, so the failures under the account's other names are cleared, too.
async fn clear_others(
    context: &Context,
    batch: &FnoBatch,
    accounts: &Accounts,
    name: &AccountName,
) -> Result<()> {
    let namespace = accounts.namespace();
    let others = namespace.account(name).map(|account| account.others).unwrap_or_default();
    for other in others {
        let breaker = other.status.and_then(|status| status.breaker.as_ref());
        if breaker.is_none_or(|breaker| *breaker == AccountBreaker::default()) {
            continue;
        }
        let of = Key {
            namespace: batch.namespace().unwrap_or_default(),
            name: other.name.provider.clone(),
        };
        status::update_if_readable(context, &of, |provider| {
            with_entry(provider, &other.name, |entry| {
                let breaker = entry.breaker.clone().unwrap_or_default();
                (entry, succeeded(&other.name.account, &breaker, pinned(batch)))
            })
        })
        .await?;
    }
    Ok(())
}

/// Removes a login that was recorded but whose batch never learnt of the permission.
///
/// # Errors
/// Any error of the API server.
pub async fn withdraw(context: &Context, batch: &FnoBatch, login: &str) -> Result<()> {
    let name = AccountName::of(batch);
    status::update(context, &provider_key(batch), |provider| {
        with_entry(provider, &name, |entry| {
            let breaker = entry.breaker.clone().unwrap_or_default();
            (without_login(entry, login), Change { breaker, event: None })
        })
    })
    .await?;
    Ok(())
}

/// The status without the logins of a batch that has ended. A login that the batch itself has no record of is counted first.
#[must_use]
pub fn forget_batch(
    provider: &FnoProvider,
    mut status: FnoProviderStatus,
    batch: &FnoBatch,
    now: Timestamp,
) -> (FnoProviderStatus, Vec<ProviderNews>) {
    let (limits, others) = (&provider.spec.limits, &AccountBreaker::default());
    let (name, recorded) = (batch.name_any(), batch.status.clone().unwrap_or_default());
    let mut news = Vec::new();
    for entry in &mut status.accounts {
        for login in logins_of(entry, &name) {
            let Some(ended) = ended_without_grant(&recorded, login) else { continue };
            let login = Ended { batch, login, ended: &ended, current: None, limits, others };
            let change = counted(entry, &login, now);
            news.extend(ProviderNews::of_breaker(change.breaker.state, change.event));
            entry.breaker = Some(change.breaker);
        }
        *entry = without_batch(std::mem::take(entry), &name);
    }
    (status, news)
}

/// The status with one entry changed, and the event about its breaker.
fn with_entry(
    provider: &FnoProvider,
    name: &AccountName,
    change: impl FnOnce(AccountStatus) -> (AccountStatus, Change<AccountBreaker>),
) -> (FnoProviderStatus, Vec<ProviderNews>) {
    let mut status = provider.status.clone().unwrap_or_default();
    let known = status.accounts.iter().any(|entry| entry.name == name.account);
    let entry = account_mut(&mut status, &name.account);
    let (mut next, change) = change(entry.clone());
    let news = ProviderNews::of_breaker(change.breaker.state, change.event);
    if next.breaker.is_some() || change.breaker != AccountBreaker::default() {
        next.breaker = Some(change.breaker);
    }
    if !known && next == (AccountStatus { name: name.account.clone(), ..AccountStatus::default() })
    {
        return (provider.status.clone().unwrap_or_default(), Vec::new());
    }
    *entry = next;
    (status, news.into_iter().collect())
}

/// Version of the credentials in the account's Secret. None if it cannot be read: then the refusal counts against whatever the Secret
/// holds.
async fn current_version(
    context: &Context,
    accounts: &Accounts,
    name: &AccountName,
    of: &Key,
) -> Option<String> {
    let spec = &accounts.provider(&name.provider)?.spec;
    let account = spec.accounts.iter().find(|account| account.name == name.account)?;
    let key = &context.credentials_key;
    match secrets::read(&context.client, key, &of.namespace, account).await {
        Ok(secrets) => secrets.facts.version,
        Err(error) => {
            warn!(provider = of.name, namespace = of.namespace, %error, "the Secrets of an account cannot be read");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use fno_crds::provider_status::BreakerState;
    use serde_json::json;

    use super::*;

    /// The provider after the end of batch `b`, whose second login it still records. `status` is that of the batch.
    fn after_the_end(status: &serde_json::Value) -> (AccountStatus, Vec<ProviderNews>) {
        let flow = json!({"steps": [{"type": "navigate", "url": "/"}]});
        let provider: FnoProvider = serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoProvider", "metadata": {"name": "p", "namespace": "n"},
            "spec": {"baseUrl": "https://portal.example.net", "allowedOrigins": ["https://portal.example.net"],
                "accounts": [{"name": "a", "credentialsSecretRef": {"name": "s"}}], "limits": {"loginFailuresToOpen": 1},
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
        let (mut status, news) = forget_batch(&provider, status, &batch, Timestamp::UNIX_EPOCH);
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
    fn a_login_that_the_batch_has_a_grant_for_is_only_removed() {
        let grants = json!({"grants": [{"login": 2, "state": "Done", "result": "Failed"}]});
        let (entry, news) = after_the_end(&grants);
        assert_eq!((entry.breaker, news.len()), (None, 0));
        assert_eq!(entry.logins, ["other/1"]);
    }
}
