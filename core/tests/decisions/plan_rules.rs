//! Every rule of planning, one by one.

use fno_core::plan::{Blocked, Gate, Key, pending};
use fno_crds::{
    Action, Duration, Reason,
    batch::Stop,
    provider::{Approval, Objective},
};

use crate::world::{Scene, account, at, batch, blocked, job, jobs, key, names, provider, reasons, sizes, waits_for, with};

// Which jobs may leave.

#[test]
fn each_thing_that_holds_a_job_back_has_its_reason() {
    type Change = fn(&mut Scene);
    let cases: [(&str, Reason, Change); 17] = [
        ("a suspended job", Reason::Suspended, |s| s.jobs[0].suspend = true),
        ("a suspended provider", Reason::Suspended, |s| *s = s.clone().with(|p| p.suspend = true)),
        ("a job of tomorrow", Reason::NotBefore, |s| s.jobs[0].not_before = Some(at(1000))),
        ("a job in its pause", Reason::RetryBackoff, |s| s.jobs[0].retry_at = Some(at(1000))),
        ("a cancellation nobody approved", Reason::AwaitingApproval, |s| {
            s.jobs[0].action = Action::Cancellation;
            *s = s.clone().with(|p| p.approval = Approval::Cancellations);
        }),
        ("a provider that does not exist", Reason::ProviderNotFound, |s| s.jobs[0].provider = "nobody".to_owned()),
        ("a provider of that name elsewhere", Reason::ProviderNotFound, |s| s.providers[0].key.namespace = "other".to_owned()),
        ("a provider that cannot be used", Reason::FlowInvalid, |s| s.providers[0].blocked = Some(blocked(Reason::FlowInvalid))),
        ("the kill switch", Reason::CancellationsHeld, |s| {
            s.jobs[0].action = Action::Cancellation;
            *s = s.clone().with(|p| p.suspend_cancellations = true);
        }),
        ("cancellations that are held", Reason::DailyLimitReached, |s| {
            s.jobs[0].action = Action::Cancellation;
            s.providers[0].cancellations_blocked = Some(blocked(Reason::DailyLimitReached));
        }),
        ("a circuit another job has armed", Reason::CircuitClaimed, |s| s.jobs[0].circuit = Some(blocked(Reason::CircuitClaimed))),
        ("an open flow breaker", Reason::PortalChanged, |s| s.providers[0].flow_gate = Gate::Shut(blocked(Reason::PortalChanged))),
        ("an open breaker of the only account", Reason::BreakerOpen, |s| s.providers[0].accounts[0].gate = Gate::Shut(blocked(Reason::BreakerOpen))),
        ("a provider without accounts", Reason::ProviderNotReady, |s| s.providers[0].accounts.clear()),
        ("a batch that has invited the job already", Reason::Batched, |s| s.batches.push(batch("octotel-1", "ops", &["a"]))),
        ("no free session", Reason::WaitingForSession, |s| s.batches.push(batch("octotel-1", "ops", &["other"]))),
        ("no free runner", Reason::WaitingForRunner, |s| s.max_runners = 0),
    ];
    for (what, reason, change) in cases {
        let mut scene = Scene::octotel(vec![job("a")]);
        change(&mut scene);
        let plan = scene.plan();
        assert_eq!(waits_for(&plan, "a"), Some(reason), "{what}");
        assert!(plan.create.is_empty() && plan.fail.is_empty() && plan.withdraw.is_empty(), "{what}");
        assert!(!plan.waits[&key("a")].message.is_empty(), "{what}");
    }
    assert_eq!(sizes(&Scene::octotel(vec![job("a")]).plan()), [1], "nothing holds it back");
}

#[test]
fn a_withdrawn_job_is_withdrawn_whatever_else_is_true_of_it() {
    let mut withdrawn = job("a");
    withdrawn.cancel_requested = true;
    withdrawn.suspend = true;
    withdrawn.deadline = Some(at(-100));
    withdrawn.provider = "nobody".to_owned();
    let plan = Scene::octotel(vec![withdrawn]).plan();
    assert_eq!(plan.withdraw, [key("a")]);
    assert!(plan.waits.is_empty() && plan.fail.is_empty() && plan.create.is_empty());
}

