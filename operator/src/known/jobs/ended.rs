//! The jobs that have ended, and which of them expires next.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use fno_cluster::version::Version;
use fno_core::key::Key;
use fno_crds::{FnoJob, job::Action};
use jiff::{SignedDuration, Timestamp};

/// A job that has ended and is not deleted yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// UID of the job.
    pub uid: String,
    /// `spec.action` of the job.
    pub action: Action,
    /// When the job may be archived and deleted. None, which is never, while its outcome is unknown or it is being deleted.
    pub expires: Option<Timestamp>,
    /// Version of the newest copy seen.
    pub version: Version,
}

impl Ended {
    pub(super) fn of(job: &FnoJob) -> Self {
        let finished = job
            .status
            .as_ref()
            .filter(|_| job.phase().is_finished())
            .and_then(|status| status.finished_at.as_ref());
        // A deleted job disappears with its last finalizer; the watch reports when that happens.
        let deleted = job.metadata.deletion_timestamp.is_some();
        let ttl = SignedDuration::from_secs(i64::from(job.spec.ttl_seconds_after_finished));
        Self {
            uid: job.metadata.uid.clone().unwrap_or_default(),
            action: job.spec.action,
            expires: finished.filter(|_| !deleted).and_then(|at| at.0.checked_add(ttl).ok()),
            version: Version::of(job),
        }
    }
}

/// All ended jobs, by name and by time. Each name is in memory only once.
#[derive(Debug, Default)]
pub(super) struct EndedJobs {
    jobs: HashMap<Arc<Key>, Ended>,
    by_time: BTreeSet<(Timestamp, Arc<Key>)>,
}

impl EndedJobs {
    pub fn get(&self, key: &Key) -> Option<&Ended> {
        self.jobs.get(key)
    }

    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        self.jobs.keys().map(|key| &**key)
    }

    pub fn insert(&mut self, key: Key, ended: Ended) {
        self.remove(&key);
        let key = Arc::new(key);
        self.by_time.extend(ended.expires.map(|at| (at, Arc::clone(&key))));
        self.jobs.insert(key, ended);
    }

    pub fn remove(&mut self, key: &Key) {
        if let Some((key, ended)) = self.jobs.remove_entry(key)
            && let Some(at) = ended.expires
        {
            self.by_time.remove(&(at, key));
        }
    }

    /// Sets another time for a job that has ended.
    pub fn put_off(&mut self, key: &Key, until: Timestamp) {
        if let Some((key, ended)) = self.jobs.remove_entry(key) {
            if let Some(at) = ended.expires {
                self.by_time.remove(&(at, Arc::clone(&key)));
            }
            self.by_time.insert((until, Arc::clone(&key)));
            self.jobs.insert(key, Ended { expires: Some(until), ..ended });
        }
    }

    /// The jobs that have expired, the earliest first.
    pub fn expired(&self, now: Timestamp) -> Vec<Key> {
        self.by_time
            .iter()
            .take_while(|(at, _)| *at <= now)
            .map(|(_, key)| (**key).clone())
            .collect()
    }

    /// When the next job expires, of those that have not expired at `now`.
    pub fn next_after(&self, now: Timestamp) -> Option<Timestamp> {
        self.by_time.iter().map(|(at, _)| *at).find(|at| *at > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_900_000_000 + seconds).expect("in range")
    }

    fn key(name: &str) -> Key {
        Key { namespace: "n".to_owned(), name: name.to_owned() }
    }

    fn ended(expires: Option<i64>) -> Ended {
        Ended {
            uid: "u".to_owned(),
            action: Action::Validation,
            expires: expires.map(at),
            version: Version::parse("1"),
        }
    }

    fn names(keys: &[Key]) -> Vec<&str> {
        keys.iter().map(|key| key.name.as_str()).collect()
    }

    #[test]
    fn jobs_expire_in_the_order_of_their_times_and_unknown_outcomes_never_do() {
        let mut jobs = EndedJobs::default();
        for (name, expires) in [("c", Some(30)), ("a", Some(10)), ("b", Some(20)), ("x", None)] {
            jobs.insert(key(name), ended(expires));
        }
        assert_eq!((names(&jobs.expired(at(9))).len(), jobs.next_after(at(9))), (0, Some(at(10))));
        assert_eq!(names(&jobs.expired(at(20))), ["a", "b"]);
        assert_eq!(jobs.next_after(at(20)), Some(at(30)));
        assert_eq!(
            (names(&jobs.expired(at(99))), jobs.next_after(at(99))),
            (vec!["a", "b", "c"], None)
        );
    }

    #[test]
    fn a_job_never_has_more_than_one_time() {
        let mut jobs = EndedJobs::default();
        jobs.insert(key("a"), ended(Some(10)));
        jobs.insert(key("a"), ended(Some(20)));
        assert_eq!((jobs.expired(at(15)), jobs.next_after(at(15))), (Vec::new(), Some(at(20))));
        jobs.put_off(&key("a"), at(80));
        assert_eq!((jobs.expired(at(20)), jobs.next_after(at(20))), (Vec::new(), Some(at(80))));
        jobs.put_off(&key("nobody"), at(1));
        jobs.remove(&key("a"));
        assert_eq!((jobs.expired(at(99)), jobs.get(&key("a"))), (Vec::new(), None));
        assert_eq!((jobs.jobs.len(), jobs.by_time.len()), (0, 0));
    }
}
