//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use fno_crds::{Duration, names};

/// Drives Firefox through jobs on the portal of a fibre network operator.
#[derive(Clone, Debug, Parser)]
#[command(name = "fno-runner", version, about)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Work through one batch, in its Pod. The operator starts this.
    Run(RunArgs),
    /// Run jobs of one provider without a cluster, and print what a cluster would be told.
    Local(LocalArgs),
    /// Check a provider's flows without a browser.
    Lint(LintArgs),
}

/// In the Pod. No secret is an argument or an environment variable.
#[derive(Args, Clone, Debug)]
pub struct RunArgs {
    /// Namespace of batch and Pod.
    #[arg(long, env = "FNO_NAMESPACE")]
    pub namespace: String,
    /// Name of the batch.
    #[arg(long, env = "FNO_BATCH")]
    pub batch: String,
    /// Name of this Pod.
    #[arg(long, env = "FNO_POD_NAME")]
    pub pod_name: String,
    /// UID of this Pod.
    #[arg(long, env = "FNO_POD_UID")]
    pub pod_uid: String,
    /// Evidence store: file:///path or s3://bucket/prefix.
    #[arg(long, env = "FNO_EVIDENCE_URL")]
    pub evidence_url: String,
    /// Address of an S3-compatible store; without it AWS.
    #[arg(long, env = "FNO_EVIDENCE_S3_ENDPOINT")]
    pub evidence_s3_endpoint: Option<String>,
    /// Its region.
    #[arg(long, env = "FNO_EVIDENCE_S3_REGION")]
    pub evidence_s3_region: Option<String>,
    /// Folder with the store's access_key_id and secret_access_key.
    #[arg(long, default_value = "/var/run/fno/evidence-s3")]
    pub evidence_s3_credentials: PathBuf,
    /// Where geckodriver listens.
    #[arg(long, env = "FNO_WEBDRIVER_URL", default_value = names::WEBDRIVER_URL)]
    pub webdriver_url: String,
    /// How long one job's flow may take.
    #[arg(long, env = "FNO_JOB_DEADLINE", default_value = "3m")]
    pub job_deadline: Duration,
    /// How long the API server may not take a report before the runner ends. The operator's own limit, or more.
    #[arg(long, env = "FNO_HEARTBEAT_DEADLINE", default_value = "2m")]
    pub heartbeat_deadline: Duration,
    /// Folder with work.json.
    #[arg(long, default_value = names::PATH_WORK)]
    pub work: PathBuf,
    /// Folder with username and password.
    #[arg(long, default_value = names::PATH_CREDENTIALS)]
    pub credentials: PathBuf,
    /// error, warn, info, debug or trace.
    #[arg(long, env = "FNO_LOG_LEVEL", default_value = "info")]
    pub log_level: String,
}

/// Without a cluster.
#[derive(Args, Clone, Debug)]
pub struct LocalArgs {
    /// YAML file with one FnoProvider.
    #[arg(long)]
    pub provider: PathBuf,
    /// YAML file with one or more FnoJobs. One login serves all of them. Jobs of other providers are skipped.
    #[arg(long)]
    pub job: PathBuf,
    /// The account's credentials: a folder with the files username, password and (for one-time codes) the seed under the key the
    /// provider names, or a YAML file with the Secrets the provider names.
    #[arg(long)]
    pub credentials: PathBuf,
    /// Name of the account; the first one of the provider if left out.
    #[arg(long)]
    pub account: Option<String>,
    /// Where geckodriver listens.
    #[arg(long, default_value = names::WEBDRIVER_URL)]
    pub webdriver: String,
    /// Path of the browser's program, if geckodriver shall not find it itself.
    #[arg(long)]
    pub browser: Option<String>,
    /// Folder for the evidence; a folder of its own below the system's temporary one if left out.
    #[arg(long)]
    pub evidence: Option<PathBuf>,
    /// The portal is here instead of at the provider's baseUrl.
    #[arg(long)]
    pub base_url: Option<String>,
    /// Type secrets into pages of this origin too (`scheme://host` or `scheme://host:port`). May be given several times.
    #[arg(long = "allow-origin")]
    pub allow_origins: Vec<String>,
    /// How long one job's flow may take.
    #[arg(long, default_value = "3m")]
    pub job_deadline: Duration,
    /// How the report is printed.
    #[arg(long, default_value = "text")]
    pub output: Report,
    /// error, warn, info, debug or trace. The log goes to standard error.
    #[arg(long, env = "FNO_LOG_LEVEL", default_value = "warn")]
    pub log_level: String,
}

/// Without a browser.
#[derive(Args, Clone, Debug)]
pub struct LintArgs {
    /// YAML file with one FnoProvider.
    #[arg(long)]
    pub provider: PathBuf,
    /// How the remarks are printed.
    #[arg(long, default_value = "text")]
    pub output: Output,
}

/// How something is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// How `local` prints its report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Report {
    /// Every job with its fields and evidence.
    Text,
    /// One line per job.
    Table,
    /// The object that a cluster would be given as `FnoBatch.status.run`.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
