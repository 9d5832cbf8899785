//! `images/release` and `images/values`, with a container engine that only writes down what it is asked.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Command};

use anyhow::{Context as _, Result, ensure};
use fno_e2e::Ground;

/// Builds nothing, pushes nowhere, and names a digest for what was pushed.
const ENGINE: &str = r#"#!/bin/sh
echo "$*" >>"$ENGINE_LOG"
case "$1 $2" in
  "image inspect")
    for last; do :; done
    case "$*" in
      *--format*) echo "${last%:*}@sha256:$(printf %s "${last%:*}" | sha256sum | cut -d' ' -f1)" ;;
      *) exit 1 ;;
    esac ;;
esac
"#;

fn program(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// A clean copy of what the release needs, as a checkout of its own.
fn checkout(folder: &Path) -> Result<()> {
    let script = format!(
        "set -e; cd {root}; git ls-files -z -co --exclude-standard -- charts images e2e/cluster e2e/chart-readme Cargo.toml | xargs -0 cp --parents -t {to}
         cd {to}; git init -q; git add -A; git -c user.name=t -c user.email=t@t commit -qm copy",
        root = Ground::root().display(),
        to = folder.display()
    );
    let output = Command::new("bash").args(["-c", &script]).output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}

#[test]
fn a_release_packs_a_chart_in_which_every_image_has_its_digest() -> Result<()> {
    let (folder, bin) = (tempfile::tempdir()?, tempfile::tempdir()?);
    checkout(folder.path())?;
    program(&bin.path().join("docker"), ENGINE)?;
    let path = format!("{}:{}", bin.path().display(), std::env::var("PATH")?);
    let output = Command::new(folder.path().join("images/release"))
        .env("PATH", &path)
        .env("REGISTRY", "registry.example:5000/fno")
        .env("FNO_CACHE", bin.path().join("c"))
        .env("ENGINE_LOG", bin.path().join("log"))
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let version = env!("CARGO_PKG_VERSION");
    let dist = folder.path().join("dist").join(version);
    let chart = dist.join(format!("fno-operator-{version}.tgz")).display().to_string();
    let rendered = Command::new("helm")
        .args([
            "template",
            "fno-operator",
            &chart,
            "--kube-version",
            "1.33",
            "--set",
            "crds.create=false",
        ])
        .output()?;
    ensure!(rendered.status.success(), "{}", String::from_utf8_lossy(&rendered.stderr));
    let rendered = String::from_utf8(rendered.stdout)?;
    for name in ["operator", "runner", "browser", "valkey"] {
        let pinned = format!("registry.example:5000/fno/{name}@sha256:");
        ensure!(rendered.contains(&pinned), "{name} is not pinned");
    }
    let images = fs::read_to_string(dist.join("images.txt"))?;
    ensure!(images.lines().count() == 4, "{images}");
    ensure!(
        images.contains(&format!("registry.example:5000/fno/valkey:{version} sha256:")),
        "{images}"
    );
    let sums = fs::read_to_string(dist.join("SHA256SUMS"))?;
    ensure!(sums.contains("images.txt") && sums.contains(".tgz"), "{sums}");
    let log = fs::read_to_string(bin.path().join("log"))?;
    ensure!(
        log.contains(&format!("push --quiet registry.example:5000/fno/operator:{version}")),
        "{log}"
    );
    Ok(())
}

#[test]
fn a_release_of_changed_files_is_refused() -> Result<()> {
    let (folder, bin) = (tempfile::tempdir()?, tempfile::tempdir()?);
    checkout(folder.path())?;
    fs::write(folder.path().join("new"), "")?;
    let output = Command::new(folder.path().join("images/release"))
        .env("REGISTRY", "registry.example/fno")
        .env("FNO_CACHE", bin.path())
        .output()?;
    let said = String::from_utf8(output.stderr)?;
    ensure!(!output.status.success() && said.contains("the checkout has changes"), "{said}");
    Ok(())
}

#[test]
fn values_name_the_images_that_were_built_and_say_what_is_missing() -> Result<()> {
    let values = |digest: &str| {
        let mut command = Command::new(Ground::root().join("images/values"));
        for name in ["OPERATOR", "RUNNER", "BROWSER", "VALKEY"] {
            command.env(
                format!("FNO_IMAGE_{name}"),
                format!("localhost:5000/fno/{}:tag", name.to_lowercase()),
            );
        }
        command.env("FNO_DIGEST_RUNNER", digest).output().context("images/values")
    };
    let digest = format!("sha256:{}", "a".repeat(64));
    let printed = String::from_utf8(values(&digest)?.stdout)?;
    let parsed: serde_json::Value = serde_yaml::from_str(&printed)?;
    ensure!(parsed["image"]["repository"] == "localhost:5000/fno/operator", "{printed}");
    ensure!(parsed["image"]["tag"] == "tag" && parsed["image"]["digest"] == "", "{printed}");
    ensure!(parsed["runner"]["image"]["digest"] == digest.as_str(), "{printed}");
    let lacking = Command::new(Ground::root().join("images/values"))
        .env_remove("FNO_IMAGE_OPERATOR")
        .output()?;
    ensure!(!lacking.status.success() && lacking.stdout.is_empty(), "values without images");
    Ok(())
}
