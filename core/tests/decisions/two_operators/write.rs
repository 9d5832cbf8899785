//! What comes of a write: it is applied or not, and answered or not.

use fno_crds::{JobPhase, batch::BatchPhase};

use super::{
    Harm, World,
    decide::{Intent, follow_up},
    schedule::Fault,
    stored::{Batch, Job},
};

impl World {
    pub fn write(&mut self, operator: usize, intent: Intent, fault: Fault) -> Result<(), Harm> {
        let burning = match &intent {
            Intent::BurnStep { step, .. } | Intent::TakeInValkey { step, .. } => Some(*step),
            Intent::Create(_)
            | Intent::Claim { .. }
            | Intent::Launch { .. }
            | Intent::Reserve { .. }
            | Intent::Deliver { .. } => None,
        };
        let next = follow_up(&intent, self.guards);
        let applied = fault != Fault::NotApplied && self.apply(intent)?;
        let operator = &mut self.operators[operator];
        match fault {
            Fault::None if applied => operator.intent = next,
            // A conflict: somebody was quicker. Its next look at the cache decides anew.
            Fault::None => {}
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
        let version = self.api.next_version();
        let guards = self.guards;
        Ok(match intent {
            Intent::Create(new) => {
                let invited = new
                    .spec
                    .jobs
                    .iter()
                    .map(|job| job.uid["uid-".len()..].parse().expect("an index"))
                    .collect();
                let batch = Batch {
                    version,
                    phase: BatchPhase::Created,
                    invited,
                    claimed: Vec::new(),
                    login: 1,
                    reserved: None,
                    answered: false,
                };
                let free = !self.api.batches.contains_key(&new.key.name);
                self.api.batches.entry(new.key.name).or_insert(batch);
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
                let batch = self.api.batches.get_mut(&batch).expect("batches stay");
                let unchanged = batch.version == read;
                if unchanged {
                    // Without a job there is nothing to run.
                    let phase =
                        if claimed.is_empty() { BatchPhase::Failed } else { BatchPhase::Assigned };
                    (batch.version, batch.phase, batch.claimed) = (version, phase, claimed);
                }
                unchanged
            }
            Intent::BurnStep { step, version: read, .. } => {
                let unchanged = self.api.last_step.0 == read || !guards.last_step_compared;
                if unchanged {
                    self.api.last_step = (version, Some(step));
                }
                unchanged
            }
            Intent::TakeInValkey { step, .. } => {
                let free = !self.valkey.contains_key(&step);
                self.valkey.entry(step).or_insert(self.now);
                free
            }
            // Compared by content: the same login, not reserved with a later step.
            Intent::Reserve { batch, login, step } => {
                let batch = self.api.batches.get_mut(&batch).expect("batches stay");
                let fits = batch.phase == BatchPhase::Assigned
                    && batch.login == login
                    && batch.reserved.is_none_or(|(n, s)| n < login || s < step);
                if fits {
                    (batch.version, batch.reserved) = (version, Some((login, step)));
                }
                fits
            }
            Intent::Deliver { batch, login, step } => {
                let owner = (batch, login);
                let free = !self.api.secrets.contains_key(&owner);
                if free {
                    self.api.secrets.insert(owner.clone(), step);
                    let first = self.codes.entry(step).or_insert_with(|| owner.clone());
                    if *first != owner {
                        return Err(format!(
                            "step {step} gave a code to {first:?} and to {owner:?}"
                        ));
                    }
                    if self.outsiders.contains(&step) {
                        return Err(format!(
                            "step {step} gave a code to {owner:?} although somebody else had used it"
                        ));
                    }
                }
                free
            }
        })
    }
}
