//! How the watches are set up.

use kube::runtime::watcher::Config;

/// First lists come as a stream, so a large namespace is never in memory twice; a connection that died without a word is noticed within a minute.
#[must_use]
pub fn config() -> Config {
    Config { timeout: Some(60), ..Config::default() }.streaming_lists()
}
