//! The runners of the world: each starts, logs in, reports one result after the other, and its end.

use fno_core::lifecycle::PodState;
use fno_crds::{FnoBatch, batch::GrantState};
use jiff::Timestamp;
use serde_json::json;

use super::world::{World, from};

impl World {
    pub fn run(&mut self, name: &str) {
        let Some(pod) = self.api.pods.get(name).cloned() else { return };
        let Some(batch) = self.api.batches.get(name).cloned() else { return };
        self.heard.insert(name.to_owned(), self.now);
        match pod {
            PodState::Starting(_) => {
                self.api.version += 1;
                self.api.pods.insert(name.to_owned(), PodState::Running { since: self.now });
            }
            PodState::Running { .. } if !batch.phase().is_finished() => {
                let ended = self.report(name, &batch);
                if ended {
                    let over = PodState::Ended { ran: true, how: "ended".to_owned() };
                    self.api.pods.insert(name.to_owned(), over);
                }
            }
            PodState::Running { .. } | PodState::Missing | PodState::Ended { .. } => {}
        }
    }

    /// The runner logs in, reports its next result, or its end.
    fn report(&mut self, name: &str, batch: &FnoBatch) -> bool {
        let status = batch.status.clone().unwrap_or_default();
        let Some(run) = status.run.clone().filter(|run| run.logins == Some(1)) else {
            let run = json!({"podUid": "pod", "logins": 1,
                "login": {"n": 1, "state": "LoggedIn", "at": micro(self.now)}});
            self.api.report(name, |status| {
                status.run = Some(from(run));
                status.grants = from(json!([{"login": 1, "state": GrantState::Done}]));
            });
            return false;
        };
        let reported = |uid: &String| run.results.iter().any(|result| result.uid == *uid);
        let next = status.claimed.iter().find(|uid| !reported(uid)).cloned();
        let Some(uid) = next else {
            let end = json!({"reason": "Completed", "loggedOut": true, "at": micro(self.now)});
            self.api.report(name, |status| {
                let run = status.run.get_or_insert_default();
                (run.job, run.end) = (None, Some(from(end)));
            });
            return true;
        };
        let job = batch.spec.jobs.iter().find(|job| job.uid == uid).expect("it was invited");
        let (phase, reason) = if status.withdrawn.contains(&uid) {
            ("Cancelled", "Withdrawn")
        } else {
            ("Succeeded", "Answered")
        };
        let result = json!({"job": job.name, "uid": uid, "phase": phase, "reason": reason,
            "startedAt": micro(self.now), "milliseconds": 1000});
        let at_work = job.name.clone();
        self.api.report(name, |status| {
            let run = status.run.get_or_insert_default();
            run.job = Some(at_work);
            run.results.push(from(result));
        });
        false
    }
}

fn micro(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.000000Z").to_string()
}
