//! Objects that this version cannot read, and what is still known about them.
//!
//! A newer version may have written a value that this one does not know, before it was rolled back. An object that cannot be read counts
//! as occupied: such a batch holds its session, its runner and its jobs, and the operator does not touch it. So as much as possible is
//! read leniently, field by field.

use fno_crds::{Duration, FnoJobSpec, Reason, names, provider::Session};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    account::{AccountName, Uses},
    key::Key,
    lifecycle::{Deadlines, PodState},
    plan::{BatchView, ProviderView},
    text::at_most,
    why::Why,
};

/// Maximum length of an error: serde lists every value that it would have accepted.
const ERROR_BYTES: usize = 200;

/// An object that does not match the type of its kind.
#[derive(Clone, Debug, PartialEq)]
pub struct Unreadable {
    /// Its metadata, which every version can read.
    pub metadata: ObjectMeta,
    /// Which field is wrong, and why.
    pub error: String,
    raw: Value,
}

/// Reads an object as its kind, or keeps the raw object if that fails.
///
/// # Errors
/// If not even its metadata can be read.
pub fn read<K: DeserializeOwned>(raw: Value) -> serde_json::Result<Result<K, Unreadable>> {
    match serde_path_to_error::deserialize(&raw) {
        Ok(object) => Ok(Ok(object)),
        Err(error) => {
            let metadata = serde_json::from_value(raw["metadata"].clone())?;
            let error = format!("{}: {}", error.path(), short(&error.inner().to_string()));
            Ok(Err(Unreadable { metadata, error, raw }))
        }
    }
}

/// An error of serde without the list of the values that it would have accepted.
fn short(error: &str) -> String {
    let end = error.find(", expected one of").unwrap_or(error.len());
    at_most(&error[..end], ERROR_BYTES)
}

impl Unreadable {
    /// Namespace and name of the object.
    #[must_use]
    pub fn key(&self) -> Key {
        Key {
            namespace: self.metadata.namespace.clone().unwrap_or_default(),
            name: self.metadata.name.clone().unwrap_or_default(),
        }
    }

    /// The value of a field, if it is a string.
    fn text(&self, pointer: &str) -> Option<&str> {
        self.raw.pointer(pointer)?.as_str()
    }

    /// `status.phase`, unparsed.
    #[must_use]
    pub fn phase(&self) -> Option<&str> {
        self.text("/status/phase")
    }

    /// The UIDs of the jobs that a batch has invited.
    #[must_use]
    pub fn job_uids(&self) -> Vec<String> {
        let jobs = self.raw.pointer("/spec/jobs").and_then(Value::as_array);
        let uid = |job: &Value| Some(job["uid"].as_str()?.to_owned());
        jobs.into_iter().flatten().filter_map(uid).collect()
    }

    /// The accounts that a provider names, with what each uses. None if one of them cannot be read.
    #[must_use]
    pub fn accounts(&self) -> Option<Vec<(&str, Uses<'_>)>> {
        let base_url = self.text("/spec/baseUrl");
        let accounts = self.raw.pointer("/spec/accounts")?.as_array()?.iter();
        accounts.map(|found| account(found, base_url)).collect()
    }

    /// The name of a batch's current Pod.
    #[must_use]
    pub fn pod(&self) -> String {
        let attempt = || {
            let attempt = self.raw.pointer("/status/attempt").and_then(Value::as_i64);
            attempt.and_then(|attempt| i32::try_from(attempt).ok()).unwrap_or(1)
        };
        self.text("/status/worker").map_or_else(
            || names::pod(self.metadata.name.as_deref().unwrap_or_default(), attempt()),
            ToOwned::to_owned,
        )
    }

    /// Whether a batch may belong to this provider: it names the provider, or the name cannot be read.
    #[must_use]
    pub fn may_be_of(&self, provider: &Key) -> bool {
        self.metadata.namespace.as_deref() == Some(&provider.namespace)
            && self.text("/spec/provider").is_none_or(|name| name == provider.name)
    }

    /// Whether a batch may use this account of a provider.
    #[must_use]
    pub fn may_use(&self, provider: &Key, account: &str) -> bool {
        self.may_be_of(provider) && self.text("/spec/account").is_none_or(|name| name == account)
    }

    /// Whether a batch may still be active. It is not only if its phase is a known end phase and its Pod is over.
    #[must_use]
    pub fn may_be_at_work(&self, pod: Option<&PodState>) -> bool {
        let ended = matches!(self.phase(), Some("Completed" | "Failed"));
        !ended || pod.is_some_and(|pod| !pod.is_over())
    }

