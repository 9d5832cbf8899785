//! How every scenario starts and ends.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use anyhow::{Result, ensure};
use fno_crds::{FnoBatch, FnoJob, Reason};
use fno_demo_portals::journal::Entry;
use fno_e2e::{
    Arena, Ground,
    ground::{RELEASE, SYSTEM, run},
    jobs, leaks,
    portals::{Circuit, Judge},
};
use kube::api::ListParams;
use serde_json::{Value, json};
use tokio::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

static CALM: RwLock<()> = RwLock::const_new(());

/// Long enough for anything a scenario waits for on a slow machine. Only a failure takes this long.
pub const LONG: Duration = Duration::from_secs(420);

/// Allows other scenarios to run at the same time.
pub async fn beside() -> RwLockReadGuard<'static, ()> {
    CALM.read().await
}

/// Waits until no other scenario runs and keeps others from starting.
pub async fn alone() -> RwLockWriteGuard<'static, ()> {
    CALM.write().await
}

/// A namespace for one scenario, with portals that answer quickly.
pub async fn arena(name: &str) -> Result<Arena> {
    let arena = Arena::new(&Ground::connect().await?, &format!("e2e-{name}")).await?;
    for portal in ["octotel", "openserve", "mfn", "evotel", "lightlink"] {
        arena
            .portals
            .set(portal, json!({"latencyMs": 10, "latencyJitterMs": 10, "renderDelayMs": 30}))
            .await?;
    }
    Ok(arena)
}

/// Circuits of every state, a tenth of them absent.
pub async fn circuits(arena: &Arena, portal: &str, count: usize) -> Result<Vec<Circuit>> {
    let absent = arena.portals.absent(portal, count / 10).await?;
    let mut circuits = arena.portals.circuits(portal, count - absent.len()).await?;
    circuits.extend(
        absent.into_iter().map(|circuit| Circuit { circuit, outcome: "NotFound".to_owned() }),
    );
    ensure!(circuits.len() == count, "the portal has only {} circuits", circuits.len());
    Ok(circuits)
}

/// Changes values of the Helm release, each by its path, and waits until the operator runs with them.
pub async fn set_values(values: &[(&str, Value)]) -> Result<()> {
    let mut args = vec![
        "upgrade",
        RELEASE,
        "charts/fno-operator",
        "--namespace",
        SYSTEM,
        "--reuse-values",
        "--wait",
        "--timeout",
        "3m",
    ];
    let values: Vec<String> =
        values.iter().map(|(path, value)| format!("{path}={value}")).collect();
    args.extend(values.iter().flat_map(|value| ["--set-json", value]));
    run("helm", &args, None).await.map(drop)
}

/// Submits jobs to a suspended provider and resumes it, so that planning sees all of them at once.
pub async fn release_with(arena: &Arena, provider: &str, count: usize) -> Result<Vec<Circuit>> {
    let circuits = circuits(arena, provider, count).await?;
    jobs::submit(&arena.jobs(), validations(provider, &circuits, &json!({}))).await?;
    arena.patch_provider(provider, json!({"spec": {"suspend": false}})).await?;
    Ok(circuits)
}

/// A validation for each circuit, named by its position.
pub fn validations(provider: &str, circuits: &[Circuit], changes: &Value) -> Vec<FnoJob> {
    let named = circuits.iter().enumerate();
    named
        .map(|(n, c)| {
            jobs::validation(&format!("{provider}-{n:03}"), provider, &c.circuit, changes.clone())
        })
        .collect()
}

/// Checks that every job has the outcome of the portal's data, and evidence.
pub fn outcomes_are_right(
    jobs: &BTreeMap<String, FnoJob>,
    provider: &str,
    circuits: &[Circuit],
) -> Result<()> {
    for (n, circuit) in circuits.iter().enumerate() {
        let name = format!("{provider}-{n:03}");
        let job = &jobs[&name];
        ensure!(
            jobs::outcome(job) == Some(circuit.outcome.as_str()),
            "{name} ({}): expected {}, found {}",
            circuit.circuit,
            circuit.outcome,
            jobs::tell(job)
        );
        ensure!(
            job.status.as_ref().is_some_and(|s| s.evidence.is_some()),
            "{name} has no evidence"
        );
    }
    Ok(())
}

