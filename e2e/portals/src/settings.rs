//! How a portal behaves. Every setting can be changed while it runs (`PATCH /settings`).

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::portal::Portal;

/// The rules and the moods of one portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PortalSettings {
    /// Milliseconds before each page or data answer (0-120000). Scripts and styles are not delayed.
    pub latency_ms: u64,
    /// Up to so many milliseconds on top, from the seed (0-120000).
    pub latency_jitter_ms: u64,
    /// Milliseconds a client-side page takes to draw what it got (0-120000). Evotel and Lightlink draw nothing on the client.
    pub render_delay_ms: u64,
    /// Seconds without a request after which a session ends (>= 1).
    pub session_idle_seconds: u64,
    /// Seconds after which a session ends in any case (>= 1).
    pub session_lifetime_seconds: u64,
    /// Sessions one account may have at a time; absent = any number (>= 1).
    pub max_sessions: Option<u32>,
    /// What happens at one login more than that.
    pub when_full: WhenFull,
    /// Refused passwords and codes in a row after which the account is locked; 0 = never.
    pub lockout_after: u32,
    /// A session ends right after so many look-ups (>= 1); absent = it does not.
    pub expire_after_lookups: Option<u32>,
    /// Whether the portal answers, and how.
    pub availability: Availability,
    /// The status of `ServerError` answers (500-599).
    pub error_status: u16,
    /// Every n-th page load of a session goes to a notice page first (Openserve); 0 = never.
    pub interstitial_every: u32,
    /// What becomes of a cancellation that was sent.
    pub submit_mode: SubmitMode,
    /// Milliseconds between reading a cancellation and answering or hanging up (0-120000).
    pub submit_delay_ms: u64,
    /// Seconds until a cancellation shows in the circuit's state: the back end's delay.
    pub cancellation_visible_after_seconds: u64,
    /// Notice period in days: the date a cancellation page proposes.
    pub notice_days: u32,
    /// Seconds the portal's clock is ahead of the machine's (negative: behind); `Date` and codes follow it.
    pub clock_offset_seconds: i64,
}

/// What happens at one login more than `maxSessions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhenFull {
    /// The newer login ends the oldest session.
    DisplaceOldest,
    /// The login is refused.
    RefuseNewest,
}

/// Whether the portal answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Availability {
    /// As usual.
    Up,
    /// A friendly page with status 503 on every address.
    Maintenance,
    /// A bare error page with `errorStatus`.
    ServerError,
    /// The connection is closed without an answer.
    Down,
}

/// What becomes of a cancellation that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubmitMode {
    /// Done and answered.
    Answer,
    /// Done, but the connection is closed without an answer.
    NoAnswer,
    /// Not done, and the connection is closed without an answer.
    NoAnswerNotDone,
    /// Refused with a sentence.
    Refuse,
}

impl Default for PortalSettings {
    fn default() -> Self {
        Self {
            latency_ms: 60,
            latency_jitter_ms: 80,
            render_delay_ms: 250,
            session_idle_seconds: 600,
            session_lifetime_seconds: 1800,
            max_sessions: None,
            when_full: WhenFull::DisplaceOldest,
            lockout_after: 3,
            expire_after_lookups: None,
            availability: Availability::Up,
            error_status: 500,
            interstitial_every: 0,
            submit_mode: SubmitMode::Answer,
            submit_delay_ms: 0,
            cancellation_visible_after_seconds: 0,
            notice_days: 30,
            clock_offset_seconds: 0,
        }
    }
}

impl PortalSettings {
    /// What the portal of this kind does when nothing is set.
    #[must_use]
    pub fn of(portal: Portal) -> Self {
        let common = Self::default();
        match portal {
            Portal::Octotel => Self { max_sessions: Some(1), ..common },
            Portal::Openserve => Self { interstitial_every: 7, ..common },
            Portal::Mfn => Self { max_sessions: Some(1), ..common },
            Portal::Evotel | Portal::Lightlink => Self { render_delay_ms: 0, ..common },
        }
    }

    /// These settings with the given fields replaced; `null` puts an optional one back to absent.
    ///
    /// # Errors
    /// Names the field that is unknown, of the wrong type or out of range.
    pub fn with(&self, changes: &serde_json::Map<String, Value>) -> Result<Self> {
        let mut all = serde_json::to_value(self)?;
        let fields = all.as_object_mut().expect("settings are an object");
        fields.extend(changes.iter().map(|(name, value)| (name.clone(), value.clone())));
        let changed: Self = serde_json::from_value(all)?;
        changed.check()?;
        Ok(changed)
    }

    pub(crate) fn check(&self) -> Result<()> {
        for (name, value) in [
            ("latencyMs", self.latency_ms),
            ("latencyJitterMs", self.latency_jitter_ms),
            ("renderDelayMs", self.render_delay_ms),
            ("submitDelayMs", self.submit_delay_ms),
        ] {
            ensure!(value <= 120_000, "{name} is {value}; allowed: 0 to 120000 milliseconds");
        }
        for (name, value) in [
            ("sessionIdleSeconds", Some(self.session_idle_seconds)),
            ("sessionLifetimeSeconds", Some(self.session_lifetime_seconds)),
            ("maxSessions", self.max_sessions.map(u64::from)),
            ("expireAfterLookups", self.expire_after_lookups.map(u64::from)),
        ] {
            ensure!(value != Some(0), "{name} is 0; allowed: 1 and more");
        }
        for (name, value) in [
            ("sessionIdleSeconds", self.session_idle_seconds),
            ("sessionLifetimeSeconds", self.session_lifetime_seconds),
            ("cancellationVisibleAfterSeconds", self.cancellation_visible_after_seconds),
            ("clockOffsetSeconds", self.clock_offset_seconds.unsigned_abs()),
        ] {
            ensure!(value <= 31_536_000, "{name} is {value}; allowed: up to a year of seconds");
        }
        ensure!(self.notice_days <= 366, "noticeDays is {}; allowed: 0 to 366", self.notice_days);
        ensure!(
            (500..=599).contains(&self.error_status),
            "errorStatus is {}; allowed: 500 to 599",
            self.error_status
        );
        Ok(())
    }
}

/// The defaults of a portal with the changes of a configuration file.
pub(crate) fn of_portal(
    portal: Portal,
    changes: Option<&serde_json::Map<String, Value>>,
) -> Result<PortalSettings> {
    let settings = PortalSettings::of(portal);
    changes
        .map_or_else(|| Ok(settings.clone()), |changes| settings.with(changes))
        .with_context(|| format!("portals.{portal}"))
}
