//! Reasons that a newer version of the operator wrote.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Mutex, PoisonError},
};

/// Stands for every word that is not kept: no API would accept it as a reason, or too many are kept already.
const OTHER: &str = "Unrecognized";
/// The longest word that is kept. Our own reasons have at most 19 characters.
const LONGEST: usize = 63;
/// Words that are kept at most. A newer version adds a few; more than this is not a version but a fault.
const MOST_WORDS: usize = 64;

/// Each unknown word, once. Memory is bounded by [`MOST_WORDS`] times [`LONGEST`] bytes.
static KEPT: Words = Words(Mutex::new(BTreeSet::new()));

/// A reason that this version does not know, as it was written. Its text survives being read and written back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnknownReason(&'static str);

impl UnknownReason {
    /// Keeps the word.
    pub(super) fn of(word: &str) -> Self {
        Self(KEPT.keep(word))
    }
}

impl Default for UnknownReason {
    fn default() -> Self {
        Self(OTHER)
    }
}

impl From<&UnknownReason> for &'static str {
    fn from(reason: &UnknownReason) -> Self {
        reason.0
    }
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

struct Words(Mutex<BTreeSet<&'static str>>);

impl Words {
    fn keep(&self, word: &str) -> &'static str {
        if !is_reason(word) {
            return OTHER;
        }
        // A panic elsewhere cannot leave the set half changed: the only change is one insert.
        let mut words = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = words.get(word) {
            return kept;
        }
        if words.len() >= MOST_WORDS {
            return OTHER;
        }
        let kept: &'static str = Box::leak(word.to_owned().into_boxed_str());
        words.insert(kept);
        kept
    }
}

/// A word that is accepted as a condition's reason, which is stricter than a status field of ours.
fn is_reason(word: &str) -> bool {
    word.len() <= LONGEST
        && word.starts_with(|first: char| first.is_ascii_alphabetic())
        && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_so_many_words_are_kept_and_each_once() {
        let words = Words(Mutex::new(BTreeSet::new()));
        let first = words.keep("Word0");
        for n in 0..MOST_WORDS {
            assert_eq!(words.keep(&format!("Word{n}")), format!("Word{n}"));
        }
        assert_eq!(words.keep("OneTooMany"), OTHER);
        assert!(std::ptr::eq(first, words.keep("Word0")), "kept once");
        assert_eq!(words.0.lock().expect("not poisoned").len(), MOST_WORDS);
    }

    #[test]
    fn what_no_condition_would_accept_is_not_kept() {
        let words = Words(Mutex::new(BTreeSet::new()));
        for word in ["", "with blank", "7Up", "semi;colon", "Ümlaut", &"x".repeat(LONGEST + 1)] {
            assert_eq!(words.keep(word), OTHER, "{word:?}");
        }
        assert_eq!(words.keep("Seen_1"), "Seen_1");
    }
}
