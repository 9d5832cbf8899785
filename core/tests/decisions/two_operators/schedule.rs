//! What happens, in whatever order: the actions, the faults, and how often each comes.

use proptest::{collection::vec, prelude::*};

use super::{Disaster, JOBS};

/// What happens to a write.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    None,
    NotApplied,
    AnswerLost,
    CrashAfter,
}

#[derive(Clone, Debug)]
pub enum Action {
    /// An operator decides, or does what it has decided.
    Work {
        operator: usize,
        pick: usize,
        fault: Fault,
    },
    /// Its watches catch up, except for the last `behind` versions.
    Observe {
        operator: usize,
        behind: usize,
    },
    /// The runner of a batch goes on; at its end it has answers or not.
    Run {
        batch: usize,
        answered: bool,
    },
    /// A deadline ends a batch.
    Fail {
        batch: usize,
    },
    /// The job of an ended batch is settled or handed back.
    HandBack {
        job: usize,
    },
    /// Another user of the account logs in.
    OutsiderLogsIn,
    Strike,
    Tick {
        seconds: i64,
    },
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![12 => Just(Fault::None), 1 => Just(Fault::NotApplied), 1 => Just(Fault::AnswerLost), 1 => Just(Fault::CrashAfter)]
}

/// How often each kind of action comes, in the order of [`Action`].
type Mix = [u32; 8];
const EVERYTHING: Mix = [16, 6, 4, 1, 3, 1, 1, 2];
/// Batches come and go without ever logging in: who gets the jobs?
const CLAIMS: Mix = [16, 3, 0, 3, 6, 0, 0, 0];

fn any_action(
    [work, observe, run, fail, hand_back, outsider, strike, tick]: Mix,
) -> impl Strategy<Value = Action> {
    prop_oneof![
        work => (0..2_usize, 0..4_usize, any_fault()).prop_map(|(operator, pick, fault)| Action::Work { operator, pick, fault }),
        observe => (0..2_usize, prop_oneof![3 => Just(0_usize), 1 => 0..8_usize]).prop_map(|(operator, behind)| Action::Observe { operator, behind }),
        run => (0..6_usize, any::<bool>()).prop_map(|(batch, answered)| Action::Run { batch, answered }),
        fail => (0..6_usize).prop_map(|batch| Action::Fail { batch }),
        hand_back => (0..JOBS).prop_map(|job| Action::HandBack { job }),
        outsider => Just(Action::OutsiderLogsIn),
        strike => Just(Action::Strike),
        tick => (1..35_i64).prop_map(|seconds| Action::Tick { seconds }),
    ]
}

pub fn any_schedule() -> impl Strategy<Value = Vec<Action>> {
    prop_oneof![3 => vec(any_action(EVERYTHING), 0..250), 1 => vec(any_action(CLAIMS), 0..150)]
}

pub fn any_disaster() -> impl Strategy<Value = Disaster> {
    prop_oneof![Just(Disaster::ValkeyFlushed), Just(Disaster::ProviderRestoredFromBackup)]
}
