//! What is said about an account's breaker.

use fno_crds::{Reason, provider_status::AccountBreaker};

use super::{super::last_words, refusals};
use crate::credentials::are_comparable;

pub(super) fn refused_sentence(
    account: &str,
    breaker: &AccountBreaker,
    current: Option<&str>,
) -> String {
    if breaker.reason == Some(Reason::AccountLocked) {
        return format!(
            "The portal says that account {account} is locked{}: no login is tried. Unlock the account on the portal, then annotate the provider with fno.dev/resume.",
            last_words(breaker.message.as_deref())
        );
    }
    let times = refusals(breaker, current).max(1);
    // An operator that kept no versions has left a breaker without refusals.
    let incomparable = breaker.refusals.is_empty()
        || current.is_some_and(|current| {
            breaker.refusals.iter().any(|r| !are_comparable(&r.credentials_version, current))
        });
    let remedy = if incomparable {
        "The operator cannot tell whether the account's Secret has changed since, because what it recorded then cannot be compared with the Secret of today: a person must annotate the provider with fno.dev/resume."
    } else {
        "Correct the account's Secret, or annotate the provider with fno.dev/resume."
    };
    format!(
        "The portal refused the password or a code of account {account} {times} time(s){}: no login is tried. {remedy}",
        last_words(breaker.message.as_deref())
    )
}

pub(super) fn paused_sentence(account: &str, breaker: &AccountBreaker) -> String {
    format!(
        "{} login(s) of account {account} ended without a verdict{}.",
        breaker.failures,
        last_words(breaker.message.as_deref())
    )
}
