//! Names of keys, and the characters that stand for them in WebDriver.

use crate::nearest::nearest;

/// A name that is not the name of a key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "there is no key {name:?}{}; a key is one character, or a name such as Enter, Tab, Escape, ArrowDown, ShiftLeft, F5",
    nearest(.name, KEYS.iter().map(|(key, _)| *key)).map(|key| format!(": did you mean {key}?")).unwrap_or_default()
)]
pub struct UnknownKey {
    /// The name as written in the step.
    pub name: String,
}

/// The character that stands for a key in WebDriver: a character for itself, a name of `KeyboardEvent.key`, or a name of
/// `KeyboardEvent.code` as recordings hold it (`ShiftLeft`, `KeyA`, `Digit1`).
///
/// # Errors
/// [`UnknownKey`] names the nearest key.
pub fn key(name: &str) -> Result<char, UnknownKey> {
    let mut chars = name.chars();
    match (chars.next(), chars.next()) {
        // Recordings write the Enter key in these ways too.
        (Some('\r' | '\n'), None) => return Ok(ENTER),
        (Some(single), None) => return Ok(single),
        _ => {}
    }
    if let Some((_, code)) = KEYS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return Ok(*code);
    }
    let single = |prefix: &str| {
        let mut rest = name.strip_prefix(prefix)?.chars();
        rest.next().filter(|_| rest.next().is_none())
    };
    single("Key")
        .filter(char::is_ascii_uppercase)
        .map(|letter| letter.to_ascii_lowercase())
        .or_else(|| single("Digit").filter(char::is_ascii_digit))
        .ok_or_else(|| UnknownKey { name: name.to_owned() })
}

const ENTER: char = '\u{e006}';

/// W3C WebDriver, 17.4.2, and the names under which keyboards of the US layout have their characters.
const KEYS: [(&str, char); 74] = [
    ("Unidentified", '\u{e000}'),
    ("Cancel", '\u{e001}'),
    ("Help", '\u{e002}'),
    ("Backspace", '\u{e003}'),
    ("Tab", '\u{e004}'),
    ("Clear", '\u{e005}'),
    ("Return", ENTER),
    ("Enter", ENTER),
    ("NumpadEnter", '\u{e007}'),
    ("Shift", '\u{e008}'),
    ("ShiftLeft", '\u{e008}'),
    ("ShiftRight", '\u{e050}'),
    ("Control", '\u{e009}'),
    ("ControlLeft", '\u{e009}'),
    ("ControlRight", '\u{e051}'),
    ("Alt", '\u{e00a}'),
    ("AltLeft", '\u{e00a}'),
    ("AltRight", '\u{e052}'),
    ("Meta", '\u{e03d}'),
    ("MetaLeft", '\u{e03d}'),
    ("MetaRight", '\u{e053}'),
    ("Pause", '\u{e00b}'),
    ("Escape", '\u{e00c}'),
    ("Space", '\u{e00d}'),
    ("PageUp", '\u{e00e}'),
    ("PageDown", '\u{e00f}'),
    ("End", '\u{e010}'),
    ("Home", '\u{e011}'),
    ("ArrowLeft", '\u{e012}'),
    ("ArrowUp", '\u{e013}'),
    ("ArrowRight", '\u{e014}'),
    ("ArrowDown", '\u{e015}'),
    ("Insert", '\u{e016}'),
    ("Delete", '\u{e017}'),
    ("Semicolon", ';'),
    ("Equal", '='),
    ("Comma", ','),
    ("Minus", '-'),
    ("Period", '.'),
    ("Slash", '/'),
    ("Backquote", '`'),
    ("BracketLeft", '['),
    ("Backslash", '\\'),
    ("BracketRight", ']'),
    ("Quote", '\''),
    ("Numpad0", '\u{e01a}'),
    ("Numpad1", '\u{e01b}'),
    ("Numpad2", '\u{e01c}'),
    ("Numpad3", '\u{e01d}'),
    ("Numpad4", '\u{e01e}'),
    ("Numpad5", '\u{e01f}'),
    ("Numpad6", '\u{e020}'),
    ("Numpad7", '\u{e021}'),
    ("Numpad8", '\u{e022}'),
    ("Numpad9", '\u{e023}'),
    ("NumpadEqual", '\u{e019}'),
    ("NumpadMultiply", '\u{e024}'),
    ("NumpadAdd", '\u{e025}'),
    ("NumpadComma", '\u{e026}'),
    ("NumpadSubtract", '\u{e027}'),
    ("NumpadDecimal", '\u{e028}'),
    ("NumpadDivide", '\u{e029}'),
    ("F1", '\u{e031}'),
    ("F2", '\u{e032}'),
    ("F3", '\u{e033}'),
    ("F4", '\u{e034}'),
    ("F5", '\u{e035}'),
    ("F6", '\u{e036}'),
    ("F7", '\u{e037}'),
    ("F8", '\u{e038}'),
    ("F9", '\u{e039}'),
    ("F10", '\u{e03a}'),
    ("F11", '\u{e03b}'),
    ("F12", '\u{e03c}'),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_a_recording_holds_is_a_key() {
        for (name, expected) in [
            ("a", 'a'),
            (" ", ' '),
            ("Enter", '\u{e006}'),
            ("enter", '\u{e006}'),
            ("\r", '\u{e006}'),
            ("NumpadEnter", '\u{e007}'),
            ("ShiftLeft", '\u{e008}'),
            ("ShiftRight", '\u{e050}'),
            ("ControlLeft", '\u{e009}'),
            ("AltRight", '\u{e052}'),
            ("MetaLeft", '\u{e03d}'),
            ("KeyA", 'a'),
            ("Digit7", '7'),
            ("BracketLeft", '['),
            ("F12", '\u{e03c}'),
        ] {
            assert_eq!(key(name), Ok(expected), "{name}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_one() {
        for (name, expected) in [
            ("Entr", "there is no key \"Entr\": did you mean Enter?;"),
            ("ShiftLef", "did you mean ShiftLeft?"),
            ("KeyAB", "there is no key \"KeyAB\"; a key is one character"),
            ("Keya", "there is no key"),
            ("Digit", "there is no key"),
            ("", "there is no key \"\";"),
        ] {
            let error = key(name).map_err(|error| error.to_string());
            assert!(error.as_ref().is_err_and(|e| e.contains(expected)), "{name}: {error:?}");
        }
    }
}
