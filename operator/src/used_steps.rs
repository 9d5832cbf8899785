//! The record of used TOTP steps that everything which logs in with a seed shares, in this cluster or outside. A simulation puts its own in its place.

use async_trait::async_trait;

/// What the record says about a step that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepAnswer {
    /// The step is ours: nothing else has used it.
    Ours,
    /// Something else has used it.
    Used,
    /// No answer, or an unclear one: the step may have been recorded. It counts as used.
    Doubtful,
}

/// Why the record cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// No connection, or no answer.
    #[error("Valkey does not answer: {0}")]
    Silent(String),
    /// Valkey answers, and refuses the password.
    #[error("Valkey refuses the password")]
    RefusesPassword,
    /// Valkey answers, and refuses the command.
    #[error("Valkey refuses the command: {0}")]
    Refuses(String),
}

/// The shared record.
#[async_trait]
pub trait UsedSteps: Send + Sync {
    /// Whether the record answers. Asked before a step is burnt for nothing.
    ///
    /// # Errors
    /// When it does not.
    async fn ping(&self) -> Result<(), Unavailable>;

    /// Records a step of `tracking_id` as used by `holder`, unless it is recorded already. The record forgets it after `ttl_seconds`.
    async fn take(
        &self,
        tracking_id: &str,
        step: i64,
        holder: &str,
        ttl_seconds: u64,
    ) -> StepAnswer;

    /// Counts a login of a provider, for whoever reads the record. A count may get lost.
    async fn count_login(&self, provider: &str, success: bool);
}
