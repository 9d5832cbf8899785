//! Without a cluster: every login is permitted, codes are made here, and the report stays in memory.

use async_trait::async_trait;
use fno_crds::{Reason, batch::Run};
use secrecy::SecretString;
use tokio::sync::watch;

use super::{Control, Orders, Refused, Reporter};
use crate::engine::NoCode;

/// A source of one-time codes.
#[async_trait]
pub trait Codes: Send + Sync {
    /// Waits for a time step that was not used yet and has enough time left, and gives its code.
    async fn next(&self) -> Result<SecretString, NoCode>;
}

/// Runs without a cluster.
pub struct Local<C> {
    reporter: Reporter,
    orders: watch::Sender<Orders>,
    codes: Option<C>,
}

impl<C> Local<C> {
    /// `codes` is none for an account without one-time codes.
    #[must_use]
    pub fn new(codes: Option<C>) -> Self {
        Self { reporter: Reporter::new(Run::default()), orders: watch::Sender::default(), codes }
    }
}

impl<C: Codes> Control for Local<C> {
    fn reporter(&self) -> &Reporter {
        &self.reporter
    }

    fn orders(&self) -> watch::Receiver<Orders> {
        self.orders.subscribe()
    }

    async fn permission(&self, _: i32) -> Result<(), Refused> {
        Ok(())
    }

    async fn code(&self, _: i32) -> Result<SecretString, NoCode> {
        match &self.codes {
            Some(codes) => codes.next().await,
            None => Err(NoCode {
                reason: Reason::SecretNotFound,
                message: "The flow asks for {{ totp }}, and the account has no totp.".to_owned(),
            }),
        }
    }

    async fn counted(&self, _: i32) {}

    async fn delivered(&self) -> bool {
        true
    }
}
