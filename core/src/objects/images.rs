//! Which images a Pod was made with.
//!
//! Told by a label, as Deployments tell their revision, not by the containers: an admission webhook may send their images through a mirror, and then
//! they are never the ones that were set.

use data_encoding::HEXLOWER;
use fno_crds::names::LABEL_IMAGES;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use sha2::{Digest as _, Sha256};

use super::RunnerSettings;

/// The label's value.
pub(super) fn fingerprint(settings: &RunnerSettings) -> String {
    let digest = Sha256::digest(format!("{}\n{}", settings.image, settings.browser_image));
    HEXLOWER.encode(&digest[..8])
}

/// Whether new Pods get other images than the one this is about. A Pod without the label tells nothing.
#[must_use]
pub fn images_replaced(pod: &ObjectMeta, settings: &RunnerSettings) -> bool {
    pod.labels
        .as_ref()
        .and_then(|labels| labels.get(LABEL_IMAGES))
        .is_some_and(|made_with| *made_with != fingerprint(settings))
}
