//! The guards of a step, in their order: the account's entry in the provider, the entries under its other names, Valkey. A guard whose answer
//! was lost counts as passed by another login.

use fno_cluster::conflict::is_conflict;
use fno_core::{
    account::{last_step_of, with_last_step},
    mint::{StepRecord, step},
    totp::Seed,
};
use fno_crds::{FnoBatch, FnoProvider, provider::Totp};
use kube::ResourceExt as _;
use tracing::{info, warn};

use super::super::login::{Place, write_entry};
use crate::{
    context::Context,
    error::{Error, Result},
    used_steps::StepAnswer,
};

/// Whether a step has passed the guards, and so belongs to this login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    Yes,
    /// The step belongs to another login, or may: everything has to be read again.
    No,
}

/// The guards of one login, and the findings of the tries so far.
pub struct Guards<'a> {
    context: &'a Context,
    batch: &'a FnoBatch,
    login: i32,
    /// The step of a guard write whose answer was lost.
    pub doubtful: Option<i64>,
    /// What Valkey has answered so far about a step.
    pub valkey: StepRecord,
    /// The period, in seconds, in which these steps are counted.
    period: i64,
}

impl<'a> Guards<'a> {
    /// Guards of which none was tried yet.
    pub async fn new(context: &'a Context, batch: &'a FnoBatch, login: i32) -> Self {
        let valkey = answering(context).await;
        Self { context, batch, login, doubtful: None, valkey, period: 1 }
    }

    /// Converts the findings to another period (seconds): an edit of the period between two tries must not turn a step into one of the far
    /// future.
    pub fn count_in(&mut self, period: i64) {
        let rebased = |step| step::rebased(step, self.period, period);
        let doubtful = self.doubtful.map(rebased);
        if let StepRecord::Taken { step } = self.valkey {
            self.valkey = StepRecord::Taken { step: rebased(step) };
        }
        (self.doubtful, self.period) = (doubtful, period);
    }

    /// Tries the guards one after another.
    ///
    /// # Errors
    /// If the API server does not answer a read.
    pub async fn pass(
        &mut self,
        place: &Place,
        provider: &FnoProvider,
        totp: &Totp,
        seed: &Seed,
        step: i64,
    ) -> Result<Passed> {
        if self.mark_used(place, provider, totp, step).await == Passed::No {
            return Ok(Passed::No);
        }
        if !place.others.is_empty() && self.is_used_elsewhere(totp, step).await? {
            info!(batch = self.batch.name_any(), step, "another provider has used this step");
            return Ok(Passed::No);
        }
        Ok(self.take_in_valkey(totp, seed, step).await)
    }

    /// Marks the step as used in the account's entry, by compare-and-set.
    async fn mark_used(
        &mut self,
        place: &Place,
        provider: &FnoProvider,
        totp: &Totp,
        step: i64,
    ) -> Passed {
        let entry = place.shared().and_then(|shared| shared.own.status.cloned());
        let entry = with_last_step(&entry.unwrap_or_default(), step, totp.period_seconds);
        match write_entry(self.context, provider, &place.name, entry).await {
            Ok(()) => Passed::Yes,
            Err(error) if error.is_conflict() => Passed::No,
            Err(error) => {
                warn!(%error, step, "the answer about a step was lost: the step counts as used");
                self.doubtful = Some(step);
                Passed::No
            }
        }
    }

    /// Two providers with the same account have two entries. Each writes its own and then reads the other's, so at least one sees the other.
    async fn is_used_elsewhere(&self, totp: &Totp, step: i64) -> Result<bool> {
        let place = Place::of(self.context, self.batch).await?;
        let period = i64::from(totp.period_seconds);
        Ok(place.shared().is_none_or(|shared| {
            let entries = shared.others.iter().filter_map(|entry| entry.status);
            entries.filter_map(|status| last_step_of(status, period)).any(|last| last >= step)
        }))
    }

    /// Marks the step as used in Valkey, the record that is shared with everything else that uses the account.
    async fn take_in_valkey(&mut self, totp: &Totp, seed: &Seed, step: i64) -> Passed {
        let tracking = totp.tracking_id.clone().unwrap_or_else(|| seed.fingerprint());
        let holder = format!("{}/{}", self.batch.name_any(), self.login);
        let ttl = step::key_ttl(i64::from(totp.period_seconds), i64::from(totp.skew_steps));
        match self.context.used_steps.take(&tracking, step, &holder, ttl).await {
            StepAnswer::Ours => Passed::Yes,
            StepAnswer::Used => {
                info!(
                    batch = self.batch.name_any(),
                    login = self.login,
                    step,
                    "this step of the account was used elsewhere; trying the next one"
                );
                self.valkey = StepRecord::Taken { step };
                Passed::No
            }
            StepAnswer::Doubtful => {
                self.doubtful = Some(step);
                self.valkey = answering(self.context).await;
                Passed::No
            }
        }
    }
}

async fn answering(context: &Context) -> StepRecord {
    match context.used_steps.ping().await {
        Ok(()) => StepRecord::Unknown,
        Err(_) => StepRecord::Unreachable,
    }
}

/// Sets every entry of the account whose last step is later back to `step`.
///
/// # Errors
/// Any error of the API server except a conflict, after which everything is read again anyway.
pub async fn rebase(context: &Context, place: &Place, step: i64, period: i32) -> Result<()> {
    let Some(shared) = place.shared() else { return Ok(()) };
    for entry in std::iter::once(&shared.own).chain(&shared.others) {
        let (Some(status), Some(provider)) =
            (entry.status, place.accounts.provider(&entry.name.provider))
        else {
            continue;
        };
        if last_step_of(status, i64::from(period)).is_none_or(|last| last <= step) {
            continue;
        }
        warn!(
            provider = entry.name.provider,
            account = entry.name.account,
            last_step = status.last_step,
            rebased_to = step,
            "setting back a step that was recorded by a clock that was ahead: the portal confirms our clock"
        );
        match write_entry(context, provider, &entry.name, with_last_step(status, step, period))
            .await
        {
            Err(Error::Api(error)) if is_conflict(&error) => {}
            other => other?,
        }
    }
    Ok(())
}
