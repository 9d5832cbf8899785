//! The FNO operator: watches the cluster, carries out the decisions of `fno-core`, mints one-time codes and launches runner Pods.
//!
//! In reading order:
//!
//! * [`run`] wires everything; `fno_cluster::lease` decides which operator acts; `context` is what the tasks share.
//! * `known` is what the operator knows about the cluster: reflectors of providers, batches and Pods, and a compact index of jobs. `watches`
//!   feeds it.
//! * `planning` is the one task that creates batches. `batch` takes each batch from its creation to its end. `provider` keeps the status of
//!   providers up to date.
//! * `finalizers`, `orphan_jobs` and `orphan_pods` correct what a crash or a person left behind. `retention` archives and deletes finished
//!   jobs, and `valkey_watch` checks whether Valkey answers.
//! * [`delete_all`] runs instead of the operator when it is uninstalled together with the CRDs.
//! * `valkey`, `secrets` and `install_key` handle secret values: no type there that holds one can be printed.

mod archive;
pub mod args;
mod batch;
mod clock;
mod context;
mod controllers;
pub mod delete_all;
mod error;
mod finalizers;
mod gauges;
mod install_key;
mod invalid_jobs;
mod known;
pub mod metrics;
mod orphan_jobs;
mod orphan_pods;
mod patch;
mod planning;
mod provider;
mod retention;
mod rights;
pub mod run;
mod secrets;
pub mod settings;
mod used_steps;
mod valkey;
mod valkey_watch;
mod watches;
