//! Passwords, codes and sessions: the rules of a login.

use jiff::Timestamp;

use crate::journal::{EndCause, Event, Phase, Verdict};
use crate::portal::Portal;
use crate::session::random_token;
use crate::settings::WhenFull;
use crate::world::{PendingLogin, Portals, State, Ticket, shifted};

/// The result of sending a password.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SignIn {
    /// A session was opened. The value is its cookie.
    Open(String),
    /// The code page follows.
    CodeNeeded,
    Refused(Verdict),
}

/// A signed-in browser making a request.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub portal: Portal,
    pub token: String,
    pub session: String,
    pub account: String,
    pub form_token: String,
}

impl Portals {
    pub(crate) fn enter_password(&self, portal: Portal, name: &str, password: &str) -> SignIn {
        let now = self.now();
        let mut state = self.state();
        let Some(account) = state.account_mut(portal, name) else {
            // An unknown name may be a password typed into the wrong field, so it is not recorded.
            let event =
                Event::Login { phase: Phase::Password, step: None, verdict: Verdict::UnknownUser };
            state.record(now, portal, None, None, event);
            return SignIn::Refused(Verdict::UnknownUser);
        };
        let needs_code = account.otp().is_some();
        let verdict = account.check_password(password);
        if verdict == Verdict::Accepted && !needs_code {
            return match state.open(portal, name, Phase::Password, None, now) {
                Ok(token) => SignIn::Open(token),
                Err(verdict) => SignIn::Refused(verdict),
            };
        }
        state.record(
            now,
            portal,
            Some(name),
            None,
            Event::Login { phase: Phase::Password, step: None, verdict },
        );
        match verdict {
            Verdict::Accepted => SignIn::CodeNeeded,
            verdict => {
                state.refuse(portal, name, verdict, now);
                SignIn::Refused(verdict)
            }
        }
    }

    /// Checks a code for an account whose password was right. Returns the session's cookie if the
    /// code is right.
    pub(crate) fn enter_code(
        &self,
        portal: Portal,
        name: &str,
        code: &str,
    ) -> Result<String, Verdict> {
        let now = self.now();
        let mut state = self.state();
        let portal_time = shifted(now, state.settings(portal).clock_offset_seconds);
        let seconds = u64::try_from(portal_time.as_second()).unwrap_or(0);
        let Some(account) = state.account_mut(portal, name) else {
            return Err(Verdict::UnknownUser);
        };
        let (verdict, step) = account.check_code(code, seconds);
        if verdict == Verdict::Accepted {
            return state.open(portal, name, Phase::Code, step, now);
        }
        state.record(
            now,
            portal,
            Some(name),
            None,
            Event::Login { phase: Phase::Code, step, verdict },
        );
        state.refuse(portal, name, verdict, now);
        Err(verdict)
    }

    /// The account of a session cookie. Counts as a request of the session.
    pub(crate) fn visitor(&self, portal: Portal, token: &str) -> Option<Visitor> {
        let now = self.now();
        let mut state = self.state();
        let session = state.sessions.get_mut(token).filter(|session| session.portal == portal)?;
        session.seen = now;
        Some(Visitor {
            portal,
            token: token.to_owned(),
            session: session.id.clone(),
            account: session.account.clone(),
            form_token: session.form_token.clone(),
        })
    }

    /// True for every n-th whole page of a session, if the portal is set to show notices.
    pub(crate) fn page_load_meets_notice(&self, visitor: &Visitor) -> bool {
        let mut state = self.state();
        let every = state.settings(visitor.portal).interstitial_every;
        let Some(session) = state.sessions.get_mut(&visitor.token) else { return false };
        session.loads += 1;
        every > 0 && session.loads.is_multiple_of(every)
    }

    pub(crate) fn log_out(&self, token: &str) {
        let now = self.now();
        self.state().end(token, EndCause::Logout, now);
    }

