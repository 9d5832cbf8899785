//! README alone is enough: its commands run unchanged, and the one file it shows adds a portal.
//! Whoever runs these tests has run `make test`; the commands that need no cluster are in
//! `tests/local.rs`.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use fno_crds::{FnoProvider, Reason};
use fno_e2e::{
    Arena,
    ground::{kubectl, run},
    jobs,
    portals::Judge,
    readme,
};
use serde_json::json;

use crate::support::{LONG, arena, beside, circuits, close, finished, validations};

/// A kubeconfig whose default namespace is the arena's, as a person would set it.
async fn kubeconfig(arena: &Arena, folder: &Path) -> Result<String> {
    let path = folder.join(format!("{}.kubeconfig", arena.namespace)).display().to_string();
    std::fs::write(&path, kubectl(&["config", "view", "--raw", "--minify"]).await?)?;
    kubectl(&[
        "--kubeconfig",
        &path,
        "config",
        "set-context",
        "--current",
        "--namespace",
        &arena.namespace,
    ])
    .await?;
    Ok(path)
}

#[tokio::test]
async fn the_commands_of_the_readme_run_as_they_stand_there() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("readme").await?;
    let config = kubeconfig(&arena, &std::env::temp_dir()).await?;
    // README uses the namespace of `make demo`; this scenario has its own.
    let commands = readme::block("submit")?.replace("fno-demo", &arena.namespace);
    let script = format!("export KUBECONFIG={config}\nset -e\n{commands}");
    let printed = run("bash", &["-c", &script], None).await?;
    std::fs::remove_file(&config)?;
    ensure!(
        printed.contains("condition met")
            && printed.contains("Succeeded")
            && printed.contains("PROGRESS"),
        "{printed}"
    );
    close(arena, []).await
}

#[tokio::test]
async fn a_fifth_portal_is_one_file_written_by_the_readme_alone() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("fifth").await?;
    let yaml = readme::block("portal")?;
    let provider: FnoProvider = serde_yaml::from_str(&yaml)?;
    arena.portals.account(json!({"portal": "lightlink", "username": "lightlink-reader", "password": "Fibre!lightlink-reader"})).await?;
    arena
        .secret(
            "lightlink-bot",
            &[("username", "lightlink-reader"), ("password", "Fibre!lightlink-reader")],
        )
        .await?;
    arena.apply(&yaml).await?;
    let circuits = circuits(&arena, "lightlink", 10).await?;
    jobs::submit(
        &arena.jobs(),
        validations(&provider.metadata.name.context("name")?, &circuits, &json!({})),
    )
    .await?;
    let done = finished(&arena).await?;
    done.is_right("lightlink", &circuits)?;
    ensure!(done.journal.logins() == 1, "{} logins", done.journal.logins());
    close(arena, []).await
}

#[tokio::test]
async fn the_chart_installs_by_the_command_of_the_readme() -> Result<()> {
    let _beside = beside().await;
    // Only rendered: the release is already installed.
    let rendered =
        run("bash", &["-c", &format!("{} --dry-run=client", readme::block("install")?)], None)
            .await?;
    ensure!(
        rendered.contains("kind: StatefulSet") && rendered.contains("kind: Deployment"),
        "{rendered}"
    );
    Ok(())
}

#[tokio::test]
async fn the_commands_for_operating_run_as_they_stand_in_the_readme() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("operate").await?;
    let config = kubeconfig(&arena, &std::env::temp_dir()).await?;
    let commands = readme::commands("Operate")?;
    let command = |part: &str| {
        commands
            .iter()
            .find(|command| command.contains(part))
            .with_context(|| format!("README does not show {part}"))
    };
    let run_it = async |part: &str, name: &str| {
        let command =
            command(part)?.replace("NAME", name).replace(" -w", " -w --request-timeout=2s || true");
        run("bash", &["-c", &format!("export KUBECONFIG={config}\n{command}")], None).await
    };
    arena.provider("evotel", |spec| spec["batching"] = json!({"linger": "1h"})).await?;
    let circuits = circuits(&arena, "evotel", 2).await?;
    let mut submitted = validations("evotel", &circuits, &json!({}));
    let second = submitted.split_off(1);

    jobs::submit(&arena.jobs(), submitted).await?;
    jobs::shows(&arena.jobs(), "evotel-000", Reason::WaitingForLinger, LONG).await?;
    run_it("fno.dev/flush", "evotel").await?;
    jobs::all_finished(&arena.jobs(), LONG).await?;

    run_it(r#""suspend":true"#, "evotel").await?;
    jobs::submit(&arena.jobs(), second).await?;
    jobs::shows(&arena.jobs(), "evotel-001", Reason::Suspended, LONG).await?;
    arena
        .patch_provider("evotel", json!({"spec": {"suspend": false, "batching": {"linger": "0s"}}}))
        .await?;
    let done = finished(&arena).await?;
    done.is_right("evotel", &circuits)?;

    let (batch, _) = done.batches.first_key_value().context("a batch")?;
    run_it("fno.dev/resume", "evotel").await?;
    run_it(r#""stop":"Drain""#, batch).await?;
    ensure!(run_it("get fnoproviders", "").await?.contains("PENDING"), "no table of providers");
    ensure!(run_it("get fnobatches -w", "").await?.contains(batch.as_str()), "no table of batches");
    ensure!(run_it("describe fnojob", "evotel-000").await?.contains("Succeeded"), "no description");
    ensure!(commands.len() == 7, "a command that no test runs: {commands:?}");
    std::fs::remove_file(&config)?;
    close(arena, []).await
}

#[tokio::test]
async fn evidence_and_log_are_reached_by_the_commands_of_the_operations_page() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("evidence").await?;
    arena.provider("evotel", |_| {}).await?;
    let circuits = circuits(&arena, "evotel", 1).await?;
    jobs::submit(&arena.jobs(), validations("evotel", &circuits, &json!({}))).await?;
    let done = finished(&arena).await?;
    done.is_right("evotel", &circuits)?;
    let (batch, _) = done.batches.first_key_value().context("a batch")?;

    let folder = tempfile::tempdir()?;
    let copy = folder.path().join("evidence");
    let script = |block: &str| -> Result<String> {
        let commands = readme::block_in("docs/operations.md", block)?
            .replace("./evidence-of-JOB", &copy.display().to_string())
            .replace("NAMESPACE", &arena.namespace)
            .replace("JOB", "evotel-000")
            .replace("BATCH", batch);
        Ok(format!("set -e\n{commands}"))
    };
    run("bash", &["-c", &script("evidence")?], None).await?;
    for file in ["report.html", "manifest.json"] {
        ensure!(copy.join(file).is_file(), "{file} was not copied");
    }
    let log = run("bash", &["-c", &script("runner-log")?], None).await?;
    ensure!(!log.is_empty(), "the log is empty");
    for line in log.lines() {
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line)
            .with_context(|| format!("a line of the log is not a JSON object: {line}"))?;
    }
    close(arena, []).await
}
