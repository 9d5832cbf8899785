//! What every program of the FNO operator needs around the Kubernetes API.
//!
//! * [`client`] is a client whose calls end in bounded time; [`watch`] keeps a list up to date through every failure of the API server.
//! * [`failure`] says in one sentence what went wrong with a request.
//! * [`patch`] computes the smallest merge patch between two states and writes a status with it.
//! * [`version`] says which of two copies of an object is newer.
//! * [`conflict`] names the two API errors that are part of normal operation.
//! * [`events`] publishes Kubernetes events.
//! * [`lease`] elects the one operator that acts.
//!
//! Decisions are made in `fno-core`; this crate only carries them to the API server.

pub mod client;
pub mod conflict;
pub mod events;
pub mod failure;
pub mod lease;
pub mod patch;
pub mod version;
pub mod watch;
