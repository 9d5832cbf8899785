//! The behaviour of a portal. Every setting can be changed at run time (`PATCH /settings`).

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::portal::Portal;

/// Rules and behaviour of one portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PortalSettings {
    /// Milliseconds before each page or data answer (0-120000). Scripts and styles are not delayed.
    pub latency_ms: u64,
    /// Largest additional delay in milliseconds, derived from the seed (0-120000).
    pub latency_jitter_ms: u64,
    /// Milliseconds a client-side page takes to draw its data (0-120000). Evotel and Lightlink draw
    /// nothing on the client.
    pub render_delay_ms: u64,
    /// Seconds without a request after which a session ends (>= 1).
    pub session_idle_seconds: u64,
    /// Maximum age of a session in seconds (>= 1).
    pub session_lifetime_seconds: u64,
    /// Number of concurrent sessions of an account (>= 1). Absent: any number.
    pub max_sessions: Option<u32>,
    /// What happens at a login beyond `max_sessions`.
    pub when_full: WhenFull,
    /// Consecutive refused passwords and codes that lock an account; 0 = never.
    pub lockout_after: u32,
    /// Number of look-ups after which a session ends (>= 1). Absent: no such limit.
    pub expire_after_lookups: Option<u32>,
    /// Whether the portal answers, and how.
    pub availability: Availability,
    /// The status of `ServerError` answers (500-599).
    pub error_status: u16,
    /// Every n-th page load of a session shows a notice page first (Openserve); 0 = never.
    pub interstitial_every: u32,
    /// What happens to a cancellation that was sent.
    pub submit_mode: SubmitMode,
    /// Milliseconds between reading a cancellation and answering or hanging up (0-120000).
    pub submit_delay_ms: u64,
    /// Seconds until a cancellation is visible in the circuit's state: the delay of the back end.
    pub cancellation_visible_after_seconds: u64,
    /// Notice period in days. Cancellation pages propose its end as the date.
    pub notice_days: u32,
    /// Seconds by which the portal's clock is ahead of the machine's (negative: behind). `Date`
    /// headers and codes use this clock.
    pub clock_offset_seconds: i64,
}

/// What happens at a login beyond `maxSessions`.
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
    /// The portal answers normally.
    Up,
    /// Every address answers with a maintenance page and status 503.
    Maintenance,
    /// Every address answers with a bare error page and `errorStatus`.
    ServerError,
    /// The connection is closed without an answer.
    Down,
}

/// What happens to a cancellation that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubmitMode {
    /// The cancellation is done and answered.
    Answer,
    /// The cancellation is done, but the connection is closed without an answer.
    NoAnswer,
    /// The cancellation is not done, and the connection is closed without an answer.
    NoAnswerNotDone,
    /// The cancellation is refused with a sentence.
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
            lockout_after: 4,
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
    /// The defaults of a portal.
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

    /// These settings with the given fields replaced. `null` removes an optional one.
    ///
    /// # Errors
    /// A field is unknown, of the wrong type or out of range. The message names it.
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

/// The defaults of a portal, changed by a configuration file.
pub(crate) fn of_portal(
    portal: Portal,
    changes: Option<&serde_json::Map<String, Value>>,
) -> Result<PortalSettings> {
    let settings = PortalSettings::of(portal);
    changes
        .map_or_else(|| Ok(settings.clone()), |changes| settings.with(changes))
        .with_context(|| format!("portals.{portal}"))
}
