//! Two operators at once, as a leader that was paused and woke up makes them: a model of everything they share, in which every write
//! may be lost, be applied without an answer, or be the last thing an operator does, and every watch may lag behind or go back.
//!
//! The decisions are the real ones (`plan`, `claim`, `mint`, `account`, `breaker`). Meanwhile people edit the Secret, its labels, the period
//! and the annotation, delete the provider and create it again, or restore an older status, and batches expire. Whatever the schedule, no
//! time gives two codes, the portal takes every code, no password that the portal refused twice is typed again, no job is at work in two
//! batches, and once the faults stop everything gets done. Each guard is needed: taken away, the same schedules find the harm it prevents.

mod decide;
mod model;
mod schedule;
mod stored;
mod write;

use fno_crds::batch::BatchPhase;
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner},
};

use self::{
    model::{Harm, Operator, World},
    schedule::{Action, any_disaster, any_edits, any_schedule},
};

const JOBS: usize = 5;

/// Which guards are in place.
#[derive(Clone, Copy, Debug)]
struct Guards {
    /// `lastStep` is written by compare-and-set.
    last_step_compared: bool,
    /// A step is taken in Valkey before its code leaves.
    valkey: bool,
    /// A step whose write was not answered counts as used.
    doubt_burns: bool,
    /// A job is claimed by compare-and-set.
    claim_compared: bool,
    /// Logins are entered and counted in the provider by compare-and-set.
    provider_compared: bool,
    /// What a provider has lost is recovered from the batches.
    history: bool,
    /// A last step is kept with its period.
    period_kept: bool,
    /// A refusal is booked against the credentials that were typed, and other ones are not typed.
    pinned: bool,
    /// A value of `fno.dev/resume` counts once, or never.
    resume_once: bool,
    /// Credentials are told apart by their values, not by the Secret they lie in.
    digest: bool,
    /// A batch is kept while it may be the only record of a refusal.
    kept: bool,
}

const ALL: Guards = Guards {
    last_step_compared: true,
    valkey: true,
    doubt_burns: true,
    claim_compared: true,
    provider_compared: true,
    history: true,
    period_kept: true,
    pinned: true,
    resume_once: true,
    digest: true,
    kept: true,
};

/// What is lost on the way. The guards of a step cover for one another, so only one of them is lost at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Disaster {
    ValkeyFlushed,
    ProviderRestoredFromBackup,
}

fn play(guards: Guards, disaster: Disaster, schedule: &[Action]) -> Result<World, Harm> {
    let mut world = World::new(guards, disaster);
    for action in schedule {
        world.act(action)?;
    }
    Ok(world)
}

proptest! {
    #[test]
    fn no_step_gives_two_codes_and_no_job_is_at_work_twice(disaster in any_disaster(), schedule in any_schedule()) {
        let mut world = play(ALL, disaster, &schedule).map_err(TestCaseError::fail)?;
        world.settle().map_err(TestCaseError::fail)?;
    }

    #[test]
    fn whatever_people_change_no_refused_password_is_typed_a_third_time_and_no_time_gives_two_codes(schedule in any_edits()) {
        let mut world = play(ALL, Disaster::ValkeyFlushed, &schedule).map_err(TestCaseError::fail)?;
        world.settle().map_err(TestCaseError::fail)?;
    }
}

#[test]
fn without_faults_every_job_is_done_with_one_code_per_batch() {
    let mut world = World::new(ALL, Disaster::ValkeyFlushed);
    world.settle().expect("no harm");
    let used =
        world.api.batches.values().filter(|batch| batch.phase == BatchPhase::Completed).count();
    assert_eq!((used, world.codes.len()), (3, 3), "five jobs, two per batch");
}

/// The harm that random schedules find when a guard is missing. The schedules are always the same ones.
fn harm_without(guards: Guards, disaster: Disaster) -> Option<String> {
    harm_among(any_schedule(), guards, disaster)
}

fn harm_among(
    schedules: impl Strategy<Value = Vec<Action>>,
    guards: Guards,
    disaster: Disaster,
) -> Option<String> {
    let config = Config {
        cases: 20_000,
        max_shrink_iters: 0,
        failure_persistence: None,
        ..Config::default()
    };
    let mut runner =
        TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));

    match runner.run(&schedules, |schedule| {
        play(guards, disaster, &schedule).map(|_| ()).map_err(TestCaseError::fail)
    }) {
        Ok(()) => None,
        Err(TestError::Fail(reason, _)) => Some(reason.to_string()),
        Err(abort) => panic!("{abort}"),
    }
}

#[test]
fn without_compare_and_set_of_the_last_step_a_step_gives_two_codes() {
    let harm = harm_without(Guards { last_step_compared: false, ..ALL }, Disaster::ValkeyFlushed)
        .expect("the model finds it");
    assert!(harm.contains("gave a code to"), "{harm}");
}

#[test]
fn without_valkey_and_the_batches_a_step_gives_two_codes_after_a_restore() {
    let guards = Guards { valkey: false, history: false, ..ALL };
    let harm =
        harm_without(guards, Disaster::ProviderRestoredFromBackup).expect("the model finds it");
    assert!(harm.contains("gave a code to"), "{harm}");
}

#[test]
fn when_a_lost_answer_is_taken_for_a_success_a_step_gives_two_codes() {
    let harm = harm_without(Guards { doubt_burns: false, ..ALL }, Disaster::ValkeyFlushed)
        .expect("the model finds it");
    assert!(harm.contains("gave a code to"), "{harm}");
}

#[test]
fn when_a_step_is_kept_without_its_period_an_edit_of_it_gives_two_codes_for_a_time_or_none() {
    let guards = Guards { period_kept: false, ..ALL };
    let harm =
        harm_among(any_edits(), guards, Disaster::ValkeyFlushed).expect("the model finds it");
    assert!(
        harm.contains("gave a code to") || harm.contains("the portal refuses the code"),
        "{harm}"
    );
}

/// The harm to the account: a refused password that is typed a third time.
fn typed_too_often(guards: Guards) {
    let harm =
        harm_among(any_edits(), guards, Disaster::ValkeyFlushed).expect("the model finds it");
    assert!(harm.contains("was typed 3 times"), "{harm}");
}

#[test]
fn without_the_batches_a_new_provider_forgets_what_was_refused() {
    typed_too_often(Guards { history: false, ..ALL });
}

#[test]
fn when_a_refusal_is_booked_against_other_credentials_the_typed_ones_are_typed_again() {
    typed_too_often(Guards { pinned: false, ..ALL });
}

#[test]
fn when_credentials_are_told_apart_by_their_secret_a_label_opens_the_breaker() {
    typed_too_often(Guards { digest: false, ..ALL });
}

#[test]
fn when_a_batch_is_deleted_with_its_refusal_a_new_provider_forgets_what_was_refused() {
    typed_too_often(Guards { kept: false, ..ALL });
}

#[test]
fn when_a_resume_counts_later_or_again_it_switches_the_breaker_off() {
    typed_too_often(Guards { resume_once: false, ..ALL });
}

#[test]
fn without_compare_and_set_in_the_provider_two_operators_grant_one_login_too_many() {
    typed_too_often(Guards { provider_compared: false, ..ALL });
}

#[test]
fn without_compare_and_set_of_the_claim_a_job_is_at_work_twice() {
    let harm = harm_without(Guards { claim_compared: false, ..ALL }, Disaster::ValkeyFlushed)
        .expect("the model finds it");
    assert!(harm.contains("is at work in"), "{harm}");
}
