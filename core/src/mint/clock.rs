//! The portal's clock against ours. A code is judged by the portal's clock and made by ours, so the difference decides before the
//! first code, not after the second refused one.

use fno_crds::Reason;
use jiff::{SignedDuration, Timestamp};

use crate::{gate::Gate, time::after, why::Why};

/// A difference that was too large is measured again after this: one login goes as far as the code field, and no code is made.
pub const MEASURE_AGAIN: SignedDuration = SignedDuration::from_mins(5);
/// A measurement that could not be repeated for so long stops nothing any more.
const FORGET: SignedDuration = SignedDuration::from_hours(1);

/// The portal's clock minus ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// Milliseconds; positive where the portal's clock is ahead. Known to about a second.
    pub millis: i64,
    /// When it was measured, where that was before the login in question.
    pub measured_at: Option<Timestamp>,
}

/// What is known of the portal's clock when a login is decided on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortalClock {
    /// `run.clockOffsetMilliseconds` of the batch: measured on the login page, before a code was asked for.
    pub own: Option<i64>,
    /// `status.clockOffsetMilliseconds` of the provider and when it was measured: an earlier batch has left it.
    pub earlier: Option<(i64, Timestamp)>,
}

impl Offset {
    /// Whether codes of that period (seconds) would be judged by another step.
    #[must_use]
    pub const fn is_too_far_for(self, period: i64) -> bool {
        self.millis.saturating_abs() > period.saturating_mul(500)
    }

    /// The difference, its sign, and what to correct.
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
            "The portal's clock is {seconds:.0} s {side} ours; codes of {period} s allow {:.0} s at most, so none is made. Correct the clock of the cluster's nodes, or have the portal's corrected. {again}",
            period as f64 / 2.0
        )
    }
}

impl PortalClock {
    /// What holds now: the batch's own measurement, or else an earlier one that is fresh.
    ///
    /// Before the batch has measured anything, an earlier measurement holds for [`MEASURE_AGAIN`]: after that a login may go on to
    /// measure anew.
    #[must_use]
    pub fn known(&self, now: Timestamp) -> Option<Offset> {
        self.own.map(|millis| Offset { millis, measured_at: None }).or_else(|| {
            self.earlier
                .filter(|(_, at)| now < after(*at, MEASURE_AGAIN))
                .map(|(millis, at)| Offset { millis, measured_at: Some(at) })
        })
    }

    /// What holds when a code is asked for. Where the portal did not tell the time this once, an earlier measurement holds longer.
    #[must_use]
    pub fn known_at_the_code(&self, now: Timestamp) -> Option<Offset> {
        self.known(now).or_else(|| {
            self.earlier
                .filter(|(_, at)| now < after(*at, FORGET))
                .map(|(millis, at)| Offset { millis, measured_at: Some(at) })
        })
    }

    /// Whether logins with codes of that period may be planned: not while the last measurement is fresh and too far off, then one at a
    /// time until one has measured anew.
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

    /// The portal told the time in this very login, and its clock is close enough to ours: what we call now is now on the portal.
    #[must_use]
    pub fn confirms_ours(&self, period: i64) -> bool {
        self.own.is_some_and(|millis| !Offset { millis, measured_at: None }.is_too_far_for(period))
    }
}
