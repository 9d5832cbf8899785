//! Texts of limited length: the schema rejects a whole status because of one message that is too long.

/// The text, cut to at most `limit` bytes at a character boundary, with an ellipsis if it was cut.
#[must_use]
pub fn at_most(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let mut end = limit.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// The text with a full stop at its end, so that another sentence can follow. Browsers and libraries write theirs without one.
#[must_use]
pub fn sentence(text: &str) -> String {
    let text = text.trim_end();
    if text.is_empty() || text.ends_with(['.', '!', '?', '…']) {
        return text.to_owned();
    }
    format!("{text}.")
}

#[cfg(test)]
mod tests {
    use super::{at_most, sentence};

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(at_most("short", 5), "short");
        assert_eq!(at_most("grüße und mehr", 8), "grü…");
        assert!(at_most(&"ü".repeat(2000), 2000).len() <= 2000);
    }

    #[test]
    fn a_sentence_ends_with_one_full_stop() {
        assert_eq!(sentence("unexpectedly closed\n"), "unexpectedly closed.");
        assert_eq!(sentence("The browser did not start."), "The browser did not start.");
        assert_eq!(sentence(""), "");
    }
}
