//! What a signed-in user does with lines: search, look up, cancel. Each action is written to the
//! journal.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::circuits::{Cancellation, ChangeRequest, Circuit, reference};
use crate::journal::{EndCause, Event, Stage, SubmitVerdict};
use crate::portal::Portal;
use crate::settings::SubmitMode;
use crate::sign_in::Visitor;
use crate::world::{Portals, State, shifted};

/// A cancellation as a page sends it.
pub(crate) struct CancelRequest {
    pub reason: String,
    pub comment: String,
    pub requested_date: Date,
    pub external_reference: Option<String>,
}

/// The answer to the browser, sent after `delay`.
pub(crate) struct SubmitAnswer {
    pub delay: Duration,
    pub said: Said,
}

pub(crate) enum Said {
    /// The cancellation was accepted under this reference.
    Done(String),
    /// Nothing was done. The page shows the sentence.
    No(String),
    /// The connection is closed without an answer.
    Nothing,
}

impl Portals {
    /// Lines that contain the text, newest first. An empty text returns the whole list and is not
    /// recorded as a search.
    pub(crate) fn search(
        &self,
        visitor: &Visitor,
        query: &str,
        keep: impl Fn(&Circuit, Timestamp) -> bool,
    ) -> Vec<Circuit> {
        let now = self.now();
        let mut state = self.state();
        let found = state.catalogue(visitor.portal).search(query);
        let found: Vec<Circuit> =
            found.into_iter().filter(|circuit| keep(circuit, now)).cloned().collect();
        if !query.trim().is_empty() {
            let hits = found.len();
            let leaked = state.accounts.values().any(|account| account.is_leaked_by(query));
            let query =
                if leaked { "***".to_owned() } else { query.trim().chars().take(80).collect() };
            state.record_by(visitor, now, Event::Search { query, hits });
        }
        found
    }

    /// The details of one line. Recorded as a look-up.
    pub(crate) fn look_up(&self, visitor: &Visitor, id: u32) -> Option<Circuit> {
        let now = self.now();
        let mut state = self.state();
        let circuit = state.catalogue(visitor.portal).by_id(id)?.clone();
        state.record_by(visitor, now, Event::Lookup { circuit: circuit.number.clone() });
        let limit = state.limits(visitor.portal, &visitor.account).lookups;
        let session = state.sessions.get_mut(&visitor.token)?;
        session.lookups += 1;
        if limit.is_some_and(|limit| session.lookups >= limit) {
            state.end(&visitor.token, EndCause::Forced, now);
        }
        Some(circuit)
    }

    /// A line, without recording a look-up. For pages that show only its number.
    pub(crate) fn line(&self, portal: Portal, id: u32) -> Option<Circuit> {
        self.state().catalogue(portal).by_id(id).cloned()
    }

    pub(crate) fn line_by_number(&self, portal: Portal, number: &str) -> Option<Circuit> {
        self.state().catalogue(portal).by_number(number).cloned()
    }

    /// Lines with a request of any kind, the latest request first.
    pub(crate) fn lines_with_requests(&self, portal: Portal) -> Vec<Circuit> {
        let state = self.state();
        let with =
            |circuit: &&Circuit| circuit.cancellation.is_some() || !circuit.requests.is_empty();
        let mut found: Vec<Circuit> =
            state.catalogue(portal).all().iter().filter(with).cloned().collect();
        found.sort_by_key(|circuit| std::cmp::Reverse(circuit.cancellation.as_ref().map(|c| c.at)));
        found
    }

