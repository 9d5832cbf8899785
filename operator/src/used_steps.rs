//! The record of used TOTP steps, shared by everything that logs in with the same seed, in this cluster or outside. A simulation can replace
//! it.

use async_trait::async_trait;

/// The record's answer about a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepAnswer {
    /// The step is recorded for this login: nothing else has used it.
    Ours,
    /// Something else has used it.
    Used,
    /// There was no answer, or an unclear one. The step may have been recorded, so it counts as used.
    Doubtful,
}

/// Why the record cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// Valkey cannot be reached or does not answer.
    #[error("Valkey does not answer: {0}")]
    Silent(String),
    /// Valkey answers but refuses the password.
    #[error("Valkey refuses the password")]
    RefusesPassword,
    /// Valkey answers but refuses the command.
    #[error("Valkey refuses the command: {0}")]
    Refuses(String),
}

/// The shared record of used steps.
#[async_trait]
pub trait UsedSteps: Send + Sync {
    /// Checks whether the record answers, so that no step is wasted if it does not.
    ///
    /// # Errors
    /// Why the record cannot be used.
    async fn ping(&self) -> Result<(), Unavailable>;

    /// Records a step of `tracking_id` as used by `holder` (`batch/n`), unless it is recorded already. The entry expires after `ttl_seconds`.
    async fn take(
        &self,
        tracking_id: &str,
        step: i64,
        holder: &str,
        ttl_seconds: u64,
    ) -> StepAnswer;

    /// Counts a login of a provider, for other readers of the record. A count may get lost.
    async fn count_login(&self, provider: &str, success: bool);
}
