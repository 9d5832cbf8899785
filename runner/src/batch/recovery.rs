//! What follows from a try that gave no answer: for the current job and for its batch. Plain decisions, no acts.

use fno_crds::{JobPhase, Reason};

use super::verdict::{Session, Verdict};

/// What has to be looked at before a verdict stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Nothing: it speaks for itself.
    Nothing,
    /// Whether the session still lives, or the portal at least answers.
    Probe,
    /// Nothing; the session is known to be in this state.
    Known(Session),
}

/// What a verdict leaves open.
#[must_use]
pub const fn look(verdict: &Verdict) -> Look {
    match verdict.reason {
        Reason::BrowserCrashed => Look::Known(Session::Crashed),
        Reason::SessionLost => Look::Known(Session::Over),
        Reason::StepFailed | Reason::Timeout | Reason::PortalUnavailable => Look::Probe,
        _ => Look::Nothing,
    }
}

/// What is left to restore a session with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Another login is allowed.
    pub login: bool,
    /// Another browser session is allowed (one per batch).
    pub browser: bool,
    /// This very job was already started again because the session had ended.
    pub repeated: bool,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The job again, without using up a try; the session or the browser is renewed first.
    Again,
    /// The verdict is reported, and the next job follows.
    Settle(Verdict),
    /// The verdict is reported, and the batch ends for this reason.
    SettleAndEnd(Verdict, Reason),
}

/// Decides. `session` is what the look has shown; none if nothing was looked at.
///
/// A job may claim the end of the session once. A portal or a flow that says so time and again would otherwise use up login after login,
/// in batch after batch, without ever using up a try.
#[must_use]
pub fn next(verdict: Verdict, session: Option<Session>, budget: Budget) -> Next {
    if verdict.phase == JobPhase::OutcomeUnknown {
        return Next::Settle(verdict);
    }
    match session {
        None => Next::Settle(verdict),
        Some(Session::Alive | Session::Reachable)
            if verdict.reason == Reason::PortalUnavailable =>
        {
            // One circuit on which the portal always fails must not stand for the whole portal.
            Next::Settle(verdict.seen_as(Reason::StepFailed, "the portal answers otherwise"))
        }
        Some(Session::Alive | Session::Reachable) => Next::Settle(verdict),
        Some(Session::Unavailable) => Next::SettleAndEnd(
            verdict.seen_as(Reason::PortalUnavailable, "the portal does not answer"),
            Reason::PortalUnavailable,
        ),
        Some(Session::Over) if budget.repeated => Next::Settle(
            verdict.seen_as(Reason::StepFailed, "the session ended twice during this job"),
        ),
        Some(Session::Over) if budget.login => Next::Again,
        Some(Session::Over) => Next::SettleAndEnd(
            verdict
                .seen_as(Reason::SessionLost, "the session ended, and the batch has no login left"),
            Reason::SessionLost,
        ),
        Some(Session::Crashed) if budget.browser && budget.login => Next::Again,
        Some(Session::Crashed) => Next::SettleAndEnd(
            verdict.seen_as(Reason::BrowserCrashed, "the batch has had its second browser"),
            Reason::BrowserCrashed,
        ),
    }
}

#[cfg(test)]
mod tests;
