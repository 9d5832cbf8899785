//! The portals' own record of what was done to them: what a test judges by.
//!
//! Append-only. No password, code or seed is ever written: the types have no room for one, a user name is recorded only
//! when it is an account's, and a search text that contains an account's secret is replaced by `***`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::portal::Portal;

/// One line of the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Counts from 1 without gaps; never starts again, also not at a reset.
    pub seq: u64,
    /// The portal's time.
    pub at: Timestamp,
    /// Where it happened.
    pub portal: Portal,
    /// Whose; absent for a user name that is no account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The session's public number (`octotel-17`), never its cookie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened. On the wire: `kind` and the variant's fields beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all_fields = "camelCase")]
pub enum Event {
    /// A password or a code was sent. `session` is set where it opened one.
    Login {
        /// Password page or code page.
        phase: Phase,
        /// The time step the code belongs to, where it belongs to one (also a refused code).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<u64>,
        /// The portal's answer.
        verdict: Verdict,
    },
    /// Too many refusals in a row: the account stays locked until an administrator unlocks it.
    AccountLocked {
        /// Refusals in a row that led to it.
        failures: u32,
    },
    /// A time step was used outside of this portal (`POST /steps/use`).
    StepUsed {
        /// The step.
        step: u64,
    },
    /// A session is over.
    SessionEnd {
        /// Why.
        cause: EndCause,
    },
    /// A list was searched for a text. Lists shown without a search text are not recorded.
    Search {
        /// The text.
        query: String,
        /// Rows found, near misses included.
        hits: usize,
    },
    /// The details of exactly one circuit were shown.
    Lookup {
        /// Its number.
        circuit: String,
    },
    /// A cancellation was sent. Every arrival is one entry, also of a request that a browser repeated.
    Submit {
        /// The circuit.
        circuit: String,
        /// Which of the portal's phases.
        stage: Stage,
        /// What the portal made of it.
        verdict: SubmitVerdict,
        /// The portal's reference (change request, order, request, work order).
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// Whether an answer was sent.
        answered: bool,
    },
}

/// The page that asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// User name and password.
    Password,
    /// One-time code.
    Code,
}

/// The answer to a login try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Right. With a code still to come the session opens there.
    Accepted,
    /// No account of this name.
    UnknownUser,
    /// Wrong password; counts towards the lock.
    WrongPassword,
    /// Wrong code, or a code of a step outside the accepted window; counts towards the lock.
    WrongCode,
    /// Right code of a step that was used already or is not later than the last used one; counts towards the lock.
    Replayed,
    /// The account is locked; nothing was looked at.
    Locked,
    /// Right, but the account has its fill of sessions and the portal keeps the older ones.
    TooManySessions,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndCause {
    /// The user logged out.
    Logout,
    /// No request for too long.
    Idle,
    /// Older than allowed.
    Lifetime,
    /// A newer login took its place.
    Displaced,
    /// Ended by an administrator or after the set number of look-ups.
    Forced,
}

/// Phases of a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The only one, or the first of two (MetroFibre: the request is logged).
    Request,
    /// The second one (MetroFibre: the request is accepted, and only now something happens).
    Accept,
}

/// What the portal made of a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubmitVerdict {
    /// Done.
    Accepted,
    /// A field is missing or wrong; nothing was done.
    Invalid,
    /// The state of the circuit does not allow it; nothing was done.
    NotAllowed,
    /// The portal was told to refuse (`submitMode: Refuse`); nothing was done.
    Refused,
    /// The portal was told to lose it (`submitMode: NoAnswerNotDone`); nothing was done.
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

    /// Forgets the entries; the numbers go on.
    pub(crate) fn clear(&mut self) {
        self.dropped += self.entries.len() as u64;
        self.entries = Vec::new();
    }
}
