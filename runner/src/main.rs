//! `fno-runner`: see the library of the same name.

use std::process::ExitCode;

use clap::Parser as _;
use fno_process::tls;
use fno_runner::{
    args::{Cli, Command},
    exit::Exit,
    lint, local, run,
};
use tokio::time::Instant;

#[tokio::main]
async fn main() -> ExitCode {
    let began = Instant::now();
    if let Err(error) = tls::install() {
        eprintln!("fno-runner: {error:#}");
        return Exit::Broken.into();
    }
    match Cli::parse().command {
        Command::Run(args) => run::run(args, began).await,
        Command::Local(args) => local::local(args, began).await,
        Command::Lint(args) => lint::lint(&args),
    }
    .into()
}
