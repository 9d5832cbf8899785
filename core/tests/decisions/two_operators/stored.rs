//! What is stored in the API server.

use std::collections::BTreeMap;

use crate::world;
use fno_core::account::{Entry, PastLogin, SharedAccount, history};
use fno_crds::{
    JobPhase,
    batch::{BatchPhase, Grant},
    provider::Limits,
    provider_status::{AccountStatus, Resume},
};

#[derive(Clone, Debug)]
pub struct Job {
    pub version: u64,
    pub phase: JobPhase,
    pub batch: Option<String>,
}

/// How far the runner's login is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Asking,
    AwaitingCode,
    Rejected,
    LoggedIn,
}

#[derive(Clone, Debug)]
pub struct Batch {
    pub version: u64,
    pub phase: BatchPhase,
    pub invited: Vec<usize>,
    pub claimed: Vec<usize>,
    /// The password that its runner types, and its version.
    pub pinned: (usize, String),
    pub login: i32,
    pub stage: Stage,
    pub grants: Vec<Grant>,
    /// The step that was used up for which login.
    pub reserved: Option<(i32, i64)>,
    /// The session ended with answers.
    pub answered: bool,
}

impl Batch {
    pub fn grant(&self) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.login == self.login)
    }

    pub fn grant_mut(&mut self) -> Option<&mut Grant> {
        let login = self.login;
        self.grants.iter_mut().find(|grant| grant.login == login)
    }
}

/// The provider, with its one account.
#[derive(Clone, Debug, PartialEq)]
pub struct Provider {
    /// An operator has written its status.
    pub is_known: bool,
    pub entry: AccountStatus,
    pub resume: Option<Resume>,
    pub annotation: Option<String>,
    pub period: i64,
}

/// All of it, as of one version.
#[derive(Clone, Debug)]
pub struct Api {
    pub version: u64,
    pub jobs: Vec<Job>,
    pub batches: BTreeMap<String, Batch>,
    /// Version and content.
    pub provider: (u64, Provider),
    /// The account's Secret.
    pub secret: Secret,
    /// Step and period, by batch and login.
    pub codes: BTreeMap<(String, i32), (i64, i64)>,
}

/// The account's Secret.
#[derive(Clone, Copy, Debug, Default)]
pub struct Secret {
    pub password: usize,
    /// How often it was edited.
    edits: usize,
}

impl Secret {
    pub fn set(&mut self, password: usize) {
        *self = Self { password, edits: self.edits + 1 };
    }

    pub fn label(&mut self) {
        self.edits += 1;
    }

    /// The version of the credentials, equal for equal values as a digest is; without that, the version of the Secret.
    pub fn version(self, digest: bool) -> String {
        if digest { format!("k:v{}", self.password) } else { format!("k:r{}", self.edits) }
    }
}

impl Api {
    pub fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }

    /// What the batches tell.
    pub fn past(&self) -> Vec<PastLogin<'_>> {
        self.batches
            .iter()
            .flat_map(|(name, batch)| {
                batch.grants.iter().map(move |grant| PastLogin {
                    batch: name,
                    login: grant.login,
                    version: Some(&batch.pinned.1),
                    is_open: history::is_open(grant),
                    result: grant.result,
                    ended_at: grant.ended_at.as_ref().map(|at| at.0),
                    step: grant.step,
                    period: grant.step_period_seconds.map(i64::from),
                })
            })
            .collect()
    }
}

/// The account as an operator sees it. `past` is what the batches tell.
pub fn account<'a>(
    provider: &'a Provider,
    current: &'a str,
    limits: &'a Limits,
    past: Vec<PastLogin<'a>>,
) -> SharedAccount<'a> {
    let own = Entry {
        name: world::identity("octotel", "ops"),
        status: Some(&provider.entry),
        limits,
        max_sessions: 2,
        current: Some(current),
    };
    SharedAccount { own, others: Vec::new(), past, hidden: None }
}
