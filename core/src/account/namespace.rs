//! The accounts of a namespace: all names of each, and the batches that use them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fno_crds::{FnoBatch, FnoProvider, provider_status::AccountStatus};
use jiff::Timestamp;

use super::{
    AccountName, Entry, Named, SharedAccount, Uses, history,
    identity::{Found, first_names, namesakes},
};
use crate::{
    credentials::differ,
    unreadable::Unreadable,
    view::provider::{AccountFacts, ProviderFacts},
    why::Why,
};

/// A provider and what the operator knows about it.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// The provider as it was last read.
    pub provider: &'a FnoProvider,
    /// Derived from its Secrets. None before the operator has read them.
    pub facts: Option<&'a ProviderFacts>,
}

/// A provider that cannot be read and what the operator knows about it.
#[derive(Clone, Copy, Debug)]
pub struct UnreadableMember<'a> {
    /// The provider as it was last read.
    pub provider: &'a Unreadable,
    /// Derived from its Secrets while it could still be read. None if the operator has started since.
    pub facts: Option<&'a ProviderFacts>,
}

/// The providers and batches of one namespace, sorted by account.
#[derive(Debug, Default)]
pub struct Namespace<'a> {
    members: Vec<Member<'a>>,
    unreadable: Vec<UnreadableMember<'a>>,
    named: Vec<Named>,
    first: BTreeMap<AccountName, AccountName>,
    /// By the first name of the account.
    batches: HashMap<AccountName, Vec<&'a FnoBatch>>,
    /// The first name of the account whose Secret holds these credentials now.
    versions: HashMap<&'a str, AccountName>,
}

impl<'a> Namespace<'a> {
    /// Groups providers and batches by account.
    #[must_use]
    pub fn new(
        members: Vec<Member<'a>>,
        unreadable: Vec<UnreadableMember<'a>>,
        batches: impl IntoIterator<Item = &'a FnoBatch>,
    ) -> Self {
        let mut namespace = Self { members, unreadable, ..Self::default() };
        for member in &namespace.members {
            namespace.named.extend(member.provider.spec.accounts.iter().map(|account| {
                let name = AccountName {
                    provider: name_of(member.provider).to_owned(),
                    account: account.name.clone(),
                };
                let uses = Uses::of(account, &member.provider.spec.base_url);
                Named::new(name, uses, found(member.facts, &account.name))
            }));
        }
        for member in &namespace.unreadable {
            namespace.named.extend(named(member).into_iter().flatten());
        }
        namespace.first = first_names(&namespace.named);
        for member in &namespace.members {
            for account in &member.provider.spec.accounts {
                let name = AccountName {
                    provider: name_of(member.provider).to_owned(),
                    account: account.name.clone(),
                };
                let version = facts_of(member, &account.name).and_then(|f| f.version.as_deref());
                if let (Some(version), Some(first)) = (version, namespace.first.get(&name)) {
                    namespace.versions.insert(version, first.clone());
                }
            }
        }
        for batch in batches {
            for account in namespace.accounts_of(batch) {
                namespace.batches.entry(account).or_default().push(batch);
            }
        }
        namespace
    }

    /// The name that stands for the account of `name`, the same for all of its names. A name that no provider has stands for itself.
    #[must_use]
    pub fn identity(&self, name: &AccountName) -> AccountName {
        self.first.get(name).unwrap_or(name).clone()
    }

    /// The account that a batch uses: found by name, or, where no provider has that name any more, by the credentials that the batch types.
    #[must_use]
    pub fn identity_of(&self, batch: &FnoBatch) -> AccountName {
        let name = AccountName::of(batch);
        match self.first.get(&name) {
            Some(first) => first.clone(),
            None => self.by_version(batch).cloned().unwrap_or(name),
        }
    }

    /// All names of the account that `name` refers to.
    #[must_use]
    pub fn names_of(&self, name: &AccountName) -> BTreeSet<AccountName> {
        namesakes(name, &self.named)
    }

    /// Every batch that uses, or has used, the account that `name` refers to.
    #[must_use]
    pub fn batches_of(&self, name: &AccountName) -> &[&'a FnoBatch] {
        self.batches.get(&self.identity(name)).map_or(&[], Vec::as_slice)
    }

