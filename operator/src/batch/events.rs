//! What is published about a batch once the matching status is stored (log, metrics, events), and what is woken by it.

use fno_cluster::events::Severity;
use fno_core::{
    batch_wait::{BatchWait, keeps_pods_away},
    lifecycle::LoginEnded,
    why::Why,
};
use fno_crds::{
    FnoBatch,
    batch::{BatchPhase, GrantState},
};
use kube::ResourceExt as _;
use tracing::{info, warn};

use super::wait::set_trouble;
use crate::{
    context::Context,
    known::{key, provider_key, sessions},
    metrics::{self, BatchEnd, LoginEnd, Word},
};

/// Something that happened to a batch and is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchEvent {
    /// The runner asked to log in and was answered.
    LoginAnswered {
        /// Number of the login within the batch, from 1.
        login: i32,
        /// The state that the grant got.
        answer: GrantState,
        /// Why the login was refused, if it was.
        why: Option<Why>,
    },
    /// A login ended.
    LoginEnded {
        /// Number of the login within the batch, from 1.
        login: i32,
        /// How the login ended.
        ended: LoginEnded,
    },
    /// The batch's jobs now show what the batch waits for.
    Waits(Why, BatchWait),
    /// The batch ended.
    Ended(BatchPhase, Why),
}

/// Publishes what happened to a batch, and wakes everything that waits for it.
pub async fn publish(context: &Context, batch: &FnoBatch, event: &BatchEvent) {
    match event {
        BatchEvent::LoginAnswered { login, answer, why } => {
            let reason = why.as_ref().map(|why| why.reason.as_str());
            info!(batch = batch.name_any(), namespace = batch.namespace(), provider = batch.spec.provider, login, %answer, reason, "the runner asked to log in");
        }
        BatchEvent::LoginEnded { login, ended } => login_ended(context, batch, *login, ended).await,
        BatchEvent::Waits(why, wait) => {
            warn!(batch = batch.name_any(), namespace = batch.namespace(), reason = %why.reason, "{}", why.message);
            context.publisher.warning(batch, "Wait", why).await;
            context.known.batches.with(&key(batch), |memory| memory.wait = Some(*wait));
        }
        BatchEvent::Ended(phase, why) => batch_ended(context, batch, *phase, why).await,
    }
}

async fn login_ended(context: &Context, batch: &FnoBatch, login: i32, ended: &LoginEnded) {
    let of = provider_key(batch);
    let (result, why) = (ended.result().into(), ended.why());
    let labels = LoginEnd {
        namespace: of.namespace.clone(),
        provider: of.name.clone(),
        result: Word(result),
    };
    context.metrics.logins.get_or_create(&labels).inc();
    let reported = batch.status.as_ref().and_then(|status| status.run.as_ref()?.login.as_ref());
    let drift = reported.filter(|reported| reported.n == login).map(|login| login.drift.as_slice());
    context.metrics.drifted(&of, drift.unwrap_or_default());
    match why {
        None => {
            info!(
                batch = batch.name_any(),
                namespace = of.namespace,
                provider = of.name,
                login,
                "logged in"
            );
            let note = format!("Login {login} succeeded.");
            context.publisher.publish(batch, Severity::Normal, "LogIn", "LoggedIn", &note).await;
            context.used_steps.count_login(&of.name, true).await;
        }
        Some(why) => {
            warn!(batch = batch.name_any(), namespace = of.namespace, provider = of.name, login, reason = %why.reason, "a login failed: {}", why.message);
            let message = format!("Login {login} failed: {}", why.message);
            context.publisher.warning(batch, "LogIn", &Why { reason: why.reason, message }).await;
            if matches!(ended, LoginEnded::Rejected(_)) {
                context.used_steps.count_login(&of.name, false).await;
            }
        }
    }
    sessions::wake_others(&context.known, batch);
}

async fn batch_ended(context: &Context, batch: &FnoBatch, phase: BatchPhase, why: &Why) {
    count(context, batch, phase);
    let status = batch.status.clone().unwrap_or_default();
    let settled = status.progress.as_ref();
    let settled = settled.map(|progress| format!(", {progress} jobs settled")).unwrap_or_default();
    let note = Why {
        reason: why.reason,
        message: format!("{phase}{settled}. {}", why.message).trim_end().to_owned(),
    };
    let (name, namespace, provider) = (batch.name_any(), batch.namespace(), &batch.spec.provider);
    if phase == BatchPhase::Completed {
        info!(
            batch = name, namespace, provider, %phase, reason = %why.reason, progress = status.progress.as_deref(),
            logins = status.logins, "a batch ended: {}", note.message
        );
        context.publisher.normal(batch, "Finish", &note).await;
    } else {
        warn!(
            batch = name, namespace, provider, %phase, reason = %why.reason, progress = status.progress.as_deref(),
            logins = status.logins, "a batch ended: {}", note.message
        );
        context.publisher.warning(batch, "Finish", &note).await;
    }
    let of = provider_key(batch);
    set_trouble(context, &of, Some(why).filter(|why| keeps_pods_away(why.reason)));
    sessions::wake_others(&context.known, batch);
    context.known.caches.plan.notify_one();
    context.known.caches.wake_provider(&of);
}

fn count(context: &Context, batch: &FnoBatch, phase: BatchPhase) {
    let of = provider_key(batch);
    let labels = BatchEnd {
        namespace: of.namespace.clone(),
        provider: of.name.clone(),
        phase: Word(phase.into()),
    };
    context.metrics.batches_finished.get_or_create(&labels).inc();
    let run = batch.status.as_ref().and_then(|status| status.run.as_ref());
    let (tried, logins) = run.map_or((0, 0), |run| {
        (run.results.iter().filter(|r| r.milliseconds > 0).count(), run.logins.unwrap_or(0))
    });
    let reuses =
        u64::try_from(tried).unwrap_or(0).saturating_sub(u64::try_from(logins).unwrap_or(0));
    let labels = metrics::Provider { namespace: of.namespace, provider: of.name };
    context.metrics.session_reuses.get_or_create(&labels).inc_by(reuses);
}
