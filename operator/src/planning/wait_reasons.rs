//! Writes into jobs what they wait for. [`fno_core::wait_writes`] decides into which jobs, and when.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use fno_cluster::conflict::{is_conflict, is_not_found};
use fno_core::{
    key::Key,
    plan::{JobView, Waits},
    view::job::WaitNotes,
    wait_writes::{self, Budgets},
    why::Why,
};
use fno_crds::{
    FnoJob, JobPhase,
    condition::{self, Status, types},
};
use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use kube::Api;
use serde_json::{Value, json};

use crate::{context::Context, error::Error, patch::write_status};

/// Number of concurrent writes: few, because these writes are never urgent.
const AT_ONCE: usize = 4;

/// What has to be written.
#[derive(Debug, Default)]
pub struct Due {
    /// The writes that are due now: the job, its UID, and the patch.
    pub now: Vec<(Key, String, Value)>,
    /// When the next write is due.
    pub wake_at: Option<Timestamp>,
}

/// Writes in a task of its own: hundreds of writes must not hold up planning.
#[derive(Default)]
pub struct ReasonWriter {
    busy: Arc<AtomicBool>,
    budgets: Budgets,
}

impl ReasonWriter {
    /// What has to be written now. Nothing while earlier writes are still running: they wake planning when they are done.
    pub fn due(
        &mut self,
        views: &[JobView],
        notes: &mut [WaitNotes],
        waits: &Waits,
        now: Timestamp,
    ) -> Due {
        let busy = self.busy.load(Ordering::Acquire);
        let due = wait_writes::due(views, notes, waits, &mut self.budgets, busy, now);
        let write = |place: usize| {
            let (view, why) = (&views[place], waits.get(place)?);
            Some((view.key.clone(), view.uid.clone(), patch(view, &notes[place], why, now)))
        };
        Due { now: due.now.into_iter().filter_map(write).collect(), wake_at: due.wake_at }
    }

    /// Starts the writes that are due.
    pub fn write(&self, context: &Arc<Context>, due: Vec<(Key, String, Value)>) {
        if due.is_empty() {
            return;
        }
        self.busy.store(true, Ordering::Release);
        let (busy, context) = (Arc::clone(&self.busy), Arc::clone(context));
        tokio::spawn(async move {
            stream::iter(due)
                .for_each_concurrent(AT_ONCE, |(of, uid, patch)| write(&context, of, uid, patch))
                .await;
            busy.store(false, Ordering::Release);
            context.known.caches.plan.notify_one();
        });
    }
}

fn patch(view: &JobView, notes: &WaitNotes, why: &Why, now: Timestamp) -> Value {
    let mut conditions = Vec::new();
    let since = notes.unknown_since.unwrap_or(now);
    condition::set(
        &mut conditions,
        since,
        notes.generation,
        types::SUCCEEDED,
        Status::Unknown,
        why.reason,
        &why.message,
    );
    let status = json!({
        "phase": JobPhase::Pending, "reason": why.reason, "message": why.message, "observedGeneration": notes.generation, "conditions": conditions,
    });
    json!({"metadata": {"resourceVersion": view.resource_version}, "status": status})
}

async fn write(context: &Context, of: Key, uid: String, patch: Value) {
    let api: Api<FnoJob> = Api::namespaced(context.client.clone(), &of.namespace);
    match write_status(&api, &of.name, &patch).await {
        Ok(job) => context.known.job_applied(job, context.now()),
        Err(error) if is_not_found(&error) => context.known.job_deleted(&of, &uid),
        // The job has changed, so planning determines its reason again.
        Err(error) if is_conflict(&error) => {}
        Err(error) => {
            super::failed(context, "what a job waits for was not written", &of, &Error::from(error))
        }
    }
}

#[cfg(test)]
mod tests {
    use fno_crds::Reason;

    use super::*;

    fn now(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + seconds).expect("in range")
    }

    fn view() -> JobView {
        let job: FnoJob = serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob", "metadata": {"name": "j", "namespace": "n", "uid": "u", "resourceVersion": "4"},
            "spec": {"provider": "p", "action": "Validation", "circuitNumber": "C1"},
        }))
        .expect("a job");
        let index = crate::known::jobs::JobIndex::default();
        index.apply(job, now(0));
        index.with_pending(|views, _| views[0].clone())
    }

    #[test]
    fn a_written_reason_is_guarded_and_keeps_since_when_the_outcome_is_unknown() {
        let notes =
            WaitNotes { unknown_since: Some(now(0)), generation: Some(1), ..WaitNotes::default() };
        let patch = patch(
            &view(),
            &notes,
            &Why { reason: Reason::BreakerOpen, message: "open".to_owned() },
            now(60),
        );
        assert_eq!(patch["metadata"]["resourceVersion"], "4");
        assert_eq!(
            patch["status"]["conditions"][0]["lastTransitionTime"],
            json!(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now(0)))
        );
        assert_eq!(
            (&patch["status"]["phase"], &patch["status"]["reason"]),
            (&json!("Pending"), &json!("BreakerOpen"))
        );
    }
}
