//! Flows as a language: what a step's texts, conditions and selectors mean, and what can be said about them before a browser
//! opens. Nothing here looks at a page: what was seen comes in as plain values.
//!
//! In reading order:
//!
//! * [`scope`]: the names templates and conditions may use.
//! * [`template`]: texts with `{{ … }}`. [`condition`]: CEL, and the questions it has for the page. [`selector`]: how elements are found.
//! * [`text`]: reading values out of what a page says. [`row`]: choosing rows of a table.
//! * [`address`]: where navigate goes, where a secret may be typed. [`keyboard`]: names of keys.
//! * [`expect`]: is it the line that is meant? [`outcome`]: what an answer means. [`result`]: fields as `status.result`.
//! * [`kind`], [`step_name`], [`digest`], [`streak`]: which flow, which step, which edition, and how often it failed.
//! * [`lint`]: everything that can be known to be wrong.

pub mod address;
pub mod condition;
pub mod digest;
pub mod expect;
pub mod keyboard;
pub mod kind;
pub mod lint;
pub mod outcome;
pub mod result;
pub mod row;
pub mod scope;
pub mod selector;
pub mod step_name;
pub mod streak;
pub mod template;
pub mod text;
