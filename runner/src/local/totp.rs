//! One-time codes without an operator: the same chain of checks decides when, and no step is used twice by this process.

use async_trait::async_trait;
use fno_core::{
    mint::{Request, Valkey, Verdict, mint},
    plan::Gate,
};
use fno_crds::{
    Reason,
    batch::{BatchPhase, Stop},
    provider::{Totp, TotpAlgorithm},
};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use totp_rs::{Algorithm, Builder, Secret};

use crate::{control::local::Codes, engine::NoCode};

/// Codes of one seed.
pub(super) struct Steps {
    settings: Totp,
    totp: totp_rs::Totp,
    last: Mutex<Option<i64>>,
}

/// Never holds any of the seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is not base32: only the letters A-Z and the digits 2-7 may occur")]
pub(super) struct NotBase32;

impl Steps {
    pub(super) fn new(settings: Totp, seed: &SecretString) -> Result<Self, NotBase32> {
        let written = seed.expose_secret().chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '=')).map(|c| c.to_ascii_uppercase());
        let seed = SecretString::from(written.collect::<String>());
        let secret = Secret::try_from_base32(seed.expose_secret()).map_err(|_| NotBase32)?;
        let algorithm = match settings.algorithm {
            TotpAlgorithm::SHA1 => Algorithm::SHA1,
            TotpAlgorithm::SHA256 => Algorithm::SHA256,
            TotpAlgorithm::SHA512 => Algorithm::SHA512,
        };
        // Not `build`: portals hand out seeds shorter than the RFC's 128 bits. Digits are 6 or 8 by the schema.
        let totp = Builder::new()
            .with_algorithm(algorithm)
            .with_digits(u8::try_from(settings.digits).unwrap_or(6).clamp(6, 8))
            .with_step_duration(period(&settings).unsigned_abs())
            .with_secret(secret.as_bytes().to_vec())
            .build_noncompliant();
        Ok(Self { settings, totp, last: Mutex::new(None) })
    }

    fn code(&self, step: i64) -> SecretString {
        self.totp.generate(step.unsigned_abs().saturating_mul(period(&self.settings).unsigned_abs())).to_string().into()
    }

    fn ask(&self, now: Timestamp, last_step: Option<i64>) -> Verdict {
        mint(&Request {
            now,
            phase: BatchPhase::InProgress,
            stop: Stop::None,
            provider_suspended: false,
            gate: &Gate::Open,
            period: period(&self.settings),
            min_remaining: i64::from(self.settings.min_remaining_seconds),
            last_step,
            doubtful: None,
            reserved: None,
            clock_offset: None,
            valkey: Valkey::Unknown,
        })
    }
}

fn period(settings: &Totp) -> i64 {
    i64::from(settings.period).max(1)
}

#[async_trait]
impl Codes for Steps {
    async fn next(&self) -> Result<SecretString, NoCode> {
        let mut last = self.last.lock().await;
        loop {
            let now = Timestamp::now();
            match self.ask(now, *last) {
                Verdict::Mint { step } | Verdict::Deliver { step } => {
                    *last = Some(step);
                    return Ok(self.code(step));
                }
                Verdict::NotYet { until, blocked } => {
                    tracing::info!("{}", blocked.message);
                    let wait = until.duration_since(now).try_into().unwrap_or_default();
                    tokio::time::sleep(wait).await;
                }
                Verdict::Never { blocked } => return Err(NoCode { reason: Reason::LoginFailed, message: blocked.message }),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn steps(settings: serde_json::Value, seed: &str) -> Result<Steps, NotBase32> {
        let mut all = json!({"secretRef": {"name": "s"}});
        all.as_object_mut().expect("an object").extend(settings.as_object().expect("an object").clone());
        Steps::new(serde_json::from_value(all).expect("settings"), &SecretString::from(seed))
    }

    #[test]
    fn codes_are_those_of_the_rfc_however_the_seed_is_written() {
        // RFC 6238, appendix B: the ASCII seed "12345678901234567890".
        for seed in ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "gezd gnbv gy3t qojq gezd gnbv gy3t qojq\n"] {
            let codes = steps(json!({"digits": 8}), seed).expect("a seed");
            assert_eq!(codes.code(1).expose_secret(), "94287082");
            assert_eq!(codes.code(1_111_111_109 / 30).expose_secret(), "07081804");
        }
        let refused = steps(json!({}), "not base32!").err().expect("no seed").to_string();
        assert!(!refused.contains("not base32!"), "{refused}");
    }

    #[test]
    fn a_step_is_used_once_and_only_with_time_left() {
        let codes = steps(json!({"period": 30, "minRemainingSeconds": 10}), "GEZDGNBVGY3TQOJQ").expect("a seed");
        let at = |second, last| codes.ask(Timestamp::from_second(second).expect("a time"), last);
        assert_eq!(at(300, None), Verdict::Mint { step: 10 });
        assert_eq!(at(300, Some(9)), Verdict::Mint { step: 10 });
        for (second, last) in [(305, Some(10)), (325, Some(9))] {
            let Verdict::NotYet { until, .. } = at(second, last) else { panic!("{second} {last:?}") };
            assert_eq!(until.as_second(), 330, "{second} {last:?}");
        }
    }
}