    /// What a batch holds, or may hold: one view for each account that it may use. Only the first of them holds the runner, which counts
    /// even if no account of the batch is known.
    #[must_use]
    pub fn batch_views(
        &self,
        pod: Option<&PodState>,
        providers: &[ProviderView],
        deadlines: &Deadlines,
    ) -> Vec<BatchView> {
        let at_work = self.may_be_at_work(pod);
        let unattended = deadlines.unattended(self.max_lifetime(providers).signed());
        let namespace = self.metadata.namespace.as_deref().unwrap_or_default();
        let view = |provider: &str, account: &str| BatchView {
            key: self.key(),
            provider: provider.to_owned(),
            account: account.to_owned(),
            identity: identity(providers, namespace, provider, account),
            jobs: if at_work { self.job_uids() } else { Vec::new() },
            holds_session: at_work,
            holds_runner: at_work,
            unattended,
            finished: !at_work,
            rejected: None,
        };
        if let (Some(provider), Some(account)) =
            (self.text("/spec/provider"), self.text("/spec/account"))
        {
            return vec![view(provider, account)];
        }
        let mut views: Vec<_> = providers
            .iter()
            .flat_map(|provider| provider.accounts.iter().map(move |account| (provider, account)))
            .filter(|(provider, account)| self.may_use(&provider.key, &account.name))
            .map(|(provider, account)| view(&provider.key.name, &account.name))
            .collect();
        if views.is_empty() {
            let (provider, account) = (self.text("/spec/provider"), self.text("/spec/account"));
            views.push(view(provider.unwrap_or_default(), account.unwrap_or_default()));
        }
        views.iter_mut().skip(1).for_each(|view| view.holds_runner = false);
        views
    }

    /// How long the portal may keep the session of a batch: its own limit, or else the longest of the providers that it may be of.
    fn max_lifetime(&self, providers: &[ProviderView]) -> Duration {
        let own = self.text("/spec/limits/maxLifetime").and_then(|own| own.parse().ok());
        let of_provider = || {
            let mine = providers.iter().filter(|provider| self.may_be_of(&provider.key));
            mine.map(|provider| provider.spec.session.max_lifetime).max()
        };
        own.or_else(of_provider).unwrap_or_else(|| Session::default().max_lifetime)
    }

    /// Why a job ends as `InvalidJob`: its spec cannot be read, and no batch has ever had it. A status that cannot be read never fails a job.
    #[must_use]
    pub fn invalid_job(&self) -> Option<Why> {
        if !matches!(self.raw.pointer("/status/phase"), None | Some(Value::Null))
            && self.phase() != Some("Pending")
        {
            return None;
        }
        let spec = serde_path_to_error::deserialize::<_, FnoJobSpec>(self.raw.get("spec")?);
        let error = spec.err()?;
        let message = format!(
            "The job cannot be read (spec.{}: {}).",
            error.path(),
            short(&error.inner().to_string())
        );
        Some(Why { reason: Reason::InvalidJob, message })
    }

    /// Why no other provider of the namespace may log in to an account that this provider names, or may name.
    #[must_use]
    pub fn hides_the_account(&self) -> Why {
        Why {
            reason: Reason::ProviderNotReady,
            message: format!(
                "The provider {}, which has or may have the same account, cannot be read ({}). What it has recorded about the account's refusals and codes is not known, so no login starts until that provider is corrected or a version of the operator runs that can read it.",
                self.metadata.name.as_deref().unwrap_or_default(),
                self.error
            ),
        }
    }

    /// The reason and message for a provider that cannot be read.
    #[must_use]
    pub fn provider_not_ready(&self) -> Why {
        Why {
            reason: Reason::ProviderNotReady,
            message: format!(
                "The provider cannot be read ({}). None of its jobs is started, and cancellations of its running batches are held, until the provider is corrected or a version of the operator runs that can read it.",
                self.error
            ),
        }
    }
}

/// The reason and message for a provider with batches that cannot be read.
#[must_use]
pub fn batches_not_read<'a>(batches: impl IntoIterator<Item = &'a Unreadable>) -> Option<Why> {
    let mut batches = batches.into_iter();
    let first = batches.next()?;
    let more = match batches.count() {
        0 => String::new(),
        n => format!(" The same goes for {n} more."),
    };
    let message = format!(
        "Batch {} cannot be read ({}). It counts as active: its session, its runner and its jobs stay occupied until a version of the operator runs that can read it.{more}",
        first.metadata.name.as_deref().unwrap_or_default(),
        first.error
    );
    Some(Why { reason: Reason::ProviderNotReady, message })
}

/// The name of an account in a provider's spec, and what it uses. Other fields of it may be wrong.
fn account<'a>(account: &'a Value, base_url: Option<&'a str>) -> Option<(&'a str, Uses<'a>)> {
    let totp = account.get("totp").filter(|totp| !totp.is_null());
    let seed = match totp {
        None => None,
        Some(totp) => {
            Some((totp["secretRef"]["name"].as_str()?, totp["secretRef"]["key"].as_str()?))
        }
    };
    let tracking_id = match totp.and_then(|totp| totp.get("trackingId")) {
        None | Some(Value::Null) => None,
        Some(id) => Some(id.as_str()?),
    };
    let credentials = account["credentialsSecretRef"]["name"].as_str()?;
    Some((account["name"].as_str()?, Uses { credentials, seed, tracking_id, base_url }))
}

/// The name that stands for an account, the same for all of its names, as far as the providers show.
fn identity(
    providers: &[ProviderView],
    namespace: &str,
    provider: &str,
    account: &str,
) -> AccountName {
    providers
        .iter()
        .filter(|known| known.key.namespace == namespace && known.key.name == provider)
        .flat_map(|known| &known.accounts)
        .find(|known| known.name == account)
        .map_or_else(
            || AccountName { provider: provider.to_owned(), account: account.to_owned() },
            |known| known.identity.clone(),
        )
}

#[cfg(test)]
mod tests;
