//! Selectors in the notation of the Chrome DevTools Recorder, and chains of selectors.

use std::{fmt, sync::LazyLock};

use regex::Regex;

use super::{
    scope::{Scope, find},
    template::{Template, TemplateError},
    text::fold,
};

/// One selector: how an element is found below another element, or in the page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Locator {
    /// A CSS selector. No prefix, or `css/`.
    Css(String),
    /// An XPath expression: `xpath///tr[1]`.
    XPath(String),
    /// The innermost element whose text contains this, white space folded: `text/Log in`.
    Text(String),
    /// By accessible name, by role, or by both: `aria/Log in[role="button"]`.
    Aria {
        /// The accessible name.
        name: Option<String>,
        /// The ARIA role.
        role: Option<String>,
    },
    /// A CSS selector that also looks into open shadow roots: `pierce/#user`.
    Pierce(String),
}

/// From an ancestor or shadow host to the target: each locator searches below the elements that the previous one found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chain(Vec<Locator>);

/// An invalid selector.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SelectorError {
    /// The selector is empty, or nothing follows its prefix.
    #[error("selector {0:?} is empty")]
    Empty(String),
    /// An `aria/` selector has an attribute other than name and role.
    #[error("selector {selector:?} uses [{attribute}]: aria/ knows name and role")]
    AriaAttribute {
        /// The selector.
        selector: String,
        /// Name of the attribute.
        attribute: String,
    },
    /// A bracket or quote is not closed.
    #[error("selector {0:?} has a bracket or quote that is not closed")]
    Unbalanced(String),
    /// A template in the selector is invalid.
    #[error("selector {selector:?}: {error}")]
    Template {
        /// The selector.
        selector: String,
        /// The template's error.
        error: TemplateError,
    },
    /// The selector uses a secret.
    #[error(
        "selector {0:?} must not use secret or totp: they belong in the value of a change step"
    )]
    Secret(String),
    /// A template is in a place where its value could change what the selector means.
    #[error(
        "selector {0:?}: put the text with {{{{ … }}}} into quotes, so that its value cannot change what the selector means"
    )]
    Unquoted(String),
    /// A value contains a character that could end the quotes around it.
    #[error("{name} may not be used in a selector: its value contains {found:?}")]
    Unsafe {
        /// Name of the value.
        name: String,
        /// The character.
        found: char,
    },
}

impl Locator {
    /// Parses one selector.
    ///
    /// # Errors
    /// [`SelectorError`]
    pub fn parse(selector: &str) -> Result<Self, SelectorError> {
        let of = |rest: &str| match rest.trim() {
            "" => Err(SelectorError::Empty(selector.to_owned())),
            rest => Ok(rest.to_owned()),
        };
        let closed = |rest: &str, escape| match of(rest)? {
            rest if open_end(&rest, escape) == (None, false) => Ok(rest),
            _ => Err(SelectorError::Unbalanced(selector.to_owned())),
        };
        let css = |rest| closed(rest, Some('\\'));
        if let Some(rest) = selector.strip_prefix("xpath/") {
            closed(rest, None).map(Self::XPath)
        } else if let Some(rest) = selector.strip_prefix("text/") {
            of(&fold(rest)).map(Self::Text)
        } else if let Some(rest) = selector.strip_prefix("aria/") {
            aria(selector, rest)
        } else if let Some(rest) = selector.strip_prefix("pierce/") {
            css(rest).map(Self::Pierce)
        } else {
            css(selector.strip_prefix("css/").unwrap_or(selector)).map(Self::Css)
        }
    }
}

/// Parses `Name[role="button"]`, as the recorder writes it: attributes are in brackets, the rest is the name.
fn aria(selector: &str, body: &str) -> Result<Locator, SelectorError> {
    static ATTRIBUTE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"\[\s*(\w+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|'((?:\\.|[^'\\])*)')\s*\]"#)
            .unwrap_or_else(|_| unreachable!("a constant expression"))
    });
    let (mut name, mut role) = (None, None);
    for found in ATTRIBUTE.captures_iter(body) {
        let value = found
            .get(2)
            .or_else(|| found.get(3))
            .map(|v| fold(&unescape(v.as_str())))
            .filter(|v| !v.is_empty());
        match &found[1] {
            "name" => name = value,
            "role" => role = value,
            other => {
                return Err(SelectorError::AriaAttribute {
                    selector: selector.to_owned(),
                    attribute: other.to_owned(),
                });
            }
        }
    }
    let rest = fold(&ATTRIBUTE.replace_all(body, ""));
    let name = Some(rest).filter(|rest| !rest.is_empty()).or(name);
    if name.is_none() && role.is_none() {
        return Err(SelectorError::Empty(selector.to_owned()));
    }
    Ok(Locator::Aria { name, role })
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', r#"\""#)
}

