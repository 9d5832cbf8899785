//! Texts as portals show them: white space, numbers, dates, and the part that a regular expression captures.

use fno_crds::flow::{Normalize, Step};
use jiff::civil::Date;
use regex::{Regex, RegexBuilder};

/// A text that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// `regex` is not a regular expression.
    #[error("regex is not a regular expression: {0}")]
    Regex(String),
    /// The regular expression has no such group.
    #[error("group is {group}, but regex has {}", groups(*.has))]
    Group {
        /// Number of the group.
        group: usize,
        /// Number of groups in the expression.
        has: usize,
    },
    /// `normalize: Date` was applied to a text that is not a date.
    #[error(
        "{0:?} is not a date: DD/MM/YYYY, DD-MM-YYYY, YYYY/MM/DD, YYYY-MM-DD and 2 Jan 2026 are understood"
    )]
    Date(String),
}

fn groups(has: usize) -> String {
    match has {
        0 => "no group".to_owned(),
        1 => "one group".to_owned(),
        n => format!("{n} groups"),
    }
}

/// Removes white space at the ends, and replaces each run of white space by one space. Zero-width characters, which portals insert into
/// long numbers, are removed, too.
#[must_use]
pub fn fold(text: &str) -> String {
    let visible: String = text
        .chars()
        .filter(|c| !matches!(c, '\u{200b}' | '\u{2060}' | '\u{feff}' | '\u{ad}'))
        .collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether two texts are the same to a person: white space and case do not count.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    fold(a).to_lowercase() == fold(b).to_lowercase()
}

/// Normalizes a text.
///
/// # Errors
/// [`TextError::Date`] if the text should be a date and is not.
pub fn normalize(how: Normalize, text: &str) -> Result<String, TextError> {
    match how {
        Normalize::Trim => Ok(fold(text)),
        Normalize::Digits => Ok(text.chars().filter(char::is_ascii_digit).collect()),
        Normalize::Date => date(text)
            .map(|date| date.to_string())
            .ok_or_else(|| TextError::Date(shorten(&fold(text), 60))),
    }
}

/// The text, cut to at most `max_chars` characters. A text that was cut ends in `…`.
#[must_use]
pub fn shorten(text: &str, max_chars: usize) -> String {
    if text.chars().count() <= max_chars {
        return text.to_owned();
    }
    text.chars().take(max_chars.saturating_sub(1)).chain(['…']).collect()
}

/// Parses a date. A time of day after it is ignored. The day comes before the month, as in South Africa.
#[must_use]
pub fn date(text: &str) -> Option<Date> {
    let text = fold(text).to_lowercase();
    let day_part = text
        .split_once([' ', 't'])
        .filter(|(_, rest)| is_time(rest))
        .map_or(text.as_str(), |(day, _)| day);
    numeric_date(day_part).or_else(|| worded_date(&text))
}

fn is_time(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit()) && text.contains(':')
}

fn numeric_date(text: &str) -> Option<Date> {
    let separator = text.chars().find(|c| matches!(c, '/' | '-'))?;
    let parts: Vec<&str> = text.split(separator).collect();
    let [first, month, last] = parts[..] else { return None };
    let (year, day) = match (first.len(), last.len()) {
        (4, 1 | 2) => (first, last),
        (1 | 2, 4) => (last, first),
        _ => return None,
    };
    civil(year, month, day)
}

fn worded_date(text: &str) -> Option<Date> {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let mut words = text.split([' ', ',', '-']).filter(|word| !word.is_empty());
    let (day, month, year) = (words.next()?, words.next()?.trim_end_matches('.'), words.next()?);
    let rest: Vec<&str> = words.collect();
    if !rest.is_empty() && !is_time(&rest.join(" ")) {
        return None;
    }
    let month = MONTHS.iter().position(|name| {
        month.len() >= 3
            && (name == &month || &name[..3] == month || (*name == "september" && month == "sept"))
    })? + 1;
    (year.len() == 4).then(|| civil(year, &month.to_string(), day)).flatten()
}

fn civil(year: &str, month: &str, day: &str) -> Option<Date> {
    if month.len() > 2
        || day.len() > 2
        || [year, month, day].iter().any(|part| !part.bytes().all(|b| b.is_ascii_digit()))
    {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

/// A regular expression, and the group whose match is the value.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    group: usize,
}

impl Pattern {
    /// Without `group`, the value is the first group, or the whole match if the expression has no group.
    ///
    /// # Errors
    /// [`TextError::Regex`], also for an expression that needs too much memory; [`TextError::Group`].
    pub fn parse(regex: &str, group: Option<i32>) -> Result<Self, TextError> {
        let regex = RegexBuilder::new(regex)
            .size_limit(1 << 20)
            .build()
            .map_err(|e| TextError::Regex(fold(&e.to_string())))?;
        let has = regex.captures_len() - 1;
        let first = usize::from(has > 0);
        let group = group.map_or(first, |group| usize::try_from(group).unwrap_or(usize::MAX));
        if group > has {
            return Err(TextError::Group { group, has });
        }
        Ok(Self { regex, group })
    }

    /// The captured group. None if the expression does not match, or matches without the group.
    #[must_use]
    pub fn capture<'t>(&self, text: &'t str) -> Option<&'t str> {
        self.regex.captures(text)?.get(self.group).map(|m| m.as_str())
    }
}

/// How an `extract` step turns a text of the page into a value.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    pattern: Option<Pattern>,
    normalize: Option<Normalize>,
}

impl Reading {
    /// Takes `regex`, `group` and `normalize` from the step.
    ///
    /// # Errors
    /// As [`Pattern::parse`].
    pub fn of(step: &Step) -> Result<Self, TextError> {
        let pattern =
            step.regex.as_deref().map(|regex| Pattern::parse(regex, step.group)).transpose()?;
        Ok(Self { pattern, normalize: step.normalize })
    }

    /// The value. None if the text is empty, or the expression does not match.
    ///
    /// With a regex the value is taken literally from the page, otherwise its white space is folded.
    ///
    /// # Errors
    /// [`TextError::Date`].
    pub fn read(&self, raw: &str) -> Result<Option<String>, TextError> {
        let text = match &self.pattern {
            Some(pattern) => match pattern.capture(raw) {
                Some(found) => found.to_owned(),
                None => return Ok(None),
            },
            None => fold(raw),
        };
        let text = match self.normalize {
            // An empty text is not an invalid date: `required` decides whether a value must be there.
            Some(_) if fold(&text).is_empty() => String::new(),
            Some(how) => normalize(how, &text)?,
            None => text,
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}

#[cfg(test)]
mod tests;
