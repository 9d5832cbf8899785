//! What demo, scenarios and benchmarks share: a real cluster, and in it a namespace ([`Arena`]) with demo portals,
//! providers and jobs. Results are judged by the portals' own journal ([`portals`]), not only by our status.
//!
//! * [`ground`]: the cluster and the operator installed on it by `helm`.
//! * [`arena`]: a namespace of a scenario's own.
//! * [`portals`]: the journal and the switches of the demo portals.
//! * [`jobs`]: submit jobs, wait for their end.
//! * [`audit`]: what was written through the API server, counted there.
//! * [`leaks`]: no secret in any log, object, event, metric or file name.

pub mod arena;
pub mod audit;
pub mod ground;
pub mod jobs;
pub mod leaks;
pub mod portals;
pub mod readme;

pub use arena::Arena;
pub use ground::Ground;
pub use portals::Portals;
