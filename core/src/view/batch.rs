//! A batch as planning sees it: which jobs, session and runner it holds, or may still hold.

use fno_crds::{Duration, FnoBatch, Reason, batch::GrantState, provider::Session};
use jiff::Timestamp;

use crate::{
    account::AccountName,
    key::Key,
    lifecycle::{Deadlines, PodState},
    plan::{BatchView, Rejected},
    time::after,
};

/// The view of a batch at `now`. `identity` is the account that it uses ([`crate::account::Namespace::identity_of`]), `pod` its current
/// Pod as last watched, `session` the current session settings of its provider, and `deadlines` those of the operator.
#[must_use]
pub fn view(
    batch: &FnoBatch,
    identity: AccountName,
    pod: Option<&PodState>,
    session: &Session,
    deadlines: &Deadlines,
    now: Timestamp,
) -> BatchView {
    let finished = batch.phase().is_finished();
    BatchView {
        key: Key {
            namespace: batch.metadata.namespace.clone().unwrap_or_default(),
            name: batch.metadata.name.clone().unwrap_or_default(),
        },
        provider: batch.spec.provider.clone(),
        account: batch.spec.account.clone(),
        identity,
        jobs: held_jobs(batch),
        holds_session: !finished || outlives(batch, pod, session, now),
        holds_runner: !finished || pod.is_some_and(|pod| !pod.is_over()),
        unattended: deadlines.unattended(max_lifetime(batch, session).signed()),
        finished,
        rejected: rejected(batch),
    }
}

/// The jobs of a batch whose work Secret the API server rejected. None for any other batch.
fn rejected(batch: &FnoBatch) -> Option<Rejected> {
    let status = batch.status.as_ref()?;
    let refused = batch.phase().is_finished() && status.reason == Some(Reason::WorkRejected);
    refused.then(|| Rejected {
        jobs: batch.spec.jobs.iter().map(|job| job.uid.clone()).collect(),
        message: status.message.clone().unwrap_or_default(),
    })
}

/// The UIDs of the jobs that no other batch may invite: the invited ones until the claim, then the claimed ones whose try has not ended,
/// and none once the end of the batch is written into all of them. A job whose try failed may be tried again in another batch while this
/// one still runs.
#[must_use]
pub fn held_jobs(batch: &FnoBatch) -> Vec<String> {
    if batch.status.as_ref().is_some_and(|status| status.finished_at.is_some()) {
        return Vec::new();
    }
    let Some(status) = batch.status.as_ref().filter(|status| !status.claimed.is_empty()) else {
        return batch.spec.jobs.iter().map(|job| job.uid.clone()).collect();
    };
    let ended = |uid: &String| {
        status.run.as_ref().is_some_and(|run| run.results.iter().any(|result| result.uid == *uid))
    };
    status.claimed.iter().filter(|uid| !ended(uid)).cloned().collect()
}

/// Whether the session of a finished batch may still be alive: its Pod is not over, the runner did not log out, and the portal has not
/// ended the session yet. The portal counts from the last login. A runner with permission may have logged in without reporting it.
#[must_use]
pub fn outlives(
    batch: &FnoBatch,
    pod: Option<&PodState>,
    session: &Session,
    now: Timestamp,
) -> bool {
    let Some(status) = &batch.status else { return false };
    let permitted = status
        .grants
        .iter()
        .filter(|grant| grant.state != GrantState::Refused)
        .filter_map(|grant| grant.at.as_ref())
        .map(|at| at.0)
        .max();
    let Some(since) = permitted.or_else(|| status.started_at.as_ref().map(|at| at.0)) else {
        return false;
    };
    let logged_out =
        status.run.as_ref().and_then(|run| run.end.as_ref()).is_some_and(|end| end.logged_out);
    let over = after(since, max_lifetime(batch, session).signed());
    !logged_out && pod.is_some_and(|pod| !pod.is_over()) && now < over
}

/// How long the portal may keep the session of a batch.
fn max_lifetime(batch: &FnoBatch, session: &Session) -> Duration {
    batch.spec.limits.as_ref().map_or(session.max_lifetime, |limits| limits.max_lifetime)
}

#[cfg(test)]
mod tests {
    use fno_crds::batch::PinnedLimits;
    use jiff::SignedDuration;
    use serde_json::{Value, json};

    use super::*;

    const DEADLINES: Deadlines = Deadlines {
        pod_running: SignedDuration::from_mins(5),
        logged_in: SignedDuration::from_mins(4),
        heartbeat: SignedDuration::from_mins(2),
        job: SignedDuration::from_mins(3),
    };

