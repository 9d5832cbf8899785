//! Errors of conditions.

use super::functions::FUNCTIONS;
use crate::flow::{scope::Missing, selector::SelectorError};

/// A condition that could not be parsed or evaluated.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConditionError {
    /// The text is not CEL.
    #[error("not a condition: {0}")]
    Syntax(String),
    /// The condition is longer, or more deeply nested, than is sensible.
    #[error("the condition is too large: {0}")]
    TooLarge(&'static str),
    /// The condition calls a function that does not exist.
    #[error("there is no function {name}(); there are {known}", known = FUNCTIONS.join(", "))]
    Function {
        /// Name of the function.
        name: String,
    },
    /// `exists`, `text` or `count` was called with something other than one text in quotes.
    #[error("{0}() needs one selector in quotes, as in {0}('#id')")]
    Argument(String),
    /// The selector of a question is invalid.
    #[error("{0}")]
    Selector(SelectorError),
    /// A name is not defined.
    #[error("{0}")]
    Undefined(Missing),
    /// The result is not true or false.
    #[error("the condition gives {0}, not true or false")]
    NotBool(String),
    /// A question to the page was not answered.
    #[error("{0} was not answered")]
    Unanswered(String),
    /// The evaluation failed.
    #[error("{0}")]
    Value(String),
}
