//! Small worlds to plan in.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use fno_core::{
    account::AccountName,
    gate::Gate,
    key::Key,
    plan::{
        self, AccountView, BatchView, JobView, NewBatch, OutOfService, ProviderQueue, ProviderView,
        World,
    },
    why::Why,
};
use fno_crds::{Action, FnoProviderSpec, Reason};
use jiff::{SignedDuration, Timestamp};

/// Every test's time zero; on a boundary of 30 s and of 60 s.
pub const START: i64 = 1_800_000_000;

/// How long the runner of a batch may go on out of the operator's sight.
pub const UNATTENDED: SignedDuration = SignedDuration::from_mins(40);

/// `seconds` after the start.
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(START + seconds).expect("a time within range")
}

pub fn key(name: &str) -> Key {
    Key { namespace: "fibre".to_owned(), name: name.to_owned() }
}

pub fn blocked(reason: Reason) -> Why {
    Why { reason, message: format!("{reason} in a test.") }
}

/// A provider with one account without one-time codes, both flows and the schema's defaults (50 jobs, linger 5 s, 3 batches, 1 session).
pub fn provider(name: &str) -> ProviderView {
    let flow = r#"{"steps": [{"type": "navigate", "url": "/"}]}"#;
    let spec: FnoProviderSpec = serde_json::from_str(&format!(
        r#"{{
            "baseUrl": "https://portal.example.net",
            "allowedOrigins": ["https://portal.example.net"],
            "accounts": [{{"name": "ops", "credentialsSecretRef": {{"name": "ops"}}}}],
            "flows": {{"login": {flow}, "validation": {flow}, "cancellation": {flow}}}
        }}"#
    ))
    .expect("a provider");
    ProviderView {
        key: key(name),
        generation: 7,
        spec: Arc::new(spec),
        flows_digest: "d1".to_owned(),
        blocked: None,
        cancellations_blocked: None,
        flow_gate: Gate::Open,
        accounts: vec![account("ops")],
        job_seconds: BTreeMap::from([(Action::Validation, 5.0), (Action::Cancellation, 5.0)]),
        login_seconds: Some(10.0),
        flush: false,
        work_bytes: 20_000,
    }
}

pub fn account(name: &str) -> AccountView {
    AccountView {
        name: name.to_owned(),
        identity: identity("octotel", name),
        max_sessions: 1,
        gate: Gate::Open,
        totp_period: None,
        last_step: None,
    }
}

/// The account of a provider that no other provider has.
pub fn identity(provider: &str, account: &str) -> AccountName {
    AccountName { provider: provider.to_owned(), account: account.to_owned() }
}

pub fn trial(reason: Reason) -> Gate {
    Gate::Trial(blocked(reason))
}

/// What the accounts of a provider follow from its settings.
fn settled(provider: &mut ProviderView) {
    for account in &mut provider.accounts {
        account.identity = identity(&provider.key.name, &account.name);
        account.max_sessions = provider.spec.session.max_sessions_per_account;
    }
}

/// Changes a provider's settings.
pub fn with(mut provider: ProviderView, change: impl FnOnce(&mut FnoProviderSpec)) -> ProviderView {
    change(Arc::make_mut(&mut provider.spec));
    settled(&mut provider);
    provider
}

/// A validation for `octotel`, created and ready a second before the start.
pub fn job(name: &str) -> JobView {
    JobView {
        key: key(name),
        uid: format!("uid-{name}"),
        resource_version: "1".to_owned(),
        provider: "octotel".to_owned(),
        action: Action::Validation,
        priority: 0,
        created_at: at(-1),
        eligible_since: at(-1),
        not_before: None,
        deadline: None,
        retry_at: None,
        suspend: false,
        cancel_requested: false,
        approved: false,
        circuit: None,
        bytes: 700,
    }
}

pub fn jobs(count: usize) -> Vec<JobView> {
    (0..count).map(|i| job(&format!("job-{i:05}"))).collect()
}

/// A batch at work for `octotel`.
pub fn batch(name: &str, account: &str, jobs: &[&str]) -> BatchView {
    BatchView {
        key: key(name),
        provider: "octotel".to_owned(),
        account: account.to_owned(),
        identity: identity("octotel", account),
        jobs: jobs.iter().map(|job| format!("uid-{job}")).collect(),
        holds_session: true,
        holds_runner: true,
        unattended: UNATTENDED,
        finished: false,
        rejected: None,
    }
}

