//! The portal's clock compared with ours. The portal checks a code by its clock and we make it by ours, so the difference is looked at
//! before the first code is made, not after the second one is refused.

use fno_crds::Reason;
use jiff::{SignedDuration, Timestamp};

use crate::{gate::Gate, time::after, why::Why};

/// How long after a difference that was too large it is measured again: one login goes as far as the code field, and no code is made if
/// the clocks still differ.
pub const MEASURE_AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// A measurement that could not be repeated for this long is ignored.
const FORGET: SignedDuration = SignedDuration::from_hours(1);

/// The portal's clock minus ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// Milliseconds; positive where the portal's clock is ahead. Known to about a second.
    pub millis: i64,
    /// When the offset was measured, if that was before the login in question.
    pub measured_at: Option<Timestamp>,
}

/// What is known about the portal's clock when the operator decides about a login.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortalClock {
    /// `run.clockOffsetMilliseconds` of the batch: measured on the login page, before the runner asked for a code.
    pub own: Option<i64>,
    /// `status.clockOffsetMilliseconds` of the provider and when it was measured, by an earlier batch.
    pub earlier: Option<(i64, Timestamp)>,
}

impl Offset {
    /// Whether the portal would check codes of that period (seconds) against another step.
    #[must_use]
    pub const fn is_too_far_for(self, period: i64) -> bool {
        self.millis.saturating_abs() > period.saturating_mul(500)
    }

    /// A sentence for people: the difference, which clock is ahead, and what to correct.
    #[must_use]
    pub fn sentence(self, period: i64) -> String {
        let seconds = self.millis.saturating_abs() as f64 / 1000.0;
        let side = if self.millis < 0 { "behind" } else { "ahead of" };
        let again = self.measured_at.map_or_else(
            || format!("A login measures it again {} minutes later.", MEASURE_AGAIN.as_mins()),
            |at| {
                format!(
                    "It was measured at {at}, and a login measures it again at {}.",
                    after(at, MEASURE_AGAIN)
                )
            },
        );
        format!(
            "The portal's clock is {seconds:.0} s {side} ours; one-time codes of {period} s tolerate at most {:.0} s, so no code is made. Correct the clocks of the cluster's nodes, or have the portal's clock corrected. {again}",
            period as f64 / 2.0
        )
    }
}

impl PortalClock {
    /// The offset that applies now: the batch's own measurement, or else an earlier one that is recent.
    ///
    /// Before the batch has measured anything, an earlier measurement applies for [`MEASURE_AGAIN`]. After that a login may continue to the
    /// code field in order to measure again.
    #[must_use]
    pub fn known(&self, now: Timestamp) -> Option<Offset> {
        self.own.map(|millis| Offset { millis, measured_at: None }).or_else(|| {
            self.earlier
                .filter(|(_, at)| now < after(*at, MEASURE_AGAIN))
                .map(|(millis, at)| Offset { millis, measured_at: Some(at) })
        })
    }

    /// The offset that applies when a code is asked for. If the portal did not report its time in this login, an earlier measurement applies
    /// for longer.
    #[must_use]
    pub fn known_at_the_code(&self, now: Timestamp) -> Option<Offset> {
        self.known(now).or_else(|| {
            self.earlier
                .filter(|(_, at)| now < after(*at, FORGET))
                .map(|(millis, at)| Offset { millis, measured_at: Some(at) })
        })
    }

    /// Whether logins with codes of that period (seconds) may be planned: none while the last measurement is recent and too large, then one
    /// at a time until one has measured again.
    #[must_use]
    pub fn gate(&self, period: i64, now: Timestamp) -> Gate {
        let too_far = |offset: &Offset| offset.is_too_far_for(period);
        let why =
            |offset: Offset| Why { reason: Reason::ClockSkew, message: offset.sentence(period) };
        match (self.known(now).filter(too_far), self.known_at_the_code(now).filter(too_far)) {
            (Some(offset), _) => Gate::Shut(why(offset)),
            (None, Some(offset)) => Gate::Trial(why(offset)),
            (None, None) => Gate::Open,
        }
    }

    /// Whether the portal reported its time in this login and its clock is close enough to ours for our time to hold there too.
    #[must_use]
    pub fn confirms_ours(&self, period: i64) -> bool {
        self.own.is_some_and(|millis| !Offset { millis, measured_at: None }.is_too_far_for(period))
    }
}
