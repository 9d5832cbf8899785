//! How the logins of a batch end, and which one is next.

use fno_crds::{
    FnoBatchStatus, Reason,
    batch::{Grant, GrantState, LoginState, Run, RunLogin},
};
use jiff::Timestamp;

use super::facts::BatchFacts;
use crate::{time::after, why::Why};

/// How a login ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginEnded {
    /// Logged in.
    LoggedIn,
    /// The portal refused the password or the code.
    Rejected(Why),
    /// It failed before the portal could judge a credential.
    Failed(Why),
}

/// What the login at hand needs of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginNeeds {
    /// Login `n` has ended: count it, remove its Secret.
    Closing(i32, LoginEnded),
    /// The runner asks for leave for login `n`.
    LoginPermission(i32),
    /// The code field of login `n` is on screen.
    Code(i32),
}

/// LoginPermission that was given and not closed yet.
#[must_use]
pub fn open_grant(status: &FnoBatchStatus) -> Option<&Grant> {
    status
        .grants
        .iter()
        .find(|grant| matches!(grant.state, GrantState::Granted | GrantState::CodeReady))
}

/// Why leave was refused: it is said until the runner has ended for it.
#[must_use]
pub fn refusal(seen: &BatchFacts<'_>) -> Option<Why> {
    let status = seen.batch.status.as_ref()?;
    let refused = status.grants.iter().any(|grant| grant.state == GrantState::Refused);
    refused.then(|| Why {
        reason: status.reason.unwrap_or(Reason::LoginFailed),
        message: status.message.clone().unwrap_or_default(),
    })
}

/// What the login at hand needs, if anything. An open login is closed before the next one begins.
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
    let why = |reason| Why {
        reason: login.reason.unwrap_or(reason),
        message: login.message.clone().unwrap_or_default(),
    };
    if login.n == open {
        return match login.state {
            LoginState::AskingLogin | LoginState::AwaitingCode => {
                run.end.as_ref().map(|end| unreported(status, run, end.reason))
            }
            LoginState::LoggedIn => Some(LoginEnded::LoggedIn),
            LoginState::Rejected => Some(LoginEnded::Rejected(why(Reason::LoginRejected))),
            LoginState::Failed => Some(LoginEnded::Failed(why(Reason::LoginFailed))),
        };
    }
    // The runner went on without waiting: its report of this login was overwritten before we saw it.
    (login.n > open).then(|| unreported(status, run, Reason::LoginRejected))
}

/// A login whose end was not seen. Taking it for a refused credential is the safe guess: one refusal too many locks an account.
fn unreported(status: &FnoBatchStatus, run: &Run, reason: Reason) -> LoginEnded {
    if run.logins.unwrap_or(0) > status.logins.unwrap_or(0) {
        return LoginEnded::LoggedIn;
    }
    let message = "the runner did not report how the login ended".to_owned();
    match reason {
        Reason::LoginFailed
        | Reason::PortalUnavailable
        | Reason::Drained
        | Reason::Aborted
        | Reason::BrowserCrashed
        | Reason::Timeout
        | Reason::PortalChanged => LoginEnded::Failed(Why { reason, message }),
        _ => LoginEnded::Rejected(Why { reason: Reason::LoginRejected, message }),
    }
}

/// How an open login ends when the runner is lost. After the code was out it may have been typed and refused, so that counts as such.
#[must_use]
pub fn lost(grant: &Grant) -> LoginEnded {
    let message = "the runner was lost during the login".to_owned();
    match grant.state {
        GrantState::CodeReady => {
            LoginEnded::Rejected(Why { reason: Reason::LoginRejected, message })
        }
        _ => LoginEnded::Failed(Why { reason: Reason::LoginFailed, message }),
    }
}

/// Until when the login at hand has to be done, and what is said when it is not. `running` is since when the runner runs.
/// While a login waits for its turn no deadline runs.
#[must_use]
pub fn deadline(seen: &BatchFacts<'_>, running: Timestamp) -> Option<(Timestamp, Why)> {
    let late = |said: &str| Why {
        reason: Reason::LoginFailed,
        message: format!(
            "{said} within {}",
            fno_crds::Duration::from(seen.deadlines.logged_in.unsigned_abs())
        ),
    };
    let held = || seen.held.map(|held| held.why.clone());
    let limit = |since| after(since, seen.deadlines.logged_in);
    let Some(login) = seen.login() else {
        return Some((limit(running), late("The runner did not ask to log in")));
    };
    let grant = seen.batch.status.iter().flat_map(|s| &s.grants).find(|g| g.login == login.n);
    let granted = grant.and_then(|g| g.at.as_ref()).map_or(login.at.0, |at| at.0);
    match login.state {
        LoginState::LoggedIn => None,
        LoginState::AskingLogin if grant.is_none() => match seen.held {
            Some(held) if held.in_turn => None,
            _ => Some((
                limit(login.at.0),
                held().unwrap_or_else(|| late("The login was not answered")),
            )),
        },
        LoginState::AskingLogin => Some((limit(granted), late("The login was not done"))),
        LoginState::AwaitingCode => {
            Some((limit(granted), held().unwrap_or_else(|| late("The login was not done"))))
        }
        LoginState::Rejected | LoginState::Failed => {
            Some((limit(login.at.0), late("The runner did not go on after its failed login")))
        }
    }
}
