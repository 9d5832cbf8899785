//! The fields that a portal shows of a line. Both the pages and the control port's truth use them.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};

use super::names::{COMPLEXES, DEVICES, SPEEDS, SUBURBS};
use super::{Circuit, LineState};
use crate::portal::Portal;

/// Text on the page by field name. A field that the page omits is absent.
pub(crate) type Fields = BTreeMap<&'static str, String>;

/// A date in the portal's notation.
pub(crate) fn show_date(portal: Portal, date: Date) -> String {
    let format = match portal {
        Portal::Octotel => "%d/%m/%Y",
        Portal::Openserve | Portal::Lightlink => "%Y-%m-%d",
        Portal::Mfn => "%Y/%m/%d",
        Portal::Evotel => "%d %b %Y",
    };
    date.strftime(format).to_string()
}

/// The calendar day in South Africa, where the portals are (always UTC+2, without daylight saving).
pub(crate) fn day(at: Timestamp) -> Date {
    jiff::tz::Offset::constant(2).to_datetime(at).date()
}

pub(crate) fn fields(circuit: &Circuit, now: Timestamp) -> Fields {
    match circuit.portal {
        Portal::Octotel => octotel(circuit, now),
        Portal::Openserve => openserve(circuit, now),
        Portal::Mfn => mfn(circuit, now),
        Portal::Evotel => evotel(circuit, now),
        Portal::Lightlink => lightlink(circuit, now),
    }
}

fn speed(circuit: &Circuit) -> (u32, u32) {
    *circuit.dice.pick(20, &SPEEDS)
}

fn octotel(circuit: &Circuit, now: Timestamp) -> Fields {
    let dice = circuit.dice;
    let (down, up) = speed(circuit);
    let (suburb, ..) = SUBURBS[circuit.place];
    Fields::from([
        ("serviceId", format!("SVC{}", 900_000 + circuit.id)),
        ("lineReference", circuit.number.clone()),
        ("type", dice.pick(21, &["FTTH", "FTTH", "FTTB"]).to_string()),
        ("startDate", show_date(circuit.portal, circuit.started)),
        ("ispOrderNumber", format!("ISP-{}", 310_000 + dice.roll(22, 600_000))),
        ("customer", circuit.customer.clone()),
        ("address", circuit.address.clone()),
        ("speedProfile", format!("{down}/{up} Mbps")),
        ("node", format!("{}-AGG-{:02}", suburb[..3].to_uppercase(), dice.roll(23, 24) + 1)),
        ("ont", format!("ALCL{:08X}", dice.bits(24) >> 32)),
        ("status", circuit.state(now).label().to_owned()),
    ])
}

fn openserve(circuit: &Circuit, now: Timestamp) -> Fields {
    let dice = circuit.dice;
    let (down, up) = speed(circuit);
    let state = circuit.state(now);
    // Order, access and partner status of one line may disagree: the order's cease decides first,
    // then access and partner.
    let (order_type, order_status, access, partner) = match state {
        LineState::PendingCancellation => (
            "Cease Active Service",
            *dice.pick(30, &["Accepted", "Pending"]),
            "Active",
            *dice.pick(31, &["Active", "Suspended"]),
        ),
        LineState::Cancelled => (
            "Cease Active Service",
            "Implemented",
            *dice.pick(30, &["Cancelled", "Active"]),
            "Cancelled",
        ),
        LineState::Suspended => {
            let (access, partner) = *dice.pick(
                30,
                &[("Suspended", "Active"), ("Active", "Suspended"), ("Suspended", "Suspended")],
            );
            ("New Installation", "Implemented", access, partner)
        }
        _ => {
            let (kind, status) = *dice.pick(
                30,
                &[
                    ("New Installation", "Implemented"),
                    ("New Installation", "Implemented"),
                    ("Modification", "Pending"),
                    ("Modification", "Unverified address"),
                    ("Cease Active Service", "Cancelled"),
                ],
            );
            (kind, status, "Active", "Active")
        }
    };
    let cease = circuit.shown_cancellation(now).filter(|_| order_type == "Cease Active Service");
    let number = cease.map_or_else(
        || format!("OSN{:09}", 20_000_000 + dice.roll(32, 9_000_000)),
        |c| c.reference.clone(),
    );
    let external = cease.and_then(|c| c.external_reference.clone());
    let mut fields = Fields::from([
        ("orderNumber", number),
        ("orderType", order_type.to_owned()),
        ("orderStatus", order_status.to_owned()),
        ("serviceNumber", circuit.number.clone()),
        (
            "product",
            dice.pick(
                33,
                &["FTTH Broadband Connect", "FTTH Home Web Connect", "Business Broadband Connect"],
            )
            .to_string(),
        ),
        ("speed", format!("{down} Mbps / {up} Mbps")),
        ("externalReference", external.unwrap_or_else(|| format!("SOL-{}", 700_000 + circuit.id))),
        ("created", show_date(circuit.portal, circuit.started)),
        ("customer", circuit.customer.clone()),
        ("address", circuit.address.clone()),
        ("accessStatus", access.to_owned()),
        ("partnerStatus", partner.to_owned()),
    ]);
    if order_status == "Implemented" {
        let days = i64::try_from(dice.roll(34, 20)).unwrap_or(0) + 3;
        fields.insert(
            "implemented",
            show_date(circuit.portal, circuit.started.saturating_add(days.days())),
        );
    }
    fields
}

