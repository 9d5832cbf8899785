//! The shared record of used TOTP steps. Whoever else logs in with the same seed, in this cluster or outside, looks here, too.

use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use redis::{
    AsyncCommands as _, Client, ExistenceCheck, IntoConnectionInfo as _, SetExpiry, SetOptions,
    TlsCertificates,
    aio::{ConnectionManager, ConnectionManagerConfig},
};
use tokio::time::timeout;

use crate::{
    settings,
    used_steps::{StepAnswer, Unreachable, UsedSteps},
};

/// A step is worth a login: its answer is waited for a little longer than a healthy Valkey ever takes.
const ANSWER: Duration = Duration::from_secs(2);

/// A connection that mends itself. The command that meets a broken link fails; nothing here is repeated blindly.
#[derive(Clone)]
pub struct Valkey(ConnectionManager);

impl Valkey {
    /// Prepares the connection; it is opened at the first command, so a Valkey that is away does not keep the operator from starting.
    ///
    /// # Errors
    /// When a file cannot be read or the address is none.
    pub fn new(settings: &settings::Valkey) -> anyhow::Result<Self> {
        let mut info = settings
            .url
            .as_str()
            .into_connection_info()
            .context("valkey.url is no address such as redis://host:6379")?;
        if let Some(file) = &settings.password_file {
            let password = std::fs::read_to_string(file)
                .with_context(|| format!("valkey.passwordFile {file} cannot be read"))?;
            let redis =
                info.redis_settings().clone().set_password(password.trim_end_matches(['\r', '\n']));
            info = info.set_redis_settings(redis);
        }
        let certificates = settings
            .ca_file
            .as_ref()
            .map(|file| {
                std::fs::read(file).with_context(|| format!("valkey.caFile {file} cannot be read"))
            })
            .transpose()?;
        let client = match certificates {
            Some(root_cert) => Client::build_with_tls(
                info,
                TlsCertificates { client_tls: None, root_cert: Some(root_cert) },
            ),
            None => Client::open(info),
        }
        .context("the connection to Valkey cannot be set up")?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_max_delay(Duration::from_secs(1))
            .set_connection_timeout(Some(ANSWER))
            .set_response_timeout(Some(ANSWER));
        Ok(Self(
            ConnectionManager::new_lazy_with_config(client, config)
                .context("the connection to Valkey cannot be set up")?,
        ))
    }
}

#[async_trait]
impl UsedSteps for Valkey {
    async fn ping(&self) -> Result<(), Unreachable> {
        let mut connection = self.0.clone();
        answered(connection.ping::<String>()).await.map(|_| ())
    }

    /// `SET totp:used:{tracking_id}:{step} {holder} NX EX ttl`.
    async fn take(
        &self,
        tracking_id: &str,
        step: i64,
        holder: &str,
        ttl_seconds: u64,
    ) -> StepAnswer {
        let mut connection = self.0.clone();
        let options = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(SetExpiry::EX(ttl_seconds));
        match answered(connection.set_options::<_, _, Option<String>>(
            format!("totp:used:{tracking_id}:{step}"),
            holder,
            options,
        ))
        .await
        {
            Ok(Some(_)) => StepAnswer::Ours,
            Ok(None) => StepAnswer::Used,
            Err(error) => {
                tracing::warn!(%error, step, "Valkey's answer about a step was lost: the step counts as used");
                StepAnswer::Doubtful
            }
        }
    }

    /// `INCR totp:metrics:{provider}:success|rejected`.
    async fn count_login(&self, provider: &str, success: bool) {
        let mut connection = self.0.clone();
        let key =
            format!("totp:metrics:{provider}:{}", if success { "success" } else { "rejected" });
        if let Err(error) = answered(connection.incr::<_, _, i64>(key, 1)).await {
            tracing::debug!(%error, "a login was not counted in Valkey");
        }
    }
}

async fn answered<T>(
    command: impl Future<Output = redis::RedisResult<T>>,
) -> Result<T, Unreachable> {
    match timeout(ANSWER, command).await {
        Ok(Ok(answer)) => Ok(answer),
        // The kind of the error, never its detail: that may quote what was sent.
        Ok(Err(error)) => Err(Unreachable(error.category().to_owned())),
        Err(_) => Err(Unreachable(format!("no answer within {} s", ANSWER.as_secs()))),
    }
}