/// A world owned in one piece.
#[derive(Clone, Debug)]
pub struct Scene {
    pub now: Timestamp,
    pub providers: Vec<ProviderView>,
    pub unreadable: BTreeMap<Key, Why>,
    pub jobs: Vec<JobView>,
    pub batches: Vec<BatchView>,
    pub max_runners: usize,
    pub out_of_service: OutOfService,
}

/// A plan by the names of the jobs, which reads better than their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub create: Vec<NewBatch>,
    pub waits: BTreeMap<Key, Why>,
    pub fail: BTreeMap<Key, Why>,
    pub withdraw: Vec<Key>,
    pub queues: BTreeMap<Key, ProviderQueue>,
    pub wake_at: Option<Timestamp>,
    pub ready: BTreeSet<Key>,
}

impl Plan {
    fn of(jobs: &[JobView], plan: plan::Plan) -> Self {
        let of = |place: usize| jobs[place].key.clone();
        for end in &plan.end {
            let known = jobs.iter().find(|job| job.key == end.key).expect("a job of the scene");
            assert_eq!(end.uid, known.uid, "a job that was created again is another one");
        }
        Self {
            waits: plan.waits.iter().map(|(place, why)| (of(place), why.clone())).collect(),
            ready: (0..jobs.len()).filter(|place| plan.is_ready(*place)).map(of).collect(),
            create: plan.create,
            fail: plan
                .end
                .iter()
                .filter_map(|end| Some((end.key.clone(), end.why.clone()?)))
                .collect(),
            withdraw: plan
                .end
                .iter()
                .filter(|end| end.why.is_none())
                .map(|end| end.key.clone())
                .collect(),
            queues: plan.queues,
            wake_at: plan.wake_at,
        }
    }

    pub fn is_ready(&self, job: &Key) -> bool {
        self.ready.contains(job)
    }
}

impl Scene {
    /// At the start, with runners in plenty.
    pub fn new(providers: Vec<ProviderView>, jobs: Vec<JobView>) -> Self {
        Self {
            now: at(0),
            providers,
            unreadable: BTreeMap::new(),
            jobs,
            batches: Vec::new(),
            max_runners: 100,
            out_of_service: OutOfService::default(),
        }
    }

    /// `octotel` with jobs that have lingered long enough.
    pub fn octotel(jobs: Vec<JobView>) -> Self {
        Self { now: at(60), ..Self::new(vec![provider("octotel")], jobs) }
    }

    /// Changes the first provider's settings.
    pub fn with(mut self, change: impl FnOnce(&mut FnoProviderSpec)) -> Self {
        change(Arc::make_mut(&mut self.providers[0].spec));
        settled(&mut self.providers[0]);
        self
    }

    pub fn world(&self) -> World<'_> {
        World {
            now: self.now,
            providers: &self.providers,
            unreadable: &self.unreadable,
            jobs: &self.jobs,
            batches: &self.batches,
            max_runners: self.max_runners,
            out_of_service: &self.out_of_service,
        }
    }

    pub fn plan(&self) -> Plan {
        Plan::of(&self.jobs, plan::plan(&self.world()))
    }

    /// The created batches stand in the world now, as at work.
    pub fn carry_out(&mut self, plan: &Plan) {
        self.batches.extend(plan.create.iter().map(|new| BatchView {
            key: new.key.clone(),
            provider: new.spec.provider.clone(),
            identity: identity(&new.spec.provider, &new.spec.account),
            jobs: new.spec.jobs.iter().map(|job| job.uid.clone()).collect(),
            ..batch(&new.key.name, &new.spec.account, &[])
        }));
    }
}

/// Sizes of the created batches.
pub fn sizes(plan: &Plan) -> Vec<usize> {
    plan.create.iter().map(|batch| batch.spec.jobs.len()).collect()
}

/// Names of the jobs in a created batch.
pub fn names(plan: &Plan, batch: usize) -> Vec<&str> {
    plan.create[batch].spec.jobs.iter().map(|job| job.name.as_str()).collect()
}

/// The reason a job waits for.
pub fn waits_for(plan: &Plan, job: &str) -> Option<Reason> {
    plan.waits.get(&key(job)).map(|blocked| blocked.reason)
}

/// How many jobs wait for which reason.
pub fn reasons(plan: &Plan) -> BTreeMap<Reason, usize> {
    let mut counts = BTreeMap::new();
    for blocked in plan.waits.values() {
        *counts.entry(blocked.reason).or_default() += 1;
    }
    counts
}
