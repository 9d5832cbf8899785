//! What may be wrong with a condition.

use super::functions::FUNCTIONS;
use crate::flow::{scope::Missing, selector::SelectorError};

/// Why a condition could not be read or worked out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ConditionError {
    /// It is no CEL.
    #[error("not a condition: {0}")]
    Syntax(String),
    /// Longer, or deeper nested, than is sensible.
    #[error("the condition is too large: {0}")]
    TooLarge(&'static str),
    /// A function there is not.
    #[error("there is no function {name}(); there are {known}", known = FUNCTIONS.join(", "))]
    Function {
        /// Its name.
        name: String,
    },
    /// `exists`, `text` or `count` with something else than one text in quotes.
    #[error("{0}() needs one selector in quotes, as in {0}('#id')")]
    Argument(String),
    /// The selector in it is none.
    #[error("{0}")]
    Selector(SelectorError),
    /// A name that is not defined.
    #[error("{0}")]
    Undefined(Missing),
    /// It gives something else than true or false.
    #[error("the condition gives {0}, not true or false")]
    NotBool(String),
    /// The page was not asked.
    #[error("{0} was not answered")]
    Unanswered(String),
    /// It cannot be worked out.
    #[error("{0}")]
    Value(String),
}
