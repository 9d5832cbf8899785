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
struct Counted<'a>(Option<&'a str>);

impl Counted<'_> {
    fn has(&self, what: &str) -> bool {
        self.0.unwrap_or_default().split(' ').any(|counted| counted == what)
    }

    /// With `what` in front and as many of the others as `limit` bytes hold (the schema's maxLength).
    fn with(&self, what: &str, limit: usize) -> String {
        let mut list = what.to_owned();
        for counted in self.0.unwrap_or_default().split(' ').filter(|counted| !counted.is_empty()) {
            if list.len() + 1 + counted.len() > limit {
                break;
            }
            list.push(' ');
            list.push_str(counted);
        }
        list
    }
}
