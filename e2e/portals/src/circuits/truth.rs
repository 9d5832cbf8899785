//! What a test may take as the truth about a portal's data.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::{Catalogue, Circuit, LineState, fields, seed};
use crate::portal::Portal;

/// What a validation of a line should come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Outcome {
    /// In service.
    Active,
    /// The portal does not know it.
    NotFound,
    /// A cancellation is under way.
    CancellationPending,
    /// It was cancelled earlier.
    AlreadyCancelled,
    /// In service, but switched off for now.
    Suspended,
    /// Evotel: the device at the customer's is not verified yet.
    VerificationPending,
    /// Evotel: the provider has not set the service up yet.
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

/// One line as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CircuitTruth {
    /// Where.
    pub portal: Portal,
    /// Its number.
    pub circuit_number: String,
    /// `Active`, `Suspended`, `Pending Cancellation`, `Cancelled`, `Verification Pending`, `ISP Provisioning Pending`.
    pub status: String,
    /// What a validation should come to.
    pub expected_outcome: Outcome,
    /// Rows that a search for the number finds beside it.
    pub near_misses: u32,
    /// The texts on the portal's details page (Lightlink: in its row) by field name; what the page leaves out is absent.
    pub fields: BTreeMap<String, String>,
    /// The latest cancellation that reached the back end, also while it does not show yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancellation: Option<CancellationTruth>,
}

/// A cancellation in the back end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CancellationTruth {
    /// The portal's reference.
    pub reference: String,
    /// The caller's reference, where the page asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_reference: Option<String>,
    /// As chosen.
    pub reason: String,
    /// As typed.
    pub comment: String,
    /// When the line should end.
    pub requested_date: Date,
    /// Whose session sent it.
    pub requested_by: String,
    /// When it was sent.
    pub at: Timestamp,
    /// False between MetroFibre's two phases.
    pub accepted: bool,
}

/// A number that the portal does not know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AbsentCircuit {
    /// Where.
    pub portal: Portal,
    /// The number.
    pub circuit_number: String,
    /// Rows that a search for it finds all the same.
    pub near_misses: usize,
    /// Always `NotFound`.
    pub expected_outcome: Outcome,
}

/// A part of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// The part.
    pub items: Vec<T>,
    /// How many there are in all.
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

/// Numbers that do not exist: in turn one that nothing resembles, and one that existing numbers begin with (Evotel's
/// serial numbers all have one length, so it has none of those).
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
