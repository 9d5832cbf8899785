//! Renders the chart with Helm.

use std::process::Command;

use anyhow::{Context as _, Result, bail};
use fno_e2e::Ground;
use serde_json::Value;

/// Where the chart is installed in these tests.
pub const SYSTEM: &str = "fno-system";

/// `helm template` with more arguments, as text.
pub fn text(arguments: &[&str]) -> Result<String> {
    let output = Command::new("helm")
        .args(["template", "fno-operator", "charts/fno-operator", "--namespace", SYSTEM])
        .args(["--kube-version", "1.33"])
        .args(arguments)
        .current_dir(Ground::root())
        .output()
        .context("helm is not in PATH: run this through e2e/with-tools")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The objects in it.
pub fn objects(arguments: &[&str]) -> Result<Vec<Value>> {
    parse(&text(arguments)?)
}

/// The objects of a manifest.
pub fn parse(manifest: &str) -> Result<Vec<Value>> {
    let documents = manifest.split("\n---\n").map(|document| document.trim_start_matches("---\n"));
    let filled = documents.filter(|document| {
        document.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'))
    });
    filled.map(|document| serde_yaml::from_str(document).context(document.to_owned())).collect()
}

/// The operator's settings file in the rendered objects.
pub fn settings(objects: &[Value]) -> Result<String> {
    let found = objects.iter().find_map(|object| object["data"]["settings.yaml"].as_str());
    Ok(found.context("no settings")?.to_owned())
}

/// Kinds of the objects, sorted, each once.
pub fn kinds(objects: &[Value]) -> Vec<&str> {
    let mut kinds: Vec<_> = objects.iter().filter_map(|object| object["kind"].as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}
