//! The shared record of used TOTP steps in Valkey, for everything that logs in with the same seed, in this cluster or outside.

use std::time::Duration;

use anyhow::Context as _;
use async_trait::async_trait;
use redis::{
    AsyncCommands as _, AsyncConnectionConfig, Client, ErrorKind, ExistenceCheck,
    IntoConnectionInfo as _, RedisError, RedisResult, SetExpiry, SetOptions, TlsCertificates,
    aio::MultiplexedConnection,
};
use tokio::{sync::Mutex, time::timeout};

use crate::{
    settings,
    used_steps::{StepAnswer, Unavailable, UsedSteps},
};

/// Maximum time to wait for an answer. Longer than a healthy Valkey ever takes, because a lost answer wastes a step.
const ANSWER: Duration = Duration::from_secs(2);

/// The connection to Valkey. A command that fails for any reason other than a refusal drops the connection, and the next command opens a
/// new one. No command is repeated.
///
/// The connection manager of `redis` cannot be used: it opens a new connection only after an I/O error, so a password that was refused
/// once would stay refused for ever.
pub struct Valkey {
    settings: settings::Valkey,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl Valkey {
    /// Checks the settings. The connection is opened at the first command, so that the operator can start while Valkey does not answer.
    ///
    /// # Errors
    /// If a file cannot be read or the URL is invalid.
    pub fn new(settings: &settings::Valkey) -> anyhow::Result<Self> {
        client(settings)?;
        Ok(Self { settings: settings.clone(), connection: Mutex::default() })
    }

    /// The open connection, or a new one.
    async fn connection(&self) -> Result<MultiplexedConnection, Unavailable> {
        // The lock is held while connecting, so that other commands wait for this connection instead of opening their own.
        let mut current = self.connection.lock().await;
        if let Some(connection) = current.as_ref() {
            return Ok(connection.clone());
        }
        // The files are read each time, so that a rotated password is used without a restart.
        let client = client(&self.settings)
            .map_err(|_| Unavailable::Silent("its settings cannot be used".to_owned()))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(ANSWER))
            .set_response_timeout(Some(ANSWER));
        let opened = answered(client.get_multiplexed_async_connection_with_config(&config)).await?;
        *current = Some(opened.clone());
        Ok(opened)
    }

    /// Runs a command, once.
    async fn run<T, F: Future<Output = RedisResult<T>>>(
        &self,
        command: impl FnOnce(MultiplexedConnection) -> F,
    ) -> Result<T, Unavailable> {
        let connection = self.connection().await?;
        let answer = answered(command(connection)).await;
        if matches!(answer, Err(Unavailable::Silent(_) | Unavailable::RefusesPassword)) {
            *self.connection.lock().await = None;
        }
        answer
    }
}

fn client(settings: &settings::Valkey) -> anyhow::Result<Client> {
    let mut info = settings.url.as_str().into_connection_info().context("valkey.url is invalid")?;
    if let Some(file) = &settings.password_file {
        let password = std::fs::read_to_string(file)
            .with_context(|| format!("cannot read valkey.passwordFile {file}"))?;
        let redis =
            info.redis_settings().clone().set_password(password.trim_end_matches(['\r', '\n']));
        info = info.set_redis_settings(redis);
    }
    let certificates = settings
        .ca_file
        .as_ref()
        .map(|file| {
            std::fs::read(file).with_context(|| format!("cannot read valkey.caFile {file}"))
        })
        .transpose()?;
    match certificates {
        Some(root_cert) => Client::build_with_tls(
            info,
            TlsCertificates { client_tls: None, root_cert: Some(root_cert) },
        ),
        None => Client::open(info),
    }
    .context("the connection to Valkey cannot be set up")
}

#[async_trait]
impl UsedSteps for Valkey {
    async fn ping(&self) -> Result<(), Unavailable> {
        self.run(|mut connection| async move { connection.ping::<String>().await })
            .await
            .map(|_| ())
    }

    /// `SET totp:used:{tracking_id}:{step} {holder} NX EX ttl`.
    async fn take(
        &self,
        tracking_id: &str,
        step: i64,
        holder: &str,
        ttl_seconds: u64,
    ) -> StepAnswer {
        let options = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(SetExpiry::EX(ttl_seconds));
        let key = format!("totp:used:{tracking_id}:{step}");
        let answer = self
            .run(|mut connection| async move {
                connection.set_options::<_, _, Option<String>>(key, holder, options).await
            })
            .await;
        match answer {
            Ok(Some(_)) => StepAnswer::Ours,
            Ok(None) => StepAnswer::Used,
            Err(error) => {
                tracing::warn!(%error, totp_step = step, "Valkey's answer about a step was lost: the step counts as used");
                StepAnswer::Doubtful
            }
        }
    }

    /// `INCR totp:metrics:{provider}:success|rejected`.
    async fn count_login(&self, provider: &str, success: bool) {
        let key =
            format!("totp:metrics:{provider}:{}", if success { "success" } else { "rejected" });
        let counted =
            self.run(|mut connection| async move { connection.incr::<_, _, i64>(key, 1).await });
        if let Err(error) = counted.await {
            tracing::debug!(%error, "a login was not counted in Valkey");
        }
    }
}

async fn answered<T>(command: impl Future<Output = RedisResult<T>>) -> Result<T, Unavailable> {
    match timeout(ANSWER, command).await {
        Ok(answer) => answer.map_err(|error| unavailable(&error)),
        Err(_) => Err(Unavailable::Silent(format!("no answer within {} s", ANSWER.as_secs()))),
    }
}

/// Keeps the kind of an error but never its details, which may quote what was sent.
fn unavailable(error: &RedisError) -> Unavailable {
    let code = error.code().unwrap_or_default();
    match error.kind() {
        ErrorKind::AuthenticationFailed => Unavailable::RefusesPassword,
        _ if matches!(code, "NOAUTH" | "WRONGPASS") => Unavailable::RefusesPassword,
        ErrorKind::Server(_) | ErrorKind::Extension => {
            Unavailable::Refuses(if code.is_empty() { error.category() } else { code }.to_owned())
        }
        _ => Unavailable::Silent(error.category().to_owned()),
    }
}

#[cfg(test)]
mod tests;
