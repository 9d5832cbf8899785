//! The portals' own record of what was done to them. Tests judge by this record.
//!
//! The journal is append-only. It never contains a password, code or seed: its types have no field
//! for one, a user name is recorded only if an account has it, and a search text that contains a
//! secret is replaced by `***`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::portal::Portal;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Sequence number, from 1 without gaps. A reset does not restart it.
    pub seq: u64,
    /// Time of the event by the portal's clock.
    pub at: Timestamp,
    /// Portal of the event.
    pub portal: Portal,
    /// User name of the account. Absent if no account has the user name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Public number of the session (`octotel-17`), never its cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened. Serialised as `kind` with the variant's fields beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
pub enum Event {
    /// A password or a code was sent. `session` is set if a session was opened.
    Login {
        /// The page: password or code.
        phase: Phase,
        /// TOTP step of the code, if it belongs to one. Refused codes have it too.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<u64>,
        /// The portal's answer.
        verdict: Verdict,
    },
    /// Too many consecutive refusals. The account stays locked until an administrator unlocks it.
    AccountLocked {
        /// Number of consecutive refusals.
        failures: u32,
    },
    /// A TOTP step was used outside of this portal (`POST /steps/use`).
    StepUsed {
        /// The step.
        step: u64,
    },
    /// A session ended.
    SessionEnd {
        /// Why the session ended.
        cause: EndCause,
    },
    /// A list was searched for a text. Lists shown without a search text are not recorded.
    Search {
        /// The search text.
        query: String,
        /// Number of rows found, near misses included.
        hits: usize,
    },
    /// The details of exactly one circuit were shown.
    Lookup {
        /// Circuit number.
        circuit: String,
    },
    /// A cancellation was sent. Every request is one entry, including a request that a browser
    /// repeated.
    Submit {
        /// Circuit number.
        circuit: String,
        /// Phase of the cancellation.
        stage: Stage,
        /// The portal's decision.
        verdict: SubmitVerdict,
        /// The portal's reference (change request, order, request, work order).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// Whether an answer was sent.
        answered: bool,
    },
}

/// The page that asked for a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// The page for user name and password.
    Password,
    /// The page for the one-time code.
    Code,
}

/// The portal's answer to a login attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Right. If a code follows, the session opens after the code.
    Accepted,
    /// No account has this user name.
    UnknownUser,
    /// Wrong password; counts towards the lock.
    WrongPassword,
    /// Wrong code, or a code of a step outside the accepted window; counts towards the lock.
    WrongCode,
    /// The code is right, but its step was used before or is not later than the last used one;
    /// counts towards the lock.
    Replayed,
    /// The account is locked. Nothing else was checked.
    Locked,
    /// Right, but the account has reached its limit of sessions and the portal keeps the older
    /// ones.
    TooManySessions,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndCause {
    /// The user logged out.
    Logout,
    /// The session had no request for too long.
    Idle,
    /// The session reached its maximum age.
    Lifetime,
    /// A newer login replaced the session.
    Displaced,
    /// An administrator ended the session, or it reached the configured number of look-ups.
    Forced,
}

/// Phases of a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The only phase, or the first of two (MetroFibre: the request is logged).
    Request,
    /// The second phase (MetroFibre: the request is accepted, and only now takes effect).
    Accept,
}

/// The portal's decision about a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubmitVerdict {
    /// The cancellation was accepted.
    Accepted,
    /// A field is missing or wrong; nothing was done.
    Invalid,
    /// The state of the circuit does not allow it; nothing was done.
    NotAllowed,
    /// The portal was told to refuse (`submitMode: Refuse`); nothing was done.
    Refused,
    /// The portal was told to ignore it and hang up (`submitMode: NoAnswerNotDone`); nothing was
    /// done.
    Lost,
}

/// The entries, in order.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Vec<Entry>,
    dropped: u64,
}

impl Journal {
    pub(crate) fn append(
        &mut self,
        at: Timestamp,
        portal: Portal,
        account: Option<&str>,
        session: Option<&str>,
        event: Event,
    ) -> &Entry {
        let seq = self.dropped + self.entries.len() as u64 + 1;
        let (account, session) = (account.map(str::to_owned), session.map(str::to_owned));
        self.entries.push(Entry { seq, at, portal, account, session, event });
        self.entries.last().expect("an entry was just pushed")
    }

    /// Entries with a number above `since`.
    pub(crate) fn since(&self, since: u64) -> &[Entry] {
        let skip = usize::try_from(since.saturating_sub(self.dropped)).unwrap_or(usize::MAX);
        self.entries.get(skip..).unwrap_or_default()
    }

    /// Deletes all entries. Sequence numbers continue.
    pub(crate) fn clear(&mut self) {
        self.dropped += self.entries.len() as u64;
        self.entries = Vec::new();
    }
}
