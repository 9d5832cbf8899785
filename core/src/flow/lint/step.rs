//! Checks a step on its own.

use std::sync::LazyLock;

use fno_crds::{
    flow::{Cardinality, ExtractFrom, Step, StepType, SwitchTarget},
    provider::FnoProviderSpec,
};
use regex::Regex;

use super::{Report, parts};
use crate::flow::{
    address,
    condition::Condition,
    keyboard, selector,
    template::{Template, TemplateError},
    text::Reading,
};

/// Checks one step; `path` is its field below `spec`.
pub(super) fn check(step: &Step, path: &str, spec: &FnoProviderSpec, report: &mut Report) {
    for sentence in missing(step) {
        report.error(path, sentence);
    }
    texts(step, path, report);
    conditions(step, path, report);
    for alternative in parts::alternatives(step) {
        if let Err(error) = selector::templates(alternative.chain) {
            report.error(format!("{path}.{}", alternative.at), error.to_string());
        }
    }
    match step.type_ {
        StepType::Extract => extract(step, path, report),
        StepType::Navigate => navigate(step, path, spec, report),
        StepType::Change => recorded_password(step, path, report),
        StepType::KeyDown | StepType::KeyUp | StepType::Press => key(step, path, report),
        StepType::Script | StepType::WaitForExpression if !spec.browser.allow_scripts => {
            report.error(
                path,
                format!("{} step needs browser.allowScripts: true", with_article(step.type_)),
            );
        }
        StepType::Close | StepType::CustomStep | StepType::EmulateNetworkConditions => {
            report.warning(path, format!("{} step is ignored", with_article(step.type_)));
        }
        _ => {}
    }
    contained_text(step, path, report);
    ignored(step, path, report);
}

/// Warns about fields of a recording that have no effect here.
fn ignored(step: &Step, path: &str, report: &mut Report) {
    for (at, is_set) in [
        ("isMobile", step.is_mobile == Some(true)),
        ("hasTouch", step.has_touch == Some(true)),
        ("isLandscape", step.is_landscape == Some(true)),
        (
            "deviceScaleFactor",
            step.device_scale_factor.is_some_and(|factor| (factor - 1.0).abs() > f64::EPSILON),
        ),
        ("deviceType", step.device_type.as_deref().is_some_and(|device| device != "mouse")),
    ] {
        if is_set {
            report.warning(
                format!("{path}.{at}"),
                format!("{at} is ignored: the browser is a desktop one with a mouse"),
            );
        }
    }
    for (i, event) in step.asserted_events.iter().enumerate() {
        if event.type_ != "navigation" {
            report.warning(
                format!("{path}.assertedEvents[{i}].type"),
                format!("events of type {:?} are ignored; navigation is waited for", event.type_),
            );
        }
    }
}

fn key(step: &Step, path: &str, report: &mut Report) {
    if let Some(Err(error)) = step.key.as_deref().map(keyboard::key) {
        report.error(format!("{path}.key"), error.to_string());
    }
}

/// Warns about `text/` with a value that differs from job to job: the first element that contains the value is used, even if it contains
/// more.
fn contained_text(step: &Step, path: &str, report: &mut Report) {
    let acts = matches!(
        step.type_,
        StepType::Click
            | StepType::DoubleClick
            | StepType::Hover
            | StepType::Change
            | StepType::Select
            | StepType::KeyDown
            | StepType::KeyUp
            | StepType::Press
            | StepType::Extract
    );
    for alternative in parts::alternatives(step).iter().filter(|_| acts) {
        let found = alternative
            .chain
            .iter()
            .find_map(|selector| selector.strip_prefix("text/").filter(|text| text.contains("{{")));
        let Some(text) = found else { continue };
        let at = format!("{path}.{}", alternative.at);
        let message = format!(
            "text/ takes the first element that contains the text: FTTH-00042 also finds FTTH-00042A. Name the element whose whole text it is, as in aria/{text} or xpath///td[normalize-space()='{text}']"
        );
        if step.commit.is_some() {
            report.error(at, message);
        } else {
            report.warning(at, message);
        }
    }
}

/// What the step lacks by the rules of the schema, for files that no API server has validated yet.
fn missing(step: &Step) -> Vec<String> {
    use StepType::{
        Assert, Change, Click, Dialog, DoubleClick, Extract, ForEach, Hover, KeyDown, KeyUp,
        Navigate, Outcome, Press, RunFlow, Script, Select, SetViewport, SwitchTo, WaitForElement,
        WaitForExpression,
    };
    let table = step.from == Some(ExtractFrom::Table);
    let attribute = matches!(step.from, Some(ExtractFrom::Attribute | ExtractFrom::Property));
    let frame = step.to == Some(SwitchTarget::Frame);
    let needed: &[(bool, &str)] = match step.type_ {
        Click | DoubleClick | Hover | WaitForElement => &[(step.selectors.is_empty(), "selectors")],
        Change | Select => {
            &[(step.selectors.is_empty(), "selectors"), (step.value.is_none(), "value")]
        }
        Navigate => &[(step.url.is_none(), "url")],
        KeyDown | KeyUp | Press => &[(step.key.is_none(), "key")],
        SetViewport => &[(step.width.is_none(), "width"), (step.height.is_none(), "height")],
        WaitForExpression | Script => &[(step.expression.is_none(), "expression")],
        Extract => &[
            (step.field.is_none(), "field"),
            (step.from.is_none(), "from"),
            (
                step.from.is_some_and(|from| from != ExtractFrom::Url) && step.selectors.is_empty(),
                "selectors, unless it reads from Url",
            ),
            (attribute && step.attribute.is_none(), "attribute, to read an Attribute or Property"),
            (table && step.columns.is_empty(), "columns, to read a Table"),
        ],
        Assert => &[(step.assert.is_none(), "assert")],
        Outcome => &[(step.code.is_none(), "code")],
        Dialog => &[(step.action.is_none(), "action")],
        SwitchTo => &[
            (step.to.is_none(), "to"),
            (frame && step.selectors.is_empty(), "selectors, to go to a Frame"),
        ],
        RunFlow => &[(step.flow.is_none(), "flow")],
        ForEach => &[(step.flow.is_none(), "flow"), (step.items.is_none(), "items")],
        _ => &[],
    };
    needed
        .iter()
        .filter(|(is_missing, _)| *is_missing)
        .map(|(_, what)| format!("{} step needs {what}", with_article(step.type_)))
        .collect()
}

