//! The log: one JSON object per line on standard output.

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

use crate::args::LogFormat;

/// Starts the log.
///
/// # Errors
/// When the level is no filter, or a log was already started.
pub fn start(level: &str, format: LogFormat) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(level).with_context(|| {
        format!("--log-level {level:?} is no level (error, warn, info, debug, trace) and no filter")
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stdout);
    match format {
        LogFormat::Json => {
            log.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
        LogFormat::Text => log.with_ansi(false).try_init(),
    }
    .map_err(|error| anyhow::anyhow!("{error}"))
}
