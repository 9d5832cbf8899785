//! What the flows of a batch may type.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use fno_crds::{Reason, batch::LoginState};
use secrecy::SecretString;
use tokio::time::Instant;

use super::{halt::Halts, run_login::run_login};
use crate::{
    control::{Control, Urgency},
    engine::{NoCode, Secrets},
};

/// An account's user name and password.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// User name.
    pub username: SecretString,
    /// Password.
    pub password: SecretString,
}

/// Outside of logins there is no code.
#[async_trait]
impl Secrets for Credentials {
    fn username(&self) -> SecretString {
        self.username.clone()
    }

    fn password(&self) -> SecretString {
        self.password.clone()
    }

    async fn code(&self, _: Option<i64>) -> Result<SecretString, NoCode> {
        Err(NoCode {
            reason: Reason::StepFailed,
            message: "Only the login flow may use {{ totp }}.".to_owned(),
        })
    }
}

/// The secrets of one login.
pub(super) struct LoginSecrets<'a, C> {
    pub credentials: &'a Credentials,
    pub control: &'a C,
    pub halts: Halts,
    pub login: i32,
    /// Whether the account has codes at all.
    pub totp: bool,
    /// The code, once it came: a step that is tried again types the same one.
    pub code: Mutex<Option<SecretString>>,
    /// How long it was waited for.
    pub waited: Mutex<Duration>,
}

impl<C> LoginSecrets<'_, C> {
    pub(super) fn code_was_typed(&self) -> bool {
        self.code.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    pub(super) fn waited(&self) -> Duration {
        *self.waited.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<C: Control> Secrets for LoginSecrets<'_, C> {
    fn username(&self) -> SecretString {
        self.credentials.username()
    }

    fn password(&self) -> SecretString {
        self.credentials.password()
    }

    async fn code(&self, portal_clock: Option<i64>) -> Result<SecretString, NoCode> {
        if let Some(code) = self.code.lock().unwrap_or_else(PoisonError::into_inner).clone() {
            return Ok(code);
        }
        if !self.totp {
            return Err(NoCode {
                reason: Reason::LoginFailed,
                message: "The flow asks for {{ totp }}, and the account has no totp.".to_owned(),
            });
        }
        self.control.reporter().report(Urgency::Now, |run| {
            run.login = Some(run_login(self.login, LoginState::AwaitingCode, None, Vec::new()));
            // With the question, so that it is known before the answer.
            run.clock_offset_milliseconds = portal_clock.or(run.clock_offset_milliseconds);
        });
        let (began, mut halts) = (Instant::now(), self.halts.clone());
        let code = tokio::select! {
            code = self.control.code(self.login) => code,
            halt = halts.any() => Err(NoCode { reason: halt.reason, message: halt.message }),
        };
        *self.waited.lock().unwrap_or_else(PoisonError::into_inner) += began.elapsed();
        let code = code?;
        *self.code.lock().unwrap_or_else(PoisonError::into_inner) = Some(code.clone());
        Ok(code)
    }
}
