//! The decisions seen from outside: as tables, as properties, and as a model of two operators that get in each other's way.

mod plan_properties;
mod plan_rules;
mod sessions_optimum;
mod two_operators;
mod upkeep;
mod world;
