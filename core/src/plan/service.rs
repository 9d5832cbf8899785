//! Namespaces in which the operator cannot work. Nothing there is planned, and what runs there still counts.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::BatchView;
use crate::time::after;

/// Where the operator cannot work, and since when: its watches are refused, so what it knows of these namespaces may be out of date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutOfService {
    /// In no namespace at all.
    pub everywhere: Option<Timestamp>,
    /// In these namespaces.
    pub namespaces: BTreeMap<String, Timestamp>,
}

impl OutOfService {
    /// Since when the operator cannot work in that namespace. None if it can.
    #[must_use]
    pub fn since(&self, namespace: &str) -> Option<Timestamp> {
        self.everywhere.or_else(|| self.namespaces.get(namespace).copied())
    }

    /// Until when the runner of a batch counts that nobody reports about any more. None where the operator can work: there it counts until
    /// its end is seen.
    pub(super) fn counts_until(&self, batch: &BatchView) -> Option<Timestamp> {
        self.since(&batch.key.namespace).map(|since| after(since, batch.unattended))
    }
}
