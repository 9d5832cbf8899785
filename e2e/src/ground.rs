//! The cluster and the operator installed on it.

use std::{env, path::PathBuf, process::Stdio};

use anyhow::{Context, Result, bail, ensure};
use kube::Client;
use tokio::{io::AsyncWriteExt, process::Command};

/// Namespace into which `make` installs the operator.
pub const SYSTEM: &str = "fno-system";
/// Name of the Helm release.
pub const RELEASE: &str = "fno-operator";

/// The cluster of the current kubeconfig.
#[derive(Clone)]
pub struct Ground {
    /// Client of its API server.
    pub client: Client,
}

impl Ground {
    /// Connects to the cluster that `KUBECONFIG` names.
    ///
    /// # Errors
    /// No kubeconfig was found, or the API server does not answer.
    pub async fn connect() -> Result<Self> {
        let client = Client::try_default()
            .await
            .context("no cluster: run `make cluster-up`, then `eval \"$(e2e/cluster/env)\"`")?;
        client
            .apiserver_version()
            .await
            .context("the cluster of the current kubeconfig does not answer")?;
        Ok(Self { client })
    }

    /// Root folder of the checkout.
    #[must_use]
    pub fn root() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default()
    }

    /// The reference of an image that `make images` built: `name` is one of `operator`, `runner`,
    /// `browser`, `portals`, `valkey`.
    ///
    /// # Errors
    /// `make images` has not run.
    pub fn image(name: &str) -> Result<String> {
        let variable = format!("FNO_IMAGE_{}", name.to_uppercase());
        env::var(&variable).with_context(|| {
            format!("{variable} is not set: run `make images`, then `eval \"$(e2e/cluster/env)\"`")
        })
    }
}

/// Runs `kubectl` as a person would and returns what it prints.
///
/// # Errors
/// kubectl fails; the error contains its output.
pub async fn kubectl(args: &[&str]) -> Result<String> {
    run("kubectl", args, None).await
}

/// Runs `kubectl … -f -` with `input` on standard input.
///
/// # Errors
/// As [`kubectl`].
pub async fn kubectl_with(args: &[&str], input: &str) -> Result<String> {
    run("kubectl", args, Some(input)).await
}

/// Runs a program and returns what it prints.
///
/// # Errors
/// The program is missing or fails; the error contains its output.
pub async fn run(program: &str, args: &[&str], input: Option<&str>) -> Result<String> {
    let mut command = Command::new(program);
    command
        .args(args)
        .current_dir(Ground::root())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command.stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() });
    let mut child = command.spawn().with_context(|| format!("{program} is missing"))?;
    if let (Some(text), Some(mut stdin)) = (input, child.stdin.take()) {
        stdin.write_all(text.as_bytes()).await?;
    }
    let output = child.wait_with_output().await?;
    if !output.status.success() {
        bail!(
            "{program} {}: {}{}",
            args.join(" "),
            String::from_utf8_lossy(&output.stderr),
            String::from_utf8_lossy(&output.stdout)
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// All metrics the operator exports.
///
/// # Errors
/// The operator does not answer.
pub async fn metrics(ground: &Ground) -> Result<String> {
    let path =
        format!("/api/v1/namespaces/{SYSTEM}/services/http:{RELEASE}-metrics:http/proxy/metrics");
    let text = ground.client.request_text(http::Request::get(path).body(Vec::new())?).await?;
    ensure!(text.contains("fno_"), "the operator exports no fno_ metric");
    Ok(text)
}