/// What is open at the end of a piece of CSS or XPath: the quote, and whether a bracket is.
///
/// `escape` is the character that takes the next one literally; XPath has none.
fn open_end(selector: &str, escape: Option<char>) -> (Option<char>, bool) {
    let (mut brackets, mut quote, mut mismatch) = (Vec::new(), None, false);
    let mut chars = selector.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (_, c) if Some(c) == escape => _ = chars.next(),
            (Some(q), c) => quote = Some(q).filter(|q| *q != c),
            (None, '"' | '\'') => quote = Some(c),
            (None, '(') => brackets.push(')'),
            (None, '[') => brackets.push(']'),
            (None, ')' | ']') => mismatch |= brackets.pop() != Some(c),
            _ => {}
        }
    }
    (quote, mismatch || !brackets.is_empty())
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Css(css)
                if ["css/", "xpath/", "text/", "aria/", "pierce/"]
                    .iter()
                    .any(|prefix| css.starts_with(prefix)) =>
            {
                write!(f, "css/{css}")
            }
            Self::Css(css) => f.write_str(css),
            Self::XPath(xpath) => write!(f, "xpath/{xpath}"),
            Self::Text(text) => write!(f, "text/{text}"),
            Self::Pierce(css) => write!(f, "pierce/{css}"),
            Self::Aria { name, role } => {
                f.write_str("aria/")?;
                match name {
                    // A name that looks like an attribute must not be parsed as one.
                    Some(name) if name.contains(['[', '\\']) => {
                        write!(f, "[name=\"{}\"]", escape(name))?
                    }
                    Some(name) => f.write_str(name)?,
                    None => {}
                }
                role.as_ref().map_or(Ok(()), |role| write!(f, "[role=\"{}\"]", escape(role)))
            }
        }
    }
}

/// Separates the parts of a chain that is written as one text, as in `exists('#host >>> text/Open')`.
const DEEPER: &str = ">>>";

impl Chain {
    /// Parses one of the alternatives of a step's `selectors`.
    ///
    /// # Errors
    /// [`SelectorError`] of the first invalid part.
    pub fn parse<S: AsRef<str>>(parts: &[S]) -> Result<Self, SelectorError> {
        if parts.is_empty() {
            return Err(SelectorError::Empty(String::new()));
        }
        parts.iter().map(|part| Locator::parse(part.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    /// Parses a chain that is written as one text, the argument of `exists`, `text` and `count` in conditions. `>>>` separates its parts.
    ///
    /// # Errors
    /// As [`Chain::parse`].
    pub fn parse_text(text: &str) -> Result<Self, SelectorError> {
        Self::parse(&text.split(DEEPER).map(str::trim).collect::<Vec<_>>())
    }

    /// Renders the templates of a step's alternative, and parses the result.
    ///
    /// Values are inserted as they are. A value that could change what the selector means (a quote, a backslash) is refused.
    ///
    /// # Errors
    /// [`SelectorError`].
    pub fn render<S: AsRef<str>>(parts: &[S], scope: &Scope) -> Result<Self, SelectorError> {
        let rendered =
            parts.iter().map(|part| render(part.as_ref(), scope)).collect::<Result<Vec<_>, _>>()?;
        Self::parse(&rendered)
    }

    /// The locators from the outermost to the target; never empty.
    #[must_use]
    pub fn locators(&self) -> &[Locator] {
        &self.0
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, locator) in self.0.iter().enumerate() {
            if i > 0 {
                write!(f, " {DEEPER} ")?;
            }
            write!(f, "{locator}")?;
        }
        Ok(())
    }
}

/// The templates of a chain, for the linter. The chain is checked as far as that is possible without values.
///
/// # Errors
/// [`SelectorError`], if it does not depend on the values.
pub fn templates<S: AsRef<str>>(parts: &[S]) -> Result<Vec<Template>, SelectorError> {
    let mut templates = Vec::new();
    let mut filled = Vec::new();
    for part in parts {
        let part = part.as_ref();
        filled.push(fill(part, "x")?);
        if part.contains(OPEN) {
            templates.push(template(part)?);
        }
    }
    Chain::parse(&filled).map(|_| templates)
}

const OPEN: &str = "{{";
const CLOSE: &str = "}}";

fn render(selector: &str, scope: &Scope) -> Result<String, SelectorError> {
    if !selector.contains(OPEN) {
        return Ok(selector.to_owned());
    }
    fill(selector, "x")?;
    let template = template(selector)?;
    let variables = scope.variables();
    for name in template.names() {
        let text = find(&variables, name).ok().and_then(|value| value.as_str()).unwrap_or_default();
        if let Some(found) = text.chars().find(|c| matches!(c, '"' | '\'' | '\\') || c.is_control())
        {
            return Err(SelectorError::Unsafe { name: name.clone(), found });
        }
    }
    template
        .render(scope)
        .map_err(|error| SelectorError::Template { selector: selector.to_owned(), error })
}

fn template(selector: &str) -> Result<Template, SelectorError> {
    let template = Template::parse(selector)
        .map_err(|error| SelectorError::Template { selector: selector.to_owned(), error })?;
    if template.is_secret() {
        Err(SelectorError::Secret(selector.to_owned()))
    } else {
        Ok(template)
    }
}

/// Replaces the templates by `value`.
///
/// Outside of quotes, CSS and XPath would read a value as part of the selector: the `.1` of a circuit `B.1` in `#{{ … }}` as a class.
fn fill(selector: &str, value: &str) -> Result<String, SelectorError> {
    let escape = (!selector.starts_with("xpath/")).then_some('\\');
    let is_plain_text = selector.starts_with("text/") || selector.starts_with("aria/");
    let mut filled = String::with_capacity(selector.len());
    let mut rest = selector;
    while let Some((before, after)) = rest.split_once(OPEN) {
        filled.push_str(before);
        if !is_plain_text && open_end(&filled, escape).0.is_none() {
            return Err(SelectorError::Unquoted(selector.to_owned()));
        }
        filled.push_str(value);
        rest = after.split_once(CLOSE).map_or("", |(_, behind)| behind);
    }
    Ok(filled + rest)
}

#[cfg(test)]
mod tests;
