//! When logins and flows are stopped, and what allows them again.
//!
//! Both breakers live in `FnoProvider.status` and so survive restarts. Every function takes the state as it is stored and gives
//! the state to store (by compare-and-set), with the event to publish once that write has succeeded.
//!
//! The account's breaker is about credentials: it counts refusals of the portal, and logins whose result is unknown. A login that failed
//! in a step of its flow says something about the portal's pages, so the flow breaker counts it.

pub mod account;
pub mod flow;
pub mod resume;

use fno_crds::Reason;

use crate::why::Why;

/// The schema's maxItems of a breaker's `counted`.
const MOST_COUNTED: usize = 20;

/// The state after something happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Change<B> {
    /// What to store. Equal to the old state when nothing is to be written.
    pub breaker: B,
    /// The event to publish, set only on a transition: with the reason the breaker opened for, or with `Available` when it closes or half
    /// opens.
    pub event: Option<Why>,
}

impl<B: Clone> Change<B> {
    fn none(breaker: &B) -> Self {
        Self { breaker: breaker.clone(), event: None }
    }
}

impl<B> Change<B> {
    const fn silent(breaker: B) -> Self {
        Self { breaker, event: None }
    }
}

const fn opened<B>(breaker: B, reason: Reason, message: String) -> Change<B> {
    Change { breaker, event: Some(Why { reason, message }) }
}

const fn eased<B>(breaker: B, message: String) -> Change<B> {
    Change { breaker, event: Some(Why { reason: Reason::Available, message }) }
}

/// What was said last, as part of a sentence. Empty if nothing was said.
fn last_words(message: Option<&str>) -> String {
    message.map(|message| format!(" (last: {})", message.trim_end_matches('.'))).unwrap_or_default()
}

/// The list of what was counted, newest first, with `what` in front. Several batches may fail between two reads, so remembering only
/// the last one is not enough. What has dropped off the end could be counted again, which errs towards opening too early.
fn counted_with(counted: &[String], what: &str) -> Vec<String> {
    let others = counted.iter().filter(|counted| *counted != what).cloned();
    std::iter::once(what.to_owned()).chain(others).take(MOST_COUNTED).collect()
}