#[test]
fn a_deadline_that_passed_ends_the_job_even_while_it_is_suspended() {
    for suspend in [false, true] {
        let late = fno_core::plan::JobView { deadline: Some(at(60)), suspend, ..job("a") };
        let plan = Scene::octotel(vec![late]).plan();
        assert_eq!(plan.fail[&key("a")].reason, Reason::DeadlineExceeded, "now is the deadline");
    }
}

#[test]
fn a_cancellation_without_a_flow_fails_unless_somebody_suspended_it() {
    let mut scene = Scene::octotel(vec![job("a"), job("b"), job("c")]).with(|p| p.flows.cancellation = None);
    scene.jobs[0].action = Action::Cancellation;
    scene.jobs[1].action = Action::Cancellation;
    scene.jobs[1].suspend = true;
    let plan = scene.plan();
    assert_eq!(plan.fail[&key("a")].reason, Reason::NoFlow);
    assert_eq!(waits_for(&plan, "b"), Some(Reason::Suspended));
    assert_eq!(names(&plan, 0), ["c"]);
}

#[test]
fn approval_and_the_kill_switch_hold_cancellations_only() {
    let mut scene = Scene::octotel(vec![job("approved"), job("look-up")]).with(|p| {
        p.approval = Approval::Cancellations;
        p.suspend_cancellations = true;
    });
    scene.jobs[0].action = Action::Cancellation;
    scene.jobs[0].approved = true;
    let plan = scene.plan();
    assert_eq!(waits_for(&plan, "approved"), Some(Reason::CancellationsHeld));
    assert_eq!(names(&plan, 0), ["look-up"]);
}

#[test]
fn times_that_have_come_hold_nothing_back() {
    let mut due = job("a");
    due.not_before = Some(at(0));
    due.retry_at = Some(at(0));
    due.approved = true;
    let scene = Scene { now: at(5), ..Scene::octotel(vec![due]) };
    assert_eq!(sizes(&scene.plan()), [1]);
}

#[test]
fn a_job_invited_by_a_batch_that_ended_is_invited_again() {
    let mut scene = Scene::octotel(vec![job("a")]);
    let mut ended = batch("octotel-1", "ops", &["a"]);
    (ended.finished, ended.holds_session, ended.holds_runner) = (true, false, false);
    scene.batches.push(ended);
    assert_eq!(sizes(&scene.plan()), [1]);
}

#[test]
fn an_open_breaker_of_one_account_leaves_the_others() {
    let mut scene = Scene::octotel(jobs(2));
    scene.providers[0].accounts = vec![account("broken"), account("good")];
    scene.providers[0].accounts[0].gate = Gate::Shut(blocked(Reason::BreakerOpen));
    let plan = scene.plan();
    assert_eq!(plan.create[0].spec.account, "good");
    assert_eq!(plan.create.len(), 1);
}

#[test]
fn one_broken_provider_stops_no_other() {
    let mut scene = Scene::octotel(vec![job("a"), job("b")]);
    scene.providers.push(provider("evotel"));
    scene.providers[0].blocked = Some(blocked(Reason::SeedInvalid));
    scene.jobs[1].provider = "evotel".to_owned();
    let plan = scene.plan();
    assert_eq!(waits_for(&plan, "a"), Some(Reason::SeedInvalid));
    assert_eq!(plan.create[0].spec.provider, "evotel");
}

// When a queue leaves.

#[test]
fn a_short_queue_lingers_until_its_oldest_job_has_waited_long_enough() {
    let mut scene = Scene::new(vec![provider("octotel")], vec![job("a"), job("b")]);
    scene.jobs[1].eligible_since = at(2);
    let plan = scene.plan();
    assert_eq!(reasons(&plan), [(Reason::WaitingForLinger, 2)].into());
    assert_eq!(plan.wake_at, Some(at(4)), "a second before the start and 5 s of linger");
    assert!(plan.is_ready(&key("a")));
    scene.now = at(4);
    assert_eq!(sizes(&scene.plan()), [2], "the younger one goes with it");
}