/// Checks that a condition of a provider or batch shows the reason too. Conditions show it at once,
/// jobs only after it has held for a while.
pub async fn conditions_show(arena: &Arena, reason: Reason) -> Result<()> {
    let (providers, batches) = (
        arena.providers().list(&ListParams::default()).await?,
        arena.batches().list(&ListParams::default()).await?,
    );
    let of_providers = providers
        .iter()
        .filter_map(|provider| provider.status.as_ref())
        .flat_map(|status| &status.conditions);
    let of_batches = batches
        .iter()
        .filter_map(|batch| batch.status.as_ref())
        .flat_map(|status| &status.conditions);
    let shown: BTreeSet<&str> =
        of_providers.chain(of_batches).map(|condition| condition.reason.as_str()).collect();
    ensure!(
        shown.contains(reason.as_str()),
        "no condition of a provider or batch says {reason}, only {shown:?}"
    );
    Ok(())
}

/// The results of a scenario after every job and every batch has ended.
pub struct Finished {
    pub jobs: BTreeMap<String, FnoJob>,
    pub batches: BTreeMap<String, FnoBatch>,
    pub journal: Vec<Entry>,
}

impl Finished {
    /// Checks that every answer is the portal's, each circuit was looked up once, and no code was
    /// refused.
    pub fn is_right(&self, provider: &str, circuits: &[Circuit]) -> Result<()> {
        outcomes_are_right(&self.jobs, provider, circuits)?;
        each_looked_up_once(&self.journal, circuits)?;
        codes_were_never_refused(&self.journal)
    }
}

/// Waits until everything has ended.
pub async fn finished(arena: &Arena) -> Result<Finished> {
    let jobs = jobs::all_finished(&arena.jobs(), LONG).await?;
    let batches = jobs::batches_ended(&arena.batches(), LONG).await?;
    Ok(Finished { jobs, batches, journal: arena.portals.journal().await? })
}

/// Checks that each existing circuit, and no other, was looked up exactly once.
fn each_looked_up_once(journal: &[Entry], circuits: &[Circuit]) -> Result<()> {
    let mut found = journal.lookups();
    found.sort_unstable();
    let mut expected: Vec<String> =
        circuits.iter().filter(|c| c.outcome != "NotFound").map(|c| c.circuit.clone()).collect();
    expected.sort_unstable();
    ensure!(found == expected, "{} look-ups of {} circuits", found.len(), expected.len());
    Ok(())
}

/// Checks that accepted TOTP steps strictly increase and that no code was refused.
pub fn codes_were_never_refused(journal: &[Entry]) -> Result<()> {
    let steps = journal.steps();
    ensure!(steps.is_sorted_by(|a, b| a < b), "steps are not strictly increasing: {steps:?}");
    ensure!(journal.refused().is_empty(), "refused: {:?}", journal.refused());
    Ok(())
}

/// Ends a scenario: waits until Pods and Secrets of batches are deleted, and checks that no secret
/// leaked.
pub async fn close(arena: Arena, more_secrets: impl IntoIterator<Item = String>) -> Result<()> {
    arena.swept(LONG).await?;
    let mut secrets: BTreeSet<String> = leaks::values(&arena.ground, &arena.namespace).await?;
    secrets.extend(more_secrets);
    let mut found = leaks::search(&arena.ground, &secrets).await?;
    found.extend(leaks::search_kept(&arena.ground, &arena.namespace, &secrets).await?);
    ensure!(found.is_empty(), "secrets are visible in: {found:?}");
    arena.close().await
}
