//! What is left behind: a model of jobs and batches in an API server with finalizers, deletions and compare-and-set, two operators whose
//! watches lag and whose writes may be lost, runners that die, and people who delete, suspend and restore anything at any time.
//!
//! The decisions are the real ones (`plan`, `claim`, `finalizer`, `ownership`, `lifecycle`, `job_status`, `batch_status`). Whatever the
//! schedule, no job vanishes while it is at work, and once the accidents stop every job ends or waits for something that is named, and
//! everything that is being deleted goes.

mod api;
mod operator;
mod runner;
mod world;

use proptest::{
    collection::vec,
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};

use self::world::{Action, Guards, Harm, World};

const JOBS: usize = 4;
const BATCHES: usize = 5;

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        20 => (0..2_usize, 0..6_usize, prop::bool::weighted(0.1))
            .prop_map(|(operator, pick, is_lost)| Action::Work { operator, pick, is_lost }),
        8 => (0..2_usize, prop_oneof![3 => Just(0_usize), 1 => 0..6_usize])
            .prop_map(|(operator, behind)| Action::Observe { operator, behind }),
        8 => (0..BATCHES).prop_map(Action::Run),
        1 => (0..BATCHES).prop_map(Action::KillPod),
        1 => (0..JOBS).prop_map(Action::DeleteJob),
        1 => (0..JOBS, any::<bool>()).prop_map(|(job, on)| Action::Suspend(job, on)),
        1 => (0..BATCHES).prop_map(Action::DeleteBatch),
        1 => (0..BATCHES).prop_map(Action::RemoveBatchFinalizer),
        1 => (0..BATCHES, any::<bool>()).prop_map(|(batch, on)| Action::Unreadable(batch, on)),
        1 => any::<bool>().prop_map(Action::Provider),
        1 => prop::option::of(0..JOBS).prop_map(Action::Refuse),
        1 => (1..20_usize).prop_map(Action::Restore),
        2 => (1..200_i64).prop_map(Action::Tick),
    ]
}

fn any_schedule() -> impl Strategy<Value = Vec<Action>> {
    vec(any_action(), 0..200)
}

fn play(guards: Guards, schedule: &[Action], ending: &Ending) -> Result<(), Harm> {
    let mut world = World::new(guards);
    for action in schedule {
        world.act(action)?;
    }
    match ending {
        Ending::Nothing => {}
        Ending::NamespaceDeleted => world.delete_everything(),
        Ending::StillUnreadable => world.settle_while_unreadable()?,
        Ending::StillRefused => world.settle_while_refused()?,
    }
    world.settle()
}

/// What has not been put right when the accidents stop.
#[derive(Clone, Copy, Debug)]
enum Ending {
    Nothing,
    /// Everything is deleted.
    NamespaceDeleted,
    /// Batches of a newer version are still there.
    StillUnreadable,
    /// The status of a job is still refused.
    StillRefused,
}

fn any_ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        Just(Ending::Nothing),
        Just(Ending::NamespaceDeleted),
        Just(Ending::StillUnreadable),
        Just(Ending::StillRefused),
    ]
}

proptest! {
    // Every write is validated by the schema's own rules, which takes most of a case's half second.
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn nothing_is_lost_or_stuck_or_terminates_for_ever(schedule in any_schedule(), ending in any_ending()) {
        play(Guards::ALL, &schedule, &ending).map_err(TestCaseError::fail)?;
    }
}

#[test]
fn without_accidents_every_job_succeeds() {
    let mut world = World::new(Guards::ALL);
    world.settle().expect("no harm");
    assert_eq!(world.succeeded(), JOBS);
}

/// The harm that random schedules find when a guard is missing. The schedules are always the same ones.
fn harm_without(guards: Guards) -> Option<String> {
    let config =
        Config { cases: 3000, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    match runner.run(&(any_schedule(), any_ending()), |(schedule, ending)| {
        play(guards, &schedule, &ending).map_err(TestCaseError::fail)
    }) {
        Ok(()) => None,
        Err(TestError::Fail(reason, _)) => Some(reason.to_string()),
        Err(abort) => panic!("{abort}"),
    }
}

#[test]
fn without_the_correction_of_finalizers_something_terminates_for_ever() {
    let harm = harm_without(Guards { finalizers_corrected: false, ..Guards::ALL });
    assert!(harm.as_ref().is_some_and(|harm| harm.contains("at-work")), "{harm:?}");
}

#[test]
fn without_the_check_of_owners_a_job_is_stuck() {
    let harm = harm_without(Guards { owners_checked: false, ..Guards::ALL });
    assert!(harm.as_ref().is_some_and(|harm| harm.contains("is stuck")), "{harm:?}");
}

#[test]
fn when_a_refused_write_is_repeated_without_end_it_pins_its_batch() {
    let harm = harm_without(Guards { refused_set_aside: false, ..Guards::ALL });
    assert!(harm.as_ref().is_some_and(|harm| harm.contains("is stuck")), "{harm:?}");
}
