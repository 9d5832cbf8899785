//! Writes into jobs what they wait for: only once it has held for ten seconds, and into each job at most every thirty. In steady flow no reason is
//! ever written.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use fno_cluster::conflict::{is_conflict, is_not_found};
use fno_core::{
    key::Key,
    plan::{JobView, Plan},
    text::at_most,
    view::job::WaitNotes,
    why::Why,
};
use fno_crds::{
    FnoJob, JobPhase, Reason,
    condition::{self, Status, types},
    reason::ReasonClass,
};
use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use kube::Api;
use serde_json::{Value, json};

use crate::{context::Context, error::Error, patch::write_status};

const HELD: SignedDuration = SignedDuration::from_secs(10);
const AT_MOST_EVERY: SignedDuration = SignedDuration::from_secs(30);
/// Writes at once: few, because none of them is urgent.
const AT_ONCE: usize = 4;

/// The reasons to write.
#[derive(Debug, Default)]
pub struct Due {
    /// Now: the job and the patch.
    pub now: Vec<(Key, String, Value)>,
    /// When the next is.
    pub wake_at: Option<Timestamp>,
}

/// Notes since when each job waits for what, and what is due.
pub fn due(views: &[JobView], notes: &mut [WaitNotes], plan: &Plan, now: Timestamp) -> Due {
    let mut due = Due::default();
    for (view, notes) in views.iter().zip(notes) {
        let Some(why) = plan.waits.get(&view.key) else {
            notes.planned = None;
            continue;
        };
        let since = match notes.planned {
            Some((reason, since)) if reason == why.reason => since,
            _ => now,
        };
        notes.planned = Some((why.reason, since));
        if is_written(notes, why) {
            continue;
        }
        let held = since.saturating_add(HELD).unwrap_or(Timestamp::MAX);
        let at = notes.written_at.map_or(held, |written| {
            held.max(written.saturating_add(AT_MOST_EVERY).unwrap_or(Timestamp::MAX))
        });
        if at > now {
            due.wake_at = Some(due.wake_at.map_or(at, |wake| wake.min(at)));
            continue;
        }
        notes.written_at = Some(now);
        due.now.push((view.key.clone(), view.uid.clone(), patch(view, notes, why, now)));
    }
    due
}

/// Whether the job says so already. The failure of a try says more than that its pause is not over.
fn is_written(notes: &WaitNotes, why: &Why) -> bool {
    let tried = notes.reason.is_some_and(|reason| {
        matches!(reason.class(), ReasonClass::RetryCounted | ReasonClass::RetryFree)
    });
    if why.reason == Reason::RetryBackoff && tried {
        return true;
    }
    notes.reason == Some(why.reason)
        && notes.message.as_deref().unwrap_or_default() == at_most(&why.message, 2000)
}

fn patch(view: &JobView, notes: &WaitNotes, why: &Why, now: Timestamp) -> Value {
    let message = at_most(&why.message, 2000);
    let mut conditions = Vec::new();
    let since = notes.unknown_since.unwrap_or(now);
    condition::set(
        &mut conditions,
        since,
        notes.generation,
        types::SUCCEEDED,
        Status::Unknown,
        why.reason,
        &message,
    );
    let status = json!({
        "phase": JobPhase::Pending, "reason": why.reason, "message": message, "observedGeneration": notes.generation, "conditions": conditions,
    });
    json!({"metadata": {"resourceVersion": view.resource_version}, "status": status})
}

/// Writes beside the planning: thousands of writes must not hold up a plan.
#[derive(Default)]
pub struct ReasonWriter {
    busy: Arc<AtomicBool>,
}

impl ReasonWriter {
    /// Writes reasons into their jobs, unless the writes of an earlier planning still go on: then a later planning finds them due again.
    pub fn write(&self, context: &Arc<Context>, due: Vec<(Key, String, Value)>) {
        if due.is_empty() {
            return;
        }
        if self.busy.swap(true, Ordering::AcqRel) {
            make_due_again(context, &due);
            return;
        }
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

fn make_due_again(context: &Context, due: &[(Key, String, Value)]) {
    let keys: std::collections::BTreeSet<_> = due.iter().map(|(of, _, _)| of).collect();
    context.known.jobs.with_pending(|views, notes| {
        for (_, notes) in views.iter().zip(notes).filter(|(view, _)| keys.contains(&view.key)) {
            notes.written_at = None;
        }
    });
}

async fn write(context: &Context, of: Key, uid: String, patch: Value) {
    let api: Api<FnoJob> = Api::namespaced(context.client.clone(), &of.namespace);
    match write_status(&api, &of.name, &patch).await {
        Ok(job) => context.known.job_applied(job, context.now()),
        Err(error) if is_not_found(&error) => context.known.job_deleted(&of, &uid),
        // The job has changed: its reason is planned anew.
        Err(error) if is_conflict(&error) => {}
        Err(error) => {
            super::failed(context, "what a job waits for was not written", &of, &Error::from(error))
        }
    }
}

#[cfg(test)]
mod tests {
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

    fn waits(reason: Reason, message: &str) -> Plan {
        let why = Why { reason, message: message.to_owned() };
        Plan {
            waits: [(Key { namespace: "n".to_owned(), name: "j".to_owned() }, why)].into(),
            ..Plan::default()
        }
    }

    #[test]
    fn a_reason_is_written_once_it_has_held_and_not_more_often_than_allowed() {
        let (views, mut notes) = ([view()], [WaitNotes::default()]);
        let at = |seconds, plan: &Plan, notes: &mut [WaitNotes]| {
            let due = due(&views, notes, plan, now(seconds));
            (due.now.len(), due.wake_at.map(|at| at.as_second() - now(0).as_second()))
        };
        let linger = waits(Reason::WaitingForLinger, "");
        assert_eq!(at(0, &linger, &mut notes), (0, Some(10)));
        // Another reason starts to count anew.
        let session = waits(Reason::WaitingForSession, "busy");
        assert_eq!(at(5, &session, &mut notes), (0, Some(15)));
        assert_eq!(at(15, &session, &mut notes), (1, None));
        // As the answer to the write would make it.
        (notes[0].reason, notes[0].message) =
            (Some(Reason::WaitingForSession), Some("busy".to_owned()));
        assert_eq!(at(16, &session, &mut notes), (0, None));
        let breaker = waits(Reason::BreakerOpen, "open");
        assert_eq!(at(20, &breaker, &mut notes), (0, Some(45)));
        assert_eq!(at(45, &breaker, &mut notes), (1, None));
    }

    #[test]
    fn a_job_that_shows_only_the_defaults_of_its_schema_is_told_after_ten_seconds() {
        let submitted = WaitNotes { reason: Some(Reason::Submitted), ..WaitNotes::default() };
        let (views, mut beside) = ([view()], [submitted]);
        let linger = waits(Reason::WaitingForLinger, "");
        assert_eq!(due(&views, &mut beside, &linger, now(0)).now.len(), 0);
        assert_eq!(due(&views, &mut beside, &linger, now(10)).now.len(), 1);
    }

    #[test]
    fn why_a_try_failed_is_not_replaced_by_its_pause() {
        let (views, mut notes) =
            ([view()], [WaitNotes { reason: Some(Reason::StepFailed), ..WaitNotes::default() }]);
        let due = due(&views, &mut notes, &waits(Reason::RetryBackoff, "later"), now(60));
        assert_eq!((due.now.len(), due.wake_at), (0, None));
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
