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

/// What a name uses, as far as its provider's spec says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uses<'a> {
    /// Name of the Secret with the credentials.
    pub credentials: &'a str,
    /// Name and key of the Secret with the seed, if the account has codes.
    pub seed: Option<(&'a str, &'a str)>,
    /// `totp.trackingId`.
    pub tracking_id: Option<&'a str>,
    /// The provider's `baseUrl`.
    pub base_url: Option<&'a str>,
}

/// What the operator found in the Secrets that a name uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found<'a> {
    /// Fingerprint of the seed: several Secrets may hold the same seed.
    pub fingerprint: Option<&'a str>,
    /// Keyed digest of the user name: several Secrets may hold the same user.
    pub user: Option<&'a str>,
}

impl<'a> Uses<'a> {
    /// What an account of a provider with this `baseUrl` uses.
    #[must_use]
    pub fn of(account: &'a Account, base_url: &'a str) -> Self {
        let totp = account.totp.as_ref();
        Self {
            base_url: Some(base_url),
            credentials: &account.credentials_secret_ref.name,
            seed: totp.map(|totp| (&*totp.secret_ref.name, &*totp.secret_ref.key)),
            tracking_id: totp.and_then(|totp| totp.tracking_id.as_deref()),
        }
    }
}

impl Named {
    /// The name of an account of a provider.
    #[must_use]
    pub fn new(name: AccountName, uses: Uses<'_>, found: Found<'_>) -> Self {
        let mut marks = BTreeSet::from([format!("credentials {}", uses.credentials)]);
        if let Some((secret, key)) = uses.seed {
            marks.insert(format!("seed {secret} {key}"));
            let tracked = uses.tracking_id.or(found.fingerprint);
            marks.extend(tracked.map(|id| format!("tracked {id}")));
        }
        marks.extend(found.fingerprint.map(|fingerprint| format!("fingerprint {fingerprint}")));
        let user = uses.base_url.zip(found.user);
        marks.extend(user.map(|(url, user)| format!("user {user} {}", url.trim_end_matches('/'))));
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
