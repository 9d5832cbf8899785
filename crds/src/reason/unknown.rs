//! Reasons that a newer version of the operator wrote.

use std::{fmt, sync::OnceLock};

/// Stands for every word that is not kept: no API would accept it as a reason, or too many are kept already.
const OTHER: &str = "Unrecognized";
/// The longest word that is kept. Our own reasons have at most 19 characters.
const LONGEST: usize = 63;
/// Words that are kept at most. A newer version adds a few; more than this is not a version but a fault.
const MOST_WORDS: usize = 64;

/// Each unknown word, once, for the life of the program: at most [`MOST_WORDS`] times [`LONGEST`] bytes.
static KEPT: Words = Words([const { OnceLock::new() }; MOST_WORDS]);

/// A reason that this version does not know, as it was written. Its text survives being read and written back.
///
/// A number instead of the text: a reason is kept for each of a hundred thousand waiting jobs, and so takes two bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnknownReason(u8);

/// No word has this number.
const NOT_KEPT: u8 = u8::MAX;

impl UnknownReason {
    /// Keeps the word.
    pub(super) fn of(word: &str) -> Self {
        Self(KEPT.keep(word))
    }
}

impl Default for UnknownReason {
    fn default() -> Self {
        Self(NOT_KEPT)
    }
}

impl From<&UnknownReason> for &'static str {
    fn from(reason: &UnknownReason) -> Self {
        KEPT.word(reason.0)
    }
}

impl fmt::Display for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.into())
    }
}

impl fmt::Debug for UnknownReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Words([OnceLock<String>; MOST_WORDS]);

impl Words {
    /// The number of the word. The first free place takes it; who comes second there finds another word and goes on.
    fn keep(&self, word: &str) -> u8 {
        if !is_reason(word) {
            return NOT_KEPT;
        }
        let place = self.0.iter().position(|place| place.get_or_init(|| word.to_owned()) == word);
        place.and_then(|place| u8::try_from(place).ok()).unwrap_or(NOT_KEPT)
    }

    fn word(&self, number: u8) -> &str {
        self.0.get(usize::from(number)).and_then(OnceLock::get).map_or(OTHER, String::as_str)
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

    fn words() -> Words {
        Words([const { OnceLock::new() }; MOST_WORDS])
    }

    #[test]
    fn at_most_so_many_words_are_kept_and_each_once() {
        let words = words();
        for n in 0..MOST_WORDS {
            let (word, number) = (format!("Word{n}"), words.keep(&format!("Word{n}")));
            assert_eq!((usize::from(number), words.word(number)), (n, word.as_str()));
        }
        assert_eq!(words.word(words.keep("OneTooMany")), OTHER);
        assert_eq!(words.keep("Word3"), 3, "kept once");
    }

    #[test]
    fn what_no_condition_would_accept_is_not_kept() {
        let words = words();
        for word in ["", "with blank", "7Up", "semi;colon", "Ümlaut", &"x".repeat(LONGEST + 1)] {
            assert_eq!(words.word(words.keep(word)), OTHER, "{word:?}");
        }
        assert_eq!(words.word(words.keep("Seen_1")), "Seen_1");
    }

    #[test]
    fn a_reason_takes_two_bytes() {
        assert_eq!(size_of::<Option<crate::Reason>>(), 2);
    }
}
