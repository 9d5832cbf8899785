//! Commands and files that README shows, for tests that run them unchanged.

use anyhow::{Context, Result};

use crate::ground::Ground;

fn text() -> Result<String> {
    Ok(std::fs::read_to_string(Ground::root().join("README.md"))?)
}

/// The code block that follows `<!-- tested: NAME -->`.
///
/// # Errors
/// README has no such block.
pub fn block(name: &str) -> Result<String> {
    let readme = text()?;
    let marked = readme
        .split_once(&format!("<!-- tested: {name} -->\n"))
        .with_context(|| format!("README has no block {name}"))?
        .1;
    let body = marked
        .strip_prefix("```")
        .context("a code block follows the mark")?
        .split_once('\n')
        .context("a code block")?
        .1;
    Ok(body.split_once("\n```").context("the code block ends")?.0.to_owned())
}

/// The `kubectl` commands in the text of a section.
///
/// # Errors
/// README has no such section.
pub fn commands(section: &str) -> Result<Vec<String>> {
    let readme = text()?;
    let rest = readme
        .split_once(&format!("\n## {section}\n"))
        .with_context(|| format!("README has no section {section}"))?
        .1;
    let section = rest.split_once("\n## ").map_or(rest, |(section, _)| section);
    Ok(section
        .split('`')
        .filter(|quoted| quoted.starts_with("kubectl "))
        .map(str::to_owned)
        .collect())
}