fn mfn(circuit: &Circuit, now: Timestamp) -> Fields {
    let dice = circuit.dice;
    let (down, up) = speed(circuit);
    let (suburb, ..) = SUBURBS[circuit.place];
    let mac = dice.bits(40).to_be_bytes();
    let state = circuit.state(now);
    let mut fields = Fields::from([
        ("circuitNumber", circuit.number.clone()),
        ("customer", circuit.customer.clone()),
        ("area", suburb.to_owned()),
        ("complex", dice.pick(41, &COMPLEXES).to_string()),
        ("address", circuit.address.clone()),
        ("fsan", format!("CXNK{:08X}", dice.bits(42) >> 32)),
        ("mac", format!("CC:BE:59:{:02X}:{:02X}:{:02X}", mac[0], mac[1], mac[2])),
        ("activation", show_date(circuit.portal, circuit.started)),
        ("monthlyPrice", format!("R {}.00", 299 + 10 * dice.roll(43, 90))),
        ("installationPrice", format!("R {}.00", 999 + 250 * dice.roll(44, 8))),
        ("expiry", show_date(circuit.portal, circuit.started.saturating_add(2.years()))),
        ("deviceType", dice.pick(45, &DEVICES).to_string()),
        ("bandwidth", format!("{down}Mbps down / {up}Mbps up")),
        (
            "status",
            if state == LineState::Cancelled { "Deactivated" } else { state.label() }.to_owned(),
        ),
    ]);
    if let Some(cancellation) =
        circuit.shown_cancellation(now).filter(|_| state == LineState::Cancelled)
    {
        fields.insert("deactivated", show_date(circuit.portal, cancellation.requested_date));
    }
    fields
}

fn evotel(circuit: &Circuit, now: Timestamp) -> Fields {
    let dice = circuit.dice;
    let (down, up) = speed(circuit);
    let (suburb, ..) = SUBURBS[circuit.place];
    let state = circuit.state(now);
    let status = match state {
        LineState::Cancelled => "Cancelled",
        LineState::Suspended => "Suspended",
        LineState::IspProvisioningPending => "Pending ISP Provisioning",
        // A scheduled disconnection shows in the work order, unverified equipment at the device:
        // the service is active.
        _ => "Active",
    };
    let verified = if state == LineState::VerificationPending { "Pending" } else { "Verified" };
    let mut fields = Fields::from([
        ("serial", circuit.number.clone()),
        ("client", circuit.customer.clone()),
        ("area", suburb.to_owned()),
        ("address", circuit.address.clone()),
        ("provider", "Demo ISP".to_owned()),
        ("product", format!("Evo {down}/{up}")),
        ("contract", dice.pick(50, &["Month to month", "12 months", "24 months"]).to_string()),
        ("serviceStatus", status.to_owned()),
        ("applicationDate", show_date(circuit.portal, circuit.started.saturating_sub(14.days()))),
        ("effectiveDate", show_date(circuit.portal, circuit.started)),
        ("ontVerification", verified.to_owned()),
        ("ontPort", format!("{}/{}", dice.roll(51, 16) + 1, dice.roll(52, 64) + 1)),
    ]);
    if state != LineState::IspProvisioningPending {
        fields.insert("ispReference", format!("DI{}", 55_000 + dice.roll(53, 900_000)));
    }
    if let Some(order) = circuit.shown_cancellation(now) {
        let done = state == LineState::Cancelled;
        fields.insert("workOrderRef", order.reference.clone());
        fields.insert("workOrderType", "Disconnection".to_owned());
        fields.insert("workOrderStatus", if done { "Completed" } else { "Scheduled" }.to_owned());
        fields.insert("workOrderTime", show_date(circuit.portal, order.requested_date));
    }
    fields
}

fn lightlink(circuit: &Circuit, now: Timestamp) -> Fields {
    let status = circuit.state(now).label().to_owned();
    Fields::from([
        ("line", circuit.number.clone()),
        ("status", status),
        ("address", circuit.address.clone()),
    ])
}
