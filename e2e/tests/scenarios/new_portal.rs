//! README by itself is enough: its commands run as they stand there, and a portal is added from the one file it shows.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use fno_crds::FnoProvider;
use fno_e2e::{
    Arena, Ground,
    ground::{kubectl, run},
    jobs,
    portals::Judge,
};
use serde_json::json;

use crate::support::{LONG, arena, beside, circuits, close, each_looked_up_once, outcomes_are_right, validations};

/// The code block of README that follows `<!-- tested: NAME -->`.
fn block(name: &str) -> Result<String> {
    let readme = std::fs::read_to_string(Ground::root().join("README.md"))?;
    let marked = readme.split_once(&format!("<!-- tested: {name} -->\n")).with_context(|| format!("README has no block {name}"))?.1;
    let body = marked.strip_prefix("```").context("a code block follows the mark")?.split_once('\n').context("a code block")?.1;
    Ok(body.split_once("\n```").context("the code block ends")?.0.to_owned())
}

/// A kubeconfig whose default namespace is the arena's, as a person would have set it.
async fn kubeconfig(arena: &Arena, folder: &Path) -> Result<String> {
    let path = folder.join(format!("{}.kubeconfig", arena.namespace)).display().to_string();
    std::fs::write(&path, kubectl(&["config", "view", "--raw", "--minify"]).await?)?;
    kubectl(&["--kubeconfig", &path, "config", "set-context", "--current", "--namespace", &arena.namespace]).await?;
    Ok(path)
}

#[tokio::test]
async fn the_commands_of_the_readme_run_as_they_stand_there() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("readme").await?;
    let config = kubeconfig(&arena, &std::env::temp_dir()).await?;
    let script = format!("export KUBECONFIG={config}\nset -e\n{}", block("submit")?);
    let printed = run("bash", &["-c", &script], None).await?;
    std::fs::remove_file(&config)?;
    ensure!(printed.contains("condition met") && printed.contains("Succeeded") && printed.contains("PROGRESS"), "{printed}");
    close(arena, []).await
}

#[tokio::test]
async fn a_fifth_portal_is_one_file_written_by_the_readme_alone() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("fifth").await?;
    let yaml = block("portal")?;
    let provider: FnoProvider = serde_yaml::from_str(&yaml)?;
    arena.portals.account(json!({"portal": "lightlink", "username": "lightlink-reader", "password": "Fibre!lightlink-reader"})).await?;
    arena.secret("lightlink-bot", &[("username", "lightlink-reader"), ("password", "Fibre!lightlink-reader")]).await?;
    arena.apply(&yaml).await?;
    let circuits = circuits(&arena, "lightlink", 10).await?;
    jobs::submit(&arena.jobs(), validations(&provider.metadata.name.context("name")?, &circuits, &json!({}))).await?;
    let finished = jobs::all_finished(&arena.jobs(), LONG).await?;
    outcomes_are_right(&finished, "lightlink", &circuits)?;
    let journal = arena.portals.journal().await?;
    each_looked_up_once(&journal, &circuits)?;
    ensure!(journal.logins() == 1 && journal.refused().is_empty(), "{} logins", journal.logins());
    close(arena, []).await
}
