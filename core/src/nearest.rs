//! The valid name that a mistyped one was probably meant to be.

/// The name that is the fewest typing errors away from `wrong`, if those are few enough for its length. Case does not count.
#[must_use]
pub fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let most = 1 + wrong.chars().count() / 4;
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wrong, &name.to_lowercase()), name))
        .filter(|(slips, _)| *slips <= most)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_is_recognised_and_another_word_is_not() {
        let names = ["timeout", "required", "selectors", "when", "Enter"];
        for (wrong, expected) in [
            ("timeot", Some("timeout")),
            ("requird", Some("required")),
            ("Selector", Some("selectors")),
            ("whne", Some("when")),
            ("Entr", Some("Enter")),
            ("TIMEOUT", Some("timeout")),
            ("color", None),
            ("", None),
        ] {
            assert_eq!(nearest(wrong, names), expected, "{wrong}");
        }
    }
}
