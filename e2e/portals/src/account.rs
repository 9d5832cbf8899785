//! Accounts: their configuration, and what the portal remembers about each.

use std::fmt;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::journal::Verdict;
use crate::otp::{Algorithm, CodeCheck, Otp, OtpRules};
use crate::portal::Portal;
use crate::settings::PortalSettings;

/// One account, configured at start or created at run time. For absent rules those of the portal
/// apply.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccountSpec {
    /// Portal of the account.
    pub portal: Portal,
    /// User name, unique in the portal, 1-100 characters.
    pub username: String,
    /// Password, 1-200 characters.
    pub password: String,
    /// TOTP seed in base32. Absent: no code is asked for. Only Octotel has a code page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp_seed: Option<String>,
    /// Digits of a code (6-8).
    #[serde(default = "six")]
    pub digits: u8,
    /// Seconds per step (1-3600).
    #[serde(default = "thirty")]
    pub period: u64,
    /// Hash function of the codes.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// Number of past steps whose codes are accepted (0-10).
    #[serde(default = "one")]
    pub skew_back: u64,
    /// Number of future steps whose codes are accepted (0-10).
    #[serde(default = "one")]
    pub skew_forward: u64,
    /// Whether each step is accepted only once.
    #[serde(default = "yes")]
    pub accept_once: bool,
    /// Whether a step must be later than the last accepted one.
    #[serde(default = "yes")]
    pub strictly_increasing: bool,
    /// Consecutive refusals that lock the account; 0 = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lockout_after: Option<u32>,
    /// Number of concurrent sessions (>= 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_sessions: Option<u32>,
    /// Seconds without a request after which a session ends (>= 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_idle_seconds: Option<u64>,
    /// Lifetime of a session in seconds (>= 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_lifetime_seconds: Option<u64>,
    /// Number of look-ups after which a session ends (>= 1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expire_after_lookups: Option<u32>,
}

const fn six() -> u8 {
    6
}
const fn thirty() -> u64 {
    30
}
const fn one() -> u64 {
    1
}
const fn yes() -> bool {
    true
}

impl AccountSpec {
    /// An account with a password. All rules are the portal's.
    #[must_use]
    pub fn new(portal: Portal, username: &str, password: &str) -> Self {
        Self {
            portal,
            username: username.to_owned(),
            password: password.to_owned(),
            totp_seed: None,
            digits: six(),
            period: thirty(),
            algorithm: Algorithm::SHA1,
            skew_back: one(),
            skew_forward: one(),
            accept_once: true,
            strictly_increasing: true,
            lockout_after: None,
            max_sessions: None,
            session_idle_seconds: None,
            session_lifetime_seconds: None,
            expire_after_lookups: None,
        }
    }
}

impl fmt::Debug for AccountSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountSpec({} on {})", self.username, self.portal)
    }
}

/// An account and what the portal remembers about it.
pub(crate) struct Account {
    spec: AccountSpec,
    otp: Option<Otp>,
    failures: u32,
    locked: bool,
}

impl Account {
    pub(crate) fn new(spec: AccountSpec) -> Result<Self> {
        let place = || format!("account {:?} of {}", spec.username, spec.portal);
        Self::check(&spec).with_context(place)?;
        let otp = spec
            .totp_seed
            .as_deref()
            .map(|seed| Otp::new(seed, rules(&spec)))
            .transpose()
            .with_context(place)?;
        Ok(Self { spec, otp, failures: 0, locked: false })
    }

    fn check(spec: &AccountSpec) -> Result<()> {
        ensure!((1..=100).contains(&spec.username.len()), "username must have 1 to 100 characters");
        ensure!((1..=200).contains(&spec.password.len()), "password must have 1 to 200 characters");
        ensure!(
            spec.totp_seed.is_none() || spec.portal == Portal::Octotel,
            "totpSeed is set, but only octotel has a code page"
        );
        for (name, value) in [
            ("maxSessions", spec.max_sessions.map(u64::from)),
            ("expireAfterLookups", spec.expire_after_lookups.map(u64::from)),
            ("sessionIdleSeconds", spec.session_idle_seconds),
            ("sessionLifetimeSeconds", spec.session_lifetime_seconds),
        ] {
            ensure!(
                value.is_none_or(|value| (1..=31_536_000).contains(&value)),
                "{name} must be 1 to 31536000"
            );
        }
        Ok(())
    }

    pub(crate) const fn spec(&self) -> &AccountSpec {
        &self.spec
    }

    pub(crate) const fn otp(&self) -> Option<&Otp> {
        self.otp.as_ref()
    }

    pub(crate) const fn otp_mut(&mut self) -> Option<&mut Otp> {
        self.otp.as_mut()
    }

    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    pub(crate) const fn locked(&self) -> bool {
        self.locked
    }

