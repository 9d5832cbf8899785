//! Flow authors need no cluster: `fno-runner local` runs every sample and README's own portal
//! against the demo portals, with a real Firefox.

use std::{env, path::PathBuf, process::Stdio};

use anyhow::{Context, Result, ensure};
use fno_demo_portals::{Clock, Config, Origin, Running, journal::Entry, start};
use fno_e2e::{
    Ground,
    portals::{Circuit, Judge},
    readme,
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
};

const CIRCUITS: usize = 4;

/// Starts geckodriver on a free port. It ends when the test ends.
async fn geckodriver() -> Result<(Child, u16)> {
    let program = env::var_os("FNO_GECKODRIVER").unwrap_or_else(|| "geckodriver".into());
    let mut child = Command::new(program)
        .args(["--port", "0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context(
            "geckodriver is neither named by FNO_GECKODRIVER nor in PATH; `make tools` builds it",
        )?;
    let mut lines = BufReader::new(child.stdout.take().context("piped")?).lines();
    loop {
        let line = lines.next_line().await?.context("geckodriver ended")?;
        if let Some((_, port)) = line.split_once("Listening on 127.0.0.1:") {
            let port = port.trim().parse()?;
            // Keep reading: geckodriver blocks when the pipe is full.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((child, port));
        }
    }
}

/// The runner that was built with this test.
fn runner() -> Result<PathBuf> {
    let folder = env::current_exe()?
        .ancestors()
        .nth(2)
        .map(PathBuf::from)
        .context("a folder of programs")?;
    let program = folder.join("fno-runner");
    ensure!(program.is_file(), "{} is missing: cargo build -p fno-runner", program.display());
    Ok(program)
}

async fn ask<T: serde::de::DeserializeOwned>(running: &Running, path: &str) -> Result<T> {
    let text = reqwest::get(format!("http://{}{path}", running.control))
        .await?
        .error_for_status()?
        .text()
        .await?;
    Ok(serde_json::from_str(&text)?)
}

async fn circuits(running: &Running, portal: &str) -> Result<Vec<Circuit>> {
    let page: Value = ask(running, &format!("/circuits?portal={portal}&limit={CIRCUITS}")).await?;
    let mut circuits: Vec<Circuit> = serde_json::from_value(page["items"].clone())?;
    circuits.extend(
        ask::<Vec<Circuit>>(running, &format!("/circuits/absent?portal={portal}&limit=1"))
            .await?
            .into_iter()
            .take(1),
    );
    Ok(circuits)
}

fn jobs(provider: &str, circuits: &[Circuit]) -> String {
    let job = |(n, circuit): (usize, &Circuit)| {
        json!({"apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob", "metadata": {"name": format!("job-{n}")},
               "spec": {"provider": provider, "action": "Validation", "circuitNumber": circuit.circuit}})
        .to_string()
    };
    circuits.iter().enumerate().map(job).collect::<Vec<_>>().join("\n---\n")
}

async fn sample_runs(provider: &str, origins: &[Origin]) -> Result<()> {
    let running = start(Config { port_base: 0, ..Config::default() }, Clock::System, false).await?;
    let (_driver, port) = geckodriver().await?;
    let circuits = circuits(&running, provider).await?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("jobs.yaml"), jobs(provider, &circuits))?;

    let samples = Ground::root().join("config/samples");
    let mut command = Command::new(runner()?);
    command.arg("local").args([
        "--output",
        "json",
        "--webdriver",
        &format!("http://127.0.0.1:{port}"),
        "--base-url",
        running.portals.url(origins[0]),
    ]);
    command.arg("--provider").arg(samples.join(format!("fnoprovider-{provider}.yaml")));
    command.arg("--credentials").arg(samples.join("secrets.yaml"));
    command
        .arg("--job")
        .arg(folder.path().join("jobs.yaml"))
        .arg("--evidence")
        .arg(folder.path().join("evidence"));
    for origin in &origins[1..] {
        command.args(["--allow-origin", running.portals.url(*origin)]);
    }
    let output = command.kill_on_drop(true).output().await?;
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{}: {said}{complained}", output.status);

    let run: Value = serde_json::from_str(&said)?;
    for (n, circuit) in circuits.iter().enumerate() {
        let results = run["results"].as_array().context("results")?;
        let result = results
            .iter()
            .find(|result| result["job"] == format!("job-{n}"))
            .context("a result for every job")?;
        ensure!(
            result["outcome"] == circuit.outcome.as_str(),
            "{}: expected {}, found {result}",
            circuit.circuit,
            circuit.outcome
        );
        let evidence = url_path(result["evidence"]["uri"].as_str().context("evidence")?)?;
        ensure!(
            evidence.join("manifest.json").is_file() && evidence.join("report.html").is_file(),
            "{} is incomplete",
            evidence.display()
        );
    }
    let journal: Vec<Entry> = ask(&running, "/journal").await?;
    let (mut found, mut expected) = (
        journal.lookups(),
        circuits.iter().take(CIRCUITS).map(|c| c.circuit.clone()).collect::<Vec<_>>(),
    );
    found.sort_unstable();
    expected.sort_unstable();
    ensure!(found == expected, "looked up {found:?}, expected {expected:?}");
    let counted = (journal.logins(), journal.refused().len(), journal.logouts());
    ensure!(counted == (1, 0, 1), "logins, refusals, logouts: {counted:?}");
    running.stop().await;
    Ok(())
}

