//! The source of user name, password and code.

use async_trait::async_trait;
use fno_crds::Reason;
use secrecy::SecretString;

/// Gives the engine the values of `{{ secret.* }}` and `{{ totp }}`.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// `{{ secret.username }}`
    fn username(&self) -> SecretString;

    /// `{{ secret.password }}`
    fn password(&self) -> SecretString;

    /// `{{ totp }}`. Called once per step that uses it, when the field that takes the code is on screen. The clock of the step pauses
    /// meanwhile. `portal_clock` is the portal's clock minus ours in milliseconds, as that page tells it: no code may be made where
    /// the portal would judge it by another time.
    ///
    /// # Errors
    /// [`NoCode`]: no code was granted, or it came too late to be typed.
    async fn code(&self, portal_clock: Option<i64>) -> Result<SecretString, NoCode>;
}

/// No code is available.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NoCode {
    /// Reason of the failed login.
    pub reason: Reason,
    /// Human-readable sentence.
    pub message: String,
}
