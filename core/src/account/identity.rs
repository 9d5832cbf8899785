//! Which names mean the same account.

use std::collections::{BTreeMap, BTreeSet};

use fno_crds::{FnoBatch, provider::Account};

/// How an account is named within its namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName {
    /// The provider.
    pub provider: String,
    /// The account's name in the provider's list.
    pub account: String,
}

impl AccountName {
    /// The name that a batch works under.
    #[must_use]
    pub fn of(batch: &FnoBatch) -> Self {
        Self { provider: batch.spec.provider.clone(), account: batch.spec.account.clone() }
    }
}

/// A name, and what makes it the same account as another one: one mark in common is enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: AccountName,
    /// Its Secrets and seeds.
    pub marks: BTreeSet<String>,
}

impl Named {
    /// An account of a provider. `fingerprint` is its seed's, if the seed is known: the same seed may lie in several Secrets.
    #[must_use]
    pub fn new(provider: &str, account: &Account, fingerprint: Option<&str>) -> Self {
        let mut marks =
            BTreeSet::from([format!("credentials {}", account.credentials_secret_ref.name)]);
        if let Some(totp) = &account.totp {
            marks.insert(format!("seed {} {}", totp.secret_ref.name, totp.secret_ref.key));
            let tracked = totp.tracking_id.as_deref().or(fingerprint);
            marks.extend(tracked.map(|id| format!("tracked {id}")));
        }
        marks.extend(fingerprint.map(|fingerprint| format!("fingerprint {fingerprint}")));
        let name = AccountName { provider: provider.to_owned(), account: account.name.clone() };
        Self { name, marks }
    }
}

/// All names of the account that `name` means, itself included, also when no provider has it any more.
#[must_use]
pub fn namesakes<'a>(
    name: &AccountName,
    all: impl IntoIterator<Item = &'a Named>,
) -> BTreeSet<AccountName> {
    let mut rest: Vec<&Named> = all.into_iter().collect();
    let mut names = BTreeSet::from([name.clone()]);
    let mut marks: BTreeSet<&String> = BTreeSet::new();
    loop {
        let (same, others): (Vec<&Named>, Vec<&Named>) = rest.into_iter().partition(|named| {
            names.contains(&named.name) || named.marks.iter().any(|mark| marks.contains(mark))
        });
        if same.is_empty() {
            return names;
        }
        for named in same {
            names.insert(named.name.clone());
            marks.extend(&named.marks);
        }
        rest = others;
    }
}

/// One name for each account, the same for all of its names: the first in alphabetical order.
#[must_use]
pub fn first_names(all: &[Named]) -> BTreeMap<AccountName, AccountName> {
    let mut first = BTreeMap::new();
    for named in all {
        if first.contains_key(&named.name) {
            continue;
        }
        let names = namesakes(&named.name, all);
        if let Some(one) = names.first().cloned() {
            first.extend(names.into_iter().map(|name| (name, one.clone())));
        }
    }
    first
}
