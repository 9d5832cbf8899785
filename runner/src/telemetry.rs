//! The log: JSON lines on standard output in the Pod, text on standard error beside a report.
//!
//! Lines about a job carry `job`, `batch` and `provider` in their span.

use anyhow::Context as _;
use tracing_subscriber::EnvFilter;

/// Below this level these crates print whole requests, with the pages' texts in them.
const TALKATIVE: [&str; 6] =
    ["thirtyfour", "reqwest", "hyper_util", "kube_client", "object_store", "rustls"];

/// Starts the log of a runner in its Pod.
///
/// # Errors
/// When `level` is no level and no filter, or a log was already started.
pub fn start_json(level: &str) -> anyhow::Result<()> {
    let log =
        tracing_subscriber::fmt().with_env_filter(filter(level)?).with_writer(std::io::stdout);
    log.json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .try_init()
        .map_err(|error| anyhow::anyhow!("{error}"))
}

/// Starts the log for a person.
///
/// # Errors
/// As [`start_json`].
pub fn start_text(level: &str) -> anyhow::Result<()> {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter(level)?)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false);
    log.try_init().map_err(|error| anyhow::anyhow!("{error}"))
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
