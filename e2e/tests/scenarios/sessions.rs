//! Many jobs, few sessions.

use std::time::Instant;

use anyhow::{Result, ensure};
use fno_e2e::{jobs, portals::Judge as _};
use serde_json::json;

use crate::support::{arena, beside, circuits, close, finished, release_with, validations};

/// Seed of eight-digit codes. Eight digits are long enough that a code found in a log is not a
/// coincidence.
const SEED: &str = "KRUGS4ZANFZSAYJAMRSW23ZAONSWKZBB";

fn code(step: u64) -> String {
    let seed = totp_rs::Secret::try_from_base32(SEED).expect("base32");
    let totp = totp_rs::Builder::new()
        .with_digits(8)
        .with_step_duration(30)
        .with_secret(seed.as_bytes().to_vec())
        .build_noncompliant();
    totp.generate(step * 30).to_string()
}

#[tokio::test]
async fn a_hundred_and_twenty_jobs_on_one_account_use_each_step_once() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("many").await?;
    let account = json!({"portal": "octotel", "username": "octotel-eight", "password": "Fibre!octotel-eight", "totpSeed": SEED, "digits": 8});
    arena.portals.account(account).await?;
    arena
        .secret(
            "eight",
            &[("username", "octotel-eight"), ("password", "Fibre!octotel-eight"), ("totp", SEED)],
        )
        .await?;
    arena
        .provider("octotel", |spec| {
            spec["suspend"] = json!(true);
            spec["accounts"] =
                json!([{"name": "eight", "credentialsSecretRef": {"name": "eight"}, "totp": {"secretRef": {"name": "eight", "key": "totp"}, "digits": 8}}]);
        })
        .await?;
    let circuits = release_with(&arena, "octotel", 120).await?;
    let done = finished(&arena).await?;
    done.is_right("octotel", &circuits)?;
    let sizes: Vec<usize> = done.batches.values().map(|b| b.spec.jobs.len()).collect();
    ensure!(sizes == [40, 40, 40], "120 jobs are three balanced batches, found {sizes:?}");
    ensure!(done.journal.logins() == 3, "{} logins", done.journal.logins());
    close(arena, done.journal.steps().into_iter().map(code)).await
}

#[tokio::test]
async fn three_sessions_on_one_account_overlap_and_log_in_a_step_apart() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("overlap").await?;
    // Slow pages, so that fifty jobs take longer than the TOTP steps between the first and the
    // third login, even if a busy machine misses one step.
    arena.portals.set("octotel", json!({"latencyMs": 1000, "maxSessions": 3})).await?;
    arena
        .provider("octotel", |spec| {
            spec["suspend"] = json!(true);
            spec["session"]["maxSessionsPerAccount"] = json!(3);
            spec["batching"]["objective"] = json!("MinMakespan");
        })
        .await?;
    let circuits = circuits(&arena, "octotel", 150).await?;
    jobs::submit(&arena.jobs(), validations("octotel", &circuits, &json!({}))).await?;
    let started = Instant::now();
    arena.patch_provider("octotel", json!({"spec": {"suspend": false}})).await?;
    let done = finished(&arena).await?;
    let wall = started.elapsed().as_secs_f64();
    done.is_right("octotel", &circuits)?;
    let batches = &done.batches;
    ensure!(batches.len() == 3, "{} batches", batches.len());
    let span = |b: &fno_crds::FnoBatch| {
        b.status.as_ref().and_then(|s| Some((s.started_at.as_ref()?.0, s.finished_at.as_ref()?.0)))
    };
    let spans: Vec<_> = batches.values().filter_map(span).collect();
    let last_start = spans.iter().map(|s| s.0).max();
    let first_end = spans.iter().map(|s| s.1).min();
    ensure!(last_start < first_end, "the sessions do not overlap: {spans:?}");
    let results = || {
        batches.values().filter_map(|b| b.status.as_ref()?.run.as_ref()).flat_map(|r| &r.results)
    };
    let seconds = |milliseconds: i64| milliseconds as f64 / 1000.0;
    let job = results().map(|r| seconds(r.milliseconds)).sum::<f64>() / 150.0;
    let login = batches
        .values()
        .filter_map(|b| b.status.as_ref()?.run.as_ref()?.login_milliseconds)
        .map(seconds)
        .sum::<f64>()
        / 3.0;
    // L + NJ/k + T(k-1)/2
    let formula = login + 150.0 * job / 3.0 + 30.0;
    println!(
        "150 jobs, 3 sessions: {wall:.0} s; the formula says {formula:.0} s (L {login:.1} s, J {job:.2} s, T 30 s)"
    );
    close(arena, []).await
}

#[tokio::test]
async fn a_session_that_expires_in_mid_batch_costs_one_more_login_and_nothing_else() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("expiry").await?;
    arena.provider("octotel", |spec| spec["suspend"] = json!(true)).await?;
    arena.portals.set("octotel", json!({"expireAfterLookups": 7})).await?;
    let circuits = release_with(&arena, "octotel", 12).await?;
    let done = finished(&arena).await?;
    done.is_right("octotel", &circuits)?;
    ensure!(
        (done.batches.len(), done.journal.logins()) == (1, 2),
        "{} batches, {} logins",
        done.batches.len(),
        done.journal.logins()
    );
    let tried_again = done
        .jobs
        .values()
        .filter(|j| j.status.as_ref().and_then(|s| s.attempts).unwrap_or(1) > 1)
        .count();
    ensure!(tried_again == 0, "{tried_again} jobs lost a try");
    close(arena, []).await
}
