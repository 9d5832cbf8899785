//! The FNO operator.

use std::process::ExitCode;

use clap::Parser as _;
use fno_operator::{
    args::{Args, Command},
    delete_all, run,
    settings::Settings,
};
use fno_process::{
    telemetry::{self, Output},
    tls,
};

#[tokio::main]
async fn main() -> ExitCode {
    match start().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The log may not have been set up yet, so the error is written to standard error as well.
            tracing::error!(error = format!("{error:#}"), "the operator ends");
            eprintln!("fno-operator: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn start() -> anyhow::Result<()> {
    tls::install()?;
    let args = Args::parse();
    telemetry::start(&args.log_level, args.log_format.into(), Output::Stdout)?;
    let settings = Settings::read(&args.settings)?;
    match args.command {
        Some(Command::DeleteAll { timeout }) => delete_all::run(&settings, timeout.std()).await,
        None => run::run(args, settings).await,
    }
}
