use fno_crds::flow::StepType;
use proptest::prelude::*;

use super::*;

#[test]
fn white_space_is_folded() {
    for (text, expected) in [
        ("", ""),
        ("  a \n\t b\u{a0}\u{a0}c ", "a b c"),
        ("B-\u{200b}12\u{ad}3\u{feff}", "B-123"),
        ("\u{3000}x", "x"),
    ] {
        assert_eq!(fold(text), expected);
    }
}

#[test]
fn case_and_white_space_do_not_count() {
    assert!(same(" 12  Main ROAD", "12 main Road "));
    assert!(same("STRAẞE", "straße"));
    assert!(!same("12 Main Road", "12 Main Rd"));
    assert!(!same("", "x"));
}

#[test]
fn dates_are_read() {
    for (text, expected) in [
        ("02/01/2026", Some("2026-01-02")),
        ("2/1/2026", Some("2026-01-02")),
        ("02-01-2026", Some("2026-01-02")),
        ("2026/01/02", Some("2026-01-02")),
        ("2026-01-02", Some("2026-01-02")),
        ("2026-1-2", Some("2026-01-02")),
        ("2 Jan 2026", Some("2026-01-02")),
        ("02 January 2026", Some("2026-01-02")),
        ("2-Jan-2026", Some("2026-01-02")),
        ("2 Sept. 2026", Some("2026-09-02")),
        ("29 FEB 2028", Some("2028-02-29")),
        ("  2\u{a0}January,  2026 ", Some("2026-01-02")),
        ("2026/01/02 14:33:01", Some("2026-01-02")),
        ("2026-01-02T14:33:01.000Z", Some("2026-01-02")),
        ("02/01/2026 2:33 PM", Some("2026-01-02")),
        ("2 Jan 2026 14:33", Some("2026-01-02")),
        ("29 Feb 2026", None),
        ("31/11/2026", None),
        ("13/13/2026", None),
        ("01/02/26", None),
        ("Jan 2 2026", None),
        ("2 Ja 2026", None),
        ("2 Janissary 2026", None),
        ("2 Jan", None),
        ("2026", None),
        ("", None),
        ("n/a", None),
        ("02/01/2026 or later", None),
        ("2 Jan 2026 or later", None),
        ("+2/01/2026", None),
        ("1/2/3/2026", None),
        ("00/01/2026", None),
    ] {
        assert_eq!(date(text).map(|d| d.to_string()).as_deref(), expected, "{text:?}");
    }
}

#[test]
fn values_are_normalised() {
    for (how, text, expected) in [
        (Normalize::Trim, " a  b ", "a b"),
        (Normalize::Digits, "+27 (0)21-555", "27021555"),
        (Normalize::Digits, "none", ""),
        (Normalize::Date, "02/01/2026", "2026-01-02"),
    ] {
        assert_eq!(normalize(how, text).as_deref(), Ok(expected));
    }
    assert_eq!(
        normalize(Normalize::Date, "soon").map_err(|e| e.to_string()),
        Err("\"soon\" is not a date: DD/MM/YYYY, DD-MM-YYYY, YYYY/MM/DD, YYYY-MM-DD and 2 Jan 2026 are understood".to_owned())
    );
}

#[test]
fn a_pattern_gives_its_group() {
    for (regex, group, text, expected) in [
        ("B-[0-9]+", None, "line B-12 open", Some("B-12")),
        ("line (B-[0-9]+)", None, "line B-12 open", Some("B-12")),
        ("line (B-[0-9]+)", Some(0), "line B-12 open", Some("line B-12")),
        ("(a)(b)?", Some(2), "ab", Some("b")),
        ("(a)(b)?", Some(2), "a", None),
        ("x", None, "a", None),
    ] {
        assert_eq!(
            Pattern::parse(regex, group).map(|p| p.capture(text).map(str::to_owned)),
            Ok(expected.map(str::to_owned)),
            "{regex}"
        );
    }
}

#[test]
fn a_wrong_pattern_is_refused() {
    for (regex, group, expected) in [
        ("(", None, "regex is not a regular expression"),
        ("(a)", Some(2), "group is 2, but regex has one group"),
        ("a", Some(1), "group is 1, but regex has no group"),
        ("a", Some(-1), "regex has no group"),
        ("(a{1000}){1000}", None, "size limit"),
    ] {
        let error = Pattern::parse(regex, group).map(|_| ()).map_err(|e| e.to_string());
        assert!(error.as_ref().is_err_and(|e| e.contains(expected)), "{regex}: {error:?}");
    }
}

#[test]
fn a_reading_follows_its_step() {
    let step = |regex: Option<&str>, normalize| Step {
        regex: regex.map(str::to_owned),
        normalize,
        ..Step::of(StepType::Extract)
    };
    for (step, raw, expected) in [
        (step(None, None), " Active\n now ", Ok(Some("Active now"))),
        (step(None, None), "  ", Ok(None)),
        (step(Some("Due: (.*)"), None), "Due:  soon ", Ok(Some(" soon "))),
        (step(Some("Due: (.*)"), Some(Normalize::Trim)), "Due:  soon ", Ok(Some("soon"))),
        (step(Some("Due: (.*)"), Some(Normalize::Date)), "Due: 2 Jan 2026", Ok(Some("2026-01-02"))),
        (step(Some("Due: (.*)"), Some(Normalize::Date)), "Due: ", Ok(None)),
        (step(Some("Due: (.*)"), Some(Normalize::Date)), "none", Ok(None)),
        (step(None, Some(Normalize::Date)), "-", Err(TextError::Date("-".to_owned()))),
        (step(None, Some(Normalize::Digits)), "n/a", Ok(None)),
    ] {
        let read = Reading::of(&step).and_then(|reading| reading.read(raw));
        assert_eq!(read, expected.map(|e| e.map(str::to_owned)), "{raw:?}");
    }
}

#[test]
fn long_texts_are_cut_with_a_mark() {
    assert_eq!(shorten("ééé", 3), "ééé");
    assert_eq!(shorten("éééé", 3), "éé…");
    assert_eq!(shorten("abc", 0), "…");
}

proptest! {
    #[test]
    fn normalising_twice_changes_nothing(text in "\\PC{0,40}", day in "[0-9]{1,2}[/-][0-9]{1,2}[/-][0-9]{4}( [0-9]:[0-9]{2})?") {
        for text in [text, day] {
            for how in [Normalize::Trim, Normalize::Digits, Normalize::Date] {
                if let Ok(once) = normalize(how, &text) {
                    prop_assert_eq!(normalize(how, &once), Ok(once));
                }
            }
            prop_assert!(same(&text, &fold(&text)));
        }
    }

    #[test]
    fn any_text_is_a_date_or_none_without_a_panic(text in "\\PC{0,30}", near in "[0-9]{0,5}[ /-][0-9JanFebMärz]{0,5}[ /-][0-9]{0,5}[ T]?[0-9:]{0,5}") {
        _ = date(&text);
        _ = date(&near);
    }
}
