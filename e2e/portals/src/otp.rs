//! One-time codes as a strict portal accepts them (RFC 6238, section 5.2: each code only once).

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use totp_rs::{Builder, Secret, Totp};

/// Hash function of the codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Algorithm {
    /// HMAC-SHA-1, which nearly every portal uses.
    #[default]
    SHA1,
    /// HMAC-SHA-256.
    SHA256,
    /// HMAC-SHA-512.
    SHA512,
}

/// Which codes an account accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OtpRules {
    pub digits: u8,
    pub period: u64,
    pub algorithm: Algorithm,
    /// Number of past steps that are accepted.
    pub skew_back: u64,
    /// Number of future steps that are accepted.
    pub skew_forward: u64,
    /// Whether each step is accepted only once.
    pub accept_once: bool,
    /// Whether a step must be later than the last accepted one.
    pub strictly_increasing: bool,
}

/// The code generator of one account, which remembers the used steps.
pub(crate) struct Otp {
    rules: OtpRules,
    totp: Totp,
    used: BTreeSet<u64>,
    last: Option<u64>,
}

/// The result of checking a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodeCheck {
    Fresh(u64),
    Replayed(u64),
    /// The step the code belongs to, if that step is just outside the window.
    Wrong(Option<u64>),
}

/// How many steps outside the window are searched, so that the journal can tell an old code from a
/// wrong seed.
const NEARBY: u64 = 20;

impl Otp {
    pub(crate) fn new(seed: &str, rules: OtpRules) -> Result<Self> {
        let plain: String = seed.chars().filter(|c| !c.is_whitespace() && *c != '=').collect();
        let secret = Secret::try_from_base32(plain.to_ascii_uppercase());
        // The message must not contain the seed.
        let Ok(secret) = secret else {
            anyhow::bail!("totpSeed is not base32 (RFC 4648: A-Z and 2-7)")
        };
        ensure!(!secret.as_bytes().is_empty(), "totpSeed is empty");
        ensure!((6..=8).contains(&rules.digits), "digits is {}; allowed: 6 to 8", rules.digits);
        ensure!(
            (1..=3600).contains(&rules.period),
            "period is {}; allowed: 1 to 3600 seconds",
            rules.period
        );
        ensure!(
            rules.skew_back <= 10 && rules.skew_forward <= 10,
            "skewBack and skewForward are at most 10"
        );
        let algorithm = match rules.algorithm {
            Algorithm::SHA1 => totp_rs::Algorithm::SHA1,
            Algorithm::SHA256 => totp_rs::Algorithm::SHA256,
            Algorithm::SHA512 => totp_rs::Algorithm::SHA512,
        };
        // The skew is checked here, because the two sides may differ and every step is checked on
        // its own.
        let totp = Builder::new()
            .with_secret(secret)
            .with_algorithm(algorithm)
            .with_digits(rules.digits)
            .with_step_duration(rules.period)
            .with_skew(0)
            .build_noncompliant();
        Ok(Self { rules, totp, used: BTreeSet::new(), last: None })
    }

    pub(crate) const fn rules(&self) -> &OtpRules {
        &self.rules
    }

    pub(crate) const fn last(&self) -> Option<u64> {
        self.last
    }

    pub(crate) const fn step_at(&self, seconds: u64) -> u64 {
        seconds / self.rules.period
    }

    /// Checks a code without using up its step.
    pub(crate) fn check(&self, code: &str, seconds: u64) -> CodeCheck {
        let now = self.step_at(seconds);
        let matches = |step: &u64| self.totp.check(code, step * self.rules.period).is_some();
        let window = now.saturating_sub(self.rules.skew_back)..=now + self.rules.skew_forward;
        let mut replayed = None;
        for step in window.clone().rev().filter(matches) {
            let again = self.rules.accept_once && self.used.contains(&step);
            let late = self.rules.strictly_increasing && self.last.is_some_and(|last| step <= last);
            if !again && !late {
                return CodeCheck::Fresh(step);
            }
            replayed = Some(step);
        }
        if let Some(step) = replayed {
            return CodeCheck::Replayed(step);
        }
        let around = now.saturating_sub(NEARBY)..=now + NEARBY;
        CodeCheck::Wrong(around.filter(|step| !window.contains(step)).find(matches))
    }

    /// Marks a step as used.
    pub(crate) fn spend(&mut self, step: u64) {
        self.used.insert(step);
        self.last = self.last.max(Some(step));
        // Steps that can never be in a window again are forgotten.
        let oldest = step.saturating_sub(2 * NEARBY);
        self.used.retain(|used| *used >= oldest);
    }
}

#[cfg(test)]
mod tests;