#[test]
fn a_full_queue_leaves_at_once() {
    let scene = Scene::new(vec![provider("octotel")], jobs(49));
    assert_eq!(scene.plan().create.len(), 0);
    let scene = Scene::new(vec![provider("octotel")], jobs(50));
    assert_eq!(sizes(&scene.plan()), [50]);
}

#[test]
fn a_queue_is_full_when_the_session_would_not_live_longer() {
    let lifetime = |p: &mut fno_crds::FnoProviderSpec| p.session.max_lifetime = Duration::from_secs(120);
    // 90 % of 120 s without 10 s of login is 98 s: 19 jobs of 5 s.
    assert_eq!(Scene::new(vec![with(provider("octotel"), lifetime)], jobs(18)).plan().create.len(), 0);
    assert_eq!(sizes(&Scene::new(vec![with(provider("octotel"), lifetime)], jobs(19)).plan()), [19]);
}

#[test]
fn flush_sends_a_lingering_queue() {
    let mut scene = Scene::new(vec![provider("octotel")], jobs(3));
    scene.providers[0].flush = true;
    assert_eq!(sizes(&scene.plan()), [3]);
}

#[test]
fn without_linger_a_job_leaves_at_once() {
    let scene = Scene { now: at(-1), ..Scene::new(vec![provider("octotel")], jobs(1)) }.with(|p| p.batching.linger = Duration::from_secs(0));
    assert_eq!(sizes(&scene.plan()), [1]);
}

#[test]
fn a_deadline_that_presses_does_not_let_the_queue_linger() {
    // Login 10 s, one job 5 s, linger 60 s.
    let scene = |deadline| {
        let mut urgent = job("a");
        urgent.deadline = Some(at(deadline));
        Scene::new(vec![provider("octotel")], vec![urgent]).with(|p| p.batching.linger = Duration::from_secs(60))
    };
    assert_eq!(sizes(&scene(75).plan()), [1]);
    let calm = scene(85).plan();
    assert_eq!(waits_for(&calm, "a"), Some(Reason::WaitingForLinger));
    assert_eq!(calm.wake_at, Some(at(10)), "then it begins to press");
}

#[test]
fn linger_counts_from_when_the_job_could_first_have_gone() {
    let mut due_later = job("a");
    due_later.not_before = Some(at(100));
    let mut scene = Scene { now: at(101), ..Scene::new(vec![provider("octotel")], vec![due_later]) };
    assert_eq!(scene.plan().wake_at, Some(at(105)));
    scene.now = at(105);
    assert_eq!(sizes(&scene.plan()), [1]);
}

// When to look again.

#[test]
fn the_next_planning_is_due_when_the_first_thing_changes_by_itself() {
    let mut scene = Scene::octotel(vec![job("a"), job("b"), job("c"), job("d")]);
    scene.jobs[0].not_before = Some(at(500));
    scene.jobs[1].retry_at = Some(at(400));
    (scene.jobs[2].suspend, scene.jobs[2].deadline) = (true, Some(at(300)));
    scene.jobs[3].suspend = true;
    assert_eq!(scene.plan().wake_at, Some(at(300)), "the deadline of a suspended job");
    scene.jobs.remove(2);
    assert_eq!(scene.plan().wake_at, Some(at(400)));
    scene.jobs.remove(1);
    assert_eq!(scene.plan().wake_at, Some(at(500)));
    scene.jobs.remove(0);
    assert_eq!(scene.plan().wake_at, None, "only a person changes that");
}

// In which order.

#[test]
fn jobs_leave_by_priority_then_deadline_then_age_then_name() {
    let mut scene =
        Scene::octotel(vec![job("young"), job("b"), job("a"), job("old"), job("soon"), job("first"), job("later")]).with(|p| p.batching.max_jobs = 7);
    scene.jobs[0].created_at = at(5);
    scene.jobs[3].created_at = at(-50);
    scene.jobs[4].deadline = Some(at(5000));
    scene.jobs[5].priority = 10;
    scene.jobs[6].deadline = Some(at(6000));
    let plan = scene.plan();
    assert_eq!(names(&plan, 0), ["first", "soon", "later", "old", "a", "b", "young"]);
}

