//! `fno-runner`: see the library of the same name.

use std::process::ExitCode;

use clap::Parser as _;
use fno_runner::{
    args::{Cli, Command},
    exit::Exit,
    lint, local, run,
};
use tokio::time::Instant;

#[tokio::main]
async fn main() -> ExitCode {
    let began = Instant::now();
    // Before the first TLS user: two libraries would otherwise disagree on the provider.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("fno-runner: a TLS provider was already installed");
        return Exit::Broken.into();
    }
    match Cli::parse().command {
        Command::Run(args) => run::run(args, began).await,
        Command::Local(args) => local::local(args, began).await,
        Command::Lint(args) => lint::lint(&args),
    }
    .into()
}
