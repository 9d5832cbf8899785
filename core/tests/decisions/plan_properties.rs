//! What holds for every plan, whatever the world looks like.

mod scenes;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fno_core::{
    account::AccountName,
    gate::Gate,
    key::Key,
    plan::{AccountView, BatchView, JobView, NewBatch, OutOfService, ProviderView, Rejected},
    work::size::{JOB_BYTES, PROVIDER_BYTES, WORK_BYTES},
};
use fno_crds::{
    Action, Duration, Reason,
    provider::{Approval, Objective},
};
use jiff::{SignedDuration, Timestamp};
use proptest::{collection::vec, option, prelude::*, sample::select};

use self::scenes::any_scene;
use crate::world::{Plan, START, Scene, account, at, blocked, identity, job, provider};

const PROVIDERS: [&str; 4] = ["evotel", "mfn", "octotel", "openserve"];
/// What a job that could leave is told.
const READY: [Reason; 3] =
    [Reason::WaitingForLinger, Reason::WaitingForSession, Reason::WaitingForRunner];

/// Every rule that can be read off a plan.
fn check(scene: &Scene, plan: &Plan) -> Result<(), TestCaseError> {
    every_job_has_one_answer(scene, plan)?;
    let jobs: HashMap<&str, &JobView> =
        scene.jobs.iter().map(|job| (job.uid.as_str(), job)).collect();
    let mut names: BTreeSet<&Key> = scene.batches.iter().map(|batch| &batch.key).collect();
    for batch in &plan.create {
        prop_assert!(names.insert(&batch.key), "the name {:?} is used twice", batch.key);
        let provider = scene
            .providers
            .iter()
            .find(|provider| provider.key.name == batch.spec.provider)
            .expect("a batch of a provider that exists");
        batch_is_sound(scene, provider, batch, &jobs)?;
    }
    for provider in &scene.providers {
        limits_hold(scene, provider, plan)?;
    }
    let runners = scene.batches.iter().filter(|batch| batch.holds_runner).count();
    prop_assert!(
        plan.create.is_empty() || runners + plan.create.len() <= scene.max_runners,
        "more runners than the cluster allows"
    );
    if plan.waits.values().any(|blocked| blocked.reason == Reason::WaitingForRunner) {
        prop_assert!(
            runners + plan.create.len() >= scene.max_runners,
            "a job waits for a runner although one is free"
        );
    }
    prop_assert!(
        plan.wake_at.is_none_or(|wake_at| wake_at > scene.now),
        "a time that has passed wakes nobody"
    );
    Ok(())
}

fn every_job_has_one_answer(scene: &Scene, plan: &Plan) -> Result<(), TestCaseError> {
    let mut answers: BTreeMap<&str, usize> = BTreeMap::new();
    let created =
        plan.create.iter().flat_map(|batch| batch.spec.jobs.iter().map(|job| job.name.as_str()));
    let others = plan
        .waits
        .keys()
        .chain(plan.fail.keys())
        .chain(&plan.withdraw)
        .map(|key| key.name.as_str());
    created.chain(others).for_each(|name| *answers.entry(name).or_default() += 1);
    for job in &scene.jobs {
        prop_assert_eq!(
            answers.remove(job.key.name.as_str()),
            Some(1),
            "answers for {}",
            job.key.name
        );
    }
    prop_assert!(answers.is_empty(), "answers for jobs nobody has: {answers:?}");
    Ok(())
}

