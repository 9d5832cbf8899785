//! What a batch found out about its portal, recorded in the provider when the batch ends.

use fno_core::{
    account::{AccountName, Elsewhere, forget_batch},
    key::Key,
    provider_status::ProviderNews,
};
use fno_crds::FnoBatch;

use crate::{
    context::Context,
    error::Result,
    known::{accounts::Accounts, provider_key},
    provider,
};

/// Writes into the provider what a batch found out about its portal: times, the clock, whether the flows fit. Also removes the batch's
/// logins from the accounts' entries, because none is in progress any more.
///
/// # Errors
/// Any error of the API server.
pub async fn record(context: &Context, batch: &FnoBatch) -> Result<()> {
    let of = provider_key(batch);
    let action_of = |name: &str| {
        context
            .known
            .jobs
            .action_of(&Key { namespace: of.namespace.clone(), name: name.to_owned() })
    };
    let accounts = Accounts::watched(&context.known, &of.namespace);
    let elsewhere = Elsewhere::of(accounts.namespace().account(&AccountName::of(batch)).as_ref());
    provider::status::update_if_readable(context, &of, |provider| {
        let (status, change) =
            fno_core::provider_status::after_batch(provider, batch, action_of, context.now());
        let news = ProviderNews::of_breaker(change.breaker.state, change.event);
        let (status, of_logins) = forget_batch(provider, status, batch, &elsewhere, context.now());
        (status, news.into_iter().chain(of_logins).collect())
    })
    .await?;
    Ok(())
}
