//! How the logins of a batch end, and which one is next.

use fno_crds::{
    FnoBatchStatus, Reason,
    batch::{Grant, GrantState, LoginResult, LoginState, Run, RunLogin},
    provider::Session,
    reason::ReasonClass,
};
use jiff::Timestamp;

use super::facts::BatchFacts;
use crate::{account::history::is_open, time::after, why::Why};

/// How a login ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginEnded {
    /// The portal accepted the credentials.
    LoggedIn,
    /// The portal refused the password or the code. It counts against the credentials.
    Rejected(Why),
    /// A step of the login flow failed, or the portal is unavailable. The flow breaker counts that at the end of the batch.
    Failed(Why),
    /// The login was cut short, or its end was not reported: a credential may have been refused. It counts as a failure of the account, but
    /// not as a refusal, because a refusal would stop the account until a person resumes it.
    Unclear(Why),
    /// The portal could not decide anything, because the operator withheld the code. It does not count.
    NotJudged(Why),
}

impl LoginEnded {
    /// The value that is stored in the batch's grant.
    #[must_use]
    pub const fn result(&self) -> LoginResult {
        match self {
            Self::LoggedIn => LoginResult::LoggedIn,
            Self::Rejected(_) => LoginResult::Rejected,
            Self::Failed(_) => LoginResult::Failed,
            Self::Unclear(_) => LoginResult::Unclear,
            Self::NotJudged(_) => LoginResult::NotJudged,
        }
    }

    /// Why the login did not succeed. None if it did.
    #[must_use]
    pub const fn why(&self) -> Option<&Why> {
        match self {
            Self::LoggedIn => None,
            Self::Rejected(why) | Self::Failed(why) | Self::Unclear(why) | Self::NotJudged(why) => {
                Some(why)
            }
        }
    }

    /// Whether the portal said that the account is locked.
    #[must_use]
    pub fn found_locked(&self) -> bool {
        matches!(self, Self::Rejected(why) if why.reason == Reason::AccountLocked)
    }

    /// None if the login does not count as a failure of the account. Otherwise whether it counts as a refusal.
    #[must_use]
    pub const fn counts(&self) -> Option<bool> {
        match self {
            Self::Rejected(_) => Some(true),
            Self::Unclear(_) => Some(false),
            Self::LoggedIn | Self::Failed(_) | Self::NotJudged(_) => None,
        }
    }
}

/// What the current login needs from the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginNeeds {
    /// Login `n` has ended: count it and delete its Secret.
    Closing(i32, LoginEnded),
    /// The runner asks for permission for login `n`.
    LoginPermission(i32),
    /// The code field of login `n` is on screen.
    Code(i32),
}

/// Whether a batch that has not ended may hold a session on the portal.
///
/// A runner that asks to log in again has lost its session and does nothing until it gets an answer, so two such batches must not wait
/// for each other. The portal may still keep the lost session, for example if the browser crashed. Nothing works in that session any
/// more, so it does no harm if the portal ends it for the login of another batch. Once the runner has permission, the lost session
/// counts again, in addition to the login in progress: that lasts no longer than the login may take.
#[must_use]
pub fn may_hold_session(status: &FnoBatchStatus) -> bool {
    let Some(run) = &status.run else { return false };
    let answered = |login: &RunLogin| status.grants.iter().any(|grant| grant.login == login.n);
    let asks = run
        .login
        .as_ref()
        .is_some_and(|login| login.state == LoginState::AskingLogin && !answered(login));
    run.logins.unwrap_or(0) > 0 && !asks
}

/// The grant that gave permission and is not closed yet.
#[must_use]
pub fn open_grant(status: &FnoBatchStatus) -> Option<&Grant> {
    status.grants.iter().find(|grant| is_open(grant))
}

/// Why the login was refused; reported until the runner exits.
#[must_use]
pub fn refusal(seen: &BatchFacts<'_>) -> Option<Why> {
    let status = seen.batch.status.as_ref()?;
    let refused = status.grants.iter().any(|grant| grant.state == GrantState::Refused);
    refused.then(|| Why {
        reason: status.reason.unwrap_or(Reason::LoginFailed),
        message: status.message.clone().unwrap_or_default(),
    })
}

