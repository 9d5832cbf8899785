//! The truth about a portal's data, for tests.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Catalogue, Circuit, LineState, fields, seed};
use crate::portal::Portal;

/// The outcome that a validation of a line must find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outcome {
    /// The line is in service.
    Active,
    /// The portal has no such line.
    NotFound,
    /// A cancellation is in progress.
    CancellationPending,
    /// The line was cancelled earlier.
    AlreadyCancelled,
    /// The line exists but is temporarily switched off.
    Suspended,
    /// The customer's device is not verified yet (Evotel).
    VerificationPending,
    /// The internet provider has not set up the service yet (Evotel).
    IspProvisioningPending,
}

impl From<LineState> for Outcome {
    fn from(state: LineState) -> Self {
        match state {
            LineState::Active => Self::Active,
            LineState::Suspended => Self::Suspended,
            LineState::PendingCancellation => Self::CancellationPending,
            LineState::Cancelled => Self::AlreadyCancelled,
            LineState::VerificationPending => Self::VerificationPending,
            LineState::IspProvisioningPending => Self::IspProvisioningPending,
        }
    }
}

/// The true state of one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitTruth {
    /// Portal of the line.
    pub portal: Portal,
    /// Circuit number.
    pub circuit_number: String,
    /// `Active`, `Suspended`, `Pending Cancellation`, `Cancelled`, `Verification Pending`, `ISP Provisioning Pending`.
    pub status: String,
    /// The outcome that a validation must find.
    pub expected_outcome: Outcome,
    /// Other lines that a search for the number finds.
    pub near_misses: u32,
    /// Texts on the portal's details page (Lightlink: in the row) by field name. Fields that the
    /// page omits are absent.
    pub fields: BTreeMap<String, String>,
    /// The latest cancellation that reached the back end, even if it is not visible yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<CancellationTruth>,
}

/// A cancellation in the back end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancellationTruth {
    /// The portal's reference.
    pub reference: String,
    /// The caller's reference, if the page asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_reference: Option<String>,
    /// The reason chosen on the page.
    pub reason: String,
    /// The comment typed on the page.
    pub comment: String,
    /// The requested end of the line.
    pub requested_date: Date,
    /// User name of the session that sent it.
    pub requested_by: String,
    /// Time at which it was sent.
    pub at: Timestamp,
    /// Whether the request was accepted. False between MetroFibre's two phases.
    pub accepted: bool,
}

/// A circuit number that does not exist on the portal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AbsentCircuit {
    /// Portal of the line.
    pub portal: Portal,
    /// Circuit number.
    pub circuit_number: String,
    /// Lines that a search for the number finds nevertheless.
    pub near_misses: usize,
    /// Always `NotFound`.
    pub expected_outcome: Outcome,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// Items of this page.
    pub items: Vec<T>,
    /// Number of items on all pages.
    pub total: usize,
}

pub(crate) fn truth(circuit: &Circuit, now: Timestamp) -> CircuitTruth {
    let state = circuit.state(now);
    CircuitTruth {
        portal: circuit.portal,
        circuit_number: circuit.number.clone(),
        status: state.label().to_owned(),
        expected_outcome: state.into(),
        near_misses: circuit.near_misses,
        fields: fields(circuit, now)
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text))
            .collect(),
        cancellation: circuit.cancellation.as_ref().map(|c| CancellationTruth {
            reference: c.reference.clone(),
            external_reference: c.external_reference.clone(),
            reason: c.reason.clone(),
            comment: c.comment.clone(),
            requested_date: c.requested_date,
            requested_by: c.by.clone(),
            at: c.at,
            accepted: c.accepted,
        }),
    }
}

/// Numbers that do not exist: alternately one that resembles no existing number and one that
/// existing numbers begin with. Evotel has only the first kind, because its serial numbers all have
/// one length.
pub(crate) fn absent(portal: Portal, catalogue: &Catalogue, limit: usize) -> Vec<AbsentCircuit> {
    let unlike = (0..limit).map(|n| match portal {
        Portal::Octotel => format!("OCT-9{:05}", 17 + 3 * n),
        Portal::Openserve => format!("B539{:06}", 41 + 7 * n),
        Portal::Mfn => format!("FTTX-CT-9{:05}", 27 + 3 * n),
        Portal::Evotel => seed::serial(1_000_000 + n),
        Portal::Lightlink => format!("LL-9{:05}", 17 + 3 * n),
    });
    let mut prefixes: Vec<&str> = match portal {
        Portal::Evotel => Vec::new(),
        _ => catalogue
            .all()
            .iter()
            .take(20 * limit)
            .map(|circuit| &circuit.number[..circuit.number.len() - 1])
            .collect(),
    };
    prefixes.retain(|number| catalogue.by_number(number).is_none());
    prefixes.dedup();
    let mut prefixes = prefixes.into_iter().map(str::to_owned);
    let mut numbers = Vec::new();
    for number in unlike {
        numbers.push(number);
        numbers.extend(prefixes.next());
    }
    numbers.truncate(limit);
    let entry = |number: String| AbsentCircuit {
        portal,
        near_misses: catalogue.search(&number).len(),
        circuit_number: number,
        expected_outcome: Outcome::NotFound,
    };
    numbers.into_iter().filter(|number| catalogue.by_number(number).is_none()).map(entry).collect()
}
