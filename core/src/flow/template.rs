//! Texts with `{{ … }}`.
//!
//! The language is Jinja's, reduced to expressions: names and a short list of filters, no blocks, no calls. Steps and conditions
//! decide what a flow does; texts do not.

use std::{collections::BTreeSet, sync::LazyLock};

use minijinja::{
    Environment, Error, ErrorKind, UndefinedBehavior, Value, filters,
    syntax::SyntaxConfig,
    value::{Serde, ValueKind},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Map;

use super::{
    scope::{Missing, Scope, find},
    text::{date, shorten},
};

/// A text that could not be parsed or rendered. No variant holds the content of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The text is not a template.
    #[error("not a template: {0}")]
    Syntax(String),
    /// The text contains `{% … %}`.
    #[error("only {{{{ … }}}} may be used in a text, not {{% … %}}: put conditions into when")]
    Block,
    /// The text contains a call.
    #[error("{0}() may not be called in a text; filters are {filters}", filters = FILTERS.join(", "))]
    Call(String),
    /// The filter is not on the list.
    #[error("there is no filter {0}; filters are {filters}", filters = FILTERS.join(", "))]
    Filter(String),
    /// The text contains a test (`is defined`).
    #[error("tests (is …) may not be used in a text; use the filter default")]
    Test,
    /// The text is longer, or more deeply nested, than is sensible.
    #[error(
        "a text is too large: {{{{ … }}}} may have 200 words and signs, and 8 brackets within each other"
    )]
    TooLarge,
    /// A name is not defined.
    #[error("{0}")]
    Undefined(Missing),
    /// `secret` or `totp` is used in a place where its value would be shown.
    #[error("{0} may only be used in the value of a change step")]
    Secret(&'static str),
    /// `{{ totp }}` is used and no code was granted.
    #[error("totp is not available: the account has no one-time codes, or none was granted")]
    NoTotp,
    /// A filter or operator failed.
    #[error("{0}")]
    Value(String),
    /// A filter or operator failed on a secret, so the details are withheld.
    #[error("a filter or operator in it failed")]
    Hidden,
}

/// All filters.
pub const FILTERS: [&str; 6] = ["date", "default", "lower", "replace", "trim", "upper"];

/// User name, password and, once granted, the code. The values can be neither printed nor serialised.
pub struct SecretValues {
    /// `{{ secret.username }}`
    pub username: SecretString,
    /// `{{ secret.password }}`
    pub password: SecretString,
    /// `{{ totp }}`
    pub totp: Option<SecretString>,
}

/// Maximum number of instructions of a text: far more than any sensible text needs, and still too few to be noticeable.
const FUEL: u64 = 20_000;
/// Maximum number of words and signs in one `{{ … }}`. The engine recurses on the caller's stack for each of them.
const MAX_TOKENS: usize = 200;
/// Maximum nesting of brackets: each takes up to 40 KiB of stack without optimisation.
const MAX_NESTING: usize = 8;

/// A text that has been parsed and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    names: BTreeSet<String>,
}

impl Template {
    /// Parses a text.
    ///
    /// # Errors
    /// [`TemplateError`]: the text cannot be parsed, or uses what is not allowed. Names are checked by [`Template::render`] and by the
    /// linter.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        check(source)?;
        let parsed = LANGUAGE.template_from_str(source).map_err(|e| {
            TemplateError::Syntax(shorten(e.detail().unwrap_or("it cannot be read"), 200))
        })?;
        Ok(Self {
            source: source.to_owned(),
            names: parsed.undeclared_variables(true).into_iter().collect(),
        })
    }

    /// The text as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The dotted names in the text: `params.circuitNumber`.
    #[must_use]
    pub const fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// Whether the text uses `secret.*`.
    #[must_use]
    pub fn uses_secret(&self) -> bool {
        self.uses("secret")
    }

    /// Whether the text uses `totp`. A code must be requested before the text is rendered.
    #[must_use]
    pub fn uses_totp(&self) -> bool {
        self.uses("totp")
    }

    /// Whether the rendered text must not be shown anywhere.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.uses_secret() || self.uses_totp()
    }

    fn uses(&self, root: &str) -> bool {
        self.names.iter().any(|name| name.split('.').next() == Some(root))
    }

    /// Renders the text.
    ///
    /// # Errors
    /// [`TemplateError::Secret`] if the text uses secrets; [`TemplateError::Undefined`] names what is missing and what is defined.
    pub fn render(&self, scope: &Scope) -> Result<String, TemplateError> {
        if self.is_secret() {
            return Err(TemplateError::Secret(if self.uses_secret() { "secret" } else { "totp" }));
        }
        self.render_variables(&scope.variables())
    }

    /// Renders the text with secrets. The result is wiped from memory when it is dropped; errors hold names, never values.
    ///
    /// # Errors
    /// As [`Template::render`], and [`TemplateError::NoTotp`].
    pub fn render_secret(
        &self,
        scope: &Scope,
        secrets: &SecretValues,
    ) -> Result<SecretString, TemplateError> {
        let mut variables = scope.variables();
        if !self.is_secret() {
            return self.render_variables(&variables).map(SecretString::from);
        }
        if self.uses_secret() {
            let (username, password) =
                (secrets.username.expose_secret(), secrets.password.expose_secret());
            variables.insert(
                "secret".to_owned(),
                serde_json::json!({"username": username, "password": password}),
            );
        }
        if self.uses_totp() {
            let totp = secrets.totp.as_ref().ok_or(TemplateError::NoTotp)?;
            variables.insert("totp".to_owned(), totp.expose_secret().into());
        }
        self.render_variables(&variables).map(SecretString::from).map_err(|error| match error {
            TemplateError::Value(_) => TemplateError::Hidden,
            named => named,
        })
    }

    /// Renders the text with any names, for the linter's trial.
    pub(super) fn render_variables(
        &self,
        variables: &Map<String, serde_json::Value>,
    ) -> Result<String, TemplateError> {
        LANGUAGE.render_str(&self.source, Value::from(Serde(variables))).map_err(|error| {
            let undefined = || self.names.iter().find_map(|name| find(variables, name).err());
            match error.kind() {
                ErrorKind::UndefinedError => undefined().map_or_else(
                    || TemplateError::Value("a name in it is not defined".to_owned()),
                    TemplateError::Undefined,
                ),
                ErrorKind::OutOfFuel => TemplateError::Value("it takes too long".to_owned()),
                kind => TemplateError::Value(
                    error.detail().map_or_else(|| kind.to_string(), |detail| shorten(detail, 200)),
                ),
            }
        })
    }
}

