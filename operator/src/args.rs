//! The command line. Every flag can be given as an environment variable.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use fno_crds::Duration;
use fno_process::telemetry::Format;

/// Plans jobs on fibre network portals into batches and runs each batch in one browser session.
#[derive(Clone, Debug, Parser)]
#[command(name = "fno-operator", version, about)]
pub struct Args {
    /// Path of the settings file (YAML).
    #[arg(long, env = "FNO_SETTINGS", default_value = "/etc/fno/settings.yaml")]
    pub settings: PathBuf,
    /// Address on which /livez, /readyz and /metrics are served.
    #[arg(long, env = "FNO_BIND", default_value = "0.0.0.0:8080")]
    pub bind: SocketAddr,
    /// Log level: error, warn, info, debug or trace. Filters may follow, as in `info,fno_operator=debug`. Runners get the first word.
    #[arg(long, env = "FNO_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
    /// Format of the log.
    #[arg(long, env = "FNO_LOG_FORMAT", default_value = "json")]
    pub log_format: LogFormat,
    /// Namespace of the Lease `fno-operator`, by which operators agree on which of them acts.
    #[arg(long, env = "POD_NAMESPACE", default_value = "default")]
    pub lease_namespace: String,
    /// Identity of this operator in the Lease.
    #[arg(long, env = "POD_NAME", default_value_t = default_identity())]
    pub identity: String,
    /// The command to run instead of the operator.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What the program can do other than run the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub enum Command {
    /// Delete all jobs and batches where the operator works, and wait until they are gone. The operator must be running.
    DeleteAll {
        /// How long to wait for running batches to end.
        #[arg(long, default_value = "10m")]
        timeout: Duration,
    },
}

/// Format of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object per line.
    Json,
    /// Lines for people to read.
    Text,
}

impl From<LogFormat> for Format {
    fn from(format: LogFormat) -> Self {
        match format {
            LogFormat::Json => Self::Json,
            LogFormat::Text => Self::Text,
        }
    }
}

/// A name that differs between two processes on one machine.
fn default_identity() -> String {
    format!("fno-operator-{}", std::process::id())
}
