//! Logins that the portal refuses, and TOTP steps that another user has taken.

use anyhow::{Context, Result, ensure};
use fno_crds::{FnoProvider, Reason, provider_status::BreakerState};
use fno_demo_portals::journal::Verdict;
use fno_e2e::{
    Arena,
    jobs::{self, wait_until},
    portals::Judge,
};
use serde_json::json;

use crate::support::{
    LONG, arena, beside, close, codes_were_never_refused, conditions_show, outcomes_are_right,
    release_with,
};

/// Replaces one key in the Secret of the Octotel sample's account.
async fn spoil(arena: &Arena, key: &str, value: &str) -> Result<()> {
    let patch = json!({"stringData": {key: value}});
    let api = arena.api::<k8s_openapi::api::core::v1::Secret>();
    api.patch("octotel-bot", &kube::api::PatchParams::default(), &kube::api::Patch::Merge(&patch))
        .await
        .map(drop)?;
    Ok(())
}

async fn value(arena: &Arena, key: &str) -> Result<String> {
    let secret = arena.api::<k8s_openapi::api::core::v1::Secret>().get("octotel-bot").await?;
    Ok(String::from_utf8(secret.data.and_then(|mut d| d.remove(key)).context("key")?.0)?)
}

async fn breaker_case(name: &str, key: &str, wrong: &str) -> Result<()> {
    let arena = arena(name).await?;
    arena.provider("octotel", |spec| spec["suspend"] = json!(true)).await?;
    let right = value(&arena, key).await?;
    spoil(&arena, key, wrong).await?;
    let circuits = release_with(&arena, "octotel", 3).await?;
    jobs::shows(&arena.jobs(), "octotel-000", Reason::BreakerOpen, LONG).await?;
    conditions_show(&arena, Reason::BreakerOpen).await?;
    let provider = arena.providers().get("octotel").await?;
    let account =
        provider.status.context("status")?.accounts.first().cloned().context("account")?;
    ensure!(
        account
            .breaker
            .as_ref()
            .is_some_and(|b| b.state == BreakerState::Open && b.open_until.is_none()),
        "{:?}",
        account.breaker
    );
    let journal = arena.portals.journal().await?;
    ensure!(
        journal.refused().len() == 2,
        "two refused entries open the breaker, found {:?}",
        journal.refused()
    );
    ensure!(!journal.locked(), "the portal locked the account");

    // Corrected: work continues without any other action.
    spoil(&arena, key, &right).await?;
    let finished = jobs::all_finished(&arena.jobs(), LONG).await?;
    outcomes_are_right(&finished, "octotel", &circuits)?;
    let journal = arena.portals.journal().await?;
    ensure!(journal.refused().len() == 2 && !journal.locked(), "{:?}", journal.refused());
    close(arena, [right]).await
}

#[tokio::test]
async fn a_wrong_seed_opens_the_breaker_after_two_codes_and_correcting_it_closes_it() -> Result<()>
{
    let _beside = beside().await;
    breaker_case("seed", "totp", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP").await
}

#[tokio::test]
async fn a_wrong_password_opens_the_breaker_after_two_tries_and_correcting_it_closes_it()
-> Result<()> {
    let _beside = beside().await;
    breaker_case("password", "password", "not-the-password").await
}

/// Waits until the breaker of the Octotel sample's account is open because the account is locked, after so many further logins.
async fn found_locked(arena: &Arena, trials: i32) -> Result<()> {
    let breaker = |provider: &FnoProvider| {
        provider.status.as_ref()?.accounts.first()?.breaker.clone().filter(|breaker| {
            breaker.reason == Some(Reason::AccountLocked) && breaker.trials == trials
        })
    };
    let is_open = |provider: &FnoProvider| {
        breaker(provider).is_some_and(|breaker| breaker.state == BreakerState::Open)
    };
    wait_until(
        &arena.providers(),
        LONG,
        |provider| format!("{:?}", provider.status.as_ref().map(|status| &status.accounts)),
        |providers| providers.values().any(is_open),
    )
    .await
    .map(drop)
}

#[tokio::test]
async fn a_locked_account_is_left_alone_until_a_person_unlocked_it_and_says_so() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("locked").await?;
    arena.portals.set("octotel", json!({"lockoutAfter": 1})).await?;
    let limits = json!({"loginFailuresToOpen": 9});
    arena
        .provider("octotel", |spec| (spec["suspend"], spec["limits"]) = (json!(true), limits))
        .await?;
    let right = value(&arena, "password").await?;
    spoil(&arena, "password", "not-the-password").await?;
    let circuits = release_with(&arena, "octotel", 3).await?;
    found_locked(&arena, 0).await?;
    jobs::shows(&arena.jobs(), "octotel-000", Reason::BreakerOpen, LONG).await?;
    let refused = arena.portals.journal().await?.refused();
    ensure!(refused == [Verdict::WrongPassword, Verdict::Locked], "{refused:?}");

    // A correction allows one login. The account is still locked, so that is enough.
    spoil(&arena, "password", &right).await?;
    found_locked(&arena, 1).await?;
    arena.portals.unlock("octotel", "octotel-bot-1").await?;
    let now = jiff::Timestamp::now().to_string();
    let resume = json!({"metadata": {"annotations": {"fno.dev/resume": now}}});
    arena.patch_provider("octotel", resume).await?;
    let finished = jobs::all_finished(&arena.jobs(), LONG).await?;
    outcomes_are_right(&finished, "octotel", &circuits)?;
    let refused = arena.portals.journal().await?.refused();
    ensure!(refused == [Verdict::WrongPassword, Verdict::Locked, Verdict::Locked], "{refused:?}");
    close(arena, [right]).await
}

