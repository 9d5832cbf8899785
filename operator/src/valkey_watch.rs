//! Checks whether Valkey answers, so that no batch starts that could not log in, and batches that wait for Valkey continue within seconds.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use fno_crds::Reason;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::{context::Context, known::key};

const EVERY: Duration = Duration::from_secs(3);

/// Checks once, before anything is decided.
pub async fn first(context: &Context) {
    context.used_steps_answer.store(context.used_steps.ping().await.is_ok(), Ordering::Relaxed);
}

/// Checks again and again; never returns.
pub async fn run(context: Arc<Context>) {
    loop {
        let answer = context.used_steps.ping().await;
        if context.used_steps_answer.swap(answer.is_ok(), Ordering::Relaxed) != answer.is_ok() {
            match answer {
                Ok(()) => info!("Valkey answers"),
                Err(error) => {
                    warn!(%error, reason = %Reason::ValkeyUnavailable, "no one-time code is minted until Valkey answers again")
                }
            }
            wake(&context);
        }
        sleep(EVERY).await;
    }
}

/// Wakes everything that waits for Valkey, or has to wait for it now.
fn wake(context: &Context) {
    context.known.caches.plan.notify_one();
    context.known.caches.wake_all_providers();
    for batch in context.known.newest_batches().running() {
        let of = key(&**batch);
        context.known.batches.with(&of, |memory| {
            if memory.held.as_ref().is_some_and(|held| held.why.reason == Reason::ValkeyUnavailable)
            {
                memory.held = None;
            }
        });
        context.known.caches.wake_batch(&of);
    }
}
