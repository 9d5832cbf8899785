//! Decides which lines are logged.

use anyhow::{bail, ensure};
use tracing_subscriber::filter::{LevelFilter, Targets};

/// Upper limits for the levels of some crates, whatever level is set.
///
/// These crates log whole requests, answers and objects, including passwords, codes and the texts of portal pages: `kube_client` logs an
/// object that it cannot decode as a warning. `kube_runtime` logs a whole `Status` for each refusal and opens a span with the cause of each
/// reconcile. Everything that matters is logged by our own lines.
const LIMITED: [(&str, LevelFilter); 7] = [
    ("hyper_util", LevelFilter::INFO),
    ("kube_client", LevelFilter::ERROR),
    ("kube_runtime", LevelFilter::ERROR),
    ("object_store", LevelFilter::INFO),
    ("reqwest", LevelFilter::INFO),
    ("rustls", LevelFilter::INFO),
    ("thirtyfour", LevelFilter::INFO),
];
const LEVELS: &str = "error, warn, info, debug, trace or off";

/// The filter for a level, or for a list of levels and `target=level`.
///
/// # Errors
/// If a word is not a level. A misspelt level would otherwise be taken for the name of a target, and the log would stay empty.
pub fn targets(text: &str) -> anyhow::Result<Targets> {
    let mut default = LevelFilter::INFO;
    let mut named = Vec::new();
    for part in text.split(',').map(str::trim) {
        match part.split_once('=') {
            None => default = level(part, text)?,
            Some((target, word)) => {
                let target = target.trim();
                ensure!(
                    target.starts_with(|c: char| c.is_ascii_alphabetic())
                        && target.chars().all(|c| c.is_ascii_alphanumeric() || "_:".contains(c)),
                    "the log level {text:?} is not valid: {target:?} is not the name of a crate or module"
                );
                named.push((target.to_owned(), level(word.trim(), text)?));
            }
        }
    }
    let capped = named.into_iter().map(|(target, level)| {
        let most = LIMITED.iter().find(|(of, _)| {
            target == *of || target.strip_prefix(of).is_some_and(|rest| rest.starts_with("::"))
        });
        (target, most.map_or(level, |(_, most)| level.min(*most)))
    });
    let targets = Targets::new()
        .with_default(default)
        .with_targets(LIMITED.map(|(target, most)| (target, default.min(most))));
    Ok(targets.with_targets(capped))
}

fn level(word: &str, text: &str) -> anyhow::Result<LevelFilter> {
    Ok(match word.to_ascii_lowercase().as_str() {
        "off" => LevelFilter::OFF,
        "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        "info" => LevelFilter::INFO,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        _ => bail!("the log level {text:?} is not valid: {word:?} is not {LEVELS}"),
    })
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::targets;

    #[test]
    fn a_level_and_levels_of_targets_are_understood() {
        for (text, target, level, is_logged) in [
            ("info", "fno_operator", Level::INFO, true),
            ("info", "fno_operator", Level::DEBUG, false),
            ("INFO", "fno_operator", Level::INFO, true),
            ("warn,fno_operator=debug", "fno_operator::batch", Level::DEBUG, true),
            ("warn,fno_operator=debug", "fno_store", Level::INFO, false),
            ("fno_operator::batch=trace", "fno_store", Level::INFO, true),
            ("off", "fno_operator", Level::ERROR, false),
        ] {
            let targets = targets(text).expect(text);
            assert_eq!(targets.would_enable(target, &level), is_logged, "{text} {target} {level}");
        }
    }

    #[test]
    fn a_misspelt_level_is_refused_by_name() {
        for (text, named) in [
            ("verbose", "verbose"),
            ("", "\"\""),
            ("info,fno_operator=loud", "loud"),
            ("info,,", "\"\""),
            ("2", "\"2\""),
            ("fno operator=info", "fno operator"),
        ] {
            let error = targets(text).expect_err(text).to_string();
            assert!(error.contains(named), "{text}: {error}");
        }
        let error = targets("verbose").expect_err("no level").to_string();
        assert!(error.contains("error, warn, info, debug, trace or off"), "{error}");
    }

    #[test]
    fn whole_requests_and_objects_are_not_logged_at_any_level() {
        for text in ["trace", "debug", "info,kube_client::client=trace,thirtyfour=trace"] {
            let targets = targets(text).expect(text);
            for (target, level) in [
                ("kube_client::client", Level::WARN),
                ("kube_runtime::watcher", Level::WARN),
                ("kube_runtime::controller", Level::INFO),
                ("thirtyfour::session", Level::DEBUG),
                ("hyper_util::client", Level::DEBUG),
            ] {
                assert!(!targets.would_enable(target, &level), "{text} {target}");
            }
        }
    }
}