fn batch_is_sound(
    scene: &Scene,
    provider: &ProviderView,
    batch: &NewBatch,
    jobs: &HashMap<&str, &JobView>,
) -> Result<(), TestCaseError> {
    let spec = &provider.spec;
    prop_assert_eq!(&batch.key.namespace, &provider.key.namespace);
    let digits =
        batch.key.name.strip_prefix(&provider.key.name).and_then(|rest| rest.strip_prefix('-'));
    prop_assert_eq!(digits.map(str::len), Some(8), "{:?}", batch.key);
    prop_assert!(
        !spec.suspend && provider.blocked.is_none() && !matches!(provider.flow_gate, Gate::Shut(_))
    );
    let account = provider
        .accounts
        .iter()
        .find(|account| account.name == batch.spec.account)
        .expect("an account of the provider");
    prop_assert!(!matches!(account.gate, Gate::Shut(_)), "a shut account is used");
    prop_assert_eq!(
        (batch.spec.provider_generation, &batch.spec.flows_digest),
        (provider.generation, &provider.flows_digest)
    );

    let size = batch.spec.jobs.len();
    prop_assert!(
        (1..=usize::try_from(spec.batching.max_jobs).expect("positive").min(200)).contains(&size),
        "{size} jobs"
    );
    let mut seconds = 0.0;
    let bytes: usize = batch.spec.jobs.iter().map(|job| jobs[job.uid.as_str()].bytes).sum();
    prop_assert!(bytes + provider.work_bytes <= WORK_BYTES, "{size} jobs of {bytes} bytes");
    for reference in &batch.spec.jobs {
        let job = jobs[reference.uid.as_str()];
        prop_assert_eq!(
            (&job.key.name, &job.key.namespace, &job.provider),
            (&reference.name, &batch.key.namespace, &batch.spec.provider)
        );
        for refused in scene.batches.iter().filter_map(|other| other.rejected.as_ref()) {
            prop_assert!(
                !refused.jobs.contains(&job.uid) || size <= refused.jobs.len() / 2,
                "{size} jobs with {}, of which {} were refused",
                job.key.name,
                refused.jobs.len()
            );
        }
        prop_assert!(!job.suspend && !job.cancel_requested && job.circuit.is_none());
        prop_assert!(job.deadline.is_none_or(|time| time > scene.now));
        prop_assert!(
            [job.not_before, job.retry_at].into_iter().flatten().all(|time| time <= scene.now)
        );
        prop_assert!(
            scene.batches.iter().all(|other| !other.jobs.contains(&job.uid)),
            "{} is invited already",
            job.key.name
        );
        if job.action == Action::Cancellation {
            prop_assert!(
                spec.flows.cancellation.is_some()
                    && !spec.suspend_cancellations
                    && provider.cancellations_blocked.is_none()
            );
            prop_assert!(spec.approval == Approval::None || job.approved);
        }
        let assumed = if job.action == Action::Validation { 5.0 } else { 15.0 };
        seconds += provider.job_seconds.get(&job.action).copied().unwrap_or(assumed);
    }
    let lifetime = spec.session.max_lifetime.std().as_secs_f64();
    prop_assert!(
        size == 1 || seconds + provider.login_seconds.unwrap_or(15.0) <= lifetime,
        "{size} jobs outlive their session"
    );
    Ok(())
}

fn limits_hold(scene: &Scene, provider: &ProviderView, plan: &Plan) -> Result<(), TestCaseError> {
    let spec = &provider.spec;
    let live: Vec<&BatchView> =
        scene.batches.iter().filter(|batch| batch.provider == provider.key.name).collect();
    let created: Vec<&NewBatch> =
        plan.create.iter().filter(|batch| batch.spec.provider == provider.key.name).collect();
    if created.is_empty() {
        return Ok(());
    }
    let at_work = live.iter().filter(|batch| !batch.finished).count();
    prop_assert!(
        at_work + created.len()
            <= usize::try_from(spec.batching.max_concurrent_batches).expect("positive")
    );
    for account in &provider.accounts {
        let new = sessions_created(account, scene, plan);
        let sessions = scene
            .batches
            .iter()
            .filter(|batch| {
                batch.identity == account.identity && (!batch.finished || batch.holds_session)
            })
            .count();
        let most = if account.gate.is_trial() {
            1
        } else {
            usize::try_from(account.max_sessions).expect("positive")
        };
        let of_this = created.iter().any(|batch| batch.spec.account == account.name);
        prop_assert!(
            !of_this || sessions < most,
            "one more than {sessions} sessions on {}",
            account.name
        );
        let laxest = all_names(account, scene).map(|name| name.max_sessions).max().unwrap_or(1);
        prop_assert!(
            new == 0 || sessions + new <= usize::try_from(laxest).expect("positive"),
            "{} sessions on {} under all of its names",
            sessions + new,
            account.name
        );
    }
    if provider.flow_gate.is_trial() {
        prop_assert!(created.len() == 1 && created[0].spec.jobs.len() == 1, "a canary is one job");
        prop_assert!(
            live.iter().all(|batch| batch.finished && !batch.holds_session),
            "a canary is alone"
        );
    }
    if spec.batching.objective == Objective::MinLogins {
        prop_assert!(at_work == 0 && created.len() == 1, "one session at a time");
    }
    leaving_jobs_come_first(provider, scene, plan)
}

/// Every name of an account.
fn all_names<'a>(
    account: &'a AccountView,
    scene: &'a Scene,
) -> impl Iterator<Item = &'a AccountView> {
    let accounts = scene.providers.iter().flat_map(|provider| &provider.accounts);
    accounts.filter(|other| other.identity == account.identity)
}

/// Batches that the plan creates on an account, under whatever name.
fn sessions_created(account: &AccountView, scene: &Scene, plan: &Plan) -> usize {
    let is_it = |batch: &&NewBatch| {
        scene
            .providers
            .iter()
            .filter(|provider| provider.key.name == batch.spec.provider)
            .flat_map(|provider| &provider.accounts)
            .any(|name| name.name == batch.spec.account && name.identity == account.identity)
    };
    plan.create.iter().filter(is_it).count()
}

