//! The login at hand, as it is reported.

use fno_crds::{
    Reason,
    batch::{LoginState, RunLogin},
};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

/// How far it is by now.
pub(super) fn run_login(n: i32, state: LoginState, why: Option<(Reason, &str)>) -> RunLogin {
    RunLogin {
        n,
        state,
        reason: why.map(|(reason, _)| reason),
        message: why.map(|(_, message)| message.to_owned()).filter(|message| !message.is_empty()),
        at: MicroTime(Timestamp::now()),
    }
}
