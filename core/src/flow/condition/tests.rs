use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::flow::scope::Page;

fn scope() -> Scope {
    Scope {
        params: [("circuitNumber".to_owned(), "B-100".to_owned())].into(),
        fields: json!({"service": {"status": "Active", "days": 3}, "rows": [{"id": "B-1"}, {"id": "B-100"}], "status": "Active"})
            .as_object()
            .cloned()
            .unwrap_or_default(),
        page: Page { url: "https://portal.example.net/lines?x=1".to_owned(), title: "Lines".to_owned() },
        item: Some(json!({"id": "B-7"})),
        ..Scope::default()
    }
}

fn answers(condition: &Condition) -> Answers {
    let mut answers = Answers::default();
    for question in condition.questions() {
        match question {
            PageQuestion::Exists(chain) => answers.exists(chain, chain.to_string() == "#there"),
            PageQuestion::Text(chain) => answers
                .text(chain, if chain.to_string() == ".error" { "Wrong password" } else { "" }),
            PageQuestion::Count(chain) => answers.count(chain, 2),
        }
    }
    answers
}

fn eval(source: &str) -> Result<bool, ConditionError> {
    let condition = Condition::parse(source)?;
    condition.eval(&scope(), &answers(&condition))
}

#[test]
fn conditions_are_evaluated() {
    for (source, expected) in [
        ("true", true),
        ("fields.service.status == 'Active'", true),
        ("fields.service.status != \"Active\"", false),
        ("fields.service.status in ['Active', 'Suspended']", true),
        ("fields['service']['days'] >= 3 && fields.service.days < 4", true),
        ("has(fields.service)", true),
        ("has(fields.absent)", false),
        ("!has(fields.absent)", true),
        ("has(fields.absent.status)", false),
        ("has(fields.service.status)", true),
        ("has(fields.service.owner)", false),
        ("has(params.requestedDate) && params.requestedDate != ''", false),
        ("has(fields.absent) ? fields.absent == 'x' : true", true),
        ("params.circuitNumber.startsWith('B-')", true),
        ("page.url.contains('/lines') && page.title == 'Lines'", true),
        ("page.url.matches('^https://[^/]+/lines')", true),
        ("item.id == 'B-7'", true),
        ("fields.rows.exists(r, r.id == params.circuitNumber)", true),
        ("fields.rows.all(r, r.id.startsWith('B-')) && size(fields.rows) == 2", true),
        ("fields.rows.filter(r, r.id == 'B-1').size() == 1", true),
        ("fields.rows.map(r, r.id) == ['B-1', 'B-100']", true),
        ("fields.rows.exists_one(r, has(r.id) && r.id == 'B-1')", true),
        ("fields.rows.exists(r, has(r.nope.deeper))", false),
        ("exists('#there')", true),
        ("exists('#gone')", false),
        ("exists('#there') && !exists('text/Gone')", true),
        ("text('.error').contains('password')", true),
        ("text('.absent') == ''", true),
        ("text('.error').lowerAscii() == 'wrong password'", true),
        ("count('tr.line') == 2", true),
        ("' x '.trim() == 'x' && 'a'.upperAscii() == 'A'", true),
        ("int('12') > 3 && string(fields.service.days) == '3'", true),
    ] {
        assert_eq!(eval(source), Ok(expected), "{source}");
    }
}

