use super::*;
use crate::account::entries::MOST_ENTRIES;

#[test]
fn a_login_is_recorded_before_it_is_granted_and_removed_when_it_ends() {
    let none = |_: &str| false;
    let one = with_login(&AccountStatus::default(), "b-1/1", none).expect("room");
    let again = with_login(&one, "b-1/1", none).expect("room");
    assert_eq!(again.logins, ["b-1/1"]);
    let next = with_login(&again, "b-2/1", |login| login == "b-1/1").expect("room");
    assert_eq!(next.logins, ["b-2/1"], "what is over makes room");
    assert!(without_login(next.clone(), "b-2/1").logins.is_empty());
    assert!(without_batch(next, "b-2").logins.is_empty());
    let full = AccountStatus {
        logins: (0..20).map(|i| format!("b-{i}/1")).collect(),
        ..AccountStatus::default()
    };
    assert_eq!(with_login(&full, "b-99/1", none), None);
}

#[test]
fn a_used_step_keeps_its_period_and_one_that_is_set_back_is_marked() {
    let first = with_last_step(&AccountStatus::default(), 100, 30);
    assert_eq!((first.last_step, first.last_step_period_seconds), (Some(100), Some(30)));
    let edited = with_last_step(&first, 51, 60);
    assert_eq!((edited.last_step, edited.rebased_from), (Some(51), None), "later in time");
    let back = with_last_step(&first, 90, 30);
    assert_eq!((back.last_step, back.rebased_from), (Some(90), Some(100)));
    assert_eq!(with_last_step(&back, 91, 30).rebased_from, None);
}

#[test]
fn a_resume_sets_back_a_step_from_the_future_and_nothing_else() {
    let now = at(0);
    let step = step::at(now, 30);
    let with = |last| with_last_step(&AccountStatus::default(), last, 30);
    let far = resumed(&with(step + 1000), at(-1), now, Some((30, 1)));
    assert_eq!((far.last_step, far.rebased_from), (Some(step + 2), Some(step + 1000)));
    assert_eq!(far.resumed_at, Some(Time(at(-1))));
    let usual = resumed(&with(step), at(-1), now, Some((30, 1)));
    assert_eq!((usual.last_step, usual.rebased_from), (Some(step), None));
    let again = AccountStatus { resumed_at: Some(Time(at(-1))), ..with(step + 1000) };
    assert_eq!(resumed(&again, at(-1), now, Some((30, 1))), again, "once");
}

#[test]
fn the_list_of_entries_stays_within_the_schema_and_forgets_the_least_useful_first() {
    let now = at(0);
    let current = step::at(now, 30);
    let entry = |name: String, last| AccountStatus {
        name,
        ..with_last_step(&AccountStatus::default(), last, 30)
    };
    let mut entries: Vec<AccountStatus> =
        (0..60).map(|i| entry(format!("old-{i:02}"), current - 10_000 + i)).collect();
    entries.push(entry("recent".to_owned(), current));
    entries.push(AccountStatus { name: "refused".to_owned(), ..refused("k:v1", 2, "b/1") });
    entries.push(AccountStatus { name: "nothing".to_owned(), ..AccountStatus::default() });
    entries.extend((0..20).map(|i| entry(format!("spec-{i:02}"), current - 20_000)));
    drop_old_entries(&mut entries, |name| name.starts_with("spec"), now);
    let kept: BTreeSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(entries.len(), MOST_ENTRIES);
    assert!(kept.contains("recent") && kept.contains("refused") && kept.contains("old-59"));
    assert!(!kept.contains("nothing") && !kept.contains("old-00"));
    assert_eq!(kept.iter().filter(|name| name.starts_with("spec")).count(), 20);
    // The list is shortened even if all entries are recent.
    let mut full: Vec<AccountStatus> = (0..60).map(|i| entry(format!("x-{i}"), current)).collect();
    drop_old_entries(&mut full, |_| false, now);
    assert_eq!(full.len(), MOST_ENTRIES);
}