#[tokio::test]
async fn a_step_that_another_user_has_used_is_skipped() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("someone").await?;
    let provider = arena.provider("octotel", |spec| spec["suspend"] = json!(true)).await?;
    // Another user of the account records the steps of this minute in Valkey, where all users
    // record them.
    let tracking = "e2e-someone";
    arena
        .patch_provider(
            "octotel",
            json!({"spec": {"accounts": provider.spec.accounts.iter().map(|a| {
        let mut account = serde_json::to_value(a).unwrap_or_default();
        account["totp"]["trackingId"] = json!(tracking);
        account
    }).collect::<Vec<_>>()}}),
        )
        .await?;
    let now = jiff::Timestamp::now().as_second() / 30;
    let taken: Vec<i64> = (now..now + 4).collect();
    for step in &taken {
        let answer = crate::alone::disturbances::valkey(&[
            "SET",
            &format!("totp:used:{tracking}:{step}"),
            "someone",
            "EX",
            "600",
        ])
        .await?;
        ensure!(answer.contains("OK"), "{answer}");
        arena.portals.use_step("octotel", "octotel-bot-1", Some(u64::try_from(*step)?)).await?;
    }
    let circuits = release_with(&arena, "octotel", 3).await?;
    let finished = jobs::all_finished(&arena.jobs(), LONG).await?;
    outcomes_are_right(&finished, "octotel", &circuits)?;
    let journal = arena.portals.journal().await?;
    codes_were_never_refused(&journal)?;
    ensure!(
        journal.steps().iter().all(|s| !taken.contains(&(*s).cast_signed())),
        "a taken step was used: {:?}",
        journal.steps()
    );
    close(arena, []).await
}

/// A further job says what holds the account: the operator has planned with what was edited before it was submitted.
async fn still_held(arena: &Arena, n: usize) -> Result<()> {
    let circuit = arena.portals.circuits("octotel", 1).await?.remove(0).circuit;
    let name = format!("after-edit-{n}");
    jobs::submit(&arena.jobs(), vec![jobs::validation(&name, "octotel", &circuit, json!({}))])
        .await?;
    jobs::shows(&arena.jobs(), &name, Reason::BreakerOpen, LONG)
        .await
        .with_context(|| format!("after edit {n}"))
        .map(drop)
}

#[tokio::test]
async fn no_edit_makes_a_refused_password_be_typed_a_third_time() -> Result<()> {
    let _beside = beside().await;
    let arena = arena("edits").await?;
    let sample = arena.provider("octotel", |spec| spec["suspend"] = json!(true)).await?;
    let right = value(&arena, "password").await?;
    spoil(&arena, "password", "not-the-password").await?;
    // In the future: a slip of the pen must not switch the breaker off.
    let tomorrow = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24);
    let resume = json!({"metadata": {"annotations": {"fno.dev/resume": tomorrow.to_string()}}});
    arena.patch_provider("octotel", resume).await?;
    release_with(&arena, "octotel", 3).await?;
    jobs::shows(&arena.jobs(), "octotel-000", Reason::BreakerOpen, LONG).await?;

    let secrets = arena.api::<k8s_openapi::api::core::v1::Secret>();
    let label = json!({"metadata": {"labels": {"team": "fibre"}}});
    secrets.patch("octotel-bot", &Default::default(), &kube::api::Patch::Merge(&label)).await?;
    still_held(&arena, 1).await?;

    let mut account = serde_json::to_value(&sample.spec.accounts[0])?;
    account["totp"]["periodSeconds"] = json!(60);
    let period = json!({"spec": {"accounts": [account]}});
    arena.patch_provider("octotel", period).await?;
    still_held(&arena, 2).await?;

    arena.providers().delete("octotel", &Default::default()).await?;
    jobs::shows(&arena.jobs(), "octotel-000", Reason::ProviderNotFound, LONG).await?;
    // Created again by its spec alone: the Secret keeps the wrong password.
    let mut again = fno_crds::FnoProvider::new("octotel", sample.spec.clone());
    again.spec.suspend = false;
    arena.providers().create(&Default::default(), &again).await?;
    still_held(&arena, 3).await?;

    let journal = arena.portals.journal().await?;
    ensure!(journal.refused().len() == 2 && !journal.locked(), "{:?}", journal.refused());
    spoil(&arena, "password", &right).await?;
    jobs::all_finished(&arena.jobs(), LONG).await?;
    let journal = arena.portals.journal().await?;
    ensure!(journal.refused().len() == 2 && !journal.locked(), "{:?}", journal.refused());
    close(arena, [right]).await
}