#[test]
fn faults_are_reported() {
    for (source, expected) in [
        ("", "not a condition"),
        ("fields.service.status = 'Active'", "not a condition"),
        ("fields.service.status ==", "not a condition"),
        ("'abc", "not a condition"),
        ("has(3)", "not a condition: invalid argument to has() macro"),
        ("fields.service.status", "gives the text \"Active\", not true or false"),
        ("fields.service", "gives a value of type map, not true or false"),
        ("1 + 1", "gives a value of type int"),
        (
            "fields.servce.status == 'x'",
            "fields.servce is not defined; fields has rows, service, status",
        ),
        (
            "fields.service.state == 'x'",
            "fields.service.state is not defined; fields.service has days, status",
        ),
        ("row.id == 'x'", "row is not defined; there are"),
        ("job.name == 'x'", "job is not defined"),
        ("fields.rows.exists(r, r.nope == 1)", "nope is not defined"),
        ("fields.status.deeper == 'x'", "do not fit together"),
        ("fields.status.deeper == false", "do not fit together"),
        ("fields.status < 3", "do not fit together"),
        ("visible('#x')", "there is no function visible()"),
        ("'x'.exists('#x')", "there is no function exists()"),
        ("exists(params.circuitNumber)", "exists() needs one selector in quotes"),
        ("exists('#a', '#b')", "exists() needs one selector in quotes"),
        ("text()", "text() needs one selector in quotes"),
        ("exists('aria/')", "is empty"),
        ("count('a[b')", "not closed"),
        ("page.url.matches('(')", "regex"),
        ("size()", "size() has the wrong number of arguments"),
        ("page.url.contains()", "contains() has the wrong number of arguments"),
        ("fields.rows.all(a, fields.rows.all(b, fields.rows.all(c, true)))", "at most two loops"),
        ("Foo{a: 1}", "not a condition"),
    ] {
        let error = eval(source).map_err(|e| e.to_string());
        assert!(error.as_ref().is_err_and(|e| e.contains(expected)), "{source}: {error:?}");
    }
}

#[test]
fn a_condition_that_is_too_large_is_refused_before_it_is_parsed() {
    assert!(matches!(
        eval(&format!("{}true{}", "(".repeat(900), ")".repeat(900))),
        Err(ConditionError::TooLarge(_))
    ));
    assert!(matches!(
        eval(&format!("'{}' == ''", "x".repeat(2000))),
        Err(ConditionError::TooLarge(_))
    ));
}

/// The worst that 2000 characters can do to a recursive parser, on a thread with the stack of a test.
#[test]
fn long_chains_are_read_or_refused_without_an_overflow() {
    for source in [
        "!".repeat(1999) + "x",
        "-".repeat(1999) + "1",
        "true&&".repeat(330) + "true",
        "1+".repeat(999) + "1",
        "true?true:".repeat(199) + "true",
        "a".to_owned() + &".a".repeat(990),
        "a".to_owned() + &"[0]".repeat(600),
        "a".to_owned() + &".f()".repeat(490),
        "true==".repeat(330) + "true",
    ] {
        _ = Condition::parse(&source)
            .map(|condition| condition.eval(&scope(), &Answers::default()));
    }
}

#[test]
fn each_question_is_listed_once() {
    let condition = Condition::parse(
        "exists('#a') || exists('#a') || text('css/#a') == 'exists(1)' || count('#f >>> text/ Two  words ') > 1",
    );
    let questions: Vec<_> =
        condition.iter().flat_map(|c| c.questions()).map(ToString::to_string).collect();
    assert_eq!(questions, ["exists('#a')", "text('#a')", "count('#f >>> text/Two words')"]);
}

#[test]
fn an_unanswered_question_is_an_error_even_if_its_answer_does_not_matter() {
    let condition = Condition::parse("true || exists('#a')");
    assert_eq!(
        condition.and_then(|c| c.eval(&scope(), &Answers::default())),
        Err(ConditionError::Unanswered("exists('#a')".to_owned()))
    );
}

#[test]
fn the_names_and_questions_of_a_condition_are_listed_with_their_values() {
    let condition = Condition::parse(
        "fields.service.status == params.circuitNumber && text('.error') == 'x' && exists('#there') && fields.absent.y == ''",
    )
    .unwrap_or_else(|e| panic!("{e}"));
    let seen: Vec<_> = condition
        .seen(&scope(), &answers(&condition))
        .into_iter()
        .map(|(name, value)| format!("{name} = {value}"))
        .collect();
    assert_eq!(
        seen,
        [
            "text('.error') = \"Wrong password\"",
            "exists('#there') = true",
            "fields.absent.y = null",
            "fields.service.status = \"Active\"",
            "params.circuitNumber = \"B-100\"",
        ]
    );
}

