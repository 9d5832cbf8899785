//! Texts as portals show them: white space, numbers, dates, and the part a regular expression picks out.

use fno_crds::flow::{Normalize, Step};
use jiff::civil::Date;
use regex::{Regex, RegexBuilder};

/// Why a text could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// The regular expression is not one.
    #[error("regex is not a regular expression: {0}")]
    Regex(String),
    /// The group is not in the regular expression.
    #[error("group is {group}, but regex has {}", groups(*.has))]
    Group {
        /// The number asked for.
        group: usize,
        /// How many there are.
        has: usize,
    },
    /// `normalize: Date` on something that is no date.
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

/// White space at the ends goes, runs of it become one blank. Marks without width, which portals put into long numbers, go too.
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

/// Cleans a text.
///
/// # Errors
/// [`TextError::Date`] if it should be a date and is none.
pub fn normalize(how: Normalize, text: &str) -> Result<String, TextError> {
    match how {
        Normalize::Trim => Ok(fold(text)),
        Normalize::Digits => Ok(text.chars().filter(char::is_ascii_digit).collect()),
        Normalize::Date => date(text)
            .map(|date| date.to_string())
            .ok_or_else(|| TextError::Date(shorten(&fold(text), 60))),
    }
}

/// At most so many characters; what is cut shows as `…`.
#[must_use]
pub fn shorten(text: &str, max_chars: usize) -> String {
    if text.chars().count() <= max_chars {
        return text.to_owned();
    }
    text.chars().take(max_chars.saturating_sub(1)).chain(['…']).collect()
}

/// Reads a day. A time of day behind it is dropped. Day before month, as in South Africa.
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

/// A regular expression and the group of it that is the value.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    group: usize,
}

impl Pattern {
    /// Without `group`: the first one if the expression has one, else the whole match.
    ///
    /// # Errors
    /// [`TextError::Regex`], also for an expression that would need too much memory; [`TextError::Group`].
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

    /// What the group captured; none if the expression does not match, or matches without the group.
    #[must_use]
    pub fn capture<'t>(&self, text: &'t str) -> Option<&'t str> {
        self.regex.captures(text)?.get(self.group).map(|m| m.as_str())
    }
}

/// How an `extract` step turns what stands on the page into a value.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    pattern: Option<Pattern>,
    normalize: Option<Normalize>,
}

impl Reading {
    /// `regex`, `group` and `normalize` of the step.
    ///
    /// # Errors
    /// As [`Pattern::parse`].
    pub fn of(step: &Step) -> Result<Self, TextError> {
        let pattern =
            step.regex.as_deref().map(|regex| Pattern::parse(regex, step.group)).transpose()?;
        Ok(Self { pattern, normalize: step.normalize })
    }

    /// The value. None: nothing there, that is an empty text, or the expression does not match.
    ///
    /// With a regex the text comes as it stands on the page, else with its white space folded.
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
            // Nothing is no date, and no complaint either: whether it must be there is for `required` to say.
            Some(_) if fold(&text).is_empty() => String::new(),
            Some(how) => normalize(how, &text)?,
            None => text,
        };
        Ok(Some(text).filter(|text| !text.is_empty()))
    }
}

#[cfg(test)]
mod tests;
