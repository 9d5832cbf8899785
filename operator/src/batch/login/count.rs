//! Counts the end of a login in the provider, against the credentials that were typed.

use fno_core::{
    account::{AccountName, Elsewhere, EndedLogin, counted, typed_version, without_login},
    breaker::{
        Change,
        account::{id, succeeded},
    },
    key::Key,
    lifecycle::LoginEnded,
    provider_status::{ProviderNews, account_mut},
};
use fno_crds::{
    FnoBatch, FnoProvider, FnoProviderStatus,
    provider_status::{AccountBreaker, AccountStatus},
};
use kube::ResourceExt as _;
use tracing::warn;

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
    let elsewhere = Elsewhere::of(namespace.account(&name).as_ref());
    let current = match ended.counts() {
        Some(true) => current_version(context, &accounts, &name, &of).await,
        Some(false) | None => None,
    };
    let own = id(&batch.name_any(), login);
    status::update_if_readable(context, &of, |provider| {
        with_entry(provider, &name, |entry| {
            let login = EndedLogin { batch, login, ended, current: current.as_deref() };
            let change = counted(provider, &entry, &login, &elsewhere, context.now());
            (without_login(entry, &own), change)
        })
    })
    .await?;
    if *ended == LoginEnded::LoggedIn {
        clear_others(context, batch, &accounts, &name).await?;
    }
    Ok(())
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
                (entry, succeeded(&other.name.account, &breaker, typed_version(batch)))
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