/// What the current login needs, if anything. An open login is closed before the next one is granted.
#[must_use]
pub fn needs(seen: &BatchFacts<'_>) -> Option<LoginNeeds> {
    let (status, run) = (seen.batch.status.as_ref()?, seen.run()?);
    let login = run.login.as_ref()?;
    if let Some(grant) = open_grant(status) {
        if let Some(ended) = ended(status, run, grant.login, login) {
            return Some(LoginNeeds::Closing(grant.login, ended));
        }
        let awaited = login.n == grant.login
            && login.state == LoginState::AwaitingCode
            && grant.state != GrantState::CodeReady;
        return awaited.then_some(LoginNeeds::Code(grant.login));
    }
    let answered = status.grants.iter().any(|grant| grant.login == login.n);
    (login.state == LoginState::AskingLogin && !answered && run.end.is_none())
        .then_some(LoginNeeds::LoginPermission(login.n))
}

fn ended(status: &FnoBatchStatus, run: &Run, open: i32, login: &RunLogin) -> Option<LoginEnded> {
    if login.n == open {
        return match login.state {
            LoginState::AskingLogin | LoginState::AwaitingCode => {
                run.end.as_ref().map(|end| unreported(status, run, end.reason))
            }
            LoginState::LoggedIn => Some(LoginEnded::LoggedIn),
            LoginState::Rejected => Some(LoginEnded::Rejected(said(login, Reason::LoginRejected))),
            LoginState::Failed => Some(failed(said(login, Reason::LoginFailed))),
        };
    }
    // The runner continued without waiting: it overwrote its report of this login before the operator saw it.
    (login.n > open).then(|| unreported(status, run, Reason::LoginRejected))
}

/// Classifies a reported failure by its reason.
fn failed(why: Why) -> LoginEnded {
    match why.reason {
        Reason::LoginFailed
        | Reason::StepFailed
        | Reason::Timeout
        | Reason::AmbiguousMatch
        | Reason::PortalChanged
        | Reason::PortalUnavailable => LoginEnded::Failed(why),
        // The operator gave this reason instead of a code.
        reason if reason.class() == ReasonClass::Waiting => LoginEnded::NotJudged(why),
        _ => LoginEnded::Unclear(why),
    }
}

/// A login whose end the runner did not report, although it reported the end of the batch or a later login.
fn unreported(status: &FnoBatchStatus, run: &Run, reason: Reason) -> LoginEnded {
    if run.logins.unwrap_or(0) > status.logins.unwrap_or(0) {
        return LoginEnded::LoggedIn;
    }
    let why = Why { reason, message: "The runner did not report how the login ended.".to_owned() };
    match reason {
        Reason::LoginRejected | Reason::AccountLocked => LoginEnded::Rejected(why),
        _ => failed(why),
    }
}

/// How an open login ends when the runner is lost, or the batch is stopped or deleted. `login` is the runner's last report of it.
///
/// While the runner waits for a code that was not made, the portal cannot refuse anything. Otherwise a credential may have been typed,
/// and what the portal answered is unknown.
#[must_use]
pub fn lost(grant: &Grant, login: Option<&RunLogin>) -> LoginEnded {
    let reported = login.filter(|login| login.n == grant.login);
    match reported.map(|login| login.state) {
        Some(LoginState::AwaitingCode) if grant.state == GrantState::Granted => {
            LoginEnded::NotJudged(runner_lost())
        }
        _ => last_known(reported),
    }
}

/// How a login ended that the provider records, but the batch does not: the batch's status was edited, or an operator ended between the two
/// writes. None if the batch has a grant for it, which decides then. The runner may have typed the credentials.
///
/// A refused grant does not decide: the provider records a login only when permission was given. The permission was lost and asked for
/// again, or the code was refused, which the portal cannot judge.
#[must_use]
pub fn ended_without_grant(status: &FnoBatchStatus, login: i32) -> Option<LoginEnded> {
    let grant = status.grants.iter().find(|grant| grant.login == login);
    if grant.is_some_and(|grant| grant.state != GrantState::Refused) {
        return None;
    }
    let reported = status.run.as_ref().and_then(|run| run.login.as_ref());
    let reported = reported.filter(|reported| reported.n == login);
    let awaits = reported.is_some_and(|login| login.state == LoginState::AwaitingCode);
    Some(if grant.is_some() && awaits {
        LoginEnded::NotJudged(runner_lost())
    } else {
        last_known(reported)
    })
}