fn with_article(step: StepType) -> String {
    let name = step.to_string();
    format!("{} {name}", if name.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" })
}

fn texts(step: &Step, path: &str, report: &mut Report) {
    for text in parts::texts(step) {
        let at = format!("{path}.{}", text.at);
        match Template::parse(text.source) {
            Err(error) => report.error(at, format!("{error}{}", parts::LITERAL)),
            Ok(template) if template.is_secret() && !text.is_value => {
                report.error(at, secret_sentence(&template))
            }
            Ok(template) => {
                for name in template.names().iter().filter(|name| name.starts_with("secret")) {
                    if !matches!(name.as_str(), "secret" | "secret.username" | "secret.password") {
                        report.error(
                            &at,
                            format!("{name} is not defined; secret has password, username"),
                        );
                    }
                }
            }
        }
    }
    for (at, source) in parts::plain_texts(step) {
        match Template::parse(&source) {
            Ok(template) if template.is_secret() => {
                report.error(format!("{path}.{at}"), secret_sentence(&template))
            }
            Ok(template) if !template.names().is_empty() => {
                report.warning(format!("{path}.{at}"), "{{ … }} is not rendered here")
            }
            _ => {}
        }
    }
}

fn secret_sentence(template: &Template) -> String {
    TemplateError::Secret(if template.uses_secret() { "secret" } else { "totp" }).to_string()
}

fn conditions(step: &Step, path: &str, report: &mut Report) {
    for expression in parts::expressions(step) {
        let at = format!("{path}.{}", expression.at);
        match Condition::parse(expression.source) {
            Err(_) if expression.source.contains("{{") => {
                report.error(at, "this is a condition, not a text: write params.x, without {{ }}")
            }
            Err(error) => report.error(at, error.to_string()),
            Ok(condition) if expression.over_rows && !condition.questions().is_empty() => {
                report.error(
                    at,
                    "match sees the row, not the page: exists, text and count cannot be used in it",
                );
            }
            Ok(_) => {}
        }
    }
}

fn extract(step: &Step, path: &str, report: &mut Report) {
    static NAME: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new("^[A-Za-z_][A-Za-z0-9_]*$")
            .unwrap_or_else(|_| unreachable!("a constant expression"))
    });
    if let Err(error) = Reading::of(step) {
        report.error(format!("{path}.regex"), error.to_string());
    }
    if step.group.is_some() && step.regex.is_none() {
        report.warning(format!("{path}.group"), "group is ignored without regex");
    }
    if !parts::reads_table(step) {
        for (at, is_set) in [
            ("columns", !step.columns.is_empty()),
            ("match", step.match_.is_some()),
            ("cardinality", step.cardinality.is_some()),
        ] {
            if is_set {
                report.warning(
                    format!("{path}.{at}"),
                    format!("{at} is ignored unless the step reads from Table"),
                );
            }
        }
        return;
    }
    for name in step.columns.keys().filter(|name| !NAME.is_match(name)) {
        report.error(
            format!("{path}.columns"),
            format!("{name:?} cannot be used as row.{name}: use letters, digits and _ only"),
        );
    }
    if step.regex.is_some() || step.normalize.is_some() {
        report.warning(path, "regex and normalize are ignored when a Table is read");
    }
    if step.match_.is_none() && step.cardinality != Some(Cardinality::Many) {
        report
            .warning(path, "without match every row matches, so a table of two rows is ambiguous");
    }
}

fn navigate(step: &Step, path: &str, spec: &FnoProviderSpec, report: &mut Report) {
    let Some(url) = step.url.as_deref() else { return };
    let at = format!("{path}.url");
    let (literal, has_template) =
        url.split_once("{{").map_or((url, false), |(before, _)| (before, true));
    // The origin is known if it ends before the first template.
    let is_open = has_template
        && !literal.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?', '#']));
    if is_open && !literal.trim_start().starts_with(['/', '?', '#']) {
        return;
    }
    match address::resolve(&spec.base_url, literal) {
        Err(error) => report.error(at, error.to_string()),
        Ok(address) if !address::is_allowed(&address, &spec.allowed_origins) => {
            let origin = address::origin(&address).unwrap_or_default();
            report.warning(
                at,
                format!("{origin} is not in allowedOrigins, so no secret will be typed there"),
            );
        }
        Ok(_) => {}
    }
}

/// Warns about a typed password: recordings contain what was typed.
fn recorded_password(step: &Step, path: &str, report: &mut Report) {
    static LIKELY: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?i)passw|passphrase|passcode|pwd|secret|totp|\botp|otp\b|\bpin\b|aria/pass")
            .unwrap_or_else(|_| unreachable!("a constant expression"))
    });
    let is_literal = |value: &String| !value.is_empty() && !value.contains("{{");
    if step.value.as_ref().is_some_and(is_literal)
        && step.selectors.iter().flatten().any(|selector| LIKELY.is_match(selector))
    {
        report
            .warning(format!("{path}.value"), "this looks like a recorded password or code: use {{ secret.password }} or {{ totp }}, and change the password");
    }
}
