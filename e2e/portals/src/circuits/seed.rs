//! Generates thousands of lines from one number: everything is a function of (seed, portal,
//! position).
//!
//! Circuit numbers depend on the position alone, and the first six lines of a portal have fixed
//! states. Documents and samples can therefore name them independently of the seed.

use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};

use super::names::{FIRST, LAST, STREETS, SUBURBS};
use super::{Cancellation, ChangeRequest, Circuit, LineState};
use crate::portal::Portal;

/// Repeatable randomness: one slot always gives the same value (SplitMix64's mixing function).
#[derive(Clone, Copy)]
pub(crate) struct Dice(pub u64);

impl Dice {
    /// A number from 0 to `sides` - 1.
    pub(crate) const fn roll(self, slot: u64, sides: u64) -> u64 {
        self.bits(slot) % sides
    }

    pub(crate) const fn bits(self, slot: u64) -> u64 {
        let z = self.0.wrapping_add((slot + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn pick<T>(self, slot: u64, from: &[T]) -> &T {
        let at = self.roll(slot, from.len() as u64);
        &from[usize::try_from(at).unwrap_or(0)]
    }
}

// One slot per random choice. Slots from 20 on belong to the fields of a portal's pages.
const STATE: u64 = 0;
const CUSTOMER: u64 = 1;
const SURNAME: u64 = 2;
const HOUSE: u64 = 3;
const STREET: u64 = 4;
const SUBURB: u64 = 5;
const STARTED: u64 = 6;
const SAME_CUSTOMER: u64 = 7;
const EXTRA_REQUEST: u64 = 8;
const CANCELLED_DAYS: u64 = 9;

pub(super) fn circuits(portal: Portal, seed: u64, count: usize, today: Date) -> Vec<Circuit> {
    let mut circuits: Vec<Circuit> = Vec::with_capacity(count);
    let mut base = 0;
    while circuits.len() < count {
        let parent = circuits.len();
        let number = number(portal, base, parent);
        circuits.push(circuit(portal, seed, parent, number.clone(), None, circuits.last(), today));
        // Near misses: every third line has a namesake that its number is a prefix of, every ninth
        // has two.
        let namesakes = usize::from(base % 3 == 0) + usize::from(base % 9 == 0);
        for n in 0..namesakes.min(count - circuits.len()) {
            let position = circuits.len();
            let (longer, previous) = match portal {
                Portal::Evotel => (serial(position), Some(number.clone())),
                _ => (format!("{number}{}", (base + 4 * n + 1) % 10), None),
            };
            circuits.push(circuit(
                portal,
                seed,
                position,
                longer,
                previous,
                circuits.last(),
                today,
            ));
            circuits[parent].near_misses += 1;
        }
        base += 1;
    }
    circuits
}

/// The number of the `base`-th line, not counting namesakes.
pub(super) fn number(portal: Portal, base: usize, position: usize) -> String {
    match portal {
        Portal::Octotel => format!("OCT-{}", 100_200 + 7 * base),
        Portal::Openserve => format!("B53{:07}", 3043 + 11 * base),
        Portal::Mfn => {
            format!("FTTX-{}-{}", ["CT", "JHB", "PTA", "DBN"][base % 4], 12_345 + 13 * base)
        }
        Portal::Evotel => serial(position),
        Portal::Lightlink => format!("LL-{}", 200_300 + 9 * base),
    }
}

/// A serial number of 16 hexadecimal digits: four letters of a manufacturer, then a unique number.
/// The number is unique because multiplication by an odd factor permutes the 32-bit numbers.
pub(super) fn serial(position: usize) -> String {
    let position = u32::try_from(position).unwrap_or(u32::MAX);
    format!("48575443{:08X}", position.wrapping_add(1).wrapping_mul(0x9e37_79b1))
}

fn circuit(
    portal: Portal,
    seed: u64,
    position: usize,
    number: String,
    previous: Option<String>,
    neighbour: Option<&Circuit>,
    today: Date,
) -> Circuit {
    let dice = Dice(Dice(seed).bits((portal.index() as u64) << 32 | position as u64));
    let base = state(portal, position, dice);
    let mut customer = format!("{} {}", dice.pick(CUSTOMER, &FIRST), dice.pick(SURNAME, &LAST));
    let mut place = usize::try_from(dice.roll(SUBURB, SUBURBS.len() as u64)).unwrap_or(0);
    let (suburb, city, code) = SUBURBS[place];
    let mut address = format!(
        "{} {}, {suburb}, {city}, {code}",
        dice.roll(HOUSE, 180) + 1,
        dice.pick(STREET, &STREETS)
    );
    // Another line at one address: a second device or the previous tenant.
    if let Some(neighbour) = neighbour.filter(|_| position % 5 == 4) {
        address.clone_from(&neighbour.address);
        place = neighbour.place;
        if dice.roll(SAME_CUSTOMER, 2) == 0 {
            customer.clone_from(&neighbour.customer);
        }
    }
    let days = i64::try_from(dice.roll(STARTED, 2700)).unwrap_or(0);
    let mut circuit = Circuit {
        portal,
        id: 48_000 + u32::try_from(position).unwrap_or(0),
        number,
        previous,
        near_misses: 0,
        customer,
        address,
        place,
        started: date(2018, 1, 15).saturating_add(days.days()),
        base,
        dice,
        cancellation: None,
        requests: Vec::new(),
    };
    circuit.cancellation = old_cancellation(&circuit, today);
    if portal == Portal::Octotel && dice.roll(EXTRA_REQUEST, 6) == 0 {
        circuit.requests.push(ChangeRequest {
            reference: format!("CR-{}", 100_000 + circuit.id),
            kind: "Speed change".to_owned(),
            status: "Completed",
            due: circuit.started.saturating_add(200.days()),
            by: "Partner API".to_owned(),
        });
    }
    if circuit.base == LineState::PendingCancellation {
        circuit.base = LineState::Active;
    }
    circuit
}

fn state(portal: Portal, position: usize, dice: Dice) -> LineState {
    use LineState::{
        Active, Cancelled, IspProvisioningPending, PendingCancellation, Suspended,
        VerificationPending,
    };
    let first = match portal {
        Portal::Evotel => [
            Active,
            Suspended,
            PendingCancellation,
            Cancelled,
            VerificationPending,
            IspProvisioningPending,
        ],
        // This portal has only two states.
        Portal::Lightlink => [Active, Cancelled, Active, Cancelled, Active, Active],
        _ => [Active, Suspended, PendingCancellation, Cancelled, Active, Active],
    };
    if let Some(state) = first.get(position) {
        return *state;
    }
    match dice.roll(STATE, 100) {
        0..10 if portal == Portal::Evotel => VerificationPending,
        10..18 if portal == Portal::Evotel => IspProvisioningPending,
        0..70 if portal == Portal::Lightlink => Active,
        _ if portal == Portal::Lightlink => Cancelled,
        0..58 => Active,
        58..70 => Suspended,
        70..83 => PendingCancellation,
        _ => Cancelled,
    }
}

/// The cancellation that led to the state of a generated line.
fn old_cancellation(circuit: &Circuit, today: Date) -> Option<Cancellation> {
    let days = i64::try_from(circuit.dice.roll(CANCELLED_DAYS, 20)).unwrap_or(0);
    let requested_date = match circuit.base {
        LineState::PendingCancellation => today.saturating_add((days + 5).days()),
        LineState::Cancelled => circuit
            .started
            .saturating_add((days * 10 + 60).days())
            .min(today.saturating_sub(1.day())),
        _ => return None,
    };
    Some(Cancellation {
        reference: reference(circuit.portal, u64::from(circuit.id) + 100_000),
        external_reference: Some(format!("SOL-{}", 700_000 + circuit.id)),
        reason: "Customer request".to_owned(),
        comment: String::new(),
        requested_date,
        by: "Partner API".to_owned(),
        at: Timestamp::UNIX_EPOCH,
        accepted: true,
        visible_from: Timestamp::UNIX_EPOCH,
    })
}

/// The reference of a portal's `n`-th cancellation.
pub(crate) fn reference(portal: Portal, n: u64) -> String {
    match portal {
        Portal::Octotel => format!("CR-{n:06}"),
        Portal::Openserve => format!("OSN{n:09}"),
        Portal::Mfn => format!("REQ{n:07}"),
        Portal::Evotel => format!("WO-{n:06}"),
        Portal::Lightlink => format!("LC-{n:06}"),
    }
}
