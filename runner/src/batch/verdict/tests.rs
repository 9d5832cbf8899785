use super::*;
use crate::engine::FailureKind;

fn outcome(code: &str, message: &str) -> FlowEnd {
    FlowEnd::Outcome {
        code: code.to_owned(),
        message: message.to_owned(),
        step: "3-outcome".to_owned(),
    }
}

fn failed(reason: Reason, act: Act) -> FlowEnd {
    FlowEnd::Failed(Failure {
        reason,
        kind: FailureKind::NotFound,
        step: "search".to_owned(),
        message: "Step search: nothing matched.".to_owned(),
        act,
    })
}

#[test]
fn every_end_of_a_flow_has_its_phase_and_reason() {
    use JobPhase::{Failed, OutcomeUnknown, Pending, Succeeded};
    for (end, expected) in [
        (outcome("Active", ""), (Succeeded, Reason::Answered)),
        (outcome("NotFound", "No such line."), (Succeeded, Reason::Answered)),
        (outcome("SessionLost", ""), (Pending, Reason::SessionLost)),
        (outcome("PortalUnavailable", "Maintenance"), (Pending, Reason::PortalUnavailable)),
        (FlowEnd::Finished, (Failed, Reason::StepFailed)),
        (failed(Reason::StepFailed, Act::NotReached), (Failed, Reason::StepFailed)),
        (failed(Reason::Timeout, Act::NotReached), (Failed, Reason::Timeout)),
        (failed(Reason::AmbiguousMatch, Act::NotReached), (Failed, Reason::AmbiguousMatch)),
        (failed(Reason::ExpectMismatch, Act::NotReached), (Failed, Reason::ExpectMismatch)),
        (failed(Reason::CancellationsHeld, Act::NotReached), (Pending, Reason::CancellationsHeld)),
        (failed(Reason::CircuitClaimed, Act::NotReached), (Pending, Reason::CircuitClaimed)),
        (failed(Reason::AlreadyClaimed, Act::NotReached), (Failed, Reason::AlreadyClaimed)),
        (failed(Reason::StepFailed, Act::NotDone), (Failed, Reason::StepFailed)),
        (failed(Reason::StepFailed, Act::Refused), (Failed, Reason::Refused)),
        (failed(Reason::Timeout, Act::Done), (OutcomeUnknown, Reason::Unproven)),
        (failed(Reason::BrowserCrashed, Act::Done), (OutcomeUnknown, Reason::Unproven)),
    ] {
        let verdict = of(FlowKind::Cancellation, &end);
        assert_eq!((verdict.phase, verdict.reason), expected, "{end:?}");
    }
}

#[test]
fn an_answer_carries_the_portals_word_and_a_failure_the_step_and_its_sentence() {
    let answer = of(FlowKind::Validation, &outcome("Active", ""));
    assert_eq!(
        (answer.outcome.as_deref(), answer.message, answer.step),
        (Some("Active"), None, None)
    );
    let failure = of(FlowKind::Validation, &failed(Reason::StepFailed, Act::NotReached));
    assert_eq!(
        (failure.outcome, failure.step.as_deref(), failure.message.as_deref()),
        (None, Some("search"), Some("Step search: nothing matched."))
    );
    let silent = of(FlowKind::Validation, &outcome("PortalUnavailable", ""));
    assert_eq!(
        (silent.message.as_deref(), silent.step.as_deref()),
        (Some("The portal says PortalUnavailable."), Some("3-outcome"))
    );
}

#[test]
fn what_goes_into_a_status_fits_it() {
    let verdict = of(FlowKind::Validation, &outcome(&"x".repeat(100), &"ü".repeat(3000)));
    assert!(verdict.outcome.is_some_and(|outcome| outcome.len() <= OUTCOME));
    assert!(verdict.message.is_some_and(|message| message.len() <= MESSAGE));
}

#[test]
fn a_login_is_rejected_only_by_the_portals_word() {
    use LoginVerdict::{Failed, LoggedIn, Rejected};
    let rejected = |message: &str, reason| Rejected { message: message.to_owned(), reason };
    assert_eq!(of_login(&FlowEnd::Finished), LoggedIn);
    assert_eq!(of_login(&outcome("LoggedIn", "")), LoggedIn);
    assert_eq!(
        of_login(&outcome("LoginRejected", "Wrong code.")),
        rejected("Wrong code.", Reason::LoginRejected)
    );
    assert_eq!(
        of_login(&outcome("AccountLocked", "Locked.")),
        rejected("Locked.", Reason::AccountLocked)
    );
    for (end, expected) in [
        (failed(Reason::StepFailed, Act::NotReached), Reason::LoginFailed),
        (failed(Reason::Timeout, Act::NotReached), Reason::LoginFailed),
        (failed(Reason::PortalUnavailable, Act::NotReached), Reason::PortalUnavailable),
        (failed(Reason::BrowserCrashed, Act::NotReached), Reason::BrowserCrashed),
        (failed(Reason::Drained, Act::NotReached), Reason::Drained),
        (outcome("PortalUnavailable", "Maintenance"), Reason::PortalUnavailable),
        (outcome("Whatever", ""), Reason::LoginFailed),
    ] {
        assert!(
            matches!(of_login(&end), Failed { reason, .. } if reason == expected),
            "{end:?}: {:?}",
            of_login(&end)
        );
    }
}

#[test]
fn a_probe_tells_the_session_from_the_portal_from_the_browser() {
    for (end, told, expected) in [
        (FlowEnd::Finished, true, Session::Alive),
        (outcome("LoggedIn", ""), true, Session::Alive),
        (outcome("SessionLost", ""), true, Session::Over),
        (outcome("PortalUnavailable", ""), true, Session::Unavailable),
        (failed(Reason::StepFailed, Act::NotReached), true, Session::Over),
        (failed(Reason::Timeout, Act::NotReached), true, Session::Over),
        (failed(Reason::PortalUnavailable, Act::NotReached), true, Session::Unavailable),
        (failed(Reason::BrowserCrashed, Act::NotReached), true, Session::Crashed),
        (FlowEnd::Finished, false, Session::Reachable),
        (failed(Reason::StepFailed, Act::NotReached), false, Session::Reachable),
        (failed(Reason::PortalUnavailable, Act::NotReached), false, Session::Unavailable),
        (failed(Reason::BrowserCrashed, Act::NotReached), false, Session::Crashed),
    ] {
        assert_eq!(of_probe(&end, told), expected, "{end:?} {told}");
    }
}
