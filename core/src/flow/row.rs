//! Chooses rows of a table by their content, never by their position.

use std::collections::BTreeMap;

use fno_crds::{
    Reason,
    flow::{Cardinality, Step},
};
use serde_json::{Map, Value};

use super::{
    condition::{Answers, Condition, ConditionError},
    scope::Scope,
    text::{fold, same},
};

/// A table on the page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Texts of the header cells.
    pub headers: Vec<String>,
    /// Texts of the body's cells, row by row. A row that lacks a wanted column (such as a "no results" line across all columns) is skipped.
    pub rows: Vec<Vec<String>>,
}

/// Why no row could be chosen.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum RowError {
    /// A column is missing.
    #[error("the table has no column {wanted:?}; {}", if found.is_empty() { "it has no columns".to_owned() } else { format!("its columns are {found}") })]
    Column {
        /// Header of the wanted column.
        wanted: String,
        /// Headers of the table.
        found: String,
    },
    /// Two columns have the same header.
    #[error("the table has more than one column {0:?}")]
    AmbiguousColumn(String),
    /// More rows match than the cardinality allows.
    #[error("{0} rows match, one is allowed")]
    Ambiguous(usize),
    /// The cardinality asks for a row, and no row matches.
    #[error("no row matches; the table has {0} rows")]
    None(usize),
    /// The condition cannot be evaluated.
    #[error("match: {0}")]
    Match(ConditionError),
}

impl RowError {
    /// The reason with which the job fails.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        match self {
            Self::Ambiguous(_) => Reason::AmbiguousMatch,
            _ => Reason::StepFailed,
        }
    }
}

/// A matching row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Index among the table's rows, from 0.
    pub index: usize,
    /// The cells, by the names in `columns`.
    pub cells: Map<String, Value>,
}

/// The rule by which an `extract` step chooses rows.
#[derive(Clone, Debug)]
pub struct RowRule {
    columns: BTreeMap<String, String>,
    condition: Option<Condition>,
    cardinality: Cardinality,
}

impl RowRule {
    /// `columns`, `match` and `cardinality` of the step.
    ///
    /// # Errors
    /// As [`Condition::parse`].
    pub fn of(step: &Step) -> Result<Self, ConditionError> {
        Ok(Self {
            columns: step.columns.clone(),
            condition: step.match_.as_deref().map(Condition::parse).transpose()?,
            cardinality: step.cardinality.unwrap_or_default(),
        })
    }

    /// The matching rows: at most one unless the cardinality is `Many`, at least one if the cardinality is `One`.
    ///
    /// # Errors
    /// [`RowError`]
    pub fn choose(&self, table: &Table, scope: &Scope) -> Result<Vec<Row>, RowError> {
        let places = self.places(&table.headers)?;
        let mut chosen = Vec::new();
        for (index, cells) in table.rows.iter().enumerate() {
            let cells: Option<Map<_, _>> = places
                .iter()
                .map(|(name, place)| {
                    Some(((*name).clone(), Value::String(fold(cells.get(*place)?))))
                })
                .collect();
            let Some(cells) = cells else { continue };
            if self.matches(&cells, scope)? {
                chosen.push(Row { index, cells });
            }
        }
        match (self.cardinality, chosen.len()) {
            (Cardinality::One, 0) => Err(RowError::None(table.rows.len())),
            (Cardinality::One | Cardinality::ZeroOrOne, 2..) => {
                Err(RowError::Ambiguous(chosen.len()))
            }
            _ => Ok(chosen),
        }
    }

    /// The value of the field: an object, or with `Many` a list of objects. Without a value the field is left out.
    ///
    /// # Errors
    /// As [`RowRule::choose`].
    pub fn extract(&self, table: &Table, scope: &Scope) -> Result<Option<Value>, RowError> {
        let mut rows = self.choose(table, scope)?.into_iter().map(|row| Value::Object(row.cells));
        Ok(if self.cardinality == Cardinality::Many { Some(rows.collect()) } else { rows.next() })
    }

    fn matches(&self, cells: &Map<String, Value>, scope: &Scope) -> Result<bool, RowError> {
        let Some(condition) = &self.condition else { return Ok(true) };
        condition
            .eval_with(scope, &[("row", &Value::Object(cells.clone()))], &Answers::default())
            .map_err(RowError::Match)
    }

    fn places<'a>(&'a self, headers: &[String]) -> Result<Vec<(&'a String, usize)>, RowError> {
        self.columns
            .iter()
            .map(|(name, wanted)| {
                let mut places = headers
                    .iter()
                    .enumerate()
                    .filter(|(_, header)| same(header, wanted))
                    .map(|(place, _)| place);
                match (places.next(), places.next()) {
                    (Some(place), None) => Ok((name, place)),
                    (Some(_), Some(_)) => Err(RowError::AmbiguousColumn(wanted.clone())),
                    (None, _) => Err(RowError::Column {
                        wanted: wanted.clone(),
                        found: headers
                            .iter()
                            .map(|h| format!("{:?}", fold(h)))
                            .collect::<Vec<_>>()
                            .join(", "),
                    }),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
