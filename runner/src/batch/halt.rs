//! What ends a batch early from outside: orders, and the Pod being told to end.

use std::time::Duration;

use fno_crds::{Reason, batch::Stop};
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::control::Orders;

/// How long the current job may go on after the Pod was told to end. The rest of the grace period is for the logout and the evidence.
const LAST_JOB: Duration = Duration::from_secs(10);

/// Why a batch ends before its jobs are done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Halt {
    /// `Drained` or `Aborted`.
    pub reason: Reason,
    /// Human-readable explanation of `reason`.
    pub message: String,
    /// How long the current job may go on. None: until it is done.
    pub patience: Option<Duration>,
    /// Whether anybody reads what is reported.
    pub heard: bool,
}

/// What ends the batch now, the strongest first.
#[must_use]
pub fn halt(orders: &Orders, terminated: bool) -> Option<Halt> {
    let halt = |reason, message: &str, patience, heard| {
        Some(Halt { reason, message: message.to_owned(), patience, heard })
    };
    match (&orders.unheard, orders.stop) {
        (Some(why), _) => halt(Reason::Aborted, why, Some(Duration::ZERO), false),
        (None, Stop::Abort) => {
            halt(Reason::Aborted, "The batch was aborted.", Some(Duration::ZERO), true)
        }
        (None, _) if terminated => {
            halt(Reason::Drained, "The runner was told to end.", Some(LAST_JOB), true)
        }
        (None, Stop::Drain) => halt(Reason::Drained, "The batch was drained.", None, true),
        (None, Stop::None) => None,
    }
}

/// Watches for halts.
#[derive(Clone, Debug)]
pub struct Halts {
    orders: watch::Receiver<Orders>,
    terminated: CancellationToken,
}

impl Halts {
    /// `terminated` is cancelled when the process is told to end.
    #[must_use]
    pub const fn new(orders: watch::Receiver<Orders>, terminated: CancellationToken) -> Self {
        Self { orders, terminated }
    }

    /// What ends the batch now.
    #[must_use]
    pub fn now(&self) -> Option<Halt> {
        halt(&self.orders.borrow(), self.terminated.is_cancelled())
    }

    /// Whether a job was withdrawn.
    #[must_use]
    pub fn withdrawn(&self, uid: &str) -> bool {
        self.orders.borrow().withdrawn.contains(uid)
    }

    /// Waits for whatever ends the batch.
    pub async fn any(&mut self) -> Halt {
        loop {
            if let Some(halt) = self.now() {
                return halt;
            }
            self.change().await;
        }
    }

    /// Waits until the current job has to be dropped.
    pub async fn cut_short(&mut self) -> Halt {
        let mut first_seen = None;
        loop {
            if let Some(halt) = self.now()
                && let Some(patience) = halt.patience
            {
                let until = *first_seen.get_or_insert_with(Instant::now) + patience;
                if Instant::now() >= until {
                    return halt;
                }
                tokio::select! {
                    () = tokio::time::sleep_until(until) => {}
                    () = changed(&mut self.orders) => {}
                }
                continue;
            }
            self.change().await;
        }
    }

    async fn change(&mut self) {
        if self.terminated.is_cancelled() {
            return changed(&mut self.orders).await;
        }
        tokio::select! {
            () = changed(&mut self.orders) => {}
            () = self.terminated.cancelled() => {}
        }
    }
}

/// Who gave orders may be gone; then there will never be another.
async fn changed(orders: &mut watch::Receiver<Orders>) {
    if orders.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_order_counts() {
        let orders = |stop, unheard: Option<&str>| Orders {
            stop,
            unheard: unheard.map(str::to_owned),
            ..Orders::default()
        };
        for (orders, terminated, expected) in [
            (orders(Stop::None, None), false, None),
            (orders(Stop::Drain, None), false, Some((Reason::Drained, None, true))),
            (orders(Stop::None, None), true, Some((Reason::Drained, Some(10), true))),
            (orders(Stop::Drain, None), true, Some((Reason::Drained, Some(10), true))),
            (orders(Stop::Abort, None), true, Some((Reason::Aborted, Some(0), true))),
            (orders(Stop::Abort, Some("gone")), true, Some((Reason::Aborted, Some(0), false))),
        ] {
            let found = halt(&orders, terminated)
                .map(|h| (h.reason, h.patience.map(|p| p.as_secs()), h.heard));
            assert_eq!(found, expected, "{orders:?} {terminated}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_job_at_hand_goes_on_for_ten_seconds_after_a_signal_and_to_its_end_in_a_drain() {
        let (orders, receiver) = watch::channel(Orders::default());
        let terminated = CancellationToken::new();
        let mut halts = Halts::new(receiver, terminated.clone());
        orders.send_modify(|orders| orders.stop = Stop::Drain);
        assert_eq!(halts.any().await.reason, Reason::Drained);
        assert!(tokio::time::timeout(Duration::from_secs(600), halts.cut_short()).await.is_err());

        terminated.cancel();
        let began = Instant::now();
        assert_eq!(halts.cut_short().await.patience, Some(LAST_JOB));
        assert_eq!(began.elapsed(), LAST_JOB);

        orders.send_modify(|orders| orders.stop = Stop::Abort);
        assert_eq!(halts.cut_short().await.reason, Reason::Aborted);
    }
}
