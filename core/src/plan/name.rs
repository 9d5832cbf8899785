//! The name of a batch is derived from its content, so that a plan that is carried out twice creates one batch.

use std::collections::HashSet;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};

use super::{BatchView, Candidate, Key};

/// Names in use: of every batch that exists, and of those in the plan.
pub(super) struct Names<'a> {
    known: HashSet<(&'a str, &'a str)>,
    new: HashSet<Key>,
}

impl<'a> Names<'a> {
    pub fn of(batches: &'a [BatchView]) -> Self {
        Self {
            known: batches
                .iter()
                .map(|batch| (batch.key.namespace.as_str(), batch.key.name.as_str()))
                .collect(),
            new: HashSet::new(),
        }
    }

    /// `<provider>-<8 hex digits of a SHA-256 over the account and every job's UID and resourceVersion>`.
    ///
    /// A name may already belong to another batch, by chance or because that batch ended before it claimed anything (then its jobs are
    /// unchanged). In that case a counter is hashed as well until the name is free.
    pub fn give(&mut self, provider: &Key, account: &str, jobs: &[Candidate<'_>]) -> Key {
        let mut base = Sha256::new();
        for part in jobs
            .iter()
            .flat_map(|job| [&job.uid, &job.resource_version])
            .map(String::as_str)
            .chain([account])
        {
            base.update(part);
            base.update([0]);
        }
        for salt in 0_u32.. {
            let mut hash = base.clone();
            if salt > 0 {
                hash.update(salt.to_be_bytes());
            }
            let digits = HEXLOWER.encode(&hash.finalize()[..4]);
            let key = Key {
                namespace: provider.namespace.clone(),
                name: format!("{}-{digits}", provider.name),
            };
            if !self.known.contains(&(key.namespace.as_str(), key.name.as_str()))
                && self.new.insert(key.clone())
            {
                return key;
            }
        }
        unreachable!("there are more salts than batches")
    }
}
