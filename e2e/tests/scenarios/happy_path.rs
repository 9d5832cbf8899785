//! The main job.

use anyhow::{Context, Result, ensure};
use fno_e2e::{jobs, portals::Judge};
use serde_json::json;

use crate::support::{
    Finished, arena, beside, circuits, close, codes_were_never_refused, finished,
    outcomes_are_right, release_with, validations,
};

#[tokio::test]
async fn fifty_jobs_share_one_batch_one_login_and_one_code() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("fifty").await?;
    arena.provider("octotel", |spec| spec["suspend"] = json!(true)).await?;
    let circuits = release_with(&arena, "octotel", 50).await?;
    let done = finished(&arena).await?;
    done.is_right("octotel", &circuits)?;
    let Finished { batches, journal, .. } = done;
    ensure!(batches.len() == 1, "{} batches", batches.len());
    ensure!(
        (journal.logins(), journal.logouts()) == (1, 1),
        "{} logins, {} logouts",
        journal.logins(),
        journal.logouts()
    );
    let (_, batch) = batches.first_key_value().context("a batch")?;
    let status = batch.status.clone().context("status")?;
    ensure!(status.grants.len() == 1, "{} grants", status.grants.len());
    ensure!(
        (status.progress.as_deref(), status.logins) == (Some("50/50"), Some(1)),
        "{:?} {:?}",
        status.progress,
        status.logins
    );
    ensure!(status.evidence.is_some(), "the runner's log is not stored");
    close(arena, []).await
}

#[tokio::test]
async fn four_providers_work_at_once_and_higher_priority_goes_first() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("four").await?;
    let mut truth = Vec::new();
    for provider in ["octotel", "openserve", "mfn", "evotel"] {
        arena.provider(provider, |spec| spec["suspend"] = json!(true)).await?;
        let circuits = circuits(&arena, provider, 10).await?;
        let mut jobs = validations(provider, &circuits, &json!({}));
        // The later in the list, the more urgent.
        for (n, job) in jobs.iter_mut().enumerate() {
            job.spec.priority = i32::try_from(n)?;
        }
        jobs::submit(&arena.jobs(), jobs).await?;
        truth.push((provider, circuits));
    }
    for (provider, _) in &truth {
        arena.patch_provider(provider, json!({"spec": {"suspend": false}})).await?;
    }
    let Finished { jobs, batches, journal } = finished(&arena).await?;
    for (provider, circuits) in &truth {
        outcomes_are_right(&jobs, provider, circuits)?;
    }
    for batch in batches.values() {
        let order: Vec<&str> = batch.spec.jobs.iter().map(|j| j.name.as_str()).collect();
        ensure!(order.is_sorted_by(|a, b| a > b), "not by priority: {order:?}");
        ensure!(
            order.iter().all(|name| name.starts_with(&batch.spec.provider)),
            "providers are mixed: {order:?}"
        );
    }
    codes_were_never_refused(&journal)?;
    ensure!(
        journal.logins() == batches.len(),
        "{} logins in {} batches",
        journal.logins(),
        batches.len()
    );
    close(arena, []).await
}

#[tokio::test]
async fn three_jobs_alone_leave_after_the_linger() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("linger").await?;
    arena.provider("evotel", |spec| spec["batching"] = json!({"linger": "3s"})).await?;
    let circuits = circuits(&arena, "evotel", 3).await?;
    jobs::submit(&arena.jobs(), validations("evotel", &circuits, &json!({}))).await?;
    let done = finished(&arena).await?;
    done.is_right("evotel", &circuits)?;
    ensure!(done.batches.len() == 1, "three jobs made {} batches", done.batches.len());
    close(arena, []).await
}
