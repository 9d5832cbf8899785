use std::collections::BTreeMap;

use fno_crds::FnoJob;
use serde_json::json;

use super::*;
use crate::{
    account::Namespace,
    plan::{OutOfService, World, plan},
    view,
};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_900_000_000 + seconds).expect("in range")
}

fn job(name: &str, created: i64) -> JobView {
    let job: FnoJob = serde_json::from_value(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob",
        "metadata": {"name": name, "namespace": "n", "uid": name, "resourceVersion": "4", "creationTimestamp": at(created).to_string()},
        "spec": {"provider": "p", "action": "Validation", "circuitNumber": "C1"},
    }))
    .expect("a job");
    view::job::view(Key { namespace: "n".to_owned(), name: name.to_owned() }, &job, at(0))
}

/// Jobs that wait, and what is known about each.
struct Queue {
    views: Vec<JobView>,
    notes: Vec<WaitNotes>,
    budgets: Budgets,
}

impl Queue {
    fn of(jobs: usize) -> Self {
        let views: Vec<_> =
            (0..jobs).map(|n| job(&format!("j{n:05}"), n as i64 - jobs as i64)).collect();
        let notes = vec![WaitNotes::default(); jobs];
        Self { views, notes, budgets: Budgets::default() }
    }

    /// What is due if all of them wait for that reason. Everything that was due earlier has been written.
    fn due(&mut self, seconds: i64, reason: Reason, message: &str) -> Due {
        self.due_with(seconds, |_| Why { reason, message: message.to_owned() })
    }

    fn due_with(&mut self, seconds: i64, why: impl Fn(usize) -> Why) -> Due {
        let waits = self.waits(&why);
        let (views, notes) = (&self.views, &mut self.notes);
        let due = due(views, notes, &waits, &mut self.budgets, false, at(seconds));
        for place in &due.now {
            let why = why(*place);
            (notes[*place].reason, notes[*place].message) = (Some(why.reason), Some(why.message));
        }
        due
    }

    /// Gives each job its own reason as that of its circuit, which planning passes on unchanged.
    fn waits(&mut self, why: impl Fn(usize) -> Why) -> Waits {
        for (place, job) in self.views.iter_mut().enumerate() {
            job.circuit = Some(why(place));
        }
        let (providers, unreadable) = (provider(), BTreeMap::new());
        let world = World {
            now: at(0),
            providers: &[providers],
            unreadable: &unreadable,
            jobs: &self.views,
            batches: &[],
            max_runners: 1,
            out_of_service: &OutOfService::default(),
        };
        plan(&world).waits
    }
}

fn provider() -> crate::plan::ProviderView {
    let flow = json!({"steps": [{"type": "navigate", "url": "/"}]});
    let provider: fno_crds::FnoProvider = serde_json::from_value(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoProvider", "metadata": {"name": "p", "namespace": "n", "generation": 1},
        "spec": {"baseUrl": "https://p.example", "allowedOrigins": ["https://p.example"],
            "accounts": [{"name": "a", "credentialsSecretRef": {"name": "s"}}], "flows": {"login": flow, "validation": flow}},
    }))
    .expect("a provider");
    let facts = view::provider::ProviderFacts {
        generation: 1,
        flows_digest: "d".to_owned(),
        flow_error: None,
        accounts: BTreeMap::new(),
        work_bytes: 0,
    };
    let inputs = view::provider::ViewInputs {
        namespace: &Namespace::default(),
        facts: Some(&facts),
        valkey: true,
        pause: None,
        flushed: None,
    };
    view::provider::view(&provider, inputs, at(0))
}

fn seconds(due: &Due) -> (usize, Option<i64>) {
    (due.now.len(), due.wake_at.map(|wake| wake.as_second() - at(0).as_second()))
}