    /// Handles a cancellation: the only phase, or MetroFibre's first. `Err` means that the page's
    /// own check of its fields failed.
    pub(crate) fn cancel(
        &self,
        visitor: &Visitor,
        id: u32,
        request: Result<CancelRequest, String>,
    ) -> Option<SubmitAnswer> {
        let now = self.now();
        let mut state = self.state();
        let two_phases = visitor.portal == Portal::Mfn;
        let settings = state.settings(visitor.portal).clone();
        let mode = if two_phases { SubmitMode::Answer } else { settings.submit_mode };
        let circuit = state.catalogue(visitor.portal).by_id(id)?.clone();
        let (verdict, said) = match request {
            Err(sentence) => (SubmitVerdict::Invalid, Said::No(sentence)),
            Ok(_) if !circuit.cancellable(now) => (
                SubmitVerdict::NotAllowed,
                Said::No(format!("{} cannot be cancelled in its present state.", circuit.number)),
            ),
            Ok(_) if mode == SubmitMode::Refuse => (
                SubmitVerdict::Refused,
                Said::No("The request was declined. Please contact the service desk.".to_owned()),
            ),
            Ok(_) if mode == SubmitMode::NoAnswerNotDone => (SubmitVerdict::Lost, Said::Nothing),
            Ok(request) => {
                let reference = state.next_reference(visitor.portal);
                let delay = i64::try_from(settings.cancellation_visible_after_seconds).unwrap_or(0);
                let cancellation = Cancellation {
                    reference: reference.clone(),
                    external_reference: request.external_reference,
                    reason: request.reason,
                    comment: request.comment,
                    requested_date: request.requested_date,
                    by: visitor.account.clone(),
                    at: now,
                    accepted: !two_phases,
                    visible_from: if two_phases { now } else { shifted(now, delay) },
                };
                state.catalogues[visitor.portal.index()].by_id_mut(id)?.cancellation =
                    Some(cancellation);
                let said = if mode == SubmitMode::NoAnswer {
                    Said::Nothing
                } else {
                    Said::Done(reference)
                };
                (SubmitVerdict::Accepted, said)
            }
        };
        Some(state.submitted(visitor, now, &circuit, Stage::Request, verdict, said))
    }

    /// Handles MetroFibre's second phase: the request is accepted, and the line becomes pending
    /// cancellation.
    pub(crate) fn accept(&self, visitor: &Visitor, id: u32) -> Option<SubmitAnswer> {
        let now = self.now();
        let mut state = self.state();
        let settings = state.settings(visitor.portal).clone();
        let circuit = state.catalogue(visitor.portal).by_id(id)?.clone();
        let open = circuit.cancellation.as_ref().filter(|c| !c.accepted)?;
        let (verdict, said) = match settings.submit_mode {
            SubmitMode::Refuse => (
                SubmitVerdict::Refused,
                Said::No("The request was declined by the back office.".to_owned()),
            ),
            SubmitMode::NoAnswerNotDone => (SubmitVerdict::Lost, Said::Nothing),
            mode => {
                let delay = i64::try_from(settings.cancellation_visible_after_seconds).unwrap_or(0);
                let stored = state.catalogues[visitor.portal.index()]
                    .by_id_mut(id)?
                    .cancellation
                    .as_mut()?;
                stored.accepted = true;
                stored.visible_from = shifted(now, delay);
                let said = if mode == SubmitMode::NoAnswer {
                    Said::Nothing
                } else {
                    Said::Done(open.reference.clone())
                };
                (SubmitVerdict::Accepted, said)
            }
        };
        Some(state.submitted(visitor, now, &circuit, Stage::Accept, verdict, said))
    }

    /// Handles a change request other than a cancellation (Octotel). Only the list of requests
    /// changes.
    pub(crate) fn request_change(
        &self,
        visitor: &Visitor,
        id: u32,
        kind: &str,
        due: Date,
    ) -> Option<String> {
        let mut state = self.state();
        let reference = state.next_reference(visitor.portal);
        let circuit = state.catalogues[visitor.portal.index()].by_id_mut(id)?;
        let (kind, by) = (kind.to_owned(), visitor.account.clone());
        circuit.requests.push(ChangeRequest {
            reference: reference.clone(),
            kind,
            status: "Accepted",
            due,
            by,
        });
        Some(reference)
    }
}

impl State {
    fn record_by(&mut self, visitor: &Visitor, now: Timestamp, event: Event) {
        self.record(now, visitor.portal, Some(&visitor.account), Some(&visitor.session), event);
    }

    fn next_reference(&mut self, portal: Portal) -> String {
        self.references += 1;
        reference(portal, 300_000 + self.references)
    }

    fn submitted(
        &mut self,
        visitor: &Visitor,
        now: Timestamp,
        circuit: &Circuit,
        stage: Stage,
        verdict: SubmitVerdict,
        said: Said,
    ) -> SubmitAnswer {
        let stored =
            self.catalogue(visitor.portal).by_id(circuit.id).and_then(|c| c.cancellation.as_ref());
        let reference =
            stored.filter(|_| verdict == SubmitVerdict::Accepted).map(|c| c.reference.clone());
        let answered = !matches!(said, Said::Nothing);
        let circuit = circuit.number.clone();
        self.record_by(
            visitor,
            now,
            Event::Submit { circuit, stage, verdict, reference, answered },
        );
        SubmitAnswer {
            delay: Duration::from_millis(self.settings(visitor.portal).submit_delay_ms),
            said,
        }
    }
}
