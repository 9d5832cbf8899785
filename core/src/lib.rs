//! The decisions of the FNO operator.
//!
//! This crate decides; it never acts. It has no async runtime, no Kubernetes client, no clock and no randomness: time is an
//! argument, and what was seen comes in as plain values. So every rule can be tested as a table.
//!
//! In reading order:
//!
//! * [`why`], [`key`], [`gate`], [`time`]: the vocabulary of all that follows.
//! * [`plan`]: which jobs leave now, in which batches, and for every other job the reason it waits. [`view`]: what it is given.
//! * [`session_count`]: into how many sessions waiting work is split; [`measure`]: how long a job and a login take.
//! * [`claim`]: whether a batch gets a job it has invited.
//! * [`finalizer`]: which finalizers a job should have; [`ownership`]: whether a job's batch still takes care of it.
//! * [`lifecycle`]: what a batch needs next.
//! * [`mint`]: whether a one-time code may be minted now.
//! * [`account`]: what the names of one account know together.
//! * [`breaker`]: when logins and flows are stopped, and what lets them go on.
//! * [`job_status`], [`batch_status`], [`provider_status`]: what is written about jobs, batches and providers.
//! * [`batch_wait`]: when jobs show what their batch waits for.
//! * [`unreadable`]: what counts of an object that cannot be read.
//! * [`wait_writes`]: which waiting jobs are told what they wait for, and when.
//! * [`objects`]: the Pod, Secrets and roles of a batch.
//! * [`work`]: what a runner is given.
//! * [`credentials`]: which credentials an account has, told apart without being told.
//! * [`totp`]: the code of a seed and a step.
//! * [`text`]: texts with a bound. [`nearest`]: what a mistyped name was meant to be.
//!   [`outage`]: which of many equal failures are worth a log line.
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
