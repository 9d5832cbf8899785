use fno_crds::Reason;
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::*;

fn now() -> Timestamp {
    "2030-01-01T00:00:00Z".parse().expect("a time")
}

fn job(name: &str, version: u64, status: Value) -> FnoJob {
    serde_json::from_value(json!({
        "apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob",
        "metadata": {"name": name, "namespace": "n", "uid": format!("{name}-uid"), "creationTimestamp": "2029-12-31T00:00:00Z", "resourceVersion": version.to_string()},
        "spec": {"provider": "p", "action": "Validation", "circuitNumber": "C1"}, "status": status,
    }))
    .expect("a job")
}

fn key(name: &str) -> Key {
    Key { namespace: "n".to_owned(), name: name.to_owned() }
}

fn names(index: &JobIndex) -> Vec<String> {
    let mut names: Vec<_> =
        index.with_pending(|views, _| views.iter().map(|view| view.key.name.clone()).collect());
    names.sort();
    names
}

#[test]
fn a_job_is_in_one_place_only_in_every_state() {
    let index = JobIndex::default();
    for name in ["a", "b", "c"] {
        assert!(index.apply(job(name, 1, Value::Null), now()).queue);
    }
    let claimed = index.apply(job("a", 2, json!({"phase": "Batched", "batch": "x"})), now());
    assert_eq!(
        claimed,
        Changed { queue: true, batch: Some(key("x")), misheld: true, ..Changed::default() }
    );
    assert_eq!(names(&index), ["b", "c"]);
    assert!(index.at_work(&key("a")).is_some());
    assert!(
        index
            .apply(
                job("a", 3, json!({"phase": "Succeeded", "finishedAt": "2030-01-01T00:00:00Z"})),
                now()
            )
            .finished
    );
    assert!(index.at_work(&key("a")).is_none());
    assert!(index.knows(&key("a"), "a-uid") && !index.knows(&key("a"), "other"));
    let (over, next) = index.expired(now());
    assert_eq!((over.len(), next), (0, Some("2030-01-02T00:00:00Z".parse().expect("a time"))));
    assert_eq!(index.expired(next.expect("one")).0[0], key("a"));
}

#[test]
fn an_older_copy_changes_nothing() {
    let index = JobIndex::default();
    index.apply(job("a", 5, json!({"phase": "Batched", "batch": "x"})), now());
    assert_eq!(index.apply(job("a", 4, Value::Null), now()), Changed::default());
    assert_eq!(names(&index), Vec::<String>::new());
    index.delete(&key("a"), "a-uid");
    assert!(!index.knows(&key("a"), "a-uid"));
}

#[test]
fn a_job_that_a_relist_does_not_show_is_gone_and_its_batch_is_woken() {
    let index = JobIndex::default();
    index.apply(job("a", 1, Value::Null), now());
    index.apply(job("b", 1, json!({"phase": "Batched", "batch": "x"})), now());
    index.apply(job("c", 1, Value::Null), now());
    index.relist_started(&None);
    index.apply(job("c", 1, Value::Null), now());
    let told: Vec<_> =
        index.relist_ends(&None).into_iter().filter_map(|changed| changed.batch).collect();
    assert_eq!((names(&index), told), (vec!["c".to_owned()], vec![key("x")]));
    // A relist of another namespace says nothing about this one.
    index.relist_started(&Some("elsewhere".to_owned()));
    assert_eq!(index.relist_ends(&Some("elsewhere".to_owned())), []);
    assert_eq!(names(&index), ["c"]);
}

#[test]
fn the_places_stay_right_while_jobs_come_and_go() {
    let index = JobIndex::default();
    let mut expected = std::collections::BTreeSet::new();
    for step in 0_u64..500 {
        // A fixed walk through 17 names, adding and removing.
        let name = format!("j{}", step * 7 % 17);
        if step % 3 == 0 {
            index.delete(&key(&name), &format!("{name}-uid"));
            expected.remove(&name);
        } else {
            index.apply(job(&name, step + 1, Value::Null), now());
            expected.insert(name.clone());
        }
        assert_eq!(names(&index), expected.iter().cloned().collect::<Vec<_>>(), "step {step}");
        for name in &expected {
            assert!(
                index.waiting(&key(name), &format!("{name}-uid")).is_some(),
                "step {step}: {name}"
            );
        }
    }
}

#[test]
fn a_waiting_reason_of_our_own_does_not_start_another_plan_and_keeps_the_linger() {
    let index = JobIndex::default();
    index.apply(job("a", 1, Value::Null), now());
    let later = now() + SignedDuration::from_secs(20);
    let moved = now() + SignedDuration::from_secs(3);
    index.with_pending(|views, _| views[0].eligible_since = moved);
    let changed =
        index.apply(job("a", 2, json!({"phase": "Pending", "reason": "WaitingForLinger"})), later);
    assert_eq!(changed, Changed::default());
    index.with_pending(|views, notes| {
        assert_eq!((views[0].eligible_since, views[0].resource_version.as_str()), (moved, "2"));
        assert_eq!(notes[0].reason, Some(Reason::WaitingForLinger));
    });
}

#[test]
fn a_withdrawal_reaches_the_batch_once() {
    let index = JobIndex::default();
    index.apply(job("a", 1, json!({"phase": "Batched", "batch": "x"})), now());
    let mut withdrawn = job("a", 2, json!({"phase": "Batched", "batch": "x"}));
    withdrawn.spec.cancel_requested = true;
    assert_eq!(index.apply(withdrawn.clone(), now()).batch, Some(key("x")));
    withdrawn.metadata.resource_version = Some("3".to_owned());
    assert_eq!(index.apply(withdrawn, now()).batch, None);
}

