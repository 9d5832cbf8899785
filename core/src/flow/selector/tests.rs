use proptest::prelude::*;

use super::*;

fn aria(name: &str, role: &str) -> Locator {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Locator::Aria { name: some(name), role: some(role) }
}

#[test]
fn every_notation_is_read_and_written() {
    for (selector, expected, written) in [
        ("#user", Locator::Css("#user".to_owned()), "#user"),
        (" input[name=\"q\"] ", Locator::Css("input[name=\"q\"]".to_owned()), "input[name=\"q\"]"),
        ("css/text", Locator::Css("text".to_owned()), "text"),
        ("css/text/x", Locator::Css("text/x".to_owned()), "css/text/x"),
        (
            "xpath///*[@id=\"main\"]/li[2]",
            Locator::XPath("//*[@id=\"main\"]/li[2]".to_owned()),
            "xpath///*[@id=\"main\"]/li[2]",
        ),
        ("xpath///a[.='\\']", Locator::XPath("//a[.='\\']".to_owned()), "xpath///a[.='\\']"),
        ("text/ Log \u{a0} in ", Locator::Text("Log in".to_owned()), "text/Log in"),
        ("pierce/#shadow > b", Locator::Pierce("#shadow > b".to_owned()), "pierce/#shadow > b"),
        ("aria/Log in", aria("Log in", ""), "aria/Log in"),
        ("aria/Log in[role=\"button\"]", aria("Log in", "button"), "aria/Log in[role=\"button\"]"),
        ("aria/[role='img']", aria("", "img"), "aria/[role=\"img\"]"),
        (
            "aria/[name=\"say \\\"[a]\\\"\"]",
            aria("say \"[a]\"", ""),
            "aria/[name=\"say \\\"[a]\\\"\"]",
        ),
        (
            "aria/Log in[ role = \"button\" ]",
            aria("Log in", "button"),
            "aria/Log in[role=\"button\"]",
        ),
        ("a[title='it\\'s']", Locator::Css("a[title='it\\'s']".to_owned()), "a[title='it\\'s']"),
    ] {
        let locator = Locator::parse(selector);
        assert_eq!(locator, Ok(expected), "{selector}");
        assert_eq!(locator.map(|l| l.to_string()).as_deref(), Ok(written), "{selector}");
    }
}

#[test]
fn an_invalid_selector_is_refused() {
    for (selector, expected) in [
        ("", "is empty"),
        ("   ", "is empty"),
        ("text/", "is empty"),
        ("xpath/ ", "is empty"),
        ("aria/", "is empty"),
        ("aria/[role=\"\"]", "is empty"),
        ("aria/Name[level=\"2\"]", "uses [level]: aria/ knows name and role"),
        ("a[href", "a bracket or quote that is not closed"),
        ("a[href='x]", "a bracket or quote that is not closed"),
        ("li:nth-child(2))", "a bracket or quote that is not closed"),
        ("xpath///a[(1]", "a bracket or quote that is not closed"),
        ("pierce/a)", "a bracket or quote that is not closed"),
    ] {
        let error = Locator::parse(selector).map_err(|e| e.to_string());
        assert!(error.as_ref().is_err_and(|e| e.contains(expected)), "{selector}: {error:?}");
    }
    assert!(Chain::parse::<&str>(&[]).is_err());
}

#[test]
fn a_chain_may_be_written_as_one_text() {
    let chain = Chain::parse_text("#host >>> text/Open line");
    assert_eq!(chain, Chain::parse(&["#host", "text/Open line"]));
    assert_eq!(chain.map(|c| c.to_string()).as_deref(), Ok("#host >>> text/Open line"));
    assert!(Chain::parse_text("#host >>>").is_err());
}

fn scope(circuit: &str) -> Scope {
    Scope { params: [("circuitNumber".to_owned(), circuit.to_owned())].into(), ..Scope::default() }
}

