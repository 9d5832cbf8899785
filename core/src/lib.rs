//! The decisions of the FNO operator.
//!
//! This crate decides; it never acts. It has no async runtime, no Kubernetes client, no clock and no randomness: time is an
//! argument, and observed facts come in as plain values. So every rule can be tested as a table.
//!
//! In reading order:
//!
//! * [`why`], [`key`], [`gate`], [`time`]: the vocabulary of everything that follows.
//! * [`plan`]: which jobs are batched now, in which batches, and for every other job the reason it waits. [`view`]: its input.
//! * [`session_count`]: into how many sessions waiting work is split; [`measure`]: how long a job and a login take.
//! * [`claim`]: whether a batch gets a job it has invited.
//! * [`finalizer`]: which finalizers a job should have; [`ownership`]: whether a job's batch still takes care of it.
//! * [`lifecycle`]: what a batch needs next.
//! * [`mint`]: whether a one-time code may be minted now.
//! * [`account`]: what is recorded under all names of one account.
//! * [`breaker`]: when logins and flows are stopped, and what allows them again.
//! * [`job_status`], [`batch_status`], [`provider_status`]: what the operator writes into the status of jobs, batches and providers.
//! * [`batch_wait`]: when jobs show what their batch waits for.
//! * [`unreadable`]: what is still known about an object that this version cannot read.
//! * [`wait_writes`]: which waiting jobs get the reason written into their status, and when.
//! * [`objects`]: the Pod, Secrets and roles of a batch.
//! * [`work`]: what a runner works from.
//! * [`credentials`]: tells an account's credentials apart without revealing them.
//! * [`totp`]: the code of a seed and a step.
//! * [`text`]: texts of limited length. [`nearest`]: what a mistyped name was meant to be.
//!   [`outage`]: which of many repeated failures are worth a log line.
//! * [`flow`]: templates, conditions, selectors, rows and the linter: flows as a language.

pub mod account;
pub mod batch_status;
pub mod batch_wait;
pub mod breaker;
pub mod claim;
pub mod credentials;
pub mod finalizer;
pub mod flow;
pub mod gate;
pub mod job_status;
pub mod key;
pub mod lifecycle;
pub mod measure;
pub mod mint;
pub mod nearest;
pub mod objects;
pub mod outage;
pub mod ownership;
pub mod plan;
pub mod provider_status;
pub mod session_count;
pub mod text;
pub mod time;
pub mod totp;
pub mod unreadable;
pub mod view;
pub mod wait_writes;
pub mod why;
pub mod work;
