//! Sessions and their ends.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::account::AccountSpec;
use crate::journal::EndCause;
use crate::portal::Portal;
use crate::settings::{PortalSettings, WhenFull};

/// One signed-in browser.
#[derive(Clone)]
pub(crate) struct Session {
    /// Public number, `octotel-17`. Sessions are found by their secret cookie.
    pub id: String,
    pub portal: Portal,
    pub account: String,
    pub opened: Timestamp,
    pub seen: Timestamp,
    pub lookups: u32,
    /// Number of whole pages loaded; decides when the notice page appears.
    pub loads: u32,
    /// The anti-forgery token of server-rendered forms.
    pub form_token: String,
}

/// Lifetimes and number of an account's sessions.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    pub idle: u64,
    pub lifetime: u64,
    pub count: Option<u32>,
    pub when_full: WhenFull,
    pub lookups: Option<u32>,
}

impl Limits {
    pub(crate) fn of(account: Option<&AccountSpec>, portal: &PortalSettings) -> Self {
        let own = |rule: fn(&AccountSpec) -> Option<u64>| account.and_then(rule);
        let own_count = |rule: fn(&AccountSpec) -> Option<u32>| account.and_then(rule);
        Self {
            idle: own(|a| a.session_idle_seconds).unwrap_or(portal.session_idle_seconds),
            lifetime: own(|a| a.session_lifetime_seconds)
                .unwrap_or(portal.session_lifetime_seconds),
            count: own_count(|a| a.max_sessions).or(portal.max_sessions),
            when_full: portal.when_full,
            lookups: own_count(|a| a.expire_after_lookups).or(portal.expire_after_lookups),
        }
    }

    /// Why the session has ended at `now`, if it has.
    pub(crate) fn over(&self, session: &Session, now: Timestamp) -> Option<EndCause> {
        let age =
            |since: Timestamp| u64::try_from(now.duration_since(since).as_secs()).unwrap_or(0);
        match () {
            () if age(session.opened) >= self.lifetime => Some(EndCause::Lifetime),
            () if age(session.seen) >= self.idle => Some(EndCause::Idle),
            () => None,
        }
    }
}

/// All sessions by cookie.
#[derive(Default)]
pub(crate) struct Sessions {
    by_token: HashMap<String, Session>,
    opened: u64,
}

impl Sessions {
    /// Opens a session and returns its cookie.
    pub(crate) fn open(
        &mut self,
        portal: Portal,
        account: &str,
        now: Timestamp,
    ) -> (String, &Session) {
        self.opened += 1;
        let token = random_token();
        let session = Session {
            id: format!("{portal}-{}", self.opened),
            portal,
            account: account.to_owned(),
            opened: now,
            seen: now,
            lookups: 0,
            loads: 0,
            form_token: random_token(),
        };
        (token.clone(), self.by_token.entry(token).or_insert(session))
    }

    pub(crate) fn get_mut(&mut self, token: &str) -> Option<&mut Session> {
        self.by_token.get_mut(token)
    }

    pub(crate) fn close(&mut self, token: &str) -> Option<Session> {
        self.by_token.remove(token)
    }

    pub(crate) fn of_account(
        &self,
        portal: Portal,
        account: &str,
    ) -> impl Iterator<Item = (&String, &Session)> {
        self.by_token
            .iter()
            .filter(move |(_, session)| session.portal == portal && session.account == account)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&String, &Session)> {
        self.by_token.iter()
    }
}

/// 128 random bits in hexadecimal.
pub(crate) fn random_token() -> String {
    format!("{:032x}", rand::random::<u128>())
}
