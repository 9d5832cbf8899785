//! Where the final result of a job is sent, and how far its delivery is.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the final result of a job is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.url) != has(self.ref)").message("callback needs exactly one of url and ref"))]
pub struct Callback {
    /// HTTP address the result is posted to. The allow-list of the program that delivers callbacks must contain it. Omit it if `ref` is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 2000))]
    #[x_kube(validation = Rule::new("self.matches('^https?://[^\\\\s]+$')").message("callback.url must be an http:// or https:// address without blanks"))]
    pub url: Option<String>,
    /// Name of a target in the settings of the program that delivers callbacks. Omit it if `url` is set.
    #[serde(rename = "ref", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 100))]
    pub ref_: Option<String>,
    /// Shape of the body that is posted. Default `Json`.
    #[serde(default)]
    pub format: CallbackFormat,
}

/// Shape of a callback's body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CallbackFormat {
    /// `{job_id, status, result, screenshots[]}`.
    #[default]
    Json,
    /// `{JOB_ID, FNO, STATUS, STATUS_DT, JOB_EVI}`, all strings.
    Flat5,
    /// A CloudEvents 1.0 event in structured JSON mode.
    CloudEvents,
}

/// State of the delivery of a job's final result.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct CallbackStatus {
    /// Id of the event, the same in every delivery of it, so that the receiver recognises repeats.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 100))]
    pub event_id: Option<String>,
    /// Number of deliveries tried.
    pub attempts: i32,
    /// HTTP status code of the last delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_code: Option<i32>,
    /// When delivery is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<Time>,
    /// When the receiver acknowledged the result.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivered_at: Option<Time>,
    /// When delivery was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parked_at: Option<Time>,
}