    /// Whether a text reveals one of the account's secrets. A short password counts only if it is
    /// the whole text, because it may be part of an ordinary word.
    pub(crate) fn is_leaked_by(&self, text: &str) -> bool {
        let secrets = [Some(&self.spec.password), self.spec.totp_seed.as_ref()];
        secrets
            .into_iter()
            .flatten()
            .any(|secret| text.trim() == secret || (secret.len() >= 8 && text.contains(secret)))
    }

    pub(crate) fn check_password(&self, password: &str) -> Verdict {
        match () {
            () if self.locked => Verdict::Locked,
            () if password == self.spec.password => Verdict::Accepted,
            () => Verdict::WrongPassword,
        }
    }

    /// Checks a code. A right code uses up its step.
    pub(crate) fn check_code(&mut self, code: &str, seconds: u64) -> (Verdict, Option<u64>) {
        let Some(otp) = self.otp.as_mut() else { return (Verdict::WrongCode, None) };
        if self.locked {
            return (Verdict::Locked, None);
        }
        match otp.check(code, seconds) {
            CodeCheck::Fresh(step) => {
                otp.spend(step);
                (Verdict::Accepted, Some(step))
            }
            CodeCheck::Replayed(step) => (Verdict::Replayed, Some(step)),
            CodeCheck::Wrong(step) => (Verdict::WrongCode, step),
        }
    }

    /// Counts a refused password or code. Returns true if this refusal locks the account.
    pub(crate) fn count_failure(&mut self, portal: &PortalSettings) -> bool {
        self.failures += 1;
        let limit = self.spec.lockout_after.unwrap_or(portal.lockout_after);
        let locks = limit > 0 && self.failures >= limit && !self.locked;
        self.locked |= locks;
        locks
    }

    /// Resets the count of consecutive refusals after a complete login.
    pub(crate) const fn count_success(&mut self) {
        self.failures = 0;
    }

    pub(crate) const fn unlock(&mut self) {
        self.failures = 0;
        self.locked = false;
    }
}

const fn rules(spec: &AccountSpec) -> OtpRules {
    OtpRules {
        digits: spec.digits,
        period: spec.period,
        algorithm: spec.algorithm,
        skew_back: spec.skew_back,
        skew_forward: spec.skew_forward,
        accept_once: spec.accept_once,
        strictly_increasing: spec.strictly_increasing,
    }
}

/// The accounts of a run without a configuration file: several per portal, so that tests can run
/// side by side. The README shows their secrets, which give access to demo data only.
#[must_use]
pub fn default_accounts() -> Vec<AccountSpec> {
    let mut accounts = Vec::new();
    for portal in Portal::ALL {
        for n in 1..=6 {
            let mut account = AccountSpec::new(
                portal,
                &format!("{portal}-bot-{n}"),
                &format!("Fibre!{portal}-{n}"),
            );
            account.totp_seed =
                (portal == Portal::Octotel).then(|| OCTOTEL_SEEDS[n - 1].to_owned());
            accounts.push(account);
        }
    }
    // One account with three concurrent sessions, and two whose codes change every few seconds.
    let mut team = AccountSpec::new(Portal::Octotel, "octotel-team", "Fibre!octotel-team");
    team.totp_seed = Some(OCTOTEL_SEEDS[6].to_owned());
    team.max_sessions = Some(3);
    accounts.push(team);
    for n in 1..=2 {
        let mut fast = AccountSpec::new(
            Portal::Octotel,
            &format!("octotel-fast-{n}"),
            &format!("Fibre!octotel-fast-{n}"),
        );
        fast.totp_seed = Some(OCTOTEL_SEEDS[6 + n].to_owned());
        fast.period = 5;
        accounts.push(fast);
    }
    accounts
}

const OCTOTEL_SEEDS: [&str; 9] = [
    "NFHU6VCPORSWYLJRFVSGK3LPFVZWKZLE",
    "NFHU6VCPORSWYLJSFVSGK3LPFVZWKZLE",
    "NFHU6VCPORSWYLJTFVSGK3LPFVZWKZLE",
    "NFHU6VCPORSWYLJUFVSGK3LPFVZWKZLE",
    "NFHU6VCPORSWYLJVFVSGK3LPFVZWKZLE",
    "NFHU6VCPORSWYLJWFVSGK3LPFVZWKZLE",
    "NFHU6VCPORSWYLJXFVSGK3LPFVZWKZLE",
    "NFHU6VCPORSWYLJYFVSGK3LPFVZWKZLE",
    "NFHU6VCPORSWYLJZFVSGK3LPFVZWKZLE",
];