/// Whoever stays behind comes after whoever leaves. (Where jobs differ in length or size, a small one may fill up a session.)
fn leaving_jobs_come_first(
    provider: &ProviderView,
    scene: &Scene,
    plan: &Plan,
) -> Result<(), TestCaseError> {
    let length = |action| provider.job_seconds.get(&action).copied();
    if provider.flow_gate.is_trial()
        || length(Action::Validation) != length(Action::Cancellation)
        || length(Action::Validation).is_none()
    {
        return Ok(());
    }
    let order = |job: &JobView| {
        (
            std::cmp::Reverse(job.priority),
            job.deadline.unwrap_or(Timestamp::MAX),
            job.created_at,
            job.key.name.clone(),
        )
    };
    let mine = || scene.jobs.iter().filter(|job| job.provider == provider.key.name);
    let split = scene.batches.iter().any(|batch| batch.rejected.is_some());
    if split || mine().any(|job| job.bytes > 5_000) {
        return Ok(());
    }
    let stays = mine()
        .filter(|job| {
            plan.waits.get(&job.key).is_some_and(|blocked| READY.contains(&blocked.reason))
        })
        .map(order)
        .min();
    let leaves = mine()
        .filter(|job| {
            !plan.waits.contains_key(&job.key)
                && !plan.fail.contains_key(&job.key)
                && !plan.withdraw.contains(&job.key)
        })
        .map(order)
        .max();
    prop_assert!(stays.is_none() || leaves < stays);
    Ok(())
}

proptest! {
    #[test]
    fn every_plan_is_sound(scene in any_scene()) {
        check(&scene, &scene.plan())?;
    }

    #[test]
    fn the_order_in_which_the_world_is_listed_changes_nothing(scene in any_scene(), seed in any::<u64>()) {
        let mut shuffled = scene.clone();
        // A rotation and a swap of halves are enough to tell; the seed is part of the failing input.
        let turn = |length: usize| if length == 0 { 0 } else { usize::try_from(seed % length as u64).expect("small") };
        let (providers, jobs, batches) = (turn(4), turn(scene.jobs.len()), turn(scene.batches.len()));
        shuffled.providers.rotate_left(providers);
        shuffled.jobs.rotate_left(jobs);
        shuffled.jobs.reverse();
        shuffled.batches.rotate_left(batches);
        prop_assert_eq!(scene.plan(), shuffled.plan());
    }

    #[test]
    fn a_plan_that_is_carried_out_is_not_made_again(scene in any_scene()) {
        let first = scene.plan();
        let mut after = scene;
        after.carry_out(&first);
        let second = after.plan();
        check(&after, &second)?;
        for batch in &first.create {
            for job in &batch.spec.jobs {
                let key = Key { namespace: batch.key.namespace.clone(), name: job.name.clone() };
                prop_assert_eq!(second.waits.get(&key).map(|blocked| blocked.reason), Some(Reason::Batched));
            }
        }
    }

    #[test]
    fn nothing_changes_before_the_time_to_wake_up(scene in any_scene(), share in 0.0..1.0_f64) {
        let mut scene = scene;
        let mut plan = scene.plan();
        while !plan.create.is_empty() {
            scene.carry_out(&plan);
            plan = scene.plan();
        }
        let until = plan.wake_at.map_or(86_400.0, |wake_at| wake_at.duration_since(scene.now).as_secs_f64() - 0.001);
        let mut later = scene.clone();
        later.now = scene.now.checked_add(SignedDuration::from_secs_f64(until * share)).expect("a time");
        later.jobs.retain(|job| plan.waits.contains_key(&job.key));
        let then = later.plan();
        prop_assert_eq!((plan.create, plan.waits), (then.create, then.waits));
    }

    #[test]
    fn whatever_can_leave_has_left_in_the_end(scene in any_scene()) {
        let mut scene = scene;
        scene.batches.clear();
        scene.max_runners = scene.max_runners.max(1);
        for provider in &mut scene.providers {
            provider.flow_gate = Gate::Open;
            provider.accounts.iter_mut().for_each(|account| account.gate = Gate::Open);
        }
        // Each round either work leaves (and is done at once) or time passes to the next thing that happens by itself.
        let mut rounds = 0;
        loop {
            rounds += 1;
            prop_assert!(rounds < 2000, "it never ends");
            let plan = scene.plan();
            check(&scene, &plan)?;
            let gone: BTreeSet<String> = plan.create.iter().flat_map(|batch| batch.spec.jobs.iter().map(|job| job.uid.clone())).collect();
            scene.jobs.retain(|job| !gone.contains(&job.uid) && !plan.fail.contains_key(&job.key) && !plan.withdraw.contains(&job.key));
            if gone.is_empty() {
                match plan.wake_at {
                    Some(wake_at) => scene.now = wake_at,
                    None => {
                        let ready: Vec<_> = plan.waits.iter().filter(|(_, blocked)| READY.contains(&blocked.reason)).collect();
                        prop_assert!(ready.is_empty(), "left behind: {ready:?}");
                        break;
                    }
                }
            }
        }
    }
}