#[test]
fn a_condition_that_holds_for_an_empty_page_is_not_a_sign() {
    for source in [
        "!has(fields.line)",
        "!exists('table')",
        "count('tr') == 0",
        "0 == count('tr')",
        "count('tr') < 1",
        "!(count('tr') > 0)",
        "count('tr') <= 3",
        "size(fields.links) == 0",
        "fields.links.size() == 0",
        "!has(fields.links) || size(fields.links) == 0",
        "text('.result') == ''",
        "text('.result') != 'Active'",
        "!text('.result').contains('B-1')",
        "text('.result').contains('')",
        "exists('table') == false",
        "exists('.none') || !exists('table')",
        "!exists('table') && params.kind == 'x'",
        "!fields.rows.exists(r, r.id == params.circuitNumber)",
        "fields.rows.all(r, r.id != params.circuitNumber)",
        "exists('table') ? !has(fields.line) : true",
        "page.url != 'https://x'",
        "params.circuitNumber == 'B-1'",
        "true",
        "text('#a') == text('#b')",
    ] {
        let condition = Condition::parse(source).unwrap_or_else(|e| panic!("{source}: {e}"));
        assert!(!condition.is_sign(), "{source}");
    }
}

#[test]
fn a_condition_that_needs_something_on_the_page_is_a_sign() {
    for source in [
        "exists('text/No line found')",
        "!(!exists('.none'))",
        "exists('.none') && !has(fields.line)",
        "!has(fields.line) && text('.pager') == 'Page 1 of 1'",
        "count('tr') > 0",
        "count('tr') == 2",
        "1 <= count('tr')",
        "!(count('tr') == 0)",
        "text('.result') == 'No line found'",
        "'No line found' == text('.result')",
        "text('.result') != ''",
        "text('.result').contains('No line')",
        "text('h1') == 'Lines that begin with ' + params.circuitNumber",
        "text('.result') in ['None', 'Nothing']",
        "exists('.none') == true",
        "has(fields.line) && fields.line.status != 'Active'",
        "fields.line.status == 'Active'",
        "fields.line.status != 'Active'",
        "int(fields.line.count) < 1",
        "fields.rows.exists(r, r.id == params.circuitNumber)",
        "!fields.rows.all(r, r.id != params.circuitNumber)",
        "exists('.a') ? exists('.b') : exists('.c')",
        "page.url.contains('/not-found')",
        "false || exists('.none')",
    ] {
        let condition = Condition::parse(source).unwrap_or_else(|e| panic!("{source}: {e}"));
        assert!(condition.is_sign(), "{source}");
    }
}

#[test]
fn more_names_may_be_given() {
    let condition = Condition::parse("row.id == params.circuitNumber");
    for (id, expected) in [("B-100", true), ("B-1001", false)] {
        let row = json!({"id": id});
        assert_eq!(
            condition
                .as_ref()
                .map(|c| c.eval_with(&scope(), &[("row", &row)], &Answers::default()))
                .ok(),
            Some(Ok(expected))
        );
    }
}

#[test]
fn names_are_listed_without_those_that_a_loop_binds() {
    let condition = Condition::parse(
        "has(fields.a.b) && fields.list.exists(x, x.id == params.id) && page.url.contains('fields.z') && fields['q'] == row.c",
    );
    let names: Vec<_> = condition.iter().flat_map(|c| c.names()).map(String::as_str).collect();
    assert_eq!(names, ["fields", "fields.a.b", "fields.list", "page.url", "params.id", "row.c"]);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in "\\PC{0,40}", likely in "[a-z.()'\"!&|=<>?:\\[\\]{}0-9, +-]{0,40}", words in prop::collection::vec("fields|\\.status|has\\(|\\)|exists\\('#a'\\)|==|'x'|&&|!|\\[|\\]|\\.map\\(x,|true|1|max\\(|-", 0..12)) {
        for source in [text, likely, words.concat()] {
            if let Ok(condition) = Condition::parse(&source) {
                _ = condition.eval(&scope(), &answers(&condition));
            }
        }
    }
}
