//! What Prometheus is told. No label holds a circuit, a job or a batch: their number has no bound.

use std::fmt::Write as _;

use fno_core::key::Key;
use fno_crds::batch::FlowDrift;
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

/// A closed set of words as a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Word(pub &'static str);

impl EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.write_str(self.0)
    }
}

/// One provider.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Provider {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub provider: String,
}

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident { $($field:ident),* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
        #[expect(missing_docs, reason = "the fields are the labels")]
        pub struct $name { pub namespace: String, pub provider: String, $(pub $field: Word),* }
    )*};
}
labels! {
    /// A job's end.
    JobEnd { action, phase }
    /// A kind of job.
    JobKind { action }
    /// A batch's end.
    BatchEnd { phase }
    /// A login's end.
    LoginEnd { result }
    /// Why jobs wait.
    Waiting { reason }
}

/// A step that fell back to a later selector.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Drift {
    /// Namespace of the provider.
    pub namespace: String,
    /// The provider.
    pub provider: String,
    /// The step.
    pub step: String,
}

/// A task of the operator.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Task {
    /// `plan`, `batch`, `provider`.
    pub task: Word,
}

type Seconds<L> = Family<L, Histogram, fn() -> Histogram>;

/// Every metric.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Ends of jobs.
    pub jobs: Family<JobEnd, Counter>,
    /// Jobs in a batch.
    pub jobs_active: Family<Provider, Gauge>,
    /// Jobs that wait.
    pub jobs_pending: Family<Waiting, Gauge>,
    /// Age of the oldest job that waits.
    pub queue_age: Family<Provider, Gauge<f64, std::sync::atomic::AtomicU64>>,
    /// Time of a job's flow.
    pub job_seconds: Seconds<JobKind>,
    /// Batches created.
    pub batches_created: Family<Provider, Counter>,
    /// Ends of batches.
    pub batches_completed: Family<BatchEnd, Counter>,
    /// Runner Pods that are not over.
    pub runners_active: Gauge,
    /// Jobs that needed no login of their own.
    pub session_reuses: Family<Provider, Counter>,
    /// One-time codes minted.
    pub totp_minted: Family<Provider, Counter>,
    /// Ends of logins.
    pub totp_logins: Family<LoginEnd, Counter>,
    /// From the code field on screen to the code.
    pub totp_wait: Histogram,
    /// Steps that fell back to a later selector.
    pub flow_drift: Family<Drift, Counter>,
    /// Time of one planning or reconciliation.
    pub reconcile: Seconds<Task>,
    /// Plannings and reconciliations that failed.
    pub errors: Family<Task, Counter>,
    /// Objects that could not be read.
    pub malformed: Counter,
    /// 1 while this operator holds the Lease.
    pub leader: Gauge,
}

impl Metrics {
    /// Counts the steps of a provider that needed a later selector alternative.
    pub fn drifted(&self, provider: &Key, drift: &[FlowDrift]) {
        for drift in drift {
            let labels = Drift {
                namespace: provider.namespace.clone(),
                provider: provider.name.clone(),
                step: drift.step.clone(),
            };
            self.flow_drift.get_or_create(&labels).inc();
        }
    }

    /// All metrics, registered under the prefix `fno`.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            jobs: Family::default(),
            jobs_active: Family::default(),
            jobs_pending: Family::default(),
            queue_age: Family::default(),
            job_seconds: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.25, 2.0, 11))
            }),
            batches_created: Family::default(),
            batches_completed: Family::default(),
            runners_active: Gauge::default(),
            session_reuses: Family::default(),
            totp_minted: Family::default(),
            totp_logins: Family::default(),
            totp_wait: Histogram::new([
                0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0,
            ]),
            flow_drift: Family::default(),
            reconcile: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.001, 4.0, 8))
            }),
            errors: Family::default(),
            malformed: Counter::default(),
            leader: Gauge::default(),
        };
        let fno = registry.sub_registry_with_prefix("fno");
        fno.register("jobs", "Jobs that reached an end, by their phase", metrics.jobs.clone());
        fno.register("jobs_active", "Jobs in a batch", metrics.jobs_active.clone());
        fno.register("jobs_pending", "Jobs that wait, by reason", metrics.jobs_pending.clone());
        fno.register_with_unit(
            "queue_age",
            "Age of the oldest job that waits",
            Unit::Seconds,
            metrics.queue_age.clone(),
        );
        fno.register_with_unit(
            "job",
            "Time of a job's flow on the portal",
            Unit::Seconds,
            metrics.job_seconds.clone(),
        );
        fno.register("batches_created", "Batches created", metrics.batches_created.clone());
        fno.register(
            "batches_completed",
            "Batches that ended, by their phase",
            metrics.batches_completed.clone(),
        );
        fno.register(
            "runners_active",
            "Runner Pods that are not over",
            metrics.runners_active.clone(),
        );
        fno.register(
            "session_reuses",
            "Jobs that needed no login of their own",
            metrics.session_reuses.clone(),
        );
        fno.register("totp_minted", "One-time codes minted", metrics.totp_minted.clone());
        fno.register(
            "totp_logins",
            "Logins that ended, with one-time codes or without: LoggedIn, Rejected, Failed",
            metrics.totp_logins.clone(),
        );
        fno.register_with_unit(
            "totp_wait",
            "From the code field on screen to the code",
            Unit::Seconds,
            metrics.totp_wait.clone(),
        );
        fno.register(
            "flow_drift",
            "Steps that worked only with a later selector",
            metrics.flow_drift.clone(),
        );
        fno.register_with_unit(
            "reconcile",
            "Time of one planning or reconciliation",
            Unit::Seconds,
            metrics.reconcile.clone(),
        );
        fno.register(
            "errors",
            "Plannings and reconciliations that failed and are tried again",
            metrics.errors.clone(),
        );
        fno.register(
            "malformed_objects",
            "Objects that could not be read and were left out",
            metrics.malformed.clone(),
        );
        fno.register("leader", "1 while this operator holds the Lease", metrics.leader.clone());
        metrics
    }
}