    /// The account that `name` refers to. None if no provider has that name.
    #[must_use]
    pub fn account(&self, name: &AccountName) -> Option<SharedAccount<'a>> {
        let own = self.entry(name)?;
        let others = self
            .names_of(name)
            .iter()
            .filter(|other| *other != name)
            .filter_map(|other| self.entry(other))
            .chain(self.former(&own))
            .collect();
        let past = self.batches_of(name).iter().copied().flat_map(history::logins).collect();
        Some(SharedAccount { own, others, past, hidden: self.hidden(name) })
    }

    /// The last accepted `fno.dev/resume` of the providers that share the account that `name` refers to.
    #[must_use]
    pub fn resumed(&self, name: &AccountName) -> Option<Timestamp> {
        let names = self.names_of(name);
        let providers: BTreeSet<&str> = names.iter().map(|name| name.provider.as_str()).collect();
        self.members
            .iter()
            .filter(|member| providers.contains(name_of(member.provider)))
            .filter_map(|member| member.provider.status.as_ref()?.resume.as_ref())
            .filter_map(|resume| resume.resumed_at.as_ref())
            .map(|at| at.0)
            .max()
    }

    /// Whether a finished batch must be kept: it records a refusal that nothing else may know any more once the batch is gone
    /// ([`SharedAccount::must_remember`]). A provider that is gone, or cannot be read, may be back later with the same credentials.
    #[must_use]
    pub fn must_keep(&self, batch: &FnoBatch) -> bool {
        let accounts: Option<Vec<_>> =
            self.accounts_of(batch).iter().map(|name| self.account(name)).collect();
        let mut refused = history::refused(batch);
        match accounts {
            None => refused.next().is_some(),
            Some(accounts) => {
                refused.any(|login| accounts.iter().any(|account| account.must_remember(&login)))
            }
        }
    }

    /// Why what is recorded about an account is not known completely. None if it is.
    fn hidden(&self, name: &AccountName) -> Option<Why> {
        let names = self.names_of(name);
        let may_name = |member: &&UnreadableMember<'_>| {
            named(member).is_none_or(|named| named.iter().any(|one| names.contains(&one.name)))
        };
        self.unreadable.iter().find(may_name).map(|member| member.provider.hides_the_account())
    }

    fn accounts_of(&self, batch: &FnoBatch) -> BTreeSet<AccountName> {
        let by_name = self.identity(&AccountName::of(batch));
        self.by_version(batch).cloned().into_iter().chain([by_name]).collect()
    }

    fn by_version(&self, batch: &FnoBatch) -> Option<&AccountName> {
        self.versions.get(batch.status.as_ref()?.credentials_version.as_deref()?)
    }

    /// Entries under names that no spec has any more, as after an account was renamed, if they count refusals of the credentials that the
    /// account has now. In the same provider, refusals that cannot be compared count, too.
    fn former(&self, own: &Entry<'a>) -> Vec<Entry<'a>> {
        let Some(current) = own.current else { return Vec::new() };
        let former = |member: &Member<'a>, entry: &AccountStatus| {
            let is_in_spec = member.provider.spec.accounts.iter().any(|a| a.name == entry.name);
            let is_own_provider = name_of(member.provider) == own.name.provider;
            !is_in_spec
                && refused_versions(entry).any(|version| {
                    version == current || (is_own_provider && !differ(version, current))
                })
        };
        let mut found = Vec::new();
        for member in &self.members {
            let entries = member.provider.status.iter().flat_map(|status| &status.accounts);
            found.extend(entries.filter(|entry| former(member, entry)).map(|entry| Entry {
                name: AccountName {
                    provider: name_of(member.provider).to_owned(),
                    account: entry.name.clone(),
                },
                status: Some(entry),
                ..own.clone()
            }));
        }
        found
    }

    fn entry(&self, name: &AccountName) -> Option<Entry<'a>> {
        let member = self.members.iter().find(|m| name_of(m.provider) == name.provider)?;
        let spec = &member.provider.spec;
        spec.accounts.iter().find(|account| account.name == name.account)?;
        let entries = member.provider.status.iter().flat_map(|status| &status.accounts);
        Some(Entry {
            name: name.clone(),
            status: entries.into_iter().find(|entry| entry.name == name.account),
            limits: &spec.limits,
            max_sessions: spec.session.max_sessions_per_account,
            current: facts_of(member, &name.account).and_then(|facts| facts.version.as_deref()),
        })
    }
}

/// The versions of the credentials that the portal refused under a name.
fn refused_versions(entry: &AccountStatus) -> impl Iterator<Item = &String> {
    let breaker = entry.breaker.iter();
    let latest = breaker.clone().filter(|breaker| breaker.refused);
    breaker
        .flat_map(|breaker| &breaker.refusals)
        .map(|refusals| &refusals.credentials_version)
        .chain(latest.filter_map(|breaker| breaker.credentials_version.as_ref()))
}

/// The accounts of a provider that cannot be read. None if one of them cannot be read either: it may be any account.
fn named(member: &UnreadableMember<'_>) -> Option<Vec<Named>> {
    let accounts = member.provider.accounts()?;
    let named = |(account, uses): (&str, Uses<'_>)| {
        let name =
            AccountName { provider: member.provider.key().name, account: account.to_owned() };
        Named::new(name, uses, found(member.facts, account))
    };
    Some(accounts.into_iter().map(named).collect())
}

fn found<'a>(facts: Option<&'a ProviderFacts>, account: &str) -> Found<'a> {
    let facts = facts.and_then(|facts| facts.accounts.get(account));
    Found {
        fingerprint: facts.and_then(|facts| facts.fingerprint.as_deref()),
        user: facts.and_then(|facts| facts.user.as_deref()),
    }
}

fn name_of(provider: &FnoProvider) -> &str {
    provider.metadata.name.as_deref().unwrap_or_default()
}

fn facts_of<'a>(member: &Member<'a>, account: &str) -> Option<&'a AccountFacts> {
    member.facts?.accounts.get(account)
}