/// How a login ended by the runner's last report of it.
fn last_known(login: Option<&RunLogin>) -> LoginEnded {
    let Some(login) = login else { return LoginEnded::Unclear(runner_lost()) };
    match login.state {
        LoginState::LoggedIn => LoginEnded::LoggedIn,
        LoginState::Rejected => LoginEnded::Rejected(said(login, Reason::LoginRejected)),
        LoginState::Failed => failed(said(login, Reason::LoginFailed)),
        LoginState::AwaitingCode | LoginState::AskingLogin => LoginEnded::Unclear(runner_lost()),
    }
}

fn runner_lost() -> Why {
    Why {
        reason: Reason::RunnerLost,
        message: "The runner was lost, or stopped, during the login.".to_owned(),
    }
}

fn said(login: &RunLogin, reason: Reason) -> Why {
    Why {
        reason: login.reason.unwrap_or(reason),
        message: login.message.clone().unwrap_or_default(),
    }
}

/// When the current login has to be finished, and the reason to report if it is not. All times are by the operator's clock: those of its
/// grants, and how long it has seen the login's state. A login that waits for its turn may wait for as long as another session may last.
#[must_use]
pub fn deadline(seen: &BatchFacts<'_>) -> Option<(Timestamp, Why)> {
    let late = |said: &str| Why {
        reason: Reason::LoginFailed,
        message: format!(
            "{said} within {}.",
            fno_crds::Duration::from(seen.deadlines.logged_in.unsigned_abs())
        ),
    };
    let held = || seen.held.map(|held| held.why.clone());
    let of_state = || after(seen.now, seen.deadlines.logged_in - seen.login_state_for);
    let Some(login) = seen.login() else {
        return Some((of_state(), late("The runner did not ask to log in")));
    };
    let grant = seen.batch.status.iter().flat_map(|s| &s.grants).find(|g| g.login == login.n);
    let since_grant = || {
        let granted = grant.and_then(|grant| grant.at.as_ref());
        granted.map_or_else(of_state, |at| after(at.0, seen.deadlines.logged_in))
    };
    match login.state {
        LoginState::LoggedIn => None,
        LoginState::AskingLogin if grant.is_none() => match seen.held {
            Some(held) if held.in_turn => Some(turn_deadline(seen, &held.why)),
            _ => Some((of_state(), held().unwrap_or_else(|| late("The login was not answered")))),
        },
        LoginState::AskingLogin => Some((since_grant(), late("The login did not finish"))),
        LoginState::AwaitingCode => {
            Some((since_grant(), held().unwrap_or_else(|| late("The login did not finish"))))
        }
        LoginState::Rejected | LoginState::Failed => {
            Some((of_state(), late("The runner did not continue after its failed login")))
        }
    }
}

/// How long a login waits for its turn: as long as the portal may keep another session of the account, and the time to log in. After that
/// the batch returns its jobs and its runner, because what it waits for may never end, such as a batch that cannot be read.
fn turn_deadline(seen: &BatchFacts<'_>, held: &Why) -> (Timestamp, Why) {
    let pinned = seen.batch.spec.limits.as_ref().map(|limits| limits.max_lifetime);
    let lifetime = pinned.unwrap_or_else(|| Session::default().max_lifetime);
    let limit = lifetime.signed().saturating_add(seen.deadlines.logged_in);
    let message = format!(
        "The batch waited {} for its turn to log in: {}",
        fno_crds::Duration::from(limit.unsigned_abs()),
        held.message
    );
    (after(seen.now, limit - seen.login_state_for), Why { reason: Reason::Drained, message })
}
