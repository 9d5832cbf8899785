//! `extract`: reads a value from the page into `fields`.

use std::time::Duration;

use fno_core::flow::{
    row::{RowError, RowRule, Table},
    selector::Chain,
    text::{Reading, shorten},
};
use fno_crds::{
    Step,
    flow::{Cardinality, ExtractFrom},
};
use serde::Deserialize;
use serde_json::Value;

use super::super::{
    clock::Clock,
    failure::FailureKind,
    missing::{Census, broken_page, each, written},
    problem::{Done, Problem},
    walk::Walk,
};
use crate::browser::{PageState, Request};

/// Time for which a table or list without a match must not change: the page may be about to fill it.
const STILL: Duration = Duration::from_millis(300);

/// The page's answer.
#[derive(Deserialize)]
struct Told {
    value: Value,
    /// State of what was read. The next request carries it, and is answered when it has changed.
    now: String,
    alternative: Option<usize>,
    census: Vec<Census>,
}

/// Result of one reading.
enum Read {
    Value(Value),
    /// No match. That is an answer if it stays like this.
    Nothing,
    /// Not what the step wants, perhaps not yet.
    Not(Problem),
}

impl Walk<'_, '_> {
    pub(super) async fn extract(&mut self, step: &Step, clock: &mut Clock) -> Done {
        let field = step.field.clone().ok_or_else(|| Problem::lacks("field"))?;
        let from = step.from.ok_or_else(|| Problem::lacks("from"))?;
        let value = if from == ExtractFrom::Url {
            self.read_url(step, clock).await?
        } else {
            self.read_page(step, from, clock).await?
        };
        match value {
            Some(value) => {
                if step.sensitive == Some(true) {
                    self.sensitive_fields.insert(field.clone());
                } else {
                    self.note.message = Some(shorten(&format!("{field} = {value}"), 500));
                }
                self.run.scope.fields.insert(field, value);
            }
            None => {
                // A value of an earlier item or try does not belong to this one.
                self.run.scope.fields.remove(&field);
                self.note.message = Some(format!("{field} is not there"));
            }
        }
        Ok(())
    }

    async fn read_url(&mut self, step: &Step, clock: &mut Clock) -> Done<Option<Value>> {
        self.settle(clock).await?;
        let read = Reading::of(step)?.read(&self.run.scope.page.url)?;
        match read {
            None if step.required != Some(false) => {
                Err(Problem::new(FailureKind::Value, "regex does not match the page's address"))
            }
            read => Ok(read.map(Value::from)),
        }
    }

    async fn read_page(
        &mut self,
        step: &Step,
        from: ExtractFrom,
        clock: &mut Clock,
    ) -> Done<Option<Value>> {
        let alternatives = self.alternatives(&step.selectors)?;
        let source = serde_json::to_value(from).unwrap_or_default();
        let request = Request::new("read")
            .alternatives(&alternatives)
            .with("from", source)
            .with("attribute", step.attribute.clone());
        let optional = step.required == Some(false);
        let mut before: Option<String> = None;
        // Time to wait for the next change. The first reading does not wait, unless a value must be there.
        let mut wait = if optional && from != ExtractFrom::Table {
            clock.at_most(Duration::ZERO)
        } else {
            clock.clone()
        };
        loop {
            let (told, page): (Told, PageState) =
                self.ask(&request.clone().with("before", before.clone()), &mut wait).await?;
            let is_still = before.as_ref() == Some(&told.now);
            let problem = match self.understand(step, from, &told)? {
                Read::Value(value) => {
                    self.drifted(told.alternative.unwrap_or(0), &alternatives);
                    return Ok(Some(value));
                }
                Read::Nothing if is_still || clock.is_over() => return Ok(None),
                Read::Nothing => {
                    before = Some(told.now);
                    wait = clock.at_most(STILL);
                    continue;
                }
                Read::Not(problem) => problem,
            };
            if let Some(broken) = broken_page(&page) {
                return Err(broken);
            }
            if optional && problem.kind != FailureKind::Ambiguous {
                return Ok(None);
            }
            if clock.is_over() {
                return Err(if clock.is_deadline() {
                    self.deadline()
                } else {
                    unread(problem, &told, &alternatives)
                });
            }
            before = Some(told.now);
            wait = clock.clone();
        }
    }

    fn understand(&self, step: &Step, from: ExtractFrom, told: &Told) -> Done<Read> {
        if told.value.is_null() {
            return Ok(Read::Not(Problem::new(FailureKind::NotFound, "nothing matches")));
        }
        match from {
            ExtractFrom::Table => self.rows(step, &told.value),
            ExtractFrom::List => {
                let reading = Reading::of(step)?;
                let texts = told.value.as_array().into_iter().flatten().filter_map(Value::as_str);
                let list = texts
                    .map(|text| reading.read(text))
                    .filter_map(Result::transpose)
                    .collect::<Result<Vec<String>, _>>();
                Ok(match list {
                    Ok(list) if list.is_empty() => {
                        Read::Not(Problem::new(FailureKind::Value, "none of the texts can be read"))
                    }
                    Ok(list) => Read::Value(list.into()),
                    Err(error) => Read::Not(error.into()),
                })
            }
            _ => {
                let text = told.value.as_str().unwrap_or_default();
                Ok(match Reading::of(step)?.read(text) {
                    Ok(Some(value)) => Read::Value(value.into()),
                    Ok(None) if step.regex.is_some() => {
                        Read::Not(Problem::new(FailureKind::Value, "the text does not match regex"))
                    }
                    Ok(None) => Read::Not(Problem::new(FailureKind::Value, "the text is empty")),
                    Err(error) => Read::Not(error.into()),
                })
            }
        }
    }

    fn rows(&self, step: &Step, value: &Value) -> Done<Read> {
        #[derive(Deserialize)]
        struct Told {
            headers: Vec<String>,
            rows: Vec<Vec<String>>,
        }
        let told = Told::deserialize(value).map_err(|error| {
            Problem::new(
                FailureKind::Driver,
                format!("the page's table is not understood: {error}"),
            )
        })?;
        let table = Table { headers: told.headers, rows: told.rows };
        Ok(match RowRule::of(step)?.extract(&table, &self.run.scope) {
            Ok(None) => Read::Nothing,
            Ok(Some(Value::Array(rows)))
                if rows.is_empty() && step.cardinality == Some(Cardinality::Many) =>
            {
                Read::Nothing
            }
            Ok(Some(value)) => Read::Value(value),
            Err(error @ RowError::Match(_)) => return Err(error.into()),
            Err(error) => Read::Not(error.into()),
        })
    }
}

/// Adds the selectors that were read to a problem.
fn unread(problem: Problem, told: &Told, alternatives: &[Chain]) -> Problem {
    let read = told.alternative.and_then(|at| alternatives.get(at..=at));
    let message = match problem.kind {
        FailureKind::NotFound => each(alternatives, &told.census, Census::unusable),
        _ => format!("{}: {}", written(read.unwrap_or(alternatives)), problem.message),
    };
    Problem { message, ..problem }
}
