//! Whether the session still lives.

use std::{sync::LazyLock, time::Duration};

use fno_core::flow::kind::FlowKind;
use fno_crds::{Flow, provider};
use tokio::time::Instant;

use super::{
    Batch, End, Portal, Session,
    session_flow::session_flow,
    verdict::{self, Session as Found},
};
use crate::{control::Control, engine::Trace};

/// The whole probe. Its steps have their own, shorter times.
const DEADLINE: Duration = Duration::from_secs(60);

/// Visits the portal's first page: says nothing about the session, but whether anybody answers.
static VISIT: LazyLock<Flow> = LazyLock::new(|| {
    serde_json::from_str(
        r#"{"steps": [{"name": "visit", "type": "navigate", "url": "{{ provider.baseUrl }}"}]}"#,
    )
    .unwrap_or_else(|_| unreachable!("it is a flow"))
});

/// Whether a session has to be probed before it is trusted: idle for half of what the portal allows, or older than it may become.
pub(super) fn is_due(limits: &provider::Session, idle: Duration, age: Duration) -> bool {
    idle > limits.idle_timeout.std() / 2 || age >= limits.max_lifetime.std()
}

impl<P: Portal, C: Control> Batch<'_, P, C> {
    pub(super) fn probe_is_due(&self) -> bool {
        match self.session {
            Session::LoggedIn { since, used } => {
                is_due(&self.work.session, used.elapsed(), since.elapsed())
            }
            _ => false,
        }
    }

    /// Looks, and keeps in mind what was found.
    pub(super) async fn probe(&mut self, trace: &mut Trace) -> Result<Found, End> {
        let flow = self.work.flows.session_probe.as_ref();
        let deadline = Instant::now() + DEADLINE;
        let mut run = session_flow(
            FlowKind::SessionProbe,
            flow.unwrap_or(&VISIT),
            self.work,
            &self.rules,
            self.credentials,
            deadline,
        );
        let end = tokio::select! {
            end = self.portal.run(&mut run, trace) => end,
            halt = self.halts.cut_short() => return Err(halt.into()),
        };
        let found = verdict::of_probe(&end, flow.is_some());
        tracing::info!(?found, "session probed");
        self.found(found);
        Ok(found)
    }

    /// Keeps in mind what is known of the session.
    pub(super) fn found(&mut self, found: Found) {
        match (found, self.session) {
            (Found::Alive, Session::LoggedIn { since, .. }) => {
                self.session = Session::LoggedIn { since, used: Instant::now() }
            }
            (Found::Over, _) => self.session = Session::LoggedOut,
            (Found::Crashed, _) => self.session = Session::Crashed,
            (Found::Alive | Found::Reachable | Found::Unavailable, _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_probed_after_half_of_its_idle_time_and_at_the_end_of_its_life() {
        let limits = provider::Session::default();
        let due = |idle, age| is_due(&limits, Duration::from_secs(idle), Duration::from_secs(age));
        assert!(!due(0, 0) && !due(300, 300) && !due(0, 1799));
        assert!(due(301, 301) && due(0, 1800));
    }

    #[test]
    fn the_visit_is_a_flow() {
        assert_eq!(VISIT.steps.len(), 1);
    }
}