#[test]
fn validations_of_one_priority_run_before_its_cancellations_but_do_not_push_them_out() {
    let mut scene = Scene::octotel(vec![job("cancel-old"), job("look-a"), job("look-b"), job("cancel-urgent")]).with(|p| p.batching.max_jobs = 4);
    scene.jobs[0].action = Action::Cancellation;
    scene.jobs[0].created_at = at(-100);
    (scene.jobs[3].action, scene.jobs[3].priority) = (Action::Cancellation, 5);
    assert_eq!(names(&scene.plan(), 0), ["cancel-urgent", "look-a", "look-b", "cancel-old"]);
    // With room for two, the urgent and the oldest leave.
    let scene = scene.with(|p| p.batching.max_jobs = 2);
    assert_eq!(names(&scene.plan(), 0), ["cancel-urgent", "cancel-old"]);
}

// How many sessions, how large.

#[test]
fn fifty_jobs_on_one_account_are_one_batch() {
    let plan = Scene::octotel(jobs(50)).plan();
    assert_eq!(sizes(&plan), [50]);
    let spec = &plan.create[0].spec;
    assert_eq!((spec.provider.as_str(), spec.account.as_str(), spec.provider_generation, spec.flows_digest.as_str()), ("octotel", "ops", 7, "d1"));
    assert_eq!((spec.stop, spec.ttl_seconds_after_finished), (Stop::None, 86_400));
    assert_eq!(plan.wake_at, None);
}

#[test]
fn a_remainder_is_not_left_alone() {
    // One session at a time: 51 are 26 and 25, 120 are three times 40.
    for (count, first) in [(51, 26), (120, 40), (100, 50), (101, 34), (50, 50), (1, 1)] {
        let plan = Scene::octotel(jobs(count)).plan();
        assert_eq!(sizes(&plan), [first], "{count} jobs");
        assert_eq!(plan.waits.len(), count - first);
    }
}

#[test]
fn batches_that_start_together_are_equal() {
    let mut scene = Scene::octotel(jobs(100));
    scene.providers[0].accounts = vec![account("a"), account("b"), account("c")];
    let plan = scene.plan();
    assert_eq!(sizes(&plan), [34, 33, 33]);
    let accounts: Vec<&str> = plan.create.iter().map(|batch| batch.spec.account.as_str()).collect();
    assert_eq!(accounts, ["a", "b", "c"]);
}

#[test]
fn the_first_jobs_begin_first_in_whatever_session() {
    let mut scene = Scene::octotel(jobs(30));
    scene.providers[0].accounts = vec![account("a"), account("b"), account("c")];
    let plan = scene.plan();
    for batch in 0..3 {
        assert_eq!(names(&plan, batch)[0], format!("job-{batch:05}"));
    }
}

#[test]
fn sessions_that_log_in_later_get_as_many_jobs_less_as_they_miss() {
    // One account, three sessions, one code per 30 s, jobs of 5 s: each gets six jobs less than the one before.
    let mut scene = Scene::octotel(jobs(60)).with(|p| p.session.max_sessions_per_account = 3);
    scene.providers[0].accounts[0].totp_period = Some(30);
    assert_eq!(sizes(&scene.plan()), [26, 20, 14]);
}

#[test]
fn sessions_that_will_be_followed_by_others_are_equal_although_they_start_one_after_the_other() {
    let mut scene = Scene::octotel(jobs(400)).with(|p| p.session.max_sessions_per_account = 3);
    scene.providers[0].accounts[0].totp_period = Some(30);
    assert_eq!(sizes(&scene.plan()), [50, 50, 50]);
    scene.jobs.truncate(160);
    assert_eq!(sizes(&scene.plan()), [40, 40, 40], "the last of four batches follows");
}

