//! `fno-demo-portals`: all five portals and their control port in one process.

use std::env;
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use fno_demo_portals::{Clock, Config, Origin, start};
use tokio::signal::unix::{SignalKind, signal};
use tracing::Level;
use tracing_subscriber::{
    Layer as _, filter::Targets, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

/// Five demo portals of fibre network operators. Journal lines go to standard output, messages to
/// standard error.
#[derive(Parser)]
#[command(version)]
struct Flags {
    /// Configuration file, YAML or JSON. Flags take precedence over it.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Address to listen on [default: 127.0.0.1].
    #[arg(long)]
    bind: Option<IpAddr>,
    /// First of ten ports; the last is the control port. 0 = any free ports [default: 8700].
    #[arg(long)]
    port_base: Option<u16>,
    /// Host name in the addresses that pages link to [default: 127.0.0.1].
    #[arg(long)]
    public_host: Option<String>,
    /// Public address of an origin, for example octotel=http://octotel; may be repeated.
    #[arg(long, value_name = "ORIGIN=URL", value_parser = origin_url)]
    origin: Vec<(Origin, String)>,
    /// Seed of the generated data [default: 2026].
    #[arg(long)]
    seed: Option<u64>,
    /// Lines per portal, 6 to 9000 [default: 3000].
    #[arg(long)]
    circuits: Option<usize>,
}

fn origin_url(text: &str) -> Result<(Origin, String), String> {
    let (name, url) = text.split_once('=').ok_or("expected ORIGIN=URL")?;
    Ok((name.parse()?, url.to_owned()))
}

impl Flags {
    fn config(self) -> Result<Config> {
        let mut config =
            self.config.as_deref().map_or_else(|| Ok(Config::default()), Config::read)?;
        config.bind = self.bind.unwrap_or(config.bind);
        config.port_base = self.port_base.unwrap_or(config.port_base);
        config.public_host = self.public_host.unwrap_or(config.public_host);
        config.seed = self.seed.unwrap_or(config.seed);
        config.circuits_per_portal = self.circuits.unwrap_or(config.circuits_per_portal);
        config.origins.extend(self.origin);
        Ok(config)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let from_environment = env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let filter = from_environment.unwrap_or_else(|| Targets::new().with_default(Level::INFO));
    let log = fmt::layer().json().flatten_event(true).with_writer(std::io::stderr);
    tracing_subscriber::registry().with(log.with_filter(filter)).init();
    match run(Flags::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "cannot run");
            ExitCode::FAILURE
        }
    }
}

async fn run(flags: Flags) -> Result<()> {
    let mut ended = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let running = start(flags.config()?, Clock::System, true).await?;
    for origin in Origin::ALL {
        tracing::info!(origin = origin.name(), url = running.portals.url(origin), "serving");
    }
    tracing::info!(address = %running.control, "control port");
    tokio::select! {
        _ = ended.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    running.stop().await;
    Ok(())
}
