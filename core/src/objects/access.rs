//! What the runner of a batch may do at the API server: write its own batch's status and read its own codes, nothing else.

use fno_crds::{FnoBatch, GROUP, names};
use k8s_openapi::api::{
    core::v1::ServiceAccount,
    rbac::v1::{PolicyRule, Role, RoleBinding, RoleRef, Subject},
};

use super::metadata;

/// The three objects that make up a runner's identity.
#[derive(Clone, Debug, PartialEq)]
pub struct Access {
    /// The runner's ServiceAccount.
    pub account: ServiceAccount,
    /// The Role with its permissions.
    pub role: Role,
    /// Binds the Role to the ServiceAccount.
    pub binding: RoleBinding,
}

/// The identity of the batch's runner. Watching by name needs `resourceNames` and a field selector on the name. The runner gets 404 for
/// a listed Secret that does not exist yet and 403 for any other, so exactly one code Secret is listed for each login that is allowed.
#[must_use]
pub fn access(batch: &FnoBatch, max_logins: i32) -> Access {
    let of = batch.metadata.name.clone().unwrap_or_default();
    let name = names::runner_account(&of);
    let rule = |group: &str, resources: &[&str], verbs: &[&str], names: Vec<String>| PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(resources.iter().map(|r| (*r).to_owned()).collect()),
        verbs: verbs.iter().map(|v| (*v).to_owned()).collect(),
        resource_names: Some(names),
        ..PolicyRule::default()
    };
    Access {
        account: ServiceAccount {
            metadata: metadata(batch, name.clone()),
            // The token is projected into one container; no other container may mount one.
            automount_service_account_token: Some(false),
            ..ServiceAccount::default()
        },
        role: Role {
            metadata: metadata(batch, name.clone()),
            rules: Some(vec![
                rule(GROUP, &["fnobatches"], &["get", "watch"], vec![of.clone()]),
                rule(GROUP, &["fnobatches/status"], &["get", "patch"], vec![of.clone()]),
                rule(
                    "",
                    &["secrets"],
                    &["get", "watch"],
                    (1..=max_logins).map(|login| names::totp_secret(&of, login)).collect(),
                ),
            ]),
        },
        binding: RoleBinding {
            metadata: metadata(batch, name.clone()),
            role_ref: RoleRef {
                api_group: "rbac.authorization.k8s.io".to_owned(),
                kind: "Role".to_owned(),
                name: name.clone(),
            },
            subjects: Some(vec![Subject {
                kind: "ServiceAccount".to_owned(),
                name,
                namespace: batch.metadata.namespace.clone(),
                ..Subject::default()
            }]),
        },
    }
}
