//! Flows as a language: what the texts, conditions and selectors of a step mean, and what is known about them before a browser
//! starts. Nothing here reads a page: what the runner has seen comes in as plain values.
//!
//! In reading order:
//!
//! * [`scope`]: the names templates and conditions may use.
//! * [`template`]: texts with `{{ … }}`. [`condition`]: CEL, and the questions it has for the page. [`selector`]: how elements are found.
//! * [`text`]: reading values from the texts of a page. [`row`]: choosing rows of a table.
//! * [`address`]: what a navigate step opens, and where a secret may be typed. [`keyboard`]: names of keys.
//! * [`expect`]: whether the portal shows the line that the job is about. [`outcome`]: what an answer means. [`result`]: fields as
//!   `status.result`.
//! * [`kind`], [`step_name`], [`digest`], [`streak`]: which flow, which step, which version, and how often it failed.
//! * [`lint`]: every fault that can be found without a browser.

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
