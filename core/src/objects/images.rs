//! Which images a Pod was created with.
//!
//! A label records them, as Deployments record their revision. The containers cannot be compared: an admission webhook may replace their
//! images with those of a mirror, and then they never equal the ones in the settings.

use data_encoding::HEXLOWER;
use fno_crds::names::LABEL_IMAGES;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use sha2::{Digest as _, Sha256};

use super::RunnerSettings;

/// The label's value: a digest of the images in the settings.
pub(super) fn fingerprint(settings: &RunnerSettings) -> String {
    let digest = Sha256::digest(format!("{}\n{}", settings.image, settings.browser_image));
    HEXLOWER.encode(&digest[..8])
}

/// Whether a new Pod would get other images than the Pod `pod` did. False for a Pod without the label, because its images are unknown.
#[must_use]
pub fn images_replaced(pod: &ObjectMeta, settings: &RunnerSettings) -> bool {
    pod.labels
        .as_ref()
        .and_then(|labels| labels.get(LABEL_IMAGES))
        .is_some_and(|made_with| *made_with != fingerprint(settings))
}
