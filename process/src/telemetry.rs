//! The log of a program: JSON lines in a Pod, text for a person at a terminal.

use anyhow::Context as _;
use tracing_subscriber::{EnvFilter, fmt::writer::BoxMakeWriter};

/// Below `info` these crates print whole requests and answers, with the texts of portal pages and the contents of objects in them.
const TALKATIVE: [&str; 6] =
    ["thirtyfour", "reqwest", "hyper_util", "kube_client", "object_store", "rustls"];

/// Form of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line.
    Json,
    /// Text for a person.
    Text,
}

/// Where the lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output: the log is all the program prints.
    Stdout,
    /// Standard error: standard output carries a report.
    Stderr,
}

/// Starts the log.
///
/// # Errors
/// When `level` is neither a level nor a filter, or when a log was started before.
pub fn start(level: &str, format: Format, output: Output) -> anyhow::Result<()> {
    let writer = match output {
        Output::Stdout => BoxMakeWriter::new(std::io::stdout),
        Output::Stderr => BoxMakeWriter::new(std::io::stderr),
    };
    let log = tracing_subscriber::fmt().with_env_filter(filter(level)?).with_writer(writer);
    match format {
        Format::Json => {
            log.json().flatten_event(true).with_current_span(true).with_span_list(false).try_init()
        }
        Format::Text => log.with_ansi(false).with_target(false).try_init(),
    }
    .map_err(|error| anyhow::anyhow!("{error}"))
}

fn filter(level: &str) -> anyhow::Result<EnvFilter> {
    let mut filter = EnvFilter::try_new(level).with_context(|| {
        format!("{level:?} is no log level (error, warn, info, debug, trace) and no filter")
    })?;
    if matches!(level, "debug" | "trace") {
        for name in TALKATIVE {
            filter = filter.add_directive(format!("{name}=info").parse()?);
        }
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::filter;

    #[test]
    fn whole_requests_are_not_logged_at_any_level() {
        for level in ["debug", "trace"] {
            let filter = filter(level).expect("a filter").to_string();
            assert!(
                filter.contains("thirtyfour=info") && filter.contains("kube_client=info"),
                "{filter}"
            );
        }
        assert!(filter("loud=very").is_err());
    }
}
