//! What the code of an `outcome` step means. The first step whose `when` holds ends the flow.

use fno_crds::Reason;

use super::kind::FlowKind;

/// The consequence of an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Meaning {
    /// The portal's answer: the job succeeds with this code as `status.outcome`.
    Answer,
    /// Login, probe or logout has ended in order.
    Done,
    /// The flow fails for this reason. The code says nothing about the circuit.
    Failure(Reason),
}

/// Job flows: the portal says that it has no such circuit.
pub const NOT_FOUND: &str = "NotFound";
/// Any flow: the portal says that it cannot work now.
const PORTAL_UNAVAILABLE: &str = "PortalUnavailable";
/// Job flows and probe: the portal shows its login page again.
const SESSION_LOST: &str = "SessionLost";
/// Login: the portal refused the password or the code.
const LOGIN_REJECTED: &str = "LoginRejected";
/// Login: the portal says that the account is locked.
const ACCOUNT_LOCKED: &str = "AccountLocked";
/// Login and probe: the session is open.
const LOGGED_IN: &str = "LoggedIn";
/// Logout: the session has ended.
const LOGGED_OUT: &str = "LoggedOut";

/// The codes that a flow may use, where the list is closed. Job flows name their answers freely.
#[must_use]
pub const fn closed_codes(kind: FlowKind) -> Option<&'static [&'static str]> {
    match kind {
        FlowKind::Login => Some(&[LOGGED_IN, LOGIN_REJECTED, ACCOUNT_LOCKED, PORTAL_UNAVAILABLE]),
        FlowKind::SessionProbe => Some(&[LOGGED_IN, SESSION_LOST, PORTAL_UNAVAILABLE]),
        FlowKind::Logout => Some(&[LOGGED_OUT, PORTAL_UNAVAILABLE]),
        FlowKind::Validation | FlowKind::Cancellation => None,
    }
}

/// What a code means in a flow of this kind. A code outside the closed list, which the linter refuses, fails the step.
#[must_use]
pub fn meaning(kind: FlowKind, code: &str) -> Meaning {
    match (kind, code) {
        (_, PORTAL_UNAVAILABLE) => Meaning::Failure(Reason::PortalUnavailable),
        (FlowKind::SessionProbe | FlowKind::Validation | FlowKind::Cancellation, SESSION_LOST) => {
            Meaning::Failure(Reason::SessionLost)
        }
        (FlowKind::Login, LOGIN_REJECTED) => Meaning::Failure(Reason::LoginRejected),
        (FlowKind::Login, ACCOUNT_LOCKED) => Meaning::Failure(Reason::AccountLocked),
        (FlowKind::Login | FlowKind::SessionProbe, LOGGED_IN) | (FlowKind::Logout, LOGGED_OUT) => {
            Meaning::Done
        }
        (FlowKind::Validation | FlowKind::Cancellation, _) => Meaning::Answer,
        (FlowKind::Login | FlowKind::SessionProbe | FlowKind::Logout, _) => {
            Meaning::Failure(Reason::StepFailed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_meaning_of_a_code_depends_on_its_flow() {
        use FlowKind::{Cancellation, Login, Logout, SessionProbe, Validation};
        for (kind, code, expected) in [
            (Validation, "NotFound", Meaning::Answer),
            (Cancellation, "CancellationSubmitted", Meaning::Answer),
            (Validation, "PortalUnavailable", Meaning::Failure(Reason::PortalUnavailable)),
            (Login, "PortalUnavailable", Meaning::Failure(Reason::PortalUnavailable)),
            (Cancellation, "SessionLost", Meaning::Failure(Reason::SessionLost)),
            (SessionProbe, "SessionLost", Meaning::Failure(Reason::SessionLost)),
            (Login, "LoginRejected", Meaning::Failure(Reason::LoginRejected)),
            (Login, "AccountLocked", Meaning::Failure(Reason::AccountLocked)),
            (Login, "LoggedIn", Meaning::Done),
            (Logout, "LoggedOut", Meaning::Done),
            (Login, "Active", Meaning::Failure(Reason::StepFailed)),
        ] {
            assert_eq!(meaning(kind, code), expected, "{kind:?} {code}");
        }
    }

    #[test]
    fn every_code_of_a_closed_list_has_a_meaning_of_its_own() {
        for kind in FlowKind::ALL {
            for code in closed_codes(kind).unwrap_or_default() {
                assert!(
                    !matches!(
                        meaning(kind, code),
                        Meaning::Answer | Meaning::Failure(Reason::StepFailed)
                    ),
                    "{kind:?} {code}"
                );
            }
        }
    }
}