#[test]
fn no_batch_is_longer_than_a_session_lives_and_a_job_longer_than_that_goes_alone() {
    let lifetime = |seconds| Scene::octotel(jobs(40)).with(|p| p.session.max_lifetime = Duration::from_secs(seconds));
    // 98 s of work per session: 40 jobs of 5 s are three batches.
    assert_eq!(sizes(&lifetime(120).plan()), [14]);
    assert_eq!(sizes(&lifetime(12).plan()), [1]);
}

#[test]
fn long_jobs_are_fewer_per_session_than_short_ones() {
    let mut scene = Scene::octotel(jobs(20)).with(|p| p.session.max_lifetime = Duration::from_secs(120));
    scene.providers[0].job_seconds.insert(Action::Cancellation, 45.0);
    scene.jobs.iter_mut().take(4).for_each(|job| job.action = Action::Cancellation);
    let plan = scene.plan();
    let long = |batch: usize| names(&plan, batch).iter().filter(|name| **name < "job-00004").count();
    assert!(long(0) <= 2, "two of 45 s fill 98 s");
}

#[test]
fn a_portal_nobody_has_measured_is_planned_with_assumed_times() {
    let mut scene = Scene::octotel(jobs(100)).with(|p| p.session.max_lifetime = Duration::from_secs(120));
    scene.providers[0].job_seconds.clear();
    scene.providers[0].login_seconds = None;
    let plan = scene.plan();
    assert_eq!(sizes(&plan), [17], "15 s of login, 5 s per job: 18 fit, 100 are six batches");
}

#[test]
fn max_jobs_1_is_one_login_per_job() {
    let mut scene = Scene::octotel(jobs(5)).with(|p| p.batching.max_jobs = 1);
    scene.providers[0].accounts = (0..10).map(|i| account(&format!("a{i}"))).collect();
    assert_eq!(sizes(&scene.plan()), [1, 1, 1], "three at once");
}

#[test]
fn max_jobs_beyond_the_schemas_limit_is_cut() {
    let plan = Scene::octotel(jobs(300)).with(|p| (p.batching.max_jobs, p.session.max_lifetime) = (1000, Duration::from_mins(600))).plan();
    assert_eq!(sizes(&plan), [150], "two batches of at most 200");
}

#[test]
fn objectives_decide_how_many_sessions_are_opened() {
    let scene = |objective| {
        let mut scene = Scene::octotel(jobs(50)).with(|p| {
            (p.batching.objective, p.batching.max_concurrent_batches, p.session.max_sessions_per_account) = (objective, 10, 10);
        });
        scene.providers[0].accounts[0].totp_period = Some(30);
        scene
    };
    assert_eq!(scene(Objective::MinLogins).plan().create.len(), 1);
    assert_eq!(scene(Objective::Balanced).plan().create.len(), 3);
    assert_eq!(scene(Objective::MinMakespan).plan().create.len(), 4);
}

#[test]
fn min_logins_opens_no_session_beside_one_at_work() {
    let mut scene = Scene::octotel(jobs(10)).with(|p| (p.batching.objective, p.session.max_sessions_per_account) = (Objective::MinLogins, 3));
    scene.batches.push(batch("octotel-1", "ops", &["other"]));
    let plan = scene.plan();
    assert_eq!(reasons(&plan), [(Reason::WaitingForSession, 10)].into());
    assert!(plan.waits[&key("job-00000")].message.contains("objective"), "{plan:?}");
}

// Limits.

#[test]
fn each_limit_is_named_in_what_the_waiting_jobs_say() {
    let message = |scene: &Scene, reason| {
        let plan = scene.plan();
        let Some(Blocked { reason: seen, message }) = plan.waits.values().next_back().cloned() else { panic!("somebody waits: {plan:?}") };
        assert_eq!(seen, reason);
        message
    };
    let session = Scene::octotel(jobs(120));
    assert!(message(&session, Reason::WaitingForSession).contains("session.maxSessionsPerAccount (1)"));

    let mut batches = Scene::octotel(jobs(300)).with(|p| p.session.max_sessions_per_account = 20);
    assert!(message(&batches, Reason::WaitingForSession).contains("batching.maxConcurrentBatches (3)"));
    batches.max_runners = 2;
    assert!(message(&batches, Reason::WaitingForRunner).contains("All 2 runner Pods"));

    let objective = batches.clone().with(|p| p.batching.objective = Objective::MinLogins);
    assert!(message(&objective, Reason::WaitingForSession).contains("MinLogins"));
}

