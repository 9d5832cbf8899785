//! What happens, in whatever order: the actions, the faults, and how often each comes.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{Disaster, JOBS};

/// What happens to a write.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    None,
    NotApplied,
    AnswerLost,
    CrashAfter,
}

/// What a person does.
#[derive(Clone, Copy, Debug)]
pub enum Edit {
    /// Another value in the account's Secret. The first one is right.
    Secret(usize),
    /// Another label on the account's Secret.
    Label,
    /// Another `totp.periodSeconds`.
    Period(i64),
    /// `fno.dev/resume`, so many seconds from now.
    Resume(i64),
    /// The provider is deleted and created again from its manifest.
    Recreate,
    /// The provider's status is restored as it was so many versions ago.
    Restore(usize),
    /// The `ttlSecondsAfterFinished` of every batch that has ended passes.
    Expire,
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
    /// The runner of a batch goes on, and is lost before it can report that the portal refused what it typed.
    Lose {
        batch: usize,
    },
    /// A deadline ends a batch.
    Fail {
        batch: usize,
    },
    /// The job of an ended batch is settled or handed back.
    HandBack {
        job: usize,
    },
    /// Another program uses the account.
    OutsiderLogsIn,
    Strike,
    Tick {
        seconds: i64,
    },
    Edit(Edit),
}

fn any_fault() -> impl Strategy<Value = Fault> {
    prop_oneof![12 => Just(Fault::None), 1 => Just(Fault::NotApplied), 1 => Just(Fault::AnswerLost), 1 => Just(Fault::CrashAfter)]
}

fn any_edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => (0..3_usize).prop_map(Edit::Secret),
        1 => Just(Edit::Label),
        2 => select(vec![10_i64, 30, 60]).prop_map(Edit::Period),
        2 => (-20..120_i64).prop_map(Edit::Resume),
        1 => Just(Edit::Recreate),
        1 => (0..40_usize).prop_map(Edit::Restore),
        2 => Just(Edit::Expire),
    ]
}

/// How often each kind of action comes, in the order of [`any_action`].
type Mix = [u32; 10];
const EVERYTHING: Mix = [20, 6, 6, 1, 3, 1, 1, 2, 0, 0];
/// Batches come and go without ever logging in: who gets the jobs?
const CLAIMS: Mix = [16, 3, 0, 3, 6, 0, 0, 0, 0, 0];
/// People change whatever they can: what is typed, and what codes are made?
const EDITS: Mix = [24, 6, 8, 1, 4, 0, 0, 2, 2, 1];

fn any_action(
    [work, observe, run, fail, hand_back, outsider, strike, tick, edit, lose]: Mix,
) -> impl Strategy<Value = Action> {
    prop_oneof![
        work => (0..2_usize, 0..4_usize, any_fault()).prop_map(|(operator, pick, fault)| Action::Work { operator, pick, fault }),
        observe => (0..2_usize, prop_oneof![3 => Just(0_usize), 1 => 0..8_usize]).prop_map(|(operator, behind)| Action::Observe { operator, behind }),
        run => (0..8_usize, any::<bool>()).prop_map(|(batch, answered)| Action::Run { batch, answered }),
        fail => (0..8_usize).prop_map(|batch| Action::Fail { batch }),
        hand_back => (0..JOBS).prop_map(|job| Action::HandBack { job }),
        outsider => Just(Action::OutsiderLogsIn),
        strike => Just(Action::Strike),
        tick => (1..35_i64).prop_map(|seconds| Action::Tick { seconds }),
        edit => any_edit().prop_map(Action::Edit),
        lose => (0..8_usize).prop_map(|batch| Action::Lose { batch }),
    ]
}

pub fn any_schedule() -> impl Strategy<Value = Vec<Action>> {
    prop_oneof![3 => vec(any_action(EVERYTHING), 0..300), 1 => vec(any_action(CLAIMS), 0..150)]
}

/// People change things all the time, and begin with a wrong password.
pub fn any_edits() -> impl Strategy<Value = Vec<Action>> {
    vec(any_action(EDITS), 0..400).prop_map(|mut schedule| {
        schedule.insert(0, Action::Edit(Edit::Secret(1)));
        schedule
    })
}

pub fn any_disaster() -> impl Strategy<Value = Disaster> {
    prop_oneof![Just(Disaster::ValkeyFlushed), Just(Disaster::ProviderRestoredFromBackup)]
}