#[test]
fn templates_in_selectors_are_rendered() {
    for (selector, expected) in [
        ("#plain", "#plain"),
        ("text/{{ params.circuitNumber }}", "text/B-1 (old)"),
        (
            "aria/Open {{ params.circuitNumber }}[role=\"link\"]",
            "aria/Open B-1 (old)[role=\"link\"]",
        ),
        ("tr[data-id=\"{{ params.circuitNumber }}\"] button", "tr[data-id=\"B-1 (old)\"] button"),
        (
            "xpath///tr[td[normalize-space()='{{ params.circuitNumber | lower }}']]//a",
            "xpath///tr[td[normalize-space()='b-1 (old)']]//a",
        ),
        (
            "xpath///tr[td='{{ params.circuitNumber }}' and td='{{ params.circuitNumber }}']",
            "xpath///tr[td='B-1 (old)' and td='B-1 (old)']",
        ),
    ] {
        assert_eq!(
            Chain::render(&[selector], &scope("B-1 (old)")).map(|c| c.to_string()).as_deref(),
            Ok(expected),
            "{selector}"
        );
    }
}

#[test]
fn a_value_cannot_change_what_a_selector_means() {
    for (selector, circuit, expected) in [
        (
            "xpath///tr[td='{{ params.circuitNumber }}']",
            "x' or '1'='1",
            "params.circuitNumber may not be used in a selector: its value contains '\\''",
        ),
        ("tr[id=\"{{ params.circuitNumber }}\"]", "x\"],tr[id=\"y", "its value contains '\"'"),
        ("tr[id=\"{{ params.circuitNumber }}\"]", "x\\", "its value contains '\\\\'"),
        ("aria/{{ params.circuitNumber }}", "x[role=\"link\"]", "its value contains '\"'"),
        ("text/{{ params.circuitNumber }}", "", "is empty"),
        ("#line-{{ params.circuitNumber }}", "B.1", "put the text with {{ … }} into quotes"),
        (
            "a[title='it\\'s'] #{{ params.circuitNumber }}",
            "B1",
            "put the text with {{ … }} into quotes",
        ),
        (
            "xpath///tr[td='\\'][{{ params.circuitNumber }}]",
            "1",
            "put the text with {{ … }} into quotes",
        ),
        ("text/{{ secret.password }}", "B1", "must not use secret or totp"),
        ("text/{{ params.other }}", "B1", "params.other is not defined"),
        ("text/{{ params.other", "B1", "not a template"),
    ] {
        let error = Chain::render(&[selector], &scope(circuit)).map_err(|e| e.to_string());
        assert!(error.as_ref().is_err_and(|e| e.contains(expected)), "{selector}: {error:?}");
    }
}

#[test]
fn templates_are_listed_for_the_linter() {
    let names = |parts: &[&str]| {
        templates(parts).map(|t| t.iter().flat_map(|t| t.names().clone()).collect::<Vec<_>>())
    };
    assert_eq!(
        names(&["#a", "text/{{ params.a }}", "b[x='{{ fields.b }}']"]),
        Ok(vec!["params.a".to_owned(), "fields.b".to_owned()])
    );
    assert_eq!(names(&["#a"]), Ok(vec![]));
    assert!(names(&["a[x='{{ fields.b }}'"]).is_err());
    assert!(names(&["#{{ fields.b }}"]).is_err());
    assert!(names(&["text/{{ totp }}"]).is_err());
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(prefix in "(|css/|xpath/|text/|aria/|pierce/)", words in prop::collection::vec("[a-z]{1,3}|\\[role=\"x\"\\]|\\[name='y z'\\]|\\[|\\]|\\(|\\)|'|\"|\\\\| |\\.|#|text/|css/|\u{a0}", 0..8)) {
        if let Ok(locator) = Locator::parse(&format!("{prefix}{}", words.concat())) {
            prop_assert_eq!(Locator::parse(&locator.to_string()), Ok(locator));
        }
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in "\\PC{0,60}", circuit in "\\PC{0,20}") {
        _ = Chain::parse_text(&text);
        _ = templates(&[&text]);
        _ = Chain::render(&[&text], &scope(&circuit));
    }

    #[test]
    fn a_value_in_quotes_stays_one_value(circuit in "\\PC{1,20}") {
        if let Ok(chain) = Chain::render(&["tr[id=\"{{ params.circuitNumber }}\"]"], &scope(&circuit)) {
            prop_assert_eq!(chain.to_string(), format!("tr[id=\"{circuit}\"]"));
            prop_assert!(!circuit.contains(['"', '\\']));
        }
    }
}