fn unreadable(name: &str, version: u64) -> Unreadable {
    let mut raw =
        serde_json::to_value(job(name, version, json!({"phase": "Pending"}))).expect("a job");
    raw["status"]["attempts"] = json!("many");
    fno_core::unreadable::read::<FnoJob>(raw).expect("metadata").expect_err("cannot be read")
}

#[test]
fn a_job_that_cannot_be_read_is_known_and_neither_planned_nor_at_work_nor_ended() {
    let index = JobIndex::default();
    index.apply(job("a", 1, Value::Null), now());
    assert!(index.apply_unreadable(&unreadable("a", 2)).queue);
    assert_eq!(names(&index), Vec::<String>::new());
    assert!(index.knows(&key("a"), "a-uid") && index.is_unreadable(&key("a"), "a-uid"));
    assert_eq!(index.waiting(&key("a"), "a-uid"), None);
    assert_eq!(index.expired(Timestamp::MAX).0, []);
    // The job can be read again, as after an upgrade.
    assert!(index.apply(job("a", 3, Value::Null), now()).queue);
    assert_eq!(names(&index), ["a"]);
    assert!(!index.is_unreadable(&key("a"), "a-uid"));
}

#[test]
fn the_batch_of_a_job_that_became_unreadable_is_woken_and_does_not_take_it_for_deleted() {
    let index = JobIndex::default();
    index.apply(job("a", 1, json!({"phase": "Batched", "batch": "x"})), now());
    assert_eq!(index.apply_unreadable(&unreadable("a", 2)).batch, Some(key("x")));
    assert!(index.at_work(&key("a")).is_none() && index.knows(&key("a"), "a-uid"));
}

#[test]
fn an_older_copy_that_cannot_be_read_changes_nothing() {
    let index = JobIndex::default();
    index.apply(job("a", 5, Value::Null), now());
    assert_eq!(index.apply_unreadable(&unreadable("a", 4)), Changed::default());
    assert_eq!(names(&index), ["a"]);
    index.relist_started(&None);
    index.apply_unreadable(&unreadable("a", 6));
    index.relist_ends(&None);
    assert!(index.is_unreadable(&key("a"), "a-uid"), "the relist showed it");
}

#[test]
fn a_job_with_the_wrong_finalizers_is_noted_until_they_are_right() {
    let index = JobIndex::default();
    let with = |version, phase: &str, finalizers: &[&str]| {
        let mut job = job("a", version, json!({"phase": phase, "batch": "x"}));
        job.metadata.finalizers = Some(finalizers.iter().map(|f| (*f).to_owned()).collect());
        job
    };
    let wanted = || -> Vec<Vec<String>> {
        index.misheld().into_iter().map(|(_, misheld)| misheld.wanted).collect()
    };
    // A claim of which only the status is written, then the finalizer, then the end.
    assert!(index.apply(with(1, "Batched", &[]), now()).misheld);
    assert_eq!(wanted(), [["fno.dev/at-work"]]);
    assert!(!index.apply(with(2, "Batched", &["fno.dev/at-work"]), now()).misheld);
    assert!(wanted().is_empty());
    assert!(index.apply(with(3, "Succeeded", &["fno.dev/at-work", "other"]), now()).misheld);
    assert_eq!(wanted(), [["other"]]);
    // A job that returned to Pending, or whose claim failed, must not keep the finalizer either.
    assert!(index.apply(with(4, "Pending", &["fno.dev/at-work"]), now()).misheld);
    assert_eq!(index.misheld()[0].1.resource_version, "4");
    index.delete(&key("a"), "a-uid");
    assert!(wanted().is_empty());
}

#[test]
fn a_finished_job_that_is_being_deleted_is_known_until_it_is_gone_and_not_deleted_again() {
    let index = JobIndex::default();
    let mut job = job("a", 1, json!({"phase": "Succeeded", "finishedAt": "2029-12-30T00:00:00Z"}));
    index.apply(job.clone(), now());
    assert_eq!(index.expired(now()).0, [key("a")]);
    job.metadata.resource_version = Some("2".to_owned());
    job.metadata.finalizers = Some(vec!["other".to_owned()]);
    job.metadata.deletion_timestamp =
        Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(now()));
    index.apply(job, now());
    assert_eq!(index.expired(now()), (Vec::new(), None));
    assert!(index.knows(&key("a"), "a-uid"));
}

#[test]
fn the_time_to_archive_a_deleted_job_runs_from_when_the_operator_saw_it() {
    let index = JobIndex::default();
    let deleted = |version| {
        let mut job = job("a", version, json!({"phase": "Succeeded"}));
        // By the API server's clock, which is an hour ahead.
        let at: Timestamp = "2030-01-01T01:00:00Z".parse().expect("a time");
        job.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at));
        job.metadata.finalizers = Some(vec![fno_crds::names::FINALIZER.to_owned()]);
        job
    };
    let until = || index.misheld()[0].1.archive_until;
    index.apply(deleted(1), now());
    let first = until();
    assert_eq!(first, Some("2030-01-01T00:00:30Z".parse().expect("a time")));
    index.apply(deleted(2), now() + SignedDuration::from_secs(20));
    assert_eq!(until(), first, "a change of the job gives no more time");
}
