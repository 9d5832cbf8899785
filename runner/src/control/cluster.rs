//! The runner's own FnoBatch at the API server: orders are read from it, `status.run` is written to it, codes come as Secrets by name.
//!
//! A runner may get and watch one batch and a few Secrets by name, and patch that batch's status. It may not list, so kube's `watcher`,
//! which lists first, is of no use here.

mod code;
mod watching;
mod writing;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use fno_cluster::version::Version;
use fno_crds::{
    FnoBatch, Reason,
    batch::{Grant, GrantState, Run},
    names,
};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use secrecy::SecretString;
use tokio::{sync::watch, task::JoinSet};

use super::{Control, Orders, Refused, Reporter, Urgency};
use crate::engine::NoCode;

/// Who we are, and for whom we work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Namespace of batch and Pod.
    pub namespace: String,
    /// Name of the batch.
    pub batch: String,
    /// Name of the Pod.
    pub pod: String,
    /// Its UID.
    pub pod_uid: String,
    /// Jobs of the batch.
    pub jobs: usize,
    /// After so long without an answer of the API server the operator has given us up, and we give up too.
    pub patience: Duration,
}

/// The API server.
pub struct Cluster {
    batch: Arc<OwnBatch>,
    secrets: Api<Secret>,
    delivered: watch::Receiver<u64>,
    _tasks: JoinSet<()>,
}

/// What both directions share.
struct OwnBatch {
    identity: Identity,
    api: Api<FnoBatch>,
    reporter: Reporter,
    orders: watch::Sender<Orders>,
    /// The newest version seen: answers to patches and watch events overtake each other.
    newest: Mutex<Version>,
}

impl Cluster {
    /// Begins to watch and to report.
    #[must_use]
    pub fn start(client: Client, identity: Identity) -> Self {
        let secrets = Api::namespaced(client.clone(), &identity.namespace);
        let reporter =
            Reporter::new(Run { pod_uid: Some(identity.pod_uid.clone()), ..Run::default() });
        let api = Api::namespaced(client, &identity.namespace);
        let batch = Arc::new(OwnBatch {
            identity,
            api,
            reporter,
            orders: watch::Sender::default(),
            newest: Mutex::default(),
        });
        batch.reporter.report(Urgency::Now, |_| {});
        let (delivery, delivered) = watch::channel(0);
        let mut tasks = JoinSet::new();
        tasks.spawn(watching::watch(Arc::clone(&batch)));
        tasks.spawn(writing::write(Arc::clone(&batch), delivery));
        Self { batch, secrets, delivered, _tasks: tasks }
    }

    /// Waits for a grant in a state that answers the question.
    async fn grant<T>(&self, login: i32, answer: impl Fn(&Grant, &Orders) -> Option<T>) -> T {
        let mut orders = self.batch.orders.subscribe();
        loop {
            if let Some(answer) = Some(orders.borrow_and_update())
                .and_then(|orders| orders.grant(login).and_then(|grant| answer(grant, &orders)))
            {
                return answer;
            }
            if orders.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Control for Cluster {
    fn reporter(&self) -> &Reporter {
        &self.batch.reporter
    }

    fn orders(&self) -> watch::Receiver<Orders> {
        self.batch.orders.subscribe()
    }

    async fn permission(&self, login: i32) -> Result<(), Refused> {
        self.grant(login, |grant, orders| match grant.state {
            GrantState::Granted | GrantState::CodeReady => Some(Ok(())),
            GrantState::Done => Some(Err(Refused {
                reason: Reason::LoginFailed,
                message: format!("Login {login} was closed before it began."),
            })),
            GrantState::Refused => Some(Err(refused(orders))),
        })
        .await
    }

    async fn code(&self, login: i32) -> Result<SecretString, NoCode> {
        let name = names::totp_secret(&self.batch.identity.batch, login);
        let closed = self.grant(login, |grant, orders| match grant.state {
            GrantState::Granted | GrantState::CodeReady => None,
            GrantState::Done => Some(NoCode {
                reason: Reason::LoginFailed,
                message: format!("Login {login} was closed before its code came."),
            }),
            GrantState::Refused => {
                Some(refused(orders)).map(|why| NoCode { reason: why.reason, message: why.message })
            }
        });
        tokio::select! {
            code = code::wait(&self.secrets, &name) => code,
            why = closed => Err(why),
        }
    }

    async fn counted(&self, login: i32) {
        self.grant(login, |grant, _| {
            matches!(grant.state, GrantState::Done | GrantState::Refused).then_some(())
        })
        .await;
    }

    async fn delivered(&self) -> bool {
        let revision = self.batch.reporter.look().revision;
        self.delivered.clone().wait_for(|delivered| *delivered >= revision).await.is_ok()
    }
}

fn refused(orders: &Orders) -> Refused {
    let (reason, message) = orders.why.clone().unwrap_or((Reason::LoginFailed, String::new()));
    Refused {
        reason,
        message: if message.is_empty() {
            "Permission to log in was refused.".to_owned()
        } else {
            message
        },
    }
}

impl OwnBatch {
    /// Takes in the batch as it was seen, unless something newer was seen before.
    fn saw(&self, batch: &FnoBatch) {
        let version = Version::of(batch);
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.is_newer_than(version) {
            return;
        }
        *newest = newest.newest(version);
        self.order(Orders::of(batch, &self.identity.pod, &self.identity.pod_uid));
    }

    /// Nobody reads what we report.
    fn unheard(&self, why: &str) {
        tracing::error!(why, "nobody reads what is reported");
        let now = self.orders.borrow().clone();
        self.order(Orders { unheard: Some(why.to_owned()), ..now });
    }

    /// What is over stays over.
    fn order(&self, new: Orders) {
        self.orders.send_if_modified(|orders| {
            let new = Orders { unheard: orders.unheard.clone().or(new.unheard), ..new };
            let changed = *orders != new;
            *orders = new;
            changed
        });
    }

    fn is_unheard(&self) -> bool {
        self.orders.borrow().unheard.is_some()
    }
}