    /// Starts a login on another origin and returns that origin's cookie.
    pub(crate) fn begin_login(&self, next: &str) -> String {
        let (key, at) = (random_token(), self.now());
        let login = PendingLogin { account: None, next: local_path(next).to_owned(), at };
        self.state().logins.insert(key.clone(), login);
        key
    }

    /// The account that must enter a code.
    pub(crate) fn awaiting_code(&self, login: &str) -> Option<String> {
        self.state().logins.get(login)?.account.clone()
    }

    pub(crate) fn knows_login(&self, login: &str) -> bool {
        self.state().logins.contains_key(login)
    }

    pub(crate) fn await_code(&self, login: &str, account: &str) {
        if let Some(login) = self.state().logins.get_mut(login) {
            login.account = Some(account.to_owned());
        }
    }

    pub(crate) fn code_digits(&self, portal: Portal, account: &str) -> u8 {
        let mut state = self.state();
        state.account_mut(portal, account).map_or(6, |account| account.spec().digits)
    }

    /// Ends a login that cannot succeed any more.
    pub(crate) fn drop_login(&self, login: &str) {
        self.state().logins.remove(login);
    }

    /// Completes a login: returns a ticket that carries the session to the portal.
    pub(crate) fn finish_login(&self, portal: Portal, login: &str, token: String) -> String {
        let at = self.now();
        let mut state = self.state();
        let next = state.logins.remove(login).map_or_else(|| "/".to_owned(), |login| login.next);
        let key = random_token();
        state.tickets.insert(key.clone(), Ticket { portal, token, next, at });
        key
    }

    /// The session's cookie and the path to go to. A ticket can be used once.
    pub(crate) fn redeem(&self, portal: Portal, ticket: &str) -> Option<(String, String)> {
        let mut state = self.state();
        let ticket = state.tickets.remove(ticket).filter(|ticket| ticket.portal == portal)?;
        Some((ticket.token, ticket.next))
    }
}

impl State {
    /// Counts a refused password or code.
    fn refuse(&mut self, portal: Portal, name: &str, verdict: Verdict, now: Timestamp) {
        if !matches!(verdict, Verdict::WrongPassword | Verdict::WrongCode | Verdict::Replayed) {
            return;
        }
        let settings = self.settings(portal).clone();
        let Some(account) = self.account_mut(portal, name) else { return };
        if account.count_failure(&settings) {
            let failures = account.failures();
            self.record(now, portal, Some(name), None, Event::AccountLocked { failures });
        }
    }

    /// Opens a session or returns why not. Records the login either way.
    fn open(
        &mut self,
        portal: Portal,
        name: &str,
        phase: Phase,
        step: Option<u64>,
        now: Timestamp,
    ) -> Result<String, Verdict> {
        if let Some(account) = self.account_mut(portal, name) {
            account.count_success();
        }
        let limits = self.limits(portal, name);
        let mut live: Vec<_> = self
            .sessions
            .of_account(portal, name)
            .map(|(token, s)| (s.opened, s.id.clone(), token.clone()))
            .collect();
        live.sort_unstable();
        let room =
            limits.count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX));
        let surplus = (live.len() + 1).saturating_sub(room);
        if surplus > 0 && limits.when_full == WhenFull::RefuseNewest {
            let verdict = Verdict::TooManySessions;
            self.record(now, portal, Some(name), None, Event::Login { phase, step, verdict });
            return Err(verdict);
        }
        let (token, session) = self.sessions.open(portal, name, now);
        let id = session.id.clone();
        self.record(
            now,
            portal,
            Some(name),
            Some(&id),
            Event::Login { phase, step, verdict: Verdict::Accepted },
        );
        for (_, _, older) in live.into_iter().take(surplus) {
            self.end(&older, EndCause::Displaced, now);
        }
        Ok(token)
    }
}

/// A path of the portal itself. A redirect must not lead to another site.
pub(crate) fn local_path(next: &str) -> &str {
    let local =
        next.starts_with('/') && !next.starts_with("//") && !next.contains(['\\', '\r', '\n']);
    if local { next } else { "/" }
}