#[test]
fn what_is_at_work_counts_against_every_limit() {
    let busy = |name: &str, account: &str| batch(name, account, &["other"]);
    let mut scene = Scene::octotel(jobs(90));
    scene.providers[0].accounts = vec![account("a"), account("b"), account("c"), account("d")];
    scene.batches = vec![busy("octotel-1", "b")];
    let plan = scene.plan();
    let accounts: Vec<&str> = plan.create.iter().map(|batch| batch.spec.account.as_str()).collect();
    assert_eq!(accounts, ["a", "c"], "three batches at once, one of them at work on b");

    scene.max_runners = 2;
    assert_eq!(scene.plan().create.len(), 1);
    scene.batches[0].holds_runner = false;
    assert_eq!(scene.plan().create.len(), 2);
}

#[test]
fn an_account_is_not_used_while_its_last_session_may_still_live() {
    let mut scene = Scene::octotel(jobs(3));
    let mut ended = batch("octotel-1", "ops", &[]);
    ended.finished = true;
    scene.batches.push(ended);
    let plan = scene.plan();
    assert_eq!(reasons(&plan), [(Reason::WaitingForSession, 3)].into());
    scene.batches[0].holds_session = false;
    assert_eq!(scene.plan().create.len(), 1);
}

#[test]
fn batches_of_another_namespace_or_provider_take_nothing_but_runners() {
    let mut scene = Scene::octotel(jobs(3));
    let mut elsewhere = batch("octotel-1", "ops", &["other"]);
    elsewhere.key.namespace = "elsewhere".to_owned();
    let mut other = batch("evotel-1", "ops", &["other"]);
    other.provider = "evotel".to_owned();
    scene.batches = vec![elsewhere, other];
    scene.max_runners = 3;
    assert_eq!(scene.plan().create.len(), 1);
    scene.max_runners = 2;
    assert_eq!(reasons(&scene.plan()), [(Reason::WaitingForRunner, 3)].into());
}

// Which account.

#[test]
fn the_account_that_can_log_in_soonest_is_taken_then_the_one_longest_unused() {
    let mut scene = Scene::octotel(jobs(1));
    let step = (crate::world::START + 60) / 30;
    let totp = |name: &str, last_step| fno_core::plan::AccountView { totp_period: Some(30), last_step: Some(last_step), ..account(name) };
    scene.providers[0].login_seconds = Some(10.0);
    scene.providers[0].accounts = vec![totp("just-used", step), totp("used", step - 1), totp("rested", step - 9)];
    let taken = |scene: &Scene| scene.plan().create[0].spec.account.clone();
    assert_eq!(taken(&scene), "rested");
    scene.batches.push(batch("octotel-1", "rested", &["other"]));
    assert_eq!(taken(&scene), "used");
    scene.batches.push(batch("octotel-2", "used", &["other"]));
    assert_eq!(taken(&scene), "just-used", "later is better than not at all");
}

#[test]
fn among_equal_accounts_the_one_with_the_fewest_sessions_is_taken() {
    let mut scene = Scene::octotel(jobs(1)).with(|p| p.session.max_sessions_per_account = 5);
    scene.providers[0].accounts = vec![account("a"), account("b")];
    scene.batches = vec![batch("octotel-1", "a", &["other"])];
    assert_eq!(scene.plan().create[0].spec.account, "b");
}

// Trials.

#[test]
fn an_account_on_trial_gets_one_batch() {
    let mut scene = Scene::octotel(jobs(100)).with(|p| p.session.max_sessions_per_account = 5);
    scene.providers[0].accounts[0].gate = Gate::Trial;
    let plan = scene.plan();
    assert_eq!(sizes(&plan), [50]);
    assert!(plan.waits.values().all(|b| b.reason == Reason::WaitingForSession && b.message.contains("on trial")));
    scene.carry_out(&plan);
    let plan = scene.plan();
    assert!(plan.create.is_empty());
}

