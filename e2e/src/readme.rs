//! Commands and files that README and docs show, for tests that run them unchanged.

use anyhow::{Context, Result};

use crate::ground::Ground;

const README: &str = "README.md";

fn text(file: &str) -> Result<String> {
    std::fs::read_to_string(Ground::root().join(file)).with_context(|| file.to_owned())
}

/// The code block of README that follows `<!-- tested: NAME -->`.
///
/// # Errors
/// README has no such block.
pub fn block(name: &str) -> Result<String> {
    block_in(README, name)
}

/// The code block of a page that follows `<!-- tested: NAME -->`. `file` is a path below the
/// checkout's root.
///
/// # Errors
/// The page cannot be read or has no such block.
pub fn block_in(file: &str, name: &str) -> Result<String> {
    let page = text(file)?;
    let marked = page
        .split_once(&format!("<!-- tested: {name} -->\n"))
        .with_context(|| format!("{file} has no block {name}"))?
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
    let readme = text(README)?;
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
