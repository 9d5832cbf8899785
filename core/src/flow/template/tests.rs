use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::flow::scope::Page;

fn scope() -> Scope {
    Scope {
        params: [("circuitNumber", "B-100"), ("date", "2026-03-01")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        fields: json!({"service": {"status": "Active", "days": 3}, "names": ["a", "b"], "nothing": null}).as_object().cloned().unwrap_or_default(),
        page: Page { url: "https://portal.example.net/lines".to_owned(), title: "Lines".to_owned() },
        ..Scope::default()
    }
}

fn render(source: &str) -> Result<String, TemplateError> {
    Template::parse(source)?.render(&scope())
}

#[test]
fn texts_are_rendered() {
    for (source, expected) in [
        ("plain, with { and } and %", "plain, with { and } and %"),
        ("", ""),
        ("line\n", "line\n"),
        ("{{ params.circuitNumber }}", "B-100"),
        ("{{params.circuitNumber}}/{{ fields.service.status }}", "B-100/Active"),
        ("{{ params.circuitNumber | lower }}", "b-100"),
        ("{{ fields.service.status | upper }}", "ACTIVE"),
        ("{{ params.circuitNumber | replace('B-', '') }}", "100"),
        ("{{ '  x ' | trim }}", "x"),
        ("{{ params.date | date('%d/%m/%Y') }}", "01/03/2026"),
        ("{{ '1 Mar 2026' | date(\"%Y-%m-%d\") }}", "2026-03-01"),
        ("{{ fields.unread | default('none yet') }}", "none yet"),
        ("{{ fields.service.days }} {{ fields.names[1] }}", "3 b"),
        ("{{ page.title ~ '!' }}", "Lines!"),
        ("{{ 'is (it) | odd }}' }}", "is (it) | odd }}"),
        ("{# a remark #}x", "x"),
        ("<b>{{ '<i>' }}</b>", "<b><i></b>"),
        ("{{ 'a' if fields.service.days > 2 else 'b' }}", "a"),
        ("{{ {'a': {'b': 1}}.a.b }}", "1"),
        ("{{ '{{' }}name}} {{ '{%' }}", "{{name}} {%"),
    ] {
        assert_eq!(render(source).as_deref(), Ok(expected), "{source}");
    }
}

#[test]
fn what_is_not_allowed_is_refused_with_a_sentence() {
    for (source, expected) in [
        ("{{ params.circuitNumber", "not a template"),
        ("{{ }}", "not a template"),
        ("{{ params. }}", "not a template"),
        ("{% if x %}a{% endif %}", "only {{ … }} may be used"),
        ("{% include 'x' %}", "only {{ … }} may be used"),
        ("{{ range(10) }}", "range() may not be called"),
        ("{{ params.circuitNumber.upper() }}", "upper() may not be called"),
        ("{{ (params.x)(1) }}", "a value() may not be called"),
        ("{{ params.x | tojson }}", "there is no filter tojson; filters are date, default"),
        ("{{ params.x|lower|join(',') }}", "there is no filter join"),
        ("{{ params.x is defined }}", "tests (is …) may not be used"),
        (
            "{{ params.circuitNo }}",
            "params.circuitNo is not defined; params has circuitNumber, date",
        ),
        (
            "{{ fields.servce.status }}",
            "fields.servce is not defined; fields has names, nothing, service",
        ),
        ("{{ param.x }}", "param is not defined; there are fields, page, params, provider"),
        ("{{ job.name }}", "job is not defined"),
        ("{{ params.nope | upper }}", "params.nope is not defined"),
        ("{{ fields.service }}", "a map cannot be written as text"),
        ("{{ fields.names }}", "cannot be written as text"),
        ("{{ params.circuitNumber | date('%d') }}", "date: \"B-100\" is not a date"),
        ("{{ params.date | date('%!') }}", "date: \"%!\" is not a format"),
        ("{{ params.date | date }}", "missing argument"),
        ("{{ secret.password }}", "secret may only be used in the value of a change step"),
        ("{{ totp }}", "totp may only be used in the value of a change step"),
    ] {
        let error = render(source).map_err(|e| e.to_string());
        assert!(error.as_ref().is_err_and(|e| e.contains(expected)), "{source}: {error:?}");
    }
}

#[test]
fn a_null_field_counts_as_undefined() {
    assert!(render("{{ fields.nothing }}").is_err());
}

#[test]
fn an_endless_text_runs_out_of_fuel() {
    assert_eq!(
        render(&format!("{{{{ '{}' * 100000 }}}}", "x".repeat(100))),
        Err(TemplateError::Value("it takes too long".to_owned()))
    );
}

/// The worst that 4000 characters can do to a recursive parser, on a thread with the stack of a test.
#[test]
fn large_texts_are_refused_before_they_are_parsed() {
    for (inner, is_fine) in [
        ("(".repeat(8) + "1" + &")".repeat(8), true),
        ("(".repeat(1900) + "1" + &")".repeat(1900), false),
        ("[".repeat(1900) + &"]".repeat(1900), false),
        ("{1:".repeat(900) + "1" + &"}".repeat(900), false),
        ("-".repeat(3900) + "1", false),
        ("not ".repeat(900) + "1", false),
        ("1+".repeat(99) + "1", true),
        ("1+".repeat(1900) + "1", false),
        ("a".to_owned() + &".a".repeat(1900), false),
        ("'a'".to_owned() + &"|lower".repeat(600), false),
        ("1 if 1 else ".repeat(300) + "1", false),
    ] {
        let rendered = render(&format!("{{{{ {inner} }}}}"));
        assert_eq!(rendered.is_ok(), is_fine, "{inner}");
        assert_eq!(rendered == Err(TemplateError::TooLarge), !is_fine, "{inner}");
    }
}

#[test]
fn names_are_listed() {
    let template =
        Template::parse("{{ params.a ~ fields.b.c | default(params.d) }} {{ 'params.e' }}");
    let names: Vec<_> = template.map(|t| t.names().iter().cloned().collect()).unwrap_or_default();
    assert_eq!(names, ["fields.b.c", "params.a", "params.d"]);
}

fn secrets(totp: Option<&str>) -> SecretValues {
    SecretValues {
        username: "anna".into(),
        password: "hunter2 | {{ x }}".into(),
        totp: totp.map(Into::into),
    }
}

fn render_secret(source: &str, totp: Option<&str>) -> Result<String, TemplateError> {
    Ok(Template::parse(source)?.render_secret(&scope(), &secrets(totp))?.expose_secret().to_owned())
}

#[test]
fn secrets_are_inserted_as_they_are() {
    for (source, expected) in [
        ("{{ secret.username }}", "anna"),
        ("{{ secret.password }}", "hunter2 | {{ x }}"),
        ("{{ secret['password'] }}", "hunter2 | {{ x }}"),
        ("{{ totp }}", "123456"),
        ("{{ totp[0] }}{{ totp[5] }}", "16"),
        ("{{ secret.username | upper }}:{{ totp }}", "ANNA:123456"),
        ("{{ params.circuitNumber }}", "B-100"),
    ] {
        assert_eq!(render_secret(source, Some("123456")).as_deref(), Ok(expected), "{source}");
    }
}

#[test]
fn a_template_knows_its_secrets() {
    for (source, secret, totp) in [
        ("{{ secret.username }}", true, false),
        ("{{ secret['username'] }}", true, false),
        ("{{ totp }}", false, true),
        ("{{ totp | trim ~ secret.password }}", true, true),
        ("{{ params.totp ~ fields.secret }}", false, false),
        ("secret totp", false, false),
    ] {
        let template = Template::parse(source);
        assert_eq!(
            template.map(|t| (t.uses_secret(), t.uses_totp(), t.is_secret())),
            Ok((secret, totp, secret || totp)),
            "{source}"
        );
    }
}

#[test]
fn a_code_that_was_not_granted_is_reported() {
    assert_eq!(render_secret("{{ totp }}", None), Err(TemplateError::NoTotp));
    assert_eq!(render_secret("{{ secret.username }}", None).as_deref(), Ok("anna"));
}

#[test]
fn errors_never_hold_a_secret() {
    for source in [
        "{{ secret.password | date('%d') }}",
        "{{ secret.password + 1 }}",
        "{{ secret.password.x }}",
        "{{ secret }}",
        "{{ secret.pasword }}",
        "{{ totp[secret.password] }}",
        "{{ params.a ~ totp }}",
    ] {
        let error = render_secret(source, Some("123456"));
        let shown = format!(
            "{error:?} {}",
            error.as_ref().err().map(ToString::to_string).unwrap_or_default()
        );
        assert!(
            error.is_err() && !shown.contains("hunter2") && !shown.contains("123456"),
            "{source}: {shown}"
        );
    }
    assert_eq!(
        render_secret("{{ secret.pasword }}", None).map_err(|e| e.to_string()),
        Err("secret.pasword is not defined; secret has password, username".to_owned())
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_without_a_panic(source in "\\PC{0,60}", inner in "[a-z.|()'\"{}%# \\[\\]0-9,:~*+-]{0,40}") {
        for source in [source, format!("{{{{{inner}}}}}")] {
            if let Ok(template) = Template::parse(&source) {
                _ = template.render(&scope());
                _ = template.render_secret(&scope(), &secrets(None));
            }
        }
    }

    #[test]
    fn a_text_without_braces_stays_as_it_is(source in "[^{}]{0,60}") {
        prop_assert_eq!(render(&source), Ok(source));
    }
}
