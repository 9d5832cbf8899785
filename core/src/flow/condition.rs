//! Conditions: CEL over what the flow knows and what the page shows.
//!
//! A question to a page takes a browser and time; evaluating a condition takes neither. A condition therefore lists its questions,
//! the runner collects the answers, and then the condition is evaluated in one step.

mod error;
mod functions;
mod question;
mod sign;
mod tree;

use std::collections::{BTreeSet, HashMap};

use cel::{Context, ExecutionError, Program, extractors::This, parser::Expression};
use serde_json::{Map, Value};

use self::tree::{Tree, answer_name, prepare};
pub use self::{
    error::ConditionError,
    question::{Answers, PageQuestion},
};
use super::{
    scope::{Missing, Scope, find},
    text::shorten,
};

/// A condition that has been parsed and checked.
#[derive(Clone, Debug)]
pub struct Condition {
    source: String,
    tree: Expression,
    questions: Vec<PageQuestion>,
    names: BTreeSet<String>,
    is_sign: bool,
}

/// Names and questions of a condition, as written there, with their values.
pub type Seen = Vec<(String, Value)>;

/// Maximum length of a condition in characters: the API's bound for the longest one (`spec.proof`).
const MAX_CHARS: usize = 2000;
/// Maximum nesting of brackets, and maximum number of choices (`?`).
const MAX_NESTING: usize = 24;
/// Stack size of the thread that parses and evaluates. Parser and interpreter recurse: without optimisation every operator takes 40 KiB
/// and every bracket 200 KiB, more than the runtime's threads have. Only the pages that are touched use memory.
const STACK: usize = 64 << 20;

impl Condition {
    /// # Errors
    /// [`ConditionError`]: not CEL, too large, an unknown function, a page question whose selector is not a literal.
    pub fn parse(source: &str) -> Result<Self, ConditionError> {
        check_size(source)?;
        let (Tree { expression, questions, names }, is_sign) = on_large_stack(|| {
            let program = Program::compile(source)
                .map_err(|errors| ConditionError::Syntax(describe(&errors)))?;
            let tree = prepare(program.expression())?;
            Ok((tree, sign::is_sign(program.expression(), true)))
        })?;
        Ok(Self { source: source.to_owned(), tree: expression, questions, names, is_sign })
    }

    /// Whether the condition can only hold because the page shows something. If false, it also holds for a page that shows nothing (yet).
    #[must_use]
    pub const fn is_sign(&self) -> bool {
        self.is_sign
    }

    /// The condition as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The questions that the page must answer first, each once.
    #[must_use]
    pub fn questions(&self) -> &[PageQuestion] {
        &self.questions
    }

    /// The dotted names in the condition: `fields.service.status`.
    #[must_use]
    pub const fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    /// Evaluates the condition.
    ///
    /// # Errors
    /// [`ConditionError`]: an undefined name, an unanswered question, a result that is not true or false.
    pub fn eval(&self, scope: &Scope, answers: &Answers) -> Result<bool, ConditionError> {
        self.eval_with(scope, &[], answers)
    }

    /// Evaluates the condition with additional names: `row` for the match of a table, `intent` for a provider's proof.
    ///
    /// # Errors
    /// As [`Condition::eval`].
    pub fn eval_with(
        &self,
        scope: &Scope,
        more: &[(&str, &Value)],
        answers: &Answers,
    ) -> Result<bool, ConditionError> {
        let mut variables = scope.variables();
        variables.extend(more.iter().map(|(name, value)| ((*name).to_owned(), (*value).clone())));
        let mut context = Context::default();
        context.add_function("lowerAscii", |This(text): This<std::sync::Arc<String>>| {
            text.to_ascii_lowercase()
        });
        context.add_function("upperAscii", |This(text): This<std::sync::Arc<String>>| {
            text.to_ascii_uppercase()
        });
        context.add_function("trim", |This(text): This<std::sync::Arc<String>>| {
            text.trim().to_owned()
        });
        for (name, value) in &variables {
            context.add_variable_from_value(name.as_str(), to_cel(value));
        }
        for (i, question) in self.questions.iter().enumerate() {
            let answer = answers
                .to(question)
                .ok_or_else(|| ConditionError::Unanswered(question.to_string()))?;
            context.add_variable_from_value(answer_name(i), answer);
        }
        on_large_stack(|| match cel::Value::resolve(&self.tree, &context) {
            Ok(cel::Value::Bool(holds)) => Ok(holds),
            Ok(other) => Err(ConditionError::NotBool(kind(&other))),
            Err(error) => Err(self.explain(error, &variables)),
        })
    }