static LANGUAGE: LazyLock<Environment<'static>> = LazyLock::new(|| {
    // Empty: no filter, test, function or escaping except those added here.
    let mut language = Environment::empty();
    language.set_undefined_behavior(UndefinedBehavior::Strict);
    language.set_fuel(Some(FUEL));
    language.set_syntax(
        SyntaxConfig::builder()
            .keep_trailing_newline(true)
            .build()
            .unwrap_or_else(|_| unreachable!("the usual delimiters")),
    );
    language.set_formatter(|out, _, value| {
        if value.is_undefined() || value.is_none() {
            return Err(ErrorKind::UndefinedError.into());
        }
        if matches!(value.kind(), ValueKind::String | ValueKind::Number | ValueKind::Bool) {
            return write!(out, "{value}").map_err(|_| ErrorKind::WriteFailure.into());
        }
        Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("a {} cannot be written as text: name a part of it", value.kind()),
        ))
    });
    language.add_filter("date", date_filter);
    language.add_filter("default", filters::default);
    language.add_filter("lower", filters::lower);
    language.add_filter("replace", filters::replace);
    language.add_filter("trim", filters::trim);
    language.add_filter("upper", filters::upper);
    language
});

/// `{{ params.requestedDate | date("%d/%m/%Y") }}`: formats any date that [`date`] understands, in strftime's notation.
fn date_filter(value: &str, format: &str) -> Result<String, Error> {
    let wrong = |detail: String| Error::new(ErrorKind::InvalidOperation, detail);
    let day = date(value).ok_or_else(|| {
        wrong(format!("date: {:?} is not a date such as 2026-01-02", shorten(value, 60)))
    })?;
    jiff::fmt::strtime::format(format, day).map_err(|error| {
        wrong(format!("date: {format:?} is not a format such as %d/%m/%Y: {error}"))
    })
}

/// Refuses what Jinja allows and a flow's text does not: blocks, calls, tests, other filters.
///
/// The engine reports an unknown filter only when it runs it; the linter must know earlier.
fn check(source: &str) -> Result<(), TemplateError> {
    let mut rest = source;
    while let Some(start) = rest.find('{') {
        rest = &rest[start..];
        if rest.starts_with("{%") {
            return Err(TemplateError::Block);
        } else if rest.starts_with("{#") {
            rest = rest.find("#}").map_or("", |end| &rest[end..]);
        } else if let Some(expression) = rest.strip_prefix("{{") {
            rest = check_expression(expression)?;
        } else {
            rest = &rest[1..];
        }
    }
    Ok(())
}

/// Checks the expression up to `}}`, and returns what follows.
fn check_expression(source: &str) -> Result<&str, TemplateError> {
    static TOKEN: LazyLock<regex::Regex> = LazyLock::new(|| {
        regex::Regex::new(r#"(?s)"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[\p{L}_][\p{L}\p{N}_]*|[0-9][\p{L}\p{N}_.]*|\}\}|\S"#)
            .unwrap_or_else(|_| unreachable!("a constant expression"))
    });
    let is_word = |token: &str| token.starts_with(|c: char| c.is_alphabetic() || c == '_');
    let (mut before, mut last) = ("", "");
    let (mut braces, mut nesting) = (0_usize, 0_usize);
    for (count, token) in TOKEN.find_iter(source).enumerate() {
        let (here, behind) = (token.as_str(), &source[token.end()..]);
        match here {
            "(" | "[" | "{" => nesting += 1,
            ")" | "]" | "}" => nesting = nesting.saturating_sub(1),
            "}}" => nesting = nesting.saturating_sub(2),
            _ => {}
        }
        if count > MAX_TOKENS || nesting > MAX_NESTING {
            return Err(TemplateError::TooLarge);
        }
        match here {
            "{" => braces += 1,
            // The brace of a map may touch the end: `{{ {"a": 1}}}`.
            "}}" if braces == 0 => return Ok(behind),
            "}}" => braces = braces.saturating_sub(2),
            "}" => braces = braces.saturating_sub(1),
            "is" if last != "." && last != "|" && !last.is_empty() => {
                return Err(TemplateError::Test);
            }
            "(" if is_word(last)
                && before != "|"
                && !matches!(last, "and" | "or" | "not" | "in" | "if" | "else") =>
            {
                return Err(TemplateError::Call(last.to_owned()));
            }
            "(" if matches!(last, ")" | "]") || last.ends_with(['"', '\'']) => {
                return Err(TemplateError::Call("a value".to_owned()));
            }
            _ if last == "|" && is_word(here) && !FILTERS.contains(&here) => {
                return Err(TemplateError::Filter(here.to_owned()));
            }
            _ => {}
        }
        (before, last) = (last, here);
    }
    // The expression is not closed; the parser's message about that is better.
    Ok("")
}

#[cfg(test)]
mod tests;
