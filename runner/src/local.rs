//! `fno-runner local`: jobs of one provider, without a cluster. The same batch, the same evidence, the same report.

mod credentials;
pub(crate) mod inputs;
mod report;
mod schema;
mod totp;
mod yaml;

use std::{path::PathBuf, time::Duration};

use anyhow::Context as _;
use fno_core::{
    flow::lint::{self, Severity},
    work::Work,
};
use fno_crds::JobPhase;
use fno_process::{
    shutdown,
    telemetry::{self, Format, Output},
};
use fno_store::S3;
use tokio::time::Instant;

use self::totp::Steps;
use crate::{
    args::LocalArgs,
    batch::{self, Credentials, Firefox, Setup, Uploads},
    browser,
    control::{Control as _, local::Local},
    exit::Exit,
};

/// Maximum time for the browser to start. Shorter than in a Pod, because a person waits for it.
const BROWSER_START: Duration = Duration::from_secs(20);

/// The files, read and checked.
struct Prepared {
    work: Work,
    credentials: Credentials,
    steps: Option<Steps>,
    evidence: PathBuf,
}

/// Runs the jobs and prints the report.
pub async fn local(args: LocalArgs, began: Instant) -> Exit {
    let prepared = match prepare(&args) {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("fno-runner: {error:#}");
            return Exit::Unusable;
        }
    };
    work_through(args, prepared, began).await.unwrap_or_else(|error| {
        eprintln!("fno-runner: {error:#}");
        Exit::Broken
    })
}

fn prepare(args: &LocalArgs) -> anyhow::Result<Prepared> {
    telemetry::start(&args.log_level, Format::Text, Output::Stderr)?;
    let read = inputs::provider(&args.provider)?;
    for warning in &read.warnings {
        tracing::warn!("line {}: {}: {}", warning.line, warning.path, warning.message);
    }
    let provider = read.object;
    let findings = lint::lint(&provider.spec);
    if let Some(errors) = lint::errors(&findings) {
        anyhow::bail!("the flows of {} have errors: {errors}", args.provider.display());
    }
    for warning in findings.iter().filter(|finding| finding.severity == Severity::Warning) {
        tracing::warn!("{warning}");
    }
    let account = inputs::account(&provider, args.account.as_deref())?;
    let read = credentials::read(&args.credentials, account)?;
    let steps = match (&account.totp, read.seed) {
        (Some(settings), Some(seed)) => {
            Some(Steps::new(settings.clone(), &seed).context("the TOTP seed cannot be used")?)
        }
        _ => None,
    };
    let jobs = inputs::jobs(&args.job, &provider)?;
    let work =
        inputs::work(&provider, account, jobs, args.base_url.as_deref(), &args.allow_origins)?;
    let evidence = args.evidence.clone().unwrap_or_else(|| {
        std::env::temp_dir().join(format!("fno-evidence-{}", std::process::id()))
    });
    let evidence = std::path::absolute(&evidence)
        .with_context(|| format!("--evidence {}", evidence.display()))?;
    Ok(Prepared { work, credentials: read.credentials, steps, evidence })
}

async fn work_through(args: LocalArgs, prepared: Prepared, began: Instant) -> anyhow::Result<Exit> {
    let Prepared { work, credentials, steps, evidence } = prepared;
    let terminated = shutdown::listen()?;
    let control = Local::new(steps);
    let url = url::Url::from_file_path(&evidence)
        .map_err(|()| anyhow::anyhow!("--evidence {} is no folder", evidence.display()))?;
    let store = fno_store::Settings {
        url: url.to_string(),
        s3: S3 { endpoint: None, region: None, credentials_dir: PathBuf::new() },
    };
    let spool = std::env::temp_dir().join(format!("fno-spool-{}", std::process::id()));
    let uploads = Uploads::new(store, "local".to_owned(), spool, control.reporter().clone());
    let firefox = Firefox::new(browser::Settings {
        webdriver_url: args.webdriver,
        browser: work.browser.clone(),
        proxy: work.proxy.clone(),
        start_timeout: BROWSER_START,
        binary: args.browser,
    });
    let setup = Setup {
        work: &work,
        credentials: &credentials,
        job_deadline: args.job_deadline.std(),
        began,
        uploads,
        terminated,
    };
    batch::run(setup, firefox, &control).await;
    let run = control.reporter().look().run;
    println!("{}", report::page(&work, &run, args.output)?);
    let answered = run.results.iter().filter(|result| result.phase == JobPhase::Succeeded).count();
    Ok(if answered == work.jobs.len() { Exit::Done } else { Exit::Early })
}
