//! What is stored in the API server.

use std::collections::BTreeMap;

use fno_crds::{JobPhase, batch::BatchPhase};

#[derive(Clone, Debug)]
pub struct Job {
    pub version: u64,
    pub phase: JobPhase,
    pub batch: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Batch {
    pub version: u64,
    pub phase: BatchPhase,
    pub invited: Vec<usize>,
    pub claimed: Vec<usize>,
    /// Which login waits for its code.
    pub login: i32,
    /// The step burnt for which login.
    pub reserved: Option<(i32, i64)>,
    /// It ended with answers.
    pub answered: bool,
}

/// All of it, as of one version.
#[derive(Clone, Debug)]
pub struct Api {
    pub version: u64,
    pub jobs: Vec<Job>,
    pub batches: BTreeMap<String, Batch>,
    /// Version and content of the provider's status.
    pub last_step: (u64, Option<i64>),
    /// By batch and login.
    pub secrets: BTreeMap<(String, i32), i64>,
}

impl Api {
    pub fn next_version(&mut self) -> u64 {
        self.version += 1;
        self.version
    }
}
