//! The current login as it is reported.

use fno_crds::{
    Reason,
    batch::{FlowDrift, LoginState, RunLogin},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

/// How far the login is. `drift` is known once it has ended.
pub(super) fn run_login(
    n: i32,
    state: LoginState,
    why: Option<(Reason, &str)>,
    drift: Vec<FlowDrift>,
) -> RunLogin {
    RunLogin {
        n,
        state,
        reason: why.map(|(reason, _)| reason),
        message: why.map(|(_, message)| message.to_owned()).filter(|message| !message.is_empty()),
        drift,
        at: MicroTime(Timestamp::now()),
    }
}
