//! What comes of a write: it is applied or not, and answered or not.

use fno_crds::{
    JobPhase,
    batch::{BatchPhase, GrantState, LoginResult},
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

use super::{
    Harm, World,
    decide::{Intent, follow_up, granted},
    schedule::Fault,
    stored::{Batch, Job, Provider, Stage},
};

impl Intent {
    /// The batch that it writes to.
    fn written_batch(&self) -> Option<&str> {
        match self {
            Self::Launch { batch, .. }
            | Self::Grant { batch, .. }
            | Self::End { batch, .. }
            | Self::Reserve { batch, .. }
            | Self::Deliver { batch, .. }
            | Self::Close { batch, .. } => Some(batch),
            Self::Create(_)
            | Self::Claim { .. }
            | Self::Refresh { .. }
            | Self::EnterLogin { .. }
            | Self::BurnStep { .. }
            | Self::TakeInValkey { .. }
            | Self::Count { .. } => None,
        }
    }
}

impl World {
    pub fn write(&mut self, operator: usize, intent: Intent, fault: Fault) -> Result<(), Harm> {
        let burning = match &intent {
            Intent::BurnStep { step, provider: Provider { period, .. }, .. }
            | Intent::TakeInValkey { step, period, .. } => Some((step + 1) * period),
            _ => None,
        };
        let next = follow_up(&intent, self.guards);
        let applied = fault != Fault::NotApplied && self.apply(intent)?;
        let operator = &mut self.operators[operator];
        match fault {
            Fault::None if applied => operator.intent = next,
            // A conflict: another writer was quicker. The next look at the cache decides anew.
            Fault::None => {}
            // Of a login that was entered, or counted, without an answer the next decision learns.
            Fault::NotApplied | Fault::AnswerLost if self.guards.doubt_burns => {
                operator.doubtful = operator.doubtful.max(burning)
            }
            Fault::NotApplied | Fault::AnswerLost => operator.intent = next,
            Fault::CrashAfter => (operator.intent, operator.doubtful) = (None, None),
        }
        Ok(())
    }

    /// Whether the write succeeded.
    fn apply(&mut self, intent: Intent) -> Result<bool, Harm> {
        if intent.written_batch().is_some_and(|name| !self.api.batches.contains_key(name)) {
            return Ok(false);
        }
        let version = self.api.next_version();
        let guards = self.guards;
        Ok(match intent {
            Intent::Create(new) => {
                let free = !self.api.batches.contains_key(&new.key.name);
                let jobs = new.spec.jobs.iter();
                let invited =
                    jobs.map(|job| job.uid["uid-".len()..].parse().expect("an index")).collect();
                self.api.batches.entry(new.key.name).or_insert(Batch {
                    version,
                    phase: BatchPhase::Created,
                    invited,
                    claimed: Vec::new(),
                    pinned: (0, String::new()),
                    login: 1,
                    stage: Stage::Asking,
                    grants: Vec::new(),
                    reserved: None,
                    answered: false,
                });
                free
            }
            Intent::Claim { job, batch, version: read } => {
                let job = &mut self.api.jobs[job];
                let unchanged = job.version == read || !guards.claim_compared;
                if unchanged {
                    *job = Job { version, phase: JobPhase::Batched, batch: Some(batch) };
                }
                unchanged
            }
            Intent::Launch { batch, version: read, claimed } => {
                let secret = self.api.secret;
                let batch = self.batch(&batch);
                let unchanged = batch.version == read;
                if unchanged {
                    // Without a job there is nothing to run.
                    let phase =
                        if claimed.is_empty() { BatchPhase::Failed } else { BatchPhase::Assigned };
                    (batch.version, batch.phase, batch.claimed) = (version, phase, claimed);
                    batch.pinned = (secret.password, secret.version(guards.digest));
                }
                unchanged
            }
            Intent::Refresh { provider, version: read }
            | Intent::EnterLogin { provider, version: read, .. }
            | Intent::Count { provider, version: read, .. } => {
                let unchanged = self.api.provider.0 == read || !guards.provider_compared;
                if unchanged {
                    self.listen(&provider);
                    self.api.provider = (version, provider);
                }
                unchanged
            }
            Intent::BurnStep { provider, version: read, .. } => {
                let unchanged = self.api.provider.0 == read || !guards.last_step_compared;
                if unchanged {
                    self.api.provider = (version, provider);
                }
                unchanged
            }
            Intent::TakeInValkey { step, period, .. } => {
                let taken = !self.valkey.contains_key(&(step, period));
                self.valkey.entry((step, period)).or_insert(self.now);
                taken
            }
            // Compared by content: the same login, not granted yet.
            Intent::Grant { batch, login } => {
                let batch = self.batch(&batch);
                let fits = batch.phase == BatchPhase::Assigned
                    && batch.login == login
                    && batch.grant().is_none();
                if fits {
                    batch.version = version;
                    batch.grants.push(granted(login));
                }
                fits
            }
            // As above: the login is still open, and not reserved with a later step.
            Intent::Reserve { batch, login, step, period } => {
                let batch = self.batch(&batch);
                let known = batch.grant().and_then(|grant| grant.step_period_seconds);
                let known = known.map_or(period, i64::from);
                let later = |s: i64| (s + 1) * known < (step + 1) * period;
                let fits = batch.phase == BatchPhase::Assigned
                    && batch.login == login
                    && batch.reserved.is_none_or(|(n, s)| n < login || later(s));
                if fits {
                    (batch.version, batch.reserved) = (version, Some((login, step)));
                    if let Some(grant) = batch.grant_mut() {
                        grant.step = Some(step);
                        grant.step_period_seconds = i32::try_from(period).ok();
                    }
                }
                fits
            }
            Intent::Deliver { batch, login, step, period } => {
                self.deliver((batch, login), step, period)?
            }
            Intent::End { batch, login } => {
                let batch = self.batch(&batch);
                let fits = batch.phase == BatchPhase::Assigned && batch.login == login;
                if fits {
                    (batch.version, batch.phase) = (version, BatchPhase::Failed);
                }
                fits
            }
            Intent::Close { batch, login, result } => {
                let now = self.now;
                let batch = self.batch(&batch);
                let grant = batch.grants.iter_mut().find(|grant| grant.login == login);
                if let Some(grant) = grant {
                    (grant.state, grant.result) = (GrantState::Done, Some(result));
                    grant.ended_at = Some(MicroTime(now));
                }
                batch.version = version;
                if result != LoginResult::LoggedIn && !batch.phase.is_finished() {
                    batch.phase = BatchPhase::Failed;
                }
                true
            }
        })
    }

    fn deliver(&mut self, owner: (String, i32), step: i64, period: i64) -> Result<bool, Harm> {
        if self.api.codes.contains_key(&owner) {
            return Ok(false);
        }
        self.api.codes.insert(owner.clone(), (step, period));
        let (from, until) = (step * period, (step + 1) * period);
        let clash = self
            .codes
            .iter()
            .find(|(other, (begins, ends))| *other != owner && from < *ends && *begins < until);
        if let Some((other, _)) = clash {
            return Err(format!("step {step} gave a code to {other:?} and to {owner:?}"));
        }
        if self.outsiders.contains(&(step, period)) {
            return Err(format!(
                "step {step} gave a code to {owner:?} although another program had used it"
            ));
        }
        self.codes.push((owner, (from, until)));
        Ok(true)
    }

    fn batch(&mut self, name: &str) -> &mut Batch {
        self.api.batches.get_mut(name).expect("checked above")
    }
}
