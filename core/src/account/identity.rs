//! Which names refer to the same account of the portal.

use std::collections::{BTreeMap, BTreeSet};

use fno_crds::{FnoBatch, provider::Account};

/// How an account is named within its namespace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName {
    /// Name of the provider.
    pub provider: String,
    /// The account's name in the provider's list.
    pub account: String,
}

impl AccountName {
    /// The provider and account that a batch names in its spec.
    #[must_use]
    pub fn of(batch: &FnoBatch) -> Self {
        Self { provider: batch.spec.provider.clone(), account: batch.spec.account.clone() }
    }
}

/// A name with its marks. Names that share at least one mark refer to the same account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// The name.
    pub name: AccountName,
    /// The Secrets and seeds that the name uses.
    pub marks: BTreeSet<String>,
}

impl Named {
    /// The name of an account of a provider. `fingerprint` is that of its seed, if the seed is known: several Secrets may hold the same seed.
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

/// All names of the account that `name` refers to, including `name` itself, even if no provider has that name any more.
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

/// Maps every name to one name that stands for its account: the alphabetically first of the account's names.
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
