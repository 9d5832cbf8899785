//! The log of a program: JSON lines in a Pod, text for a person at a terminal.

mod flat_json;
mod level;

use tracing_subscriber::{
    fmt::writer::BoxMakeWriter, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use self::flat_json::FlatJson;

/// Format of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Json,
    /// Text for a person.
    Text,
}

/// Where the lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output: the log is all the program prints.
    Stdout,
    /// Standard error: standard output carries a report.
    Stderr,
}

/// Starts the log. `level` is `error`, `warn`, `info`, `debug`, `trace` or `off`, or a list such as `info,fno_operator=debug`.
///
/// # Errors
/// If `level` is not valid, or if a log was started before.
pub fn start(level: &str, format: Format, output: Output) -> anyhow::Result<()> {
    let targets = level::targets(level)?;
    let writer = match output {
        Output::Stdout => BoxMakeWriter::new(std::io::stdout),
        Output::Stderr => BoxMakeWriter::new(std::io::stderr),
    };
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer);
    let log = tracing_subscriber::registry().with(targets);
    match format {
        Format::Json => {
            log.with(lines.fmt_fields(flat_json::fields()).event_format(FlatJson)).try_init()
        }
        Format::Text => log.with(lines.with_target(false)).try_init(),
    }
    .map_err(|error| anyhow::anyhow!("{error}"))
}