    /// The questions and names of the condition, each with its value. A name that is not defined has the value null.
    #[must_use]
    pub fn seen(&self, scope: &Scope, answers: &Answers) -> Seen {
        let variables = scope.variables();
        let questions = self
            .questions
            .iter()
            .filter_map(|question| Some((question.to_string(), answers.json(question)?)));
        let names = self
            .names
            .iter()
            .filter(|name| name.contains('.') || *name == "item")
            .map(|name| (name.clone(), find(&variables, name).cloned().unwrap_or_default()));
        questions.chain(names).collect()
    }

    fn explain(&self, error: ExecutionError, variables: &Map<String, Value>) -> ConditionError {
        match error {
            ExecutionError::NoSuchKey(key) | ExecutionError::UndeclaredReference(key) => {
                let missing = self.names.iter().filter_map(|name| find(variables, name).err());
                ConditionError::Undefined(
                    { missing }
                        .find(|missing| missing.name.rsplit('.').next() == Some(key.as_str()))
                        .unwrap_or_else(|| Missing { name: (*key).clone(), known: Vec::new() }),
                )
            }
            ExecutionError::NoSuchOverload => {
                ConditionError::Value("its parts do not fit together, such as a text where a number, a list or an object is needed".to_owned())
            }
            other => ConditionError::Value(shorten(&other.to_string(), 200)),
        }
    }
}

fn check_size(source: &str) -> Result<(), ConditionError> {
    if source.chars().count() > MAX_CHARS {
        return Err(ConditionError::TooLarge("at most 2000 characters"));
    }
    let (mut depth, mut choices) = (0_usize, 0);
    for c in source.chars() {
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            '?' => choices += 1,
            _ => {}
        }
        // Choices that are not nested count too: distinguishing them would take a parser.
        if depth > MAX_NESTING || choices > MAX_NESTING {
            return Err(ConditionError::TooLarge(
                "at most 24 brackets within each other, and 24 times ?",
            ));
        }
    }
    Ok(())
}

/// Runs the work in a separate thread, which also isolates the caller from a panic of the parser. Takes about 30 µs.
fn on_large_stack<T: Send>(
    work: impl FnOnce() -> Result<T, ConditionError> + Send,
) -> Result<T, ConditionError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
        let thread = thread.map_err(|error| {
            ConditionError::Value(format!("no thread could be started to read it: {error}"))
        })?;
        thread
            .join()
            .unwrap_or_else(|_| Err(ConditionError::Syntax("the parser gave up".to_owned())))
    })
}

fn describe(errors: &cel::ParseErrors) -> String {
    errors.errors.first().map_or_else(
        || "it cannot be read".to_owned(),
        |first| {
            // The parser counts lines from 1; 0 means unknown.
            let at = if first.pos.0 > 0 {
                format!(" (at character {})", first.pos.1 + 1)
            } else {
                String::new()
            };
            format!("{}{at}", shorten(&first.msg, 200))
        },
    )
}

fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(yes) => cel::Value::Bool(*yes),
        // All whole numbers have one type, so that `count == 3` holds for a 3 from any source.
        Value::Number(n) => n
            .as_i64()
            .map_or_else(|| cel::Value::Float(n.as_f64().unwrap_or(f64::NAN)), cel::Value::Int),
        Value::String(text) => text.as_str().into(),
        Value::Array(items) => items.iter().map(to_cel).collect::<Vec<_>>().into(),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), to_cel(value)))
            .collect::<HashMap<_, _>>()
            .into(),
    }
}

fn kind(value: &cel::Value) -> String {
    match value {
        cel::Value::String(text) => format!("the text {:?}", shorten(text, 60)),
        other => format!("a value of type {}", other.type_of()),
    }
}

#[cfg(test)]
mod tests;
