//! Scenarios on a real cluster with real Firefox, judged by the portals' journal.
//!
//! Each scenario has a namespace of its own with portals of its own, so they run side by side. Those that disturb what all
//! share (Valkey, the operator itself) take [`support::alone`].

mod bad_input;
mod by_hand;
mod disturbances;
mod happy_path;
mod logins;
mod readme;
mod sessions;
mod support;