#[test]
fn a_reason_is_written_once_it_has_held_and_not_more_often_than_allowed() {
    let mut queue = Queue::of(1);
    assert_eq!(seconds(&queue.due(0, Reason::WaitingForLinger, "short")), (0, Some(10)));
    // Another reason starts to count from zero.
    assert_eq!(seconds(&queue.due(5, Reason::WaitingForSession, "busy")), (0, Some(15)));
    assert_eq!(seconds(&queue.due(15, Reason::WaitingForSession, "busy")), (1, None));
    assert_eq!(seconds(&queue.due(16, Reason::WaitingForSession, "busy")), (0, None));
    assert_eq!(seconds(&queue.due(20, Reason::BreakerOpen, "open")), (0, Some(45)));
    assert_eq!(seconds(&queue.due(45, Reason::BreakerOpen, "open")), (1, None));
}

#[test]
fn a_job_that_shows_only_the_defaults_of_its_schema_is_written_after_ten_seconds() {
    let mut queue = Queue::of(1);
    queue.notes[0].reason = Some(Reason::Submitted);
    assert_eq!(seconds(&queue.due(0, Reason::WaitingForLinger, "short")), (0, Some(10)));
    assert_eq!(seconds(&queue.due(10, Reason::WaitingForLinger, "short")), (1, None));
}

#[test]
fn why_a_try_failed_is_not_replaced_by_its_pause() {
    let mut queue = Queue::of(1);
    queue.notes[0].reason = Some(Reason::StepFailed);
    assert_eq!(seconds(&queue.due(0, Reason::RetryBackoff, "later")), (0, None));
    assert_eq!(seconds(&queue.due(60, Reason::RetryBackoff, "later")), (0, None));
}

#[test]
fn a_reason_of_a_whole_provider_costs_a_bounded_number_of_writes_per_minute() {
    let mut queue = Queue::of(10_000);
    assert_eq!(seconds(&queue.due(0, Reason::Suspended, "suspended")), (0, Some(10)));
    assert_eq!(seconds(&queue.due(10, Reason::Suspended, "suspended")), (PER_MINUTE, Some(70)));
    for later in [11, 30, 69] {
        assert_eq!(seconds(&queue.due(later, Reason::Suspended, "suspended")), (0, Some(70)));
    }
    let next = queue.due(70, Reason::Suspended, "suspended");
    assert_eq!((next.now.len(), next.wake_at), (PER_MINUTE, Some(at(130))));
    let newest: Vec<_> = (10_000 - 2 * PER_MINUTE..10_000 - PER_MINUTE).collect();
    assert_eq!(next.now, newest, "the newest jobs first");
}

#[test]
fn a_job_that_just_changed_comes_before_all_that_have_waited_long() {
    let mut queue = Queue::of(1_000);
    let why = |changed| {
        move |place| match (place, changed) {
            (7, true) => Why { reason: Reason::NotBefore, message: "not due".to_owned() },
            _ => Why { reason: Reason::BreakerOpen, message: "open".to_owned() },
        }
    };
    queue.due_with(0, why(false));
    queue.due_with(10, why(false));
    queue.due_with(50, why(true));
    let due = queue.due_with(70, why(true));
    assert!(due.now.contains(&7), "{:?}", due.now);
}

#[test]
fn each_provider_has_its_own_budget_and_a_busy_writer_spends_none() {
    let mut queue = Queue::of(2 * PER_MINUTE);
    for view in &mut queue.views[..PER_MINUTE] {
        view.provider = "another".to_owned();
    }
    let waits =
        queue.waits(|_| Why { reason: Reason::CircuitClaimed, message: "claimed".to_owned() });
    let mut due = |busy, seconds| {
        let Queue { views, notes, budgets } = &mut queue;
        super::due(views, notes, &waits, budgets, busy, at(seconds)).now.len()
    };
    assert_eq!(due(false, 0), 0);
    assert_eq!(due(true, 10), 0, "the writer wakes planning when it is done");
    assert_eq!(due(false, 11), 2 * PER_MINUTE);
}
