//! `fno-runner run`: one batch, in its Pod.

use std::path::Path;

use anyhow::{Context as _, ensure};
use fno_core::work::Work;
use fno_crds::names::{KEY_PASSWORD, KEY_USERNAME, KEY_WORK};
use fno_process::{
    shutdown,
    telemetry::{self, Format, Output},
};
use fno_store::S3;
use secrecy::{SecretString, zeroize::Zeroize as _};
use tokio::time::Instant;
use tracing::Instrument as _;

use crate::{
    args::RunArgs,
    batch::{self, Credentials, Firefox, Setup, Uploads},
    browser,
    control::{
        Control as _,
        cluster::{Cluster, Identity},
    },
    exit::Exit,
};

/// geckodriver's container may still be starting.
const BROWSER_START: std::time::Duration = std::time::Duration::from_secs(60);

/// Runs the batch. `began` is when the process did.
pub async fn run(args: RunArgs, began: Instant) -> Exit {
    match prepare(&args) {
        Ok((work, credentials)) => {
            // At the level of errors, so that no level of the log leaves the names out.
            let span = tracing::error_span!(
                "batch",
                namespace = args.namespace,
                batch = args.batch,
                provider = work.provider
            );
            work_through(args, &work, &credentials, began).instrument(span).await.unwrap_or_else(
                |error| {
                    tracing::error!(error = format!("{error:#}"), "the runner broke");
                    Exit::Broken
                },
            )
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the runner cannot begin");
            eprintln!("fno-runner: {error:#}");
            Exit::Unusable
        }
    }
}

fn prepare(args: &RunArgs) -> anyhow::Result<(Work, Credentials)> {
    telemetry::start(&args.log_level, Format::Json, Output::Stdout)?;
    let path = args.work.join(KEY_WORK);
    let text =
        std::fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    let work: Work = serde_json::from_slice(&text)
        .with_context(|| format!("{} is not the work of a batch", path.display()))?;
    ensure!(
        (work.namespace.as_str(), work.batch.as_str())
            == (args.namespace.as_str(), args.batch.as_str()),
        "{} is for the batch {}/{}, not for {}/{}",
        path.display(),
        work.namespace,
        work.batch,
        args.namespace,
        args.batch
    );
    let credentials = Credentials {
        username: secret_file(&args.credentials, KEY_USERNAME)?,
        password: secret_file(&args.credentials, KEY_PASSWORD)?,
    };
    Ok((work, credentials))
}

/// A value of a mounted Secret, without the line break an editor leaves behind.
pub(crate) fn secret_file(dir: &Path, key: &str) -> anyhow::Result<SecretString> {
    let path = dir.join(key);
    let mut text = std::fs::read_to_string(&path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    let secret = SecretString::from(text.trim_end_matches(['\r', '\n']));
    text.zeroize();
    Ok(secret)
}

async fn work_through(
    args: RunArgs,
    work: &Work,
    credentials: &Credentials,
    began: Instant,
) -> anyhow::Result<Exit> {
    let terminated = shutdown::listen()?;
    let client =
        fno_cluster::client::connect().await.context("cannot connect to the API server")?;
    let pod = args.pod_name.clone();
    let identity = Identity {
        namespace: args.namespace,
        batch: args.batch,
        pod: args.pod_name,
        pod_uid: args.pod_uid,
        jobs: work.jobs.len(),
        patience: args.heartbeat_deadline.std(),
    };
    let control = Cluster::start(client, identity);
    let store = fno_store::Settings {
        url: args.evidence_url,
        s3: S3 {
            endpoint: args.evidence_s3_endpoint,
            region: args.evidence_s3_region,
            credentials_dir: args.evidence_s3_credentials,
        },
    };
    let spool = std::env::temp_dir().join("fno-evidence");
    let uploads = Uploads::new(store, pod, spool, control.reporter().clone());
    let firefox = Firefox::new(browser::Settings {
        webdriver_url: args.webdriver_url,
        browser: work.browser.clone(),
        proxy: work.proxy.clone(),
        start_timeout: BROWSER_START,
        binary: None,
    });
    let setup = Setup {
        work,
        credentials,
        job_deadline: args.job_deadline.std(),
        began,
        uploads,
        terminated,
    };
    Ok(Exit::of(&batch::run(setup, firefox, &control).await))
}
