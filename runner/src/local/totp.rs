//! One-time codes without an operator. The operator's checks decide when a code is minted, and this process uses no step twice.

use async_trait::async_trait;
use fno_core::{
    gate::Gate,
    mint::{MintDecision, MintRequest, StepRecord, clock::PortalClock, mint},
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

    fn ask(&self, now: Timestamp, last_step: Option<i64>) -> MintDecision {
        mint(&MintRequest {
            now,
            phase: BatchPhase::InProgress,
            stop: Stop::None,
            provider_suspended: false,
            pinned: Some("local"),
            current: Some("local"),
            gate: &Gate::Open,
            // The schema, which nobody has asked here, says at least 1.
            period: i64::from(self.settings.period_seconds).max(1),
            skew: i64::from(self.settings.skew_steps),
            min_remaining: i64::from(self.settings.min_remaining_seconds),
            last_step,
            recorded_in: i64::from(self.settings.period_seconds).max(1),
            doubtful: None,
            reserved: None,
            clock: PortalClock::default(),
            valkey: StepRecord::Unknown,
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
                MintDecision::Mint { step } | MintDecision::Deliver { step } => {
                    *last = Some(step);
                    tracing::info!(totp_step = step, "one-time code minted at the prompt");
                    return Ok(SecretString::from(self.seed.code(&self.settings, step).reveal()));
                }
                // Steps of this process only, by one clock.
                MintDecision::Rebase { step } => *last = Some(step),
                MintDecision::NotYet { until, why } => {
                    tracing::info!("{}", why.message);
                    let wait = until.duration_since(now).try_into().unwrap_or_default();
                    tokio::time::sleep(wait).await;
                }
                MintDecision::Never { why } => {
                    return Err(NoCode { reason: Reason::LoginFailed, message: why.message });
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
        let settings =
            json!({"secretRef": {"name": "s"}, "periodSeconds": 30, "minRemainingSeconds": 10});
        let codes = Steps::new(
            serde_json::from_value(settings).expect("settings"),
            &SecretString::from("GEZDGNBVGY3TQOJQ"),
        )
        .expect("a seed");
        let at = |second, last| codes.ask(Timestamp::from_second(second).expect("a time"), last);
        assert_eq!(at(300, None), MintDecision::Mint { step: 10 });
        assert_eq!(at(300, Some(9)), MintDecision::Mint { step: 10 });
        for (second, last) in [(305, Some(10)), (325, Some(9))] {
            let MintDecision::NotYet { until, .. } = at(second, last) else {
                panic!("{second} {last:?}")
            };
            assert_eq!(until.as_second(), 330, "{second} {last:?}");
        }
    }
}
