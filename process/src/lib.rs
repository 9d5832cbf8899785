//! What every program of the FNO operator needs around itself as a process.
//!
//! * [`tls`] installs the TLS provider, before anything else runs.
//! * [`telemetry`] starts the log.
//! * [`shutdown`] turns SIGTERM and SIGINT into a token.
//! * [`liveness`] records whether the tasks make progress.
//! * `http` (feature `http`) serves `/livez`, `/readyz` and `/metrics`; `usage` adds `process_*` to the metrics.

#[cfg(feature = "http")]
pub mod http;
pub mod liveness;
pub mod shutdown;
pub mod telemetry;
pub mod tls;
#[cfg(feature = "http")]
pub mod usage;