#[test]
fn a_proven_account_is_taken_before_one_on_trial() {
    let mut scene = Scene::octotel(jobs(1));
    scene.providers[0].accounts = vec![account("a"), account("b")];
    scene.providers[0].accounts[0].gate = Gate::Trial;
    assert_eq!(scene.plan().create[0].spec.account, "b");
}

#[test]
fn a_flow_on_trial_lets_one_harmless_job_through_as_a_canary() {
    let mut scene = Scene::octotel(vec![job("cancel"), job("look"), job("look-too")]);
    (scene.jobs[0].action, scene.jobs[0].priority) = (Action::Cancellation, 100);
    scene.providers[0].accounts = vec![account("a"), account("b")];
    scene.providers[0].flow_gate = Gate::Trial;
    let plan = scene.plan();
    assert_eq!(plan.create.len(), 1);
    assert_eq!(names(&plan, 0), ["look"]);
    assert!(plan.waits.values().all(|b| b.reason == Reason::WaitingForSession && b.message.contains("goes first")), "{plan:?}");

    scene.carry_out(&plan);
    assert!(scene.plan().create.is_empty(), "until the canary is back");

    let only_a_cancellation = Scene { jobs: vec![scene.jobs[0].clone()], batches: Vec::new(), ..scene };
    assert_eq!(names(&only_a_cancellation.plan(), 0), ["cancel"]);
}

// Several providers.

fn four_providers(per_provider: usize) -> Scene {
    let providers: Vec<_> = ["evotel", "mfn", "octotel", "openserve"].map(|name| with(provider(name), |p| p.session.max_sessions_per_account = 20)).into();
    let jobs = providers
        .iter()
        .flat_map(|provider| {
            jobs(per_provider).into_iter().map(|mut job| {
                job.key.name = format!("{}-{}", provider.key.name, job.key.name);
                job.uid = format!("uid-{}", job.key.name);
                job.provider.clone_from(&provider.key.name);
                job
            })
        })
        .collect();
    Scene { now: at(60), ..Scene::new(providers, jobs) }
}

#[test]
fn runners_are_shared_evenly_and_every_provider_gets_one() {
    let mut scene = four_providers(150);
    scene.max_runners = 5;
    let plan = scene.plan();
    let mut by_provider: Vec<&str> = plan.create.iter().map(|batch| batch.spec.provider.as_str()).collect();
    by_provider.sort_unstable();
    assert_eq!(by_provider, ["evotel", "evotel", "mfn", "octotel", "openserve"]);
    assert_eq!(reasons(&plan).keys().collect::<Vec<_>>(), [&Reason::WaitingForRunner]);
}

#[test]
fn who_has_the_most_runners_gets_the_next_one_last() {
    let mut scene = four_providers(150);
    scene.providers[2] = with(scene.providers[2].clone(), |p| p.batching.max_concurrent_batches = 10);
    scene.batches = (0..3).map(|i| batch(&format!("octotel-{i}"), "ops", &["other"])).collect();
    scene.max_runners = 6;
    let mut providers: Vec<String> = scene.plan().create.iter().map(|batch| batch.spec.provider.clone()).collect();
    providers.sort_unstable();
    assert_eq!(providers, ["evotel", "mfn", "openserve"]);
}

#[test]
fn a_stream_of_urgent_jobs_delays_others_but_does_not_starve_them() {
    let mut scene = four_providers(1);
    scene.jobs.retain(|job| ["mfn", "octotel"].contains(&job.provider.as_str()));
    scene.max_runners = 1;
    let at_wait = |scene: &mut Scene, waited: i64| {
        for job in &mut scene.jobs {
            let urgent = job.provider == "octotel";
            (job.priority, job.eligible_since) =
                if urgent { (100, scene.now) } else { (0, scene.now.checked_sub(jiff::SignedDuration::from_secs(waited)).expect("a time")) };
        }
        scene.clone().with(|p| p.batching.linger = Duration::from_secs(0)).plan()
    };
    scene.providers[2] = with(scene.providers[2].clone(), |p| p.batching.linger = Duration::from_secs(0));
    assert_eq!(at_wait(&mut scene, 500).create[0].spec.provider, "octotel");
    assert_eq!(at_wait(&mut scene, 601).create[0].spec.provider, "mfn", "100 points of priority weigh ten minutes");
}

