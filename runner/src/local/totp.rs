//! One-time codes without an operator: the same chain of checks decides when, and no step is used twice by this process.

use async_trait::async_trait;
use fno_core::{
    mint::{Request, Valkey, Verdict, mint},
    plan::Gate,
    totp::{Seed, SeedError},
};
use fno_crds::{
    Reason,
    batch::{BatchPhase, Stop},
    provider::Totp,
};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use crate::{control::local::Codes, engine::NoCode};

/// Codes of one seed.
pub(super) struct Steps {
    settings: Totp,
    seed: Seed,
    last: Mutex<Option<i64>>,
}

impl Steps {
    pub(super) fn new(settings: Totp, seed: &SecretString) -> Result<Self, SeedError> {
        Ok(Self {
            settings,
            seed: Seed::parse(seed.expose_secret().as_bytes())?,
            last: Mutex::new(None),
        })
    }

    fn ask(&self, now: Timestamp, last_step: Option<i64>) -> Verdict {
        mint(&Request {
            now,
            phase: BatchPhase::InProgress,
            stop: Stop::None,
            provider_suspended: false,
            gate: &Gate::Open,
            // The schema, which nobody has asked here, says at least 1.
            period: i64::from(self.settings.period).max(1),
            min_remaining: i64::from(self.settings.min_remaining_seconds),
            last_step,
            doubtful: None,
            reserved: None,
            clock_offset: None,
            valkey: Valkey::Unknown,
        })
    }
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
                    return Ok(SecretString::from(self.seed.code(&self.settings, step).reveal()));
                }
                Verdict::NotYet { until, blocked } => {
                    tracing::info!("{}", blocked.message);
                    let wait = until.duration_since(now).try_into().unwrap_or_default();
                    tokio::time::sleep(wait).await;
                }
                Verdict::Never { blocked } => {
                    return Err(NoCode { reason: Reason::LoginFailed, message: blocked.message });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_step_is_used_once_and_only_with_time_left() {
        let settings = json!({"secretRef": {"name": "s"}, "period": 30, "minRemainingSeconds": 10});
        let codes = Steps::new(
            serde_json::from_value(settings).expect("settings"),
            &SecretString::from("GEZDGNBVGY3TQOJQ"),
        )
        .expect("a seed");
        let at = |second, last| codes.ask(Timestamp::from_second(second).expect("a time"), last);
        assert_eq!(at(300, None), Verdict::Mint { step: 10 });
        assert_eq!(at(300, Some(9)), Verdict::Mint { step: 10 });
        for (second, last) in [(305, Some(10)), (325, Some(9))] {
            let Verdict::NotYet { until, .. } = at(second, last) else {
                panic!("{second} {last:?}")
            };
            assert_eq!(until.as_second(), 330, "{second} {last:?}");
        }
    }
}
