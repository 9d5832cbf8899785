//! Where user name, password and code come from.

use async_trait::async_trait;
use fno_crds::Reason;
use secrecy::SecretString;

/// Gives the engine what `{{ secret.* }}` and `{{ totp }}` stand for.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// `{{ secret.username }}`
    fn username(&self) -> SecretString;

    /// `{{ secret.password }}`
    fn password(&self) -> SecretString;

    /// `{{ totp }}`. Called when the field that takes the code is on screen, once per step that uses it; the step's time does not
    /// run meanwhile.
    ///
    /// # Errors
    /// [`NoCode`]: none was granted, or it came too late to be typed.
    async fn code(&self) -> Result<SecretString, NoCode>;
}

/// Why there is no code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NoCode {
    /// What it means for the run.
    pub reason: Reason,
    /// A sentence for people.
    pub message: String,
}