    fn batch(status: &Value) -> FnoBatch {
        serde_json::from_value(json!({
            "apiVersion": "fno.dev/v1alpha1", "kind": "FnoBatch", "metadata": {"name": "b", "namespace": "n", "uid": "u"},
            "spec": {"provider": "p", "account": "a", "providerGeneration": 1, "flowsDigest": "d",
                "jobs": [{"name": "j1", "uid": "1"}, {"name": "j2", "uid": "2"}, {"name": "j3", "uid": "3"}]},
            "status": status,
        }))
        .expect("a batch")
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_893_456_000 + seconds).expect("in range")
    }

    fn view_of(
        batch: &FnoBatch,
        pod: Option<&PodState>,
        session: &Session,
        now: Timestamp,
    ) -> BatchView {
        view(batch, AccountName::of(batch), pod, session, &DEADLINES, now)
    }

    fn running() -> PodState {
        PodState::Running { since: at(0) }
    }

    #[test]
    fn the_invited_jobs_are_held_until_the_claim_and_then_those_whose_try_has_not_ended() {
        assert_eq!(held_jobs(&batch(&json!({}))), ["1", "2", "3"]);
        assert_eq!(held_jobs(&batch(&json!({"claimed": ["1", "3"]}))), ["1", "3"]);
        let tried = json!({"claimed": ["1", "3"], "run": {"results": [
            {"job": "j1", "uid": "1", "phase": "Pending", "reason": "StepFailed", "startedAt": "2030-01-01T00:00:00.000000Z", "milliseconds": 1000}]}});
        assert_eq!(held_jobs(&batch(&tried)), ["3"]);
        // The end is stored, then the jobs return to Pending one after another, then the batch records that all of them did.
        let ending = json!({"phase": "Failed", "claimed": ["1", "3"]});
        assert_eq!(held_jobs(&batch(&ending)), ["1", "3"]);
        let ended =
            json!({"phase": "Failed", "claimed": ["1"], "finishedAt": "2030-01-01T00:00:00Z"});
        assert_eq!(held_jobs(&batch(&ended)), Vec::<String>::new());
    }

    #[test]
    fn an_edit_of_the_provider_does_not_change_how_long_a_session_may_live() {
        let mut batch = batch(&json!({"phase": "Failed", "startedAt": "2030-01-01T00:00:00Z"}));
        batch.spec.limits = Some(PinnedLimits {
            max_logins: 3,
            login_failures_to_open: 2,
            max_lifetime: Duration::from_mins(30),
        });
        let edited = Session { max_lifetime: Duration::from_mins(1), ..Session::default() };
        assert!(outlives(&batch, Some(&running()), &edited, at(120)));
        batch.spec.limits = None;
        assert!(
            !outlives(&batch, Some(&running()), &edited, at(120)),
            "the settings that the batch was created with count"
        );
    }

    #[test]
    fn a_runner_out_of_sight_may_start_log_in_use_up_its_session_and_end_its_last_job() {
        let mut batch = batch(&json!({"phase": "InProgress"}));
        let session = Session { max_lifetime: Duration::from_mins(20), ..Session::default() };
        let unattended =
            |batch: &FnoBatch| view_of(batch, None, &session, at(0)).unattended.as_secs();
        let job = DEADLINES.progress().as_secs() / 60;
        assert_eq!(unattended(&batch), (5 + 4 + 20 + job) * 60);
        batch.spec.limits = Some(PinnedLimits {
            max_logins: 3,
            login_failures_to_open: 2,
            max_lifetime: Duration::from_mins(30),
        });
        assert_eq!(unattended(&batch), (5 + 4 + 30 + job) * 60, "its own limit");
    }

    #[test]
    fn a_batch_whose_content_was_refused_names_its_jobs() {
        let view = |status| view_of(&batch(&status), None, &Session::default(), at(0));
        let refused = json!({"phase": "Failed", "reason": "WorkRejected", "message": "too long"});
        let rejected = view(refused).rejected.expect("a refusal");
        assert_eq!((rejected.jobs.len(), rejected.message.as_str()), (3, "too long"));
        for other in [
            json!({"phase": "Failed", "reason": "PodRejected"}),
            json!({"phase": "Created", "reason": "WorkRejected"}),
        ] {
            assert_eq!(view(other).rejected, None);
        }
    }

    #[test]
    fn an_unfinished_batch_holds_its_session_and_its_runner_in_every_state_of_its_pod() {
        let view = view_of(&batch(&json!({"phase": "Assigned"})), None, &Session::default(), at(0));
        assert!(view.holds_session && view.holds_runner && !view.finished);
    }

    #[test]
    fn a_finished_batch_holds_its_session_until_its_pod_a_logout_or_the_lifetime_ends_it() {
        let ended = json!({"phase": "Failed", "startedAt": "2030-01-01T00:00:00Z"});
        let logged_out = json!({"phase": "Completed", "startedAt": "2030-01-01T00:00:00Z", "run": {
            "end": {"reason": "Completed", "at": "2030-01-01T00:01:00.000000Z", "loggedOut": true}}});
        // One login that was permitted and never reported, then another one after it.
        let permitted = |state: &str| json!({"phase": "Failed", "grants": [{"login": 1, "state": state, "at": "2030-01-01T00:00:00.000000Z"}]});
        let again = json!({"phase": "Failed", "startedAt": "2030-01-01T00:00:00Z", "grants": [
            {"login": 1, "state": "Done", "at": "2030-01-01T00:00:00.000000Z"},
            {"login": 2, "state": "Done", "at": "2030-01-01T00:01:00.000000Z"}]});
        let over = PodState::Ended { ran: true, how: String::new() };
        let lifetime = Session::default().max_lifetime.signed().as_secs();
        for (status, pod, seconds, alive) in [
            (&ended, Some(running()), 60, true),
            (&ended, Some(running()), lifetime, false),
            (&ended, Some(over), 60, false),
            (&ended, None, 60, false),
            (&logged_out, Some(running()), 60, false),
            (&json!({"phase": "Failed"}), Some(running()), 60, false),
            (&permitted("CodeReady"), Some(running()), 60, true),
            (&permitted("Refused"), Some(running()), 60, false),
            (&again, Some(running()), lifetime + 59, true),
            (&again, Some(running()), lifetime + 60, false),
        ] {
            let view = view_of(&batch(status), pod.as_ref(), &Session::default(), at(seconds));
            assert_eq!(view.holds_session, alive, "{status} {pod:?} after {seconds} s");
        }
    }
}
