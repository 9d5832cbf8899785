//! The functions that a condition may call.

use std::ops::RangeInclusive;

use cel::common::ast::operators;

/// All functions, in addition to CEL's operators and its macros `all`, `exists`, `exists_one`, `filter` and `map`.
pub(super) const FUNCTIONS: [&str; 18] = [
    "contains",
    "count",
    "double",
    "endsWith",
    "exists",
    "has",
    "int",
    "lowerAscii",
    "matches",
    "max",
    "min",
    "size",
    "startsWith",
    "string",
    "text",
    "trim",
    "uint",
    "upperAscii",
];

/// The number of arguments of a function or operator, including the value it is called on. None for an unknown function.
pub(super) fn function_takes(name: &str) -> Option<RangeInclusive<usize>> {
    Some(match name {
        "double" | "int" | "lowerAscii" | "size" | "string" | "trim" | "uint" | "upperAscii" => {
            1..=1
        }
        "contains" | "endsWith" | "matches" | "startsWith" => 2..=2,
        "max" | "min" => 1..=10,
        operators::LOGICAL_NOT | operators::NEGATE | operators::NOT_STRICTLY_FALSE => 1..=1,
        operators::CONDITIONAL => 3..=3,
        operators::LOGICAL_AND
        | operators::LOGICAL_OR
        | operators::SUBSTRACT
        | operators::ADD
        | operators::MULTIPLY
        | operators::DIVIDE
        | operators::MODULO
        | operators::EQUALS
        | operators::NOT_EQUALS
        | operators::GREATER_EQUALS
        | operators::LESS_EQUALS
        | operators::GREATER
        | operators::LESS
        | operators::INDEX
        | operators::IN => 2..=2,
        _ => return None,
    })
}
