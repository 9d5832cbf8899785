//! The numbers of waiting jobs that planning counts.

use std::collections::BTreeMap;

use fno_core::{key::Key, plan::ProviderQueue};

use crate::context::Context;

/// Stores how many jobs wait for each provider, and wakes each provider whose numbers changed. Jobs may wait for a provider that does not
/// exist.
pub fn note(context: &Context, queues: &BTreeMap<Key, ProviderQueue>) {
    for (of, queue) in queues {
        if context.known.caches.provider(of).is_none() {
            continue;
        }
        let since = queue.oldest_since;
        context.known.providers.with(of, |memory| memory.oldest_waits_since = since);
        let waiting = Some(queue.pending.clone());
        if context.known.providers.set(of, |memory| &mut memory.pending, waiting) {
            context.known.caches.wake_provider(of);
        }
    }
}
