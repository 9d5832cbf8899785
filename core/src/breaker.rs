//! When logins and flows are stopped, and what lets them go on.
//!
//! Both breakers live in `FnoProvider.status` and so survive restarts. Every function takes the state as it is stored and gives
//! the state to store (by compare-and-set), with the event to publish once that write has succeeded.

pub mod account;
pub mod flow;
#[cfg(test)]
mod tests;

use fno_crds::Reason;

use crate::why::Why;

/// The state after something happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<B> {
    /// What to store. Equal to the old state when nothing is to be written.
    pub breaker: B,
    /// What to tell, only on a transition: the reason it opened for, or `Available` when it (half) closes.
    pub event: Option<Why>,
}

impl<B: Clone> Change<B> {
    fn none(breaker: &B) -> Self {
        Self { breaker: breaker.clone(), event: None }
    }
}

fn opened<B>(breaker: B, reason: Reason, message: String) -> Change<B> {
    Change { breaker, event: Some(Why { reason, message }) }
}

fn eased<B>(breaker: B, message: String) -> Change<B> {
    Change { breaker, event: Some(Why { reason: Reason::Available, message }) }
}

/// The things counted, newest first. Several batches fail between two reads, so the last one alone is not enough; what has
/// dropped off the end could be counted again, which errs towards opening too early.
struct Counted<'a>(&'a [String]);

/// `maxItems` of `counted` in the schema of both breakers.
const MOST_COUNTED: usize = 20;

impl Counted<'_> {
    fn has(&self, what: &str) -> bool {
        self.0.iter().any(|counted| counted == what)
    }

    /// With `what` in front and as many of the others as the schema allows.
    fn with(&self, what: &str) -> Vec<String> {
        std::iter::once(what.to_owned())
            .chain(self.0.iter().take(MOST_COUNTED - 1).cloned())
            .collect()
    }
}
