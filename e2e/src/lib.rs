//! What demo, scenarios and benchmarks share: a real cluster, and a namespace in it ([`Arena`])
//! with demo portals, providers and jobs. Results are judged by the portals' own journal
//! ([`portals`]), not only by our status.
//!
//! * [`ground`]: the cluster and the operator installed on it by `helm`.
//! * [`arena`]: a namespace for one scenario.
//! * [`portals`]: the journal and the settings of the demo portals.
//! * [`jobs`]: submits jobs and waits for their end.
//! * [`audit`]: counts writes in the API server's audit log.
//! * [`planning`]: what planning costs with many jobs. [`operator_memory`]: the memory that many objects take.
//! * [`leaks`]: searches logs, objects, events, metrics, files and file names for secrets.
//! * [`readme`]: commands and files that README shows.

pub mod arena;
pub mod audit;
pub mod ground;
pub mod jobs;
pub mod leaks;
pub mod operator_memory;
pub mod planning;
pub mod portals;
pub mod readme;

pub use arena::Arena;
pub use ground::Ground;
pub use portals::Portals;
