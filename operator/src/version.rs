//! Which of two copies of an object is the newer one.

use kube::Resource;

/// `metadata.resourceVersion` as a number: within one kind a larger one is newer (Kubernetes 1.35 promises it, etcd has always done so).
/// 0 when it is none, which is older than all.
#[must_use]
pub fn of<K: Resource>(object: &K) -> u64 {
    object.meta().resource_version.as_deref().and_then(|version| version.parse().ok()).unwrap_or(0)
}
