//! The number of sessions and their sizes against the best there is, found by trying everything.

use fno_core::{
    plan::AccountView,
    session_count::{Work, choose, makespan},
};
use fno_crds::{Action, provider::Objective};
use proptest::{collection::vec, prelude::*};

use crate::world::{Plan, START, Scene, account, jobs, provider, with};

/// The least time in which the sessions that begin at `starts` do `jobs` jobs, none more than `most`: every split is tried.
fn best_split(starts: &[f64], jobs: usize, most: usize, job_seconds: f64) -> f64 {
    let Some((start, rest)) = starts.split_first() else {
        return if jobs == 0 { 0.0 } else { f64::INFINITY };
    };
    (0..=jobs.min(most))
        .map(|mine| {
            let end = if mine == 0 { 0.0 } else { (mine as f64).mul_add(job_seconds, *start) };
            end.max(best_split(rest, jobs - mine, most, job_seconds))
        })
        .fold(f64::INFINITY, f64::min)
}

fn ascending(mut gaps: Vec<f64>) -> Vec<f64> {
    gaps.sort_by(f64::total_cmp);
    gaps
}

proptest! {
    #[test]
    fn min_makespan_is_within_five_percent_of_the_optimum(
        starts in vec(0.0..120.0, 1..5).prop_map(ascending),
        jobs in 1..14_usize,
        most in 1..14_usize,
        job_seconds in 0.5..40.0,
        login_seconds in 0.0..60.0,
    ) {
        prop_assume!(jobs <= most * starts.len());
        let optimum = login_seconds + best_split(&starts, jobs, most, job_seconds);
        let work = Work { jobs, job_seconds, login_seconds, session_jobs: most, starts: &starts, login_gap: 0.0, objective: Objective::MinMakespan };
        // Fewer sessions than batches needed means a second round of logins, which the brute force does not know: compare where all fit.
        let chosen = choose(&work);
        if jobs <= most * chosen {
            prop_assert!(makespan(&work, chosen) <= 1.05 * optimum + 0.01, "{chosen} sessions: {} s, optimum {optimum} s", makespan(&work, chosen));
        }
    }

    #[test]
    fn the_planned_batches_themselves_end_within_five_percent_of_the_optimum(
        accounts in vec((1..4_i64, 0..3_i64), 1..3),
        per_account in 1..3_i32,
        count in 1..13_usize,
        job_seconds in 0.5..40.0,
        login_seconds in 1.0..60.0,
    ) {
        // Accounts with periods of 10, 20 and 30 s whose last step is now or in the last two.
        let mut scene = Scene::octotel(jobs(count)).with(|p| {
            (p.session.max_sessions_per_account, p.batching.max_concurrent_batches) = (per_account, 100);
            (p.batching.objective, p.batching.max_jobs) = (Objective::MinMakespan, 50);
        });
        scene.providers[0].job_seconds = [(Action::Validation, job_seconds)].into();
        scene.providers[0].login_seconds = Some(login_seconds);
        scene.providers[0].accounts = accounts
            .iter()
            .enumerate()
            .map(|(i, (tens, ago))| AccountView { totp_period: Some(tens * 10), last_step: Some((START + 60) / (tens * 10) - ago), max_sessions: per_account, ..account(&format!("a{i}")) })
            .collect();
        let plan = scene.plan();
        prop_assert!(plan.waits.is_empty(), "all fit into one batch each");
        let starts = starts(&scene.providers[0].accounts, login_seconds, usize::try_from(per_account).expect("positive"));
        let all: Vec<f64> = ascending(starts.concat());
        let (planned, optimum) = (ends(&plan, &scene.providers[0].accounts, &starts, job_seconds), best_split(&all, count, 50, job_seconds));
        prop_assert!(login_seconds + planned <= 1.05 * (login_seconds + optimum) + 0.01, "{planned} s, optimum {optimum} s");
    }
}

/// When each account's sessions could log in, worked out anew: a login takes its time until the code is typed, then needs an unused step.
fn starts(accounts: &[AccountView], login_seconds: f64, per_account: usize) -> Vec<Vec<f64>> {
    accounts
        .iter()
        .map(|account| {
            let (period, last) = (
                account.totp_period.expect("one-time codes") as f64,
                account.last_step.expect("a step") as f64,
            );
            let free =
                (last + 1.0).mul_add(period, -((START + 60) as f64 + login_seconds)).max(0.0);
            (0..per_account).map(|nth| (nth as f64).mul_add(period, free)).collect()
        })
        .collect()
}

/// When the last batch of the plan ends, seconds after the login. The n-th batch of an account takes its n-th free step.
fn ends(plan: &Plan, accounts: &[AccountView], starts: &[Vec<f64>], job_seconds: f64) -> f64 {
    let mut next = vec![0; accounts.len()];
    plan.create
        .iter()
        .map(|batch| {
            let account = accounts
                .iter()
                .position(|account| account.name == batch.spec.account)
                .expect("an account");
            next[account] += 1;
            (batch.spec.jobs.len() as f64).mul_add(job_seconds, starts[account][next[account] - 1])
        })
        .fold(0.0, f64::max)
}

#[test]
fn against_one_login_per_fifty_jobs_the_split_is_twice_as_fast() {
    // 50 jobs of 5 s, login 8 s, one code per 30 s, three sessions: 258 s in one batch, 123 s in three.
    let mut octotel = with(provider("octotel"), |p| p.session.max_sessions_per_account = 3);
    (octotel.login_seconds, octotel.accounts[0].totp_period) = (Some(8.0), Some(30));
    let scene = Scene { now: crate::world::at(60), ..Scene::new(vec![octotel], jobs(50)) };
    let plan = scene.plan();
    let starts = starts(
        &[AccountView { last_step: Some(0), ..scene.providers[0].accounts[0].clone() }],
        8.0,
        3,
    );
    assert_eq!(8.0 + ends(&plan, &scene.providers[0].accounts, &starts, 5.0), 123.0);
}
