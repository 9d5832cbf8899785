//! Permission to log in: asked for before every login, with or without a one-time code.

use fno_crds::{
    Reason,
    batch::{BatchPhase, Stop},
};
use jiff::Timestamp;

use super::{RECHECK, checks, clock::PortalClock};
use crate::{gate::Gate, time::after, why::Why};

/// What the operator knows when a batch asks for permission to log in.
#[derive(Clone, Debug, PartialEq)]
pub struct LoginRequest<'a> {
    /// The current time, by the operator's clock.
    pub now: Timestamp,
    /// The batch's phase.
    pub phase: BatchPhase,
    /// The batch's `spec.stop`.
    pub stop: Stop,
    /// The provider's `spec.suspend`.
    pub provider_suspended: bool,
    /// `status.credentialsVersion` of the batch: the version of the credentials that its runner types.
    pub pinned: Option<&'a str>,
    /// Version of the credentials that the account's Secret holds now.
    pub current: Option<&'a str>,
    /// What the account's breaker allows.
    pub gate: &'a Gate,
    /// Failures of the account ([`crate::account::SharedAccount::failures`]). The operator counts a failed login before it decides about the
    /// next one.
    pub failures: i32,
    /// `limits.loginFailuresToOpen`.
    pub failures_to_open: i32,
    /// Logins of **other** batches on this account that have permission and are not decided yet (grant neither `Done` nor `Refused`).
    pub undecided: usize,
    /// Number of the login within the batch, from 1.
    pub login: i32,
    /// `session.maxLogins`.
    pub max_logins: i32,
    /// Sessions of **other** batches on this account that are logged in, or may still be (the batch has finished, its Pod is not gone).
    pub sessions: usize,
    /// `session.maxSessionsPerAccount`.
    pub max_sessions: i32,
    /// `totp.periodSeconds`; `None` = no one-time code.
    pub period: Option<i64>,
    /// What is known about the portal's clock.
    pub clock: PortalClock,
    /// Valkey is known not to answer: a code could not be minted, so the password is not typed either.
    pub valkey_unreachable: bool,
}

/// What to answer a batch that asks for permission to log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginPermission {
    /// User name and password may be typed.
    Granted,
    /// Ask again at `until`, or when something changes.
    NotYet {
        /// When to ask again.
        until: Timestamp,
        /// What the login waits for.
        why: Why,
    },
    /// No login: the batch has to end.
    Refused {
        /// Why the login is refused.
        why: Why,
    },
}

/// Decides whether a batch may log in. The constant `CHAIN` in this module's source lists the checks in their order.
#[must_use]
pub fn may_login(request: &LoginRequest<'_>) -> LoginPermission {
    CHAIN.iter().find_map(|check| check(request)).unwrap_or(LoginPermission::Granted)
}

/// One check; `None` = passed.
type Check = fn(&LoginRequest<'_>) -> Option<LoginPermission>;

/// First the checks that end the batch, then those that make it wait.
const CHAIN: [Check; 8] = [
    batch_may_log_in,
    logins_are_left,
    credentials_are_current,
    breaker_allows,
    clocks_agree,
    valkey_answers,
    session_is_free,
    failures_can_be_afforded,
];

fn batch_may_log_in(request: &LoginRequest<'_>) -> Option<LoginPermission> {
    checks::batch(request.phase, request.stop, request.provider_suspended).map(refused)
}

fn logins_are_left(request: &LoginRequest<'_>) -> Option<LoginPermission> {
    (request.login > request.max_logins).then(|| {
        refused(Why {
            reason: Reason::SessionLost,
            message: format!(
                "The batch has used the {} logins that session.maxLogins allows.",
                request.max_logins
            ),
        })
    })
}

fn breaker_allows(request: &LoginRequest<'_>) -> Option<LoginPermission> {
    checks::breaker(request.gate).map(refused)
}

/// A batch that would be stopped at the code does not type the password either, and does not hold a runner while it waits.
fn clocks_agree(request: &LoginRequest<'_>) -> Option<LoginPermission> {
    checks::clocks(&request.clock, request.now, request.period?).map(refused)
}

/// The runner types the credentials that it was started with. If the account's Secret has changed since, only another batch can type the
/// new ones, and the old ones must not cause another refusal.
fn credentials_are_current(request: &LoginRequest<'_>) -> Option<LoginPermission> {
    let current = request.pinned.is_some() && request.pinned == request.current;
    (!current).then(|| refused(checks::other_credentials(request.pinned)))
}

fn valkey_answers(request: &LoginRequest<'_>) -> Option<LoginPermission> {
    checks::valkey(request.valkey_unreachable && request.period.is_some())
        .map(|why| not_yet(request, why))
}

/// The portal may end the older session when one too many logs in. A login in progress counts as a session.
fn session_is_free(request: &LoginRequest<'_>) -> Option<LoginPermission> {
    (request.sessions + request.undecided >= limit(request.max_sessions)).then(|| {
        let message =
            format!("session.maxSessionsPerAccount allows {} session(s) of the account at the same time, and that many are, or may still be, logged in.", request.max_sessions);
        not_yet(request, Why { reason: Reason::WaitingForSession, message })
    })
}

/// Sessions that log in at the same moment with the same wrong password would all fail before the breaker opens, and could reach the
/// portal's own lockout. So there are never more logins in progress than may fail, and a trial runs alone.
fn failures_can_be_afforded(request: &LoginRequest<'_>) -> Option<LoginPermission> {
    let affordable = match request.gate {
        Gate::Open => limit(request.failures_to_open.saturating_sub(request.failures.max(0))),
        Gate::Trial(_) | Gate::Shut(_) => 1,
    };
    (request.undecided >= affordable).then(|| {
        let message = format!(
            "{} other login(s) of the account are in progress; limits.loginFailuresToOpen ({}) allows no more until one of them is decided.",
            request.undecided, request.failures_to_open
        );
        not_yet(request, Why { reason: Reason::WaitingForSession, message })
    })
}

/// A limit as a number of logins or sessions. The schema demands at least one.
fn limit(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0).max(1)
}

const fn refused(why: Why) -> LoginPermission {
    LoginPermission::Refused { why }
}

fn not_yet(request: &LoginRequest<'_>, why: Why) -> LoginPermission {
    LoginPermission::NotYet { until: after(request.now, RECHECK), why }
}
