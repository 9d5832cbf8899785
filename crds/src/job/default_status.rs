//! What a new job shows before the operator has written anything.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSON,
};

use super::JobPhase;

/// Lets the API server show a new job as `Pending` with the reason `Submitted` before the operator has written anything, as the
/// Gateway API does with its conditions. kube's derive has no default for `status`.
pub(crate) fn default_status(crd: &mut CustomResourceDefinition) {
    let schemas = crd.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut());
    for schema in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        let status = schema.properties.as_mut().and_then(|fields| fields.get_mut("status"));
        if let Some(status) = status {
            status.default = Some(JSON(serde_json::json!({
                // By name: whether an object of serde_json keeps its order depends on features of other crates.
                "message": SUBMITTED,
                "phase": JobPhase::Pending,
                "reason": crate::Reason::Submitted,
            })));
        }
    }
}

/// Message of a job that the operator has not planned yet.
const SUBMITTED: &str =
    "Accepted. What its queue waits for stands in status.pending of its provider.";
