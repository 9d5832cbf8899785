//! The state of all portals, behind one lock. The rules are methods in the files beside this one.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Result, ensure};
use jiff::{SignedDuration, Timestamp};

use crate::account::Account;
use crate::circuits::{Catalogue, Dice, day};
use crate::clock::Clock;
use crate::config::Config;
use crate::journal::{EndCause, Event, Journal};
use crate::portal::{Origin, Portal};
use crate::session::{Limits, Session, Sessions};
use crate::settings::PortalSettings;

/// All portals and their state.
pub struct Portals {
    pub(crate) config: Config,
    origins: BTreeMap<Origin, String>,
    clock: Clock,
    /// Whether journal lines are also written to standard output.
    echo: bool,
    answered: AtomicU64,
    state: Mutex<State>,
}

pub(crate) struct State {
    pub settings: [PortalSettings; Portal::ALL.len()],
    pub accounts: BTreeMap<(Portal, String), Account>,
    pub sessions: Sessions,
    pub catalogues: [Catalogue; Portal::ALL.len()],
    pub journal: Journal,
    /// Unfinished logins on another origin, by that origin's cookie.
    pub logins: HashMap<String, PendingLogin>,
    /// One-time tickets that carry a session from the login origin to the portal.
    pub tickets: HashMap<String, Ticket>,
    /// Number of references that each portal has issued.
    pub references: u64,
    echo: bool,
}

/// An unfinished login on another origin.
pub(crate) struct PendingLogin {
    /// The account, known after the password was right.
    pub account: Option<String>,
    /// The path on the portal to return to.
    pub next: String,
    pub at: Timestamp,
}

/// A ticket, valid once and for one minute.
pub(crate) struct Ticket {
    pub portal: Portal,
    pub token: String,
    pub next: String,
    pub at: Timestamp,
}

impl Portals {
    /// Creates the portals with their data. They do not listen yet. `origins` are the public
    /// addresses.
    ///
    /// # Errors
    /// The configuration is wrong. The message names the setting.
    pub fn new(
        config: Config,
        origins: BTreeMap<Origin, String>,
        clock: Clock,
        echo: bool,
    ) -> Result<Self> {
        config.check()?;
        let state = State::new(&config, clock.now(), echo)?;
        Ok(Self {
            config,
            origins,
            clock,
            echo,
            answered: AtomicU64::new(0),
            state: Mutex::new(state),
        })
    }

    /// The public address of an origin, without a trailing slash.
    #[must_use]
    pub fn url(&self, origin: Origin) -> &str {
        self.origins.get(&origin).map_or("", String::as_str)
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The locked state, after expired sessions were ended.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.sweep(self.now());
        state
    }

    pub(crate) fn settings(&self, portal: Portal) -> PortalSettings {
        self.state().settings(portal).clone()
    }

    /// The time by the portal's own clock.
    pub(crate) fn portal_time(&self, portal: Portal) -> Timestamp {
        shifted(self.now(), self.settings(portal).clock_offset_seconds)
    }

    /// The delay of the next page or data answer.
    pub(crate) fn latency(&self, settings: &PortalSettings) -> Duration {
        let n = self.answered.fetch_add(1, Ordering::Relaxed);
        let jitter = Dice(self.config.seed).roll(n, settings.latency_jitter_ms + 1);
        Duration::from_millis(settings.latency_ms + jitter)
    }

    /// Resets data, accounts, settings and sessions to the start. The journal's numbers continue.
    pub(crate) fn reset(&self, clear_journal: bool) -> Result<()> {
        let mut fresh = State::new(&self.config, self.now(), self.echo)?;
        let mut state = self.state();
        state.end_all(self.now());
        std::mem::swap(&mut fresh.journal, &mut state.journal);
        // Session numbers stay unique across a reset.
        std::mem::swap(&mut fresh.sessions, &mut state.sessions);
        if clear_journal {
            fresh.journal.clear();
        }
        *state = fresh;
        Ok(())
    }
}

impl State {
    fn new(config: &Config, now: Timestamp, echo: bool) -> Result<Self> {
        let mut accounts = BTreeMap::new();
        for spec in config.account_specs() {
            let key = (spec.portal, spec.username.clone());
            ensure!(
                !accounts.contains_key(&key),
                "account {:?} of {} is there twice",
                key.1,
                key.0
            );
            accounts.insert(key, Account::new(spec)?);
        }
        let [a, b, c, d, e] = Portal::ALL.map(|portal| config.settings(portal));
        let catalogue =
            |portal| Catalogue::new(portal, config.seed, config.circuits_per_portal, day(now));
        Ok(Self {
            settings: [a?, b?, c?, d?, e?],
            accounts,
            sessions: Sessions::default(),
            catalogues: Portal::ALL.map(catalogue),
            journal: Journal::default(),
            logins: HashMap::new(),
            tickets: HashMap::new(),
            references: 0,
            echo,
        })
    }

    pub(crate) const fn settings(&self, portal: Portal) -> &PortalSettings {
        &self.settings[portal.index()]
    }

    pub(crate) const fn catalogue(&self, portal: Portal) -> &Catalogue {
        &self.catalogues[portal.index()]
    }

    pub(crate) fn account_mut(&mut self, portal: Portal, name: &str) -> Option<&mut Account> {
        self.accounts.get_mut(&(portal, name.to_owned()))
    }

    pub(crate) fn limits(&self, portal: Portal, account: &str) -> Limits {
        let spec = self.accounts.get(&(portal, account.to_owned())).map(Account::spec);
        Limits::of(spec, self.settings(portal))
    }

    pub(crate) fn record(
        &mut self,
        at: Timestamp,
        portal: Portal,
        account: Option<&str>,
        session: Option<&str>,
        event: Event,
    ) {
        let entry = self.journal.append(at, portal, account, session, event);
        if self.echo
            && let Ok(line) = serde_json::to_string(entry)
        {
            println!("{line}");
        }
    }

    /// Ends the session of a cookie. Returns false if the session does not exist.
    pub(crate) fn end(&mut self, token: &str, cause: EndCause, now: Timestamp) -> bool {
        let Some(Session { id, portal, account, .. }) = self.sessions.close(token) else {
            return false;
        };
        self.record(now, portal, Some(&account), Some(&id), Event::SessionEnd { cause });
        true
    }

    /// Ends expired sessions. Runs before the state is used, so that the journal is always
    /// complete.
    fn sweep(&mut self, now: Timestamp) {
        let over = |(token, session): (&String, &Session)| {
            let cause = self.limits(session.portal, &session.account).over(session, now)?;
            Some((session.opened, token.clone(), cause))
        };
        let mut ended: Vec<_> = self.sessions.iter().filter_map(over).collect();
        ended.sort_unstable_by_key(|(opened, ..)| *opened);
        for (_, token, cause) in ended {
            self.end(&token, cause, now);
        }
        self.tickets.retain(|_, ticket| seconds_since(ticket.at, now) < 60);
        self.logins.retain(|_, login| seconds_since(login.at, now) < 600);
    }

    fn end_all(&mut self, now: Timestamp) {
        let mut tokens: Vec<_> =
            self.sessions.iter().map(|(token, session)| (session.opened, token.clone())).collect();
        tokens.sort_unstable();
        for (_, token) in tokens {
            self.end(&token, EndCause::Forced, now);
        }
    }
}

pub(crate) fn shifted(at: Timestamp, seconds: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(at)
}

pub(crate) fn seconds_since(then: Timestamp, now: Timestamp) -> u64 {
    u64::try_from(now.duration_since(then).as_secs()).unwrap_or(0)
}
