use super::*;

const FULL: Budget = Budget { login: true, browser: true, repeated: false };

fn verdict(reason: Reason) -> Verdict {
    Verdict { step: Some("search".to_owned()), ..Verdict::without_try(reason, "It failed.") }
}

fn reported(next: Next) -> Option<(JobPhase, Reason, Option<Reason>)> {
    match next {
        Next::Again => None,
        Next::Settle(verdict) => Some((verdict.phase, verdict.reason, None)),
        Next::SettleAndEnd(verdict, end) => Some((verdict.phase, verdict.reason, Some(end))),
    }
}

#[test]
fn only_what_may_be_the_sessions_fault_is_looked_into() {
    assert_eq!(look(&verdict(Reason::StepFailed)), Look::Probe);
    assert_eq!(look(&verdict(Reason::Timeout)), Look::Probe);
    assert_eq!(look(&verdict(Reason::PortalUnavailable)), Look::Probe);
    assert_eq!(look(&verdict(Reason::SessionLost)), Look::Known(Session::Over));
    assert_eq!(look(&verdict(Reason::BrowserCrashed)), Look::Known(Session::Crashed));
    for reason in [
        Reason::Answered,
        Reason::ExpectMismatch,
        Reason::AmbiguousMatch,
        Reason::Refused,
        Reason::CancellationsHeld,
        Reason::Unproven,
    ] {
        assert_eq!(look(&verdict(reason)), Look::Nothing, "{reason}");
    }
}

#[test]
fn a_lost_session_costs_the_job_nothing() {
    for reason in
        [Reason::StepFailed, Reason::Timeout, Reason::SessionLost, Reason::PortalUnavailable]
    {
        assert_eq!(next(verdict(reason), Some(Session::Over), FULL), Next::Again, "{reason}");
        let none_left = next(verdict(reason), Some(Session::Over), Budget { login: false, ..FULL });
        assert_eq!(
            reported(none_left),
            Some((JobPhase::Pending, Reason::SessionLost, Some(Reason::SessionLost))),
            "{reason}"
        );
    }
}

#[test]
fn a_job_that_loses_the_session_twice_uses_up_a_try_so_it_ends_some_day() {
    let twice =
        next(verdict(Reason::SessionLost), Some(Session::Over), Budget { repeated: true, ..FULL });
    assert_eq!(reported(twice), Some((JobPhase::Failed, Reason::StepFailed, None)));
}

#[test]
fn a_crash_is_mended_once_and_the_second_one_counts() {
    assert_eq!(next(verdict(Reason::BrowserCrashed), Some(Session::Crashed), FULL), Next::Again);
    for budget in [Budget { browser: false, ..FULL }, Budget { login: false, ..FULL }] {
        let second = next(verdict(Reason::BrowserCrashed), Some(Session::Crashed), budget);
        assert_eq!(
            reported(second),
            Some((JobPhase::Failed, Reason::BrowserCrashed, Some(Reason::BrowserCrashed))),
            "{budget:?}"
        );
    }
}

#[test]
fn one_circuit_on_which_the_portal_fails_is_not_the_portal() {
    for session in [Session::Alive, Session::Reachable] {
        let one = next(verdict(Reason::PortalUnavailable), Some(session), FULL);
        assert_eq!(reported(one), Some((JobPhase::Failed, Reason::StepFailed, None)));
    }
    for reason in [Reason::PortalUnavailable, Reason::StepFailed, Reason::Timeout] {
        let all = next(verdict(reason), Some(Session::Unavailable), FULL);
        assert_eq!(
            reported(all),
            Some((JobPhase::Pending, Reason::PortalUnavailable, Some(Reason::PortalUnavailable))),
            "{reason}"
        );
    }
}

#[test]
fn with_the_session_alive_a_failed_step_is_a_failed_step() {
    assert_eq!(
        next(verdict(Reason::StepFailed), Some(Session::Alive), FULL),
        Next::Settle(verdict(Reason::StepFailed))
    );
    assert_eq!(
        next(verdict(Reason::ExpectMismatch), None, FULL),
        Next::Settle(verdict(Reason::ExpectMismatch))
    );
}

#[test]
fn what_may_have_happened_is_reported_as_it_is_whatever_became_of_the_session() {
    let unknown = Verdict {
        phase: JobPhase::OutcomeUnknown,
        reason: Reason::Unproven,
        ..verdict(Reason::Timeout)
    };
    for session in [
        None,
        Some(Session::Over),
        Some(Session::Crashed),
        Some(Session::Unavailable),
        Some(Session::Alive),
    ] {
        assert_eq!(
            next(unknown.clone(), session, FULL),
            Next::Settle(unknown.clone()),
            "{session:?}"
        );
    }
}
