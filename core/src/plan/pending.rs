//! How many jobs wait, and for what.

use std::collections::{BTreeMap, HashMap};

use fno_crds::{Reason, provider_status::Pending};

use super::{Key, Plan, World};

/// What to write into `FnoProvider.status.pending`, by provider. Jobs that leave, fail or are withdrawn with this plan do not wait any
/// more. A provider nobody waits for has an entry too, and so has one that does not exist.
#[must_use]
pub fn pending(world: &World<'_>, plan: &Plan) -> BTreeMap<Key, Pending> {
    let mut counts: HashMap<(&str, &str), BTreeMap<Reason, i32>> = world
        .providers
        .iter()
        .map(|provider| {
            ((provider.key.namespace.as_str(), provider.key.name.as_str()), BTreeMap::new())
        })
        .collect();
    for job in world.jobs {
        if let Some(blocked) = plan.waits.get(&job.key) {
            *counts
                .entry((&job.key.namespace, &job.provider))
                .or_default()
                .entry(blocked.reason)
                .or_default() += 1;
        }
    }
    let of = |counts: BTreeMap<Reason, i32>| Pending {
        count: counts.values().sum(),
        by_reason: counts.into_iter().map(|(reason, count)| (reason.to_string(), count)).collect(),
    };
    counts
        .into_iter()
        .map(|((namespace, name), counts)| {
            (Key { namespace: namespace.to_owned(), name: name.to_owned() }, of(counts))
        })
        .collect()
}
