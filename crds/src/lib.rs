//! The API of the FNO operator: group `fno.dev`, version `v1alpha1`.
//!
//! Three kinds work together:
//!
//! * [`FnoProvider`] is one portal as data: accounts, limits, and the flows a browser walks.
//! * [`FnoJob`] is one thing to do on one circuit. People and the bridge create these.
//! * [`FnoBatch`] is a group of jobs that share one portal session. Only the operator creates these.
//!
//! Who writes what (one writer per field, so nobody needs a lock):
//!
//! | field | writer |
//! |---|---|
//! | every `spec` | people, the bridge; of a batch: the operator |
//! | `FnoProvider.status`, `FnoJob.status`, `FnoBatch.status` except `run` | the operator |
//! | `FnoBatch.status.run` | the runner of that batch |
//! | `FnoJob.status.approval`, `FnoJob.status.resolution` | a person who holds the verb |
//! | `FnoJob.status.callback` | the bridge |
//!
//! Field values are validated by CEL inside the schema, so the API server, the bridge and the plugin refuse with the same sentence
//! (`validate_cel` on each kind). Every string and list is bounded: the API server's CEL cost budget demands it.

pub mod batch;
pub mod condition;
mod descriptions;
pub mod duration;
pub mod fields;
pub mod flow;
pub mod job;
pub mod names;
pub mod provider;
pub mod provider_status;
pub mod reason;
mod reference;
mod schema;

pub use batch::{FnoBatch, FnoBatchSpec, FnoBatchStatus};
pub use duration::Duration;
pub use flow::{Flow, Step, StepType};
pub use job::{Action, FnoJob, FnoJobSpec, FnoJobStatus, JobPhase};
pub use provider::{FnoProvider, FnoProviderSpec};
pub use provider_status::FnoProviderStatus;
pub use reason::Reason;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt as _;

/// The API group of all kinds.
pub const GROUP: &str = "fno.dev";
/// The API version of all kinds.
pub const VERSION: &str = "v1alpha1";

/// The three CRDs in the order they are installed.
#[must_use]
pub fn crds() -> [CustomResourceDefinition; 3] {
    let (mut provider, mut job, mut batch) = (FnoProvider::crd(), FnoJob::crd(), FnoBatch::crd());
    descriptions::complete::<FnoProviderSpec, FnoProviderStatus>(&mut provider);
    descriptions::complete::<FnoJobSpec, FnoJobStatus>(&mut job);
    descriptions::complete::<FnoBatchSpec, FnoBatchStatus>(&mut batch);
    job::default_status(&mut job);
    [provider, job, batch]
}

/// The files generated from the types: path from the root of the repository, and content.
///
/// # Errors
/// Never for the CRDs of this crate.
pub fn generated() -> Result<Vec<(String, String)>, serde_yaml::ser::Error> {
    let mut files = vec![
        ("docs/reasons.md".to_owned(), reason::document()),
        ("docs/api.md".to_owned(), reference::page(&crds())),
    ];
    for crd in crds() {
        let text = format!(
            "# Generated from crds/src by `make crds`. Do not edit.\n{}",
            serde_yaml::to_string(&crd)?
        );
        // Helm packs only what lies inside the chart, so it has a copy.
        for folder in ["crds", "charts/fno-operator/files/crds"] {
            files.push((format!("{folder}/{}.yaml", crd.spec.names.plural), text.clone()));
        }
    }
    Ok(files)
}
