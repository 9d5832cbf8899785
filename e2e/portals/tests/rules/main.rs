//! The portals' rules, asked over HTTP as a browser would, with a clock that the test moves.

mod bench;
mod cancellation;
mod data;
mod login;
mod moods;
mod sessions;