fn url_path(uri: &str) -> Result<PathBuf> {
    Ok(PathBuf::from(uri.strip_prefix("file://").context("evidence in a folder")?))
}

#[tokio::test]
async fn octotel_with_its_one_time_code() -> Result<()> {
    sample_runs("octotel", &[Origin::Octotel, Origin::OctotelLogin]).await
}

#[tokio::test]
async fn openserve_with_its_identity_provider() -> Result<()> {
    sample_runs("openserve", &[Origin::Openserve, Origin::OpenserveLogin]).await
}

#[tokio::test]
async fn metrofibre_with_its_frame() -> Result<()> {
    sample_runs("mfn", &[Origin::Metrofibre]).await
}

#[tokio::test]
async fn evotel() -> Result<()> {
    sample_runs("evotel", &[Origin::Evotel]).await
}

#[tokio::test]
async fn the_commands_of_the_readme() -> Result<()> {
    let running = start(Config { port_base: 0, ..Config::default() }, Clock::System, false).await?;
    let (_driver, port) = geckodriver().await?;
    let circuits = circuits(&running, "lightlink").await?;
    let folder = tempfile::tempdir()?;
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "lightlink-bot"},
                        "stringData": {"username": "lightlink-bot-1", "password": "Fibre!lightlink-1"}});
    for (file, text) in [
        ("lightlink.yaml", readme::block("portal")?),
        ("job.yaml", jobs("lightlink", &circuits)),
        ("secret.yaml", secret.to_string()),
    ] {
        std::fs::write(folder.path().join(file), text)?;
    }
    let programs = runner()?.parent().context("a folder")?.display().to_string();
    // README assumes the usual addresses of portal and driver. This test has them elsewhere.
    let here = format!(
        "--base-url {} --webdriver http://127.0.0.1:{port} --evidence evidence",
        running.portals.url(Origin::Lightlink)
    );
    let script = format!("set -e\nPATH={programs}:$PATH\n{} {here}", readme::block("local")?);
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(folder.path())
        .kill_on_drop(true)
        .output()
        .await?;
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(
        output.status.success() && said.contains("The flows are fine."),
        "{}: {said}{complained}",
        output.status
    );
    for circuit in &circuits {
        let line = format!("Validation {}  Succeeded {}", circuit.circuit, circuit.outcome);
        ensure!(said.contains(&line), "{line} is not said: {said}");
    }
    running.stop().await;
    Ok(())
}

#[tokio::test]
async fn make_try_shows_ten_right_answers_and_ends_everything_it_started() -> Result<()> {
    let programs = runner()?.parent().context("a folder")?.to_owned();
    let output = Command::new(Ground::root().join("e2e/try")).arg(programs).output().await?;
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{}: {said}{complained}", output.status);
    ensure!(said.contains("All 10 answers equal the portal's data"), "{said}{complained}");
    ensure!(
        said.contains(
            "1 login, 8 lines looked at (the other circuits have none), 0 refused entries"
        ),
        "{said}{complained}"
    );
    let (_, rest) = said.split_once("the portal is at http://").context("the portal's address")?;
    let address = rest.split_whitespace().next().context("an address")?;
    let left = tokio::net::TcpStream::connect(address).await;
    ensure!(left.is_err(), "the portal at {address} still runs");
    Ok(())
}
