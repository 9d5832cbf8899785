//! The portals' rules, tested over HTTP as a browser would use them, with a clock that the test
//! moves.

mod bench;
mod cancellation;
mod data;
mod login;
mod moods;
mod pages;
mod sessions;
