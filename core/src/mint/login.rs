//! Permission to log in: asked before every login, with one-time code or without.

use fno_crds::{
    Reason,
    batch::{BatchPhase, Stop},
};
use jiff::Timestamp;

use super::{RECHECK, checks, clock::PortalClock};
use crate::{gate::Gate, time::after, why::Why};

/// What is known when a batch asks for permission to log in.
#[derive(Clone, Debug, PartialEq)]
pub struct LoginRequest<'a> {
    /// The time.
    pub now: Timestamp,
    /// The batch's phase.
    pub phase: BatchPhase,
    /// The batch's `spec.stop`.
    pub stop: Stop,
    /// The provider's `spec.suspend`.
    pub provider_suspended: bool,
    /// `status.credentialsVersion` of the batch: the credentials its runner types.
    pub pinned: Option<&'a str>,
    /// Version of the credentials that the account's Secret holds now.
    pub current: Option<&'a str>,
    /// The account's breaker.
    pub gate: &'a Gate,
    /// Failures of the account ([`crate::account::SharedAccount::failures`]). A login's failure is counted before permission for the next one is asked for.
    pub failures: i32,
    /// `limits.loginFailuresToOpen`.
    pub failures_to_open: i32,
    /// Logins of **other** batches on this account that have permission and are not judged yet (grant neither `Done` nor `Refused`).
    pub undecided: usize,
    /// Which login of the batch, from 1.
    pub login: i32,
    /// `session.maxLogins`.
    pub max_logins: i32,
    /// Sessions of **other** batches on this account that are logged in, or may still be (finished, Pod not gone).
    pub sessions: usize,
    /// `session.maxSessionsPerAccount`.
    pub max_sessions: i32,
    /// `totp.periodSeconds`; `None` = no one-time code.
    pub period: Option<i64>,
    /// What is known of the portal's clock.
    pub clock: PortalClock,
    /// Valkey is known not to answer: a code could not be minted, so the password is not typed either.
    pub valkey_unreachable: bool,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginPermission {
    /// User name and password may be typed.
    Granted,
    /// Ask again at `until`, or when something changes.
    NotYet {
        /// When.
        until: Timestamp,
        /// What is waited for.
        why: Why,
    },
    /// No login: the batch has to end.
    Refused {
        /// Why.
        why: Why,
    },
}

/// Decides.
#[must_use]
pub fn may_login(request: &LoginRequest<'_>) -> LoginPermission {
    CHAIN.iter().find_map(|check| check(request)).unwrap_or(LoginPermission::Granted)
}

/// `None` = passed.
type Check = fn(&LoginRequest<'_>) -> Option<LoginPermission>;

/// First what ends the batch, then what is waited for.
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

/// A batch that would be stopped at the code does not even type the password, and does not hold a runner for it.
fn clocks_agree(request: &LoginRequest<'_>) -> Option<LoginPermission> {
    checks::clocks(&request.clock, request.now, request.period?).map(refused)
}

/// The runner types what it was given at its start. When the account's Secret holds other values by now, only another batch can type
/// those, and a refusal of the old ones would be one too many.
fn credentials_are_current(request: &LoginRequest<'_>) -> Option<LoginPermission> {
    let current = request.pinned.is_some() && request.pinned == request.current;
    (!current).then(|| refused(checks::other_credentials(request.pinned)))
}

fn valkey_answers(request: &LoginRequest<'_>) -> Option<LoginPermission> {
    checks::valkey(request.valkey_unreachable && request.period.is_some())
        .map(|why| not_yet(request, why))
}

/// The portal may end the older session when one too many logs in. A login on its way is as good as a session.
fn session_is_free(request: &LoginRequest<'_>) -> Option<LoginPermission> {
    (request.sessions + request.undecided >= limit(request.max_sessions)).then(|| {
        let message =
            format!("session.maxSessionsPerAccount allows {} at once on the account, and as many are, or may still be, logged in.", request.max_sessions);
        not_yet(request, Why { reason: Reason::WaitingForSession, message })
    })
}

/// Sessions that log in at the same moment with the same wrong password would fail together, past the breaker and up to the portal's
/// own lockout. So the logins on their way are never more than may fail, and a trial is alone.
fn failures_can_be_afforded(request: &LoginRequest<'_>) -> Option<LoginPermission> {
    let affordable = match request.gate {
        Gate::Open => limit(request.failures_to_open.saturating_sub(request.failures.max(0))),
        Gate::Trial(_) | Gate::Shut(_) => 1,
    };
    (request.undecided >= affordable).then(|| {
        let message = format!(
            "{} other login(s) of the account are on their way; limits.loginFailuresToOpen ({}) allows no more until one of them is decided.",
            request.undecided, request.failures_to_open
        );
        not_yet(request, Why { reason: Reason::WaitingForSession, message })
    })
}

/// A limit from the schema, where it is at least one.
fn limit(value: i32) -> usize {
    usize::try_from(value).unwrap_or(0).max(1)
}

const fn refused(why: Why) -> LoginPermission {
    LoginPermission::Refused { why }
}

fn not_yet(request: &LoginRequest<'_>, why: Why) -> LoginPermission {
    LoginPermission::NotYet { until: after(request.now, RECHECK), why }
}
