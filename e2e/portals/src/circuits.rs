//! The fibre lines of a portal: their data, their history, and how searches find them.

mod fields;
mod names;
mod seed;
mod truth;
pub(crate) use seed::{Dice, reference};

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::portal::Portal;

pub(crate) use fields::{day, fields, show_date};
pub use truth::{AbsentCircuit, CancellationTruth, CircuitTruth, Outcome, Page};
pub(crate) use truth::{absent, truth};

/// The state of a line, in the terms of the trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineState {
    Active,
    Suspended,
    PendingCancellation,
    Cancelled,
    VerificationPending,
    IspProvisioningPending,
}

impl LineState {
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Active => "Active",
            Self::Suspended => "Suspended",
            Self::PendingCancellation => "Pending Cancellation",
            Self::Cancelled => "Cancelled",
            Self::VerificationPending => "Verification Pending",
            Self::IspProvisioningPending => "ISP Provisioning Pending",
        }
    }
}

/// A cancellation as the portal's back end holds it.
#[derive(Clone)]
pub(crate) struct Cancellation {
    pub reference: String,
    pub external_reference: Option<String>,
    pub reason: String,
    pub comment: String,
    pub requested_date: Date,
    pub by: String,
    pub at: Timestamp,
    /// Whether the request was accepted (MetroFibre). On other portals true from the start.
    pub accepted: bool,
    /// When the cancellation becomes visible.
    pub visible_from: Timestamp,
}

/// A change request other than a cancellation (Octotel).
#[derive(Clone)]
pub(crate) struct ChangeRequest {
    pub reference: String,
    pub kind: String,
    pub status: &'static str,
    pub due: Date,
    pub by: String,
}

/// One line.
#[derive(Clone)]
pub(crate) struct Circuit {
    pub portal: Portal,
    /// The portal's internal number, used in page addresses.
    pub id: u32,
    pub number: String,
    /// Serial number of the replaced device (Evotel).
    pub previous: Option<String>,
    /// Other lines that a search for this number finds.
    pub near_misses: u32,
    pub customer: String,
    pub address: String,
    pub place: usize,
    pub started: Date,
    /// State of the line without the effect of a cancellation.
    base: LineState,
    dice: seed::Dice,
    pub cancellation: Option<Cancellation>,
    pub requests: Vec<ChangeRequest>,
}

impl Circuit {
    pub(crate) fn state(&self, now: Timestamp) -> LineState {
        let pending =
            self.cancellation.as_ref().is_some_and(|c| c.accepted && now >= c.visible_from);
        if pending && self.base != LineState::Cancelled {
            LineState::PendingCancellation
        } else {
            self.base
        }
    }

    /// The cancellation, if it is already visible.
    pub(crate) fn shown_cancellation(&self, now: Timestamp) -> Option<&Cancellation> {
        self.cancellation.as_ref().filter(|c| now >= c.visible_from)
    }

    pub(crate) fn cancellable(&self, now: Timestamp) -> bool {
        let allowed = match self.state(now) {
            LineState::Active => true,
            LineState::Suspended => self.portal != Portal::Evotel,
            _ => false,
        };
        allowed && self.cancellation.is_none()
    }

    /// The texts that a portal's search box searches.
    fn is_found_by(&self, needle: &str) -> bool {
        let contains = |text: &str| text.to_ascii_lowercase().contains(needle);
        contains(&self.number)
            || contains(&self.customer)
            || contains(&self.address)
            || self.previous.as_deref().is_some_and(contains)
    }
}

/// The lines of one portal.
pub(crate) struct Catalogue {
    circuits: Vec<Circuit>,
    by_number: HashMap<String, usize>,
    by_id: HashMap<u32, usize>,
}

impl Catalogue {
    pub(crate) fn new(portal: Portal, seed: u64, count: usize, today: Date) -> Self {
        let circuits = seed::circuits(portal, seed, count, today);
        let by_number =
            circuits.iter().enumerate().map(|(at, circuit)| (circuit.number.clone(), at)).collect();
        let by_id = circuits.iter().enumerate().map(|(at, circuit)| (circuit.id, at)).collect();
        Self { circuits, by_number, by_id }
    }

    pub(crate) fn all(&self) -> &[Circuit] {
        &self.circuits
    }

    pub(crate) fn by_number(&self, number: &str) -> Option<&Circuit> {
        self.by_number.get(number).map(|at| &self.circuits[*at])
    }

    pub(crate) fn by_id(&self, id: u32) -> Option<&Circuit> {
        self.by_id.get(&id).map(|at| &self.circuits[*at])
    }

    pub(crate) fn by_id_mut(&mut self, id: u32) -> Option<&mut Circuit> {
        self.by_id.get(&id).map(|at| &mut self.circuits[*at])
    }

    /// Lines that contain the text in number, customer or address. The newest comes first, so that
    /// the wanted line is not always the first row.
    pub(crate) fn search(&self, query: &str) -> Vec<&Circuit> {
        let needle = query.trim().to_ascii_lowercase();
        let mut found: Vec<_> =
            self.circuits.iter().filter(|circuit| circuit.is_found_by(&needle)).collect();
        found.sort_by(|a, b| b.started.cmp(&a.started).then(a.id.cmp(&b.id)));
        found
    }
}