#[test]
fn namespaces_do_not_mix() {
    let mut elsewhere = provider("octotel");
    elsewhere.key.namespace = "elsewhere".to_owned();
    let mut guest = job("a");
    guest.key.namespace = "elsewhere".to_owned();
    guest.uid = "uid-guest".to_owned();
    let scene = Scene { now: at(60), ..Scene::new(vec![provider("octotel"), elsewhere], vec![job("a"), guest]) };
    let plan = scene.plan();
    assert_eq!(sizes(&plan), [1, 1]);
    assert!(plan.create.iter().all(|batch| batch.spec.jobs[0].uid == if batch.key.namespace == "elsewhere" { "uid-guest" } else { "uid-a" }));
}

// Names.

#[test]
fn the_name_follows_from_the_jobs_their_versions_and_the_account() {
    let name = |scene: &Scene| scene.plan().create[0].key.clone();
    let scene = Scene::octotel(jobs(2));
    let first = name(&scene);
    assert_eq!(first, name(&scene.clone()), "the same world, the same name");
    let digits = first.name.strip_prefix("octotel-").expect("the provider's name in front");
    assert!(digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit() && !b.is_ascii_uppercase()), "{digits}");

    let mut changed = scene.clone();
    changed.jobs[1].resource_version = "2".to_owned();
    assert_ne!(first, name(&changed));
    let mut other_job = scene.clone();
    other_job.jobs[1].uid = "uid-new".to_owned();
    assert_ne!(first, name(&other_job));
    let mut other_account = scene;
    other_account.providers[0].accounts = vec![account("second")];
    assert_ne!(first, name(&other_account));
}

#[test]
fn a_name_in_use_is_not_used_again() {
    // A batch that ended before it claimed anything leaves its jobs as they were.
    let mut scene = Scene::octotel(jobs(2));
    let first = scene.plan();
    scene.carry_out(&first);
    (scene.batches[0].finished, scene.batches[0].holds_session, scene.batches[0].holds_runner) = (true, false, false);
    let second = scene.plan();
    assert_eq!(second.create.len(), 1);
    assert_ne!(first.create[0].key, second.create[0].key);
}

// Counts.

#[test]
fn jobs_that_wait_are_counted_by_provider_and_reason() {
    let mut scene = Scene::octotel(jobs(120));
    scene.jobs[0].suspend = true;
    scene.jobs[1].provider = "nobody".to_owned();
    scene.jobs[2].cancel_requested = true;
    scene.jobs[3].deadline = Some(at(0));
    scene.providers.push(provider("idle"));
    let plan = scene.plan();
    let pending = pending(&scene.world(), &plan);
    let of = |name: &str| pending.get(&key(name)).cloned().unwrap_or_default();
    assert_eq!(of("octotel").by_reason, [("Suspended".to_owned(), 1), ("WaitingForSession".to_owned(), 77)].into(), "39 of 116 leave");
    assert_eq!(of("octotel").count, 78);
    assert_eq!(of("nobody").by_reason, [("ProviderNotFound".to_owned(), 1)].into());
    assert_eq!(of("idle").count, 0);
    assert!(pending.contains_key(&Key { namespace: "fibre".to_owned(), name: "idle".to_owned() }), "so that an old count is overwritten");
}

#[test]
fn only_what_lingers_or_lacks_a_place_counts_as_ready() {
    let mut scene = Scene::octotel(jobs(52));
    scene.jobs[0].suspend = true;
    let plan = scene.plan();
    assert!(!plan.is_ready(&key("job-00000")));
    assert!(plan.is_ready(&key("job-00051")));
    assert!(!plan.is_ready(&key("job-00001")), "it leaves");
}
