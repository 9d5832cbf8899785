//! Scenarios on a real cluster with real Firefox, judged by the portals' journal.
//!
//! Each scenario has its own namespace with its own portals, so scenarios run side by side.
//! Scenarios that disturb what all of them share (Valkey, the operator itself) are in [`alone`].

mod alone;
mod bad_input;
mod by_hand;
mod happy_path;
mod hostile;
mod logins;
mod namespaces;
mod readme;
mod sessions;
mod support;
