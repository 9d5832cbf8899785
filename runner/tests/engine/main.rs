//! The flow engine against real Firefox and pages made for each test. No portal, no cluster.
//!
//! Needs geckodriver (`FNO_GECKODRIVER` or in `PATH`; `make tools` builds it) and Firefox where geckodriver finds it.

mod acting;
mod committing;
mod deciding;
mod dialogs;
mod failing;
mod finding;
mod frames;
mod nesting;
mod pictures;
mod reading;
mod secrets;
mod session;
mod support;
mod waiting;
