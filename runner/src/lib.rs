//! The runner: one Pod, one batch, one browser session for all its jobs.
//!
//! In reading order:
//!
//! * [`args`] is the command line; [`run`], [`local`] and [`lint`] are its three commands: in the Pod, without a cluster, and without
//!   a browser. [`exit`] says what the exit code means.
//! * [`batch`] is the work itself: log in, one job after the other, log out. What goes wrong is judged in [`batch::verdict`], what
//!   follows is decided in [`batch::recovery`]: plain functions. It knows the browser as [`batch::Portal`] and everything else as
//!   [`control::Control`].
//! * [`control`] is the outside: permission, codes, orders, reports. [`control::cluster`] reports to the API server, [`control::local`] only to its caller.
//! * [`engine`] walks a flow through a browser, [`browser`] is that browser: Firefox behind geckodriver.
//!
//! What a runner does not do: decide whether a login may happen, make a code in a cluster, or judge whether a job is tried again. It
//! reports, the operator decides.

pub mod args;
pub mod batch;
pub mod browser;
pub mod control;
pub mod engine;
pub mod exit;
pub mod lint;
pub mod local;
pub mod run;
