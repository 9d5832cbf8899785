//! The FNO operator.

use std::process::ExitCode;

use anyhow::anyhow;
use clap::Parser as _;
use fno_operator::{args::Args, run, settings::Settings, telemetry};

#[tokio::main]
async fn main() -> ExitCode {
    match start().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The log may not have been started yet, so the last word goes to standard error as well.
            tracing::error!(error = format!("{error:#}"), "the operator ends");
            eprintln!("fno-operator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start() -> anyhow::Result<()> {
    // Before the first TLS user: two libraries would otherwise disagree on the provider.
    rustls::crypto::ring::default_provider()
        .install_default()
        .map_err(|_| anyhow!("a TLS provider was already installed"))?;
    let args = Args::parse();
    telemetry::start(&args.log_level, args.log_format)?;
    let settings = Settings::read(&args.settings)?;
    run::run(args, settings).await
}
