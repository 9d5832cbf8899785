//! Every rule of planning, one by one.

mod accounts;
mod closing;
mod counts;
mod eligibility;
mod limits;
mod names;
mod order;
mod providers;
mod service;
mod sessions;
mod sizes;
