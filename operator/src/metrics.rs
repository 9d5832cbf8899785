//! The metrics for Prometheus. No label holds a circuit, a job or a batch, because their number is unbounded.
//!
//! Counters are incremented where things happen. Gauges are read at the time of a scrape (module `now`), so that no scrape sees a half-updated
//! state.

mod now;
mod series;

use std::fmt::Write as _;

use fno_core::key::Key;
use fno_crds::batch::FlowDrift;
use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{
        counter::Counter,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

pub use self::{
    now::{Now, ProviderNow, Source, read_at_scrape},
    series::Series,
};

/// A label value from a closed set of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Word(pub &'static str);

impl EncodeLabelValue for Word {
    fn encode(&self, encoder: &mut LabelValueEncoder<'_>) -> Result<(), std::fmt::Error> {
        encoder.write_str(self.0)
    }
}

/// Labels of series that belong to one provider and are removed with it.
pub trait OfProvider {
    /// Namespace and name of the provider.
    fn provider(&self) -> (&str, &str);
}

macro_rules! labels {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
        #[expect(missing_docs, reason = "the fields are the labels")]
        pub struct $name { pub namespace: String, pub provider: String, $(pub $field: $type),* }

        impl OfProvider for $name {
            fn provider(&self) -> (&str, &str) {
                (&self.namespace, &self.provider)
            }
        }
    )*};
}
labels! {
    /// One provider.
    Provider {}
    /// The end of a job.
    JobEnd { action: Word, phase: Word }
    /// A kind of job.
    JobKind { action: Word }
    /// The end of a batch.
    BatchEnd { phase: Word }
    /// The end of a login.
    LoginEnd { result: Word }
    /// A step that needed a later selector alternative.
    Drift { step: String }
}

impl Provider {
    /// The labels of the provider with that key.
    #[must_use]
    pub fn of(key: &Key) -> Self {
        Self { namespace: key.namespace.clone(), provider: key.name.clone() }
    }
}

/// A task of the operator.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Task {
    /// `plan`, `batch` or `provider`.
    pub task: Word,
}

type Seconds<L> = Series<L, Histogram>;

/// All counters, histograms and gauges that are not read at a scrape.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Jobs that ended.
    pub jobs: Series<JobEnd, Counter>,
    /// Duration of a job's flow, in seconds.
    pub job_seconds: Seconds<JobKind>,
    /// Batches that were created.
    pub batches_created: Series<Provider, Counter>,
    /// Batches that ended.
    pub batches_finished: Series<BatchEnd, Counter>,
    /// Jobs that needed no login of their own.
    pub session_reuses: Series<Provider, Counter>,
    /// One-time codes that were minted.
    pub totp_minted: Series<Provider, Counter>,
    /// Logins that ended, with or without one-time codes.
    pub logins: Series<LoginEnd, Counter>,
    /// Seconds from the code field on screen to the code.
    pub totp_wait: Histogram,
    /// Steps that needed a later selector alternative.
    pub flow_drift: Series<Drift, Counter>,
    /// Duration of one plan or reconcile, in seconds.
    pub reconcile: Seconds<Task>,
    /// Plans and reconciles that failed.
    pub reconcile_errors: Series<Task, Counter>,
    /// Objects that could not be read.
    pub malformed: Counter,
    /// 1 while this operator holds the Lease.
    pub leader: Gauge,
}

impl Metrics {
    /// Creates all metrics and registers them under the prefix `fno`.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            jobs: Series::default(),
            job_seconds: Series::of(|| Histogram::new(exponential_buckets(0.25, 2.0, 11))),
            batches_created: Series::default(),
            batches_finished: Series::default(),
            session_reuses: Series::default(),
            totp_minted: Series::default(),
            logins: Series::default(),
            totp_wait: Histogram::new([
                0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0,
            ]),
            flow_drift: Series::default(),
            reconcile: Series::of(|| Histogram::new(exponential_buckets(0.001, 4.0, 8))),
            reconcile_errors: Series::default(),
            malformed: Counter::default(),
            leader: Gauge::default(),
        };
        metrics.register_in(registry.sub_registry_with_prefix("fno"));
        metrics
    }

    fn register_in(&self, fno: &mut Registry) {
        fno.register(
            "build",
            "Version of the operator",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        fno.register("jobs", "Jobs that reached an end, by phase", self.jobs.family());
        fno.register_with_unit(
            "job_duration",
            "Time of a job's flow on the portal",
            Unit::Seconds,
            self.job_seconds.family(),
        );
        fno.register("batches_created", "Batches created", self.batches_created.family());
        fno.register(
            "batches_finished",
            "Batches that ended, by phase",
            self.batches_finished.family(),
        );
        fno.register(
            "session_reuses",
            "Jobs that needed no login of their own",
            self.session_reuses.family(),
        );
        fno.register("totp_minted", "One-time codes minted", self.totp_minted.family());
        fno.register(
            "logins",
            "Logins that ended, with or without one-time codes, by result",
            self.logins.family(),
        );
        fno.register_with_unit(
            "totp_wait",
            "Time from the code field on screen to the code",
            Unit::Seconds,
            self.totp_wait.clone(),
        );
        fno.register(
            "flow_drift",
            "Steps that worked only with a later selector alternative",
            self.flow_drift.family(),
        );
        fno.register_with_unit(
            "reconcile_duration",
            "Time of one plan or reconcile",
            Unit::Seconds,
            self.reconcile.family(),
        );
        fno.register(
            "reconcile_errors",
            "Plans and reconciles that failed and are tried again",
            self.reconcile_errors.family(),
        );
        fno.register(
            "malformed_objects",
            "Objects that could not be read and were not touched",
            self.malformed.clone(),
        );
        fno.register("leader", "1 while this operator holds the Lease", self.leader.clone());
    }

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

    /// Removes the series of providers that no longer exist.
    pub fn retain_providers(&self, exists: impl Fn(&str, &str) -> bool) {
        fn keep<L: OfProvider>(exists: &impl Fn(&str, &str) -> bool) -> impl Fn(&L) -> bool {
            move |labels| {
                let (namespace, provider) = labels.provider();
                exists(namespace, provider)
            }
        }
        self.jobs.retain(keep(&exists));
        self.job_seconds.retain(keep(&exists));
        self.batches_created.retain(keep(&exists));
        self.batches_finished.retain(keep(&exists));
        self.session_reuses.retain(keep(&exists));
        self.totp_minted.retain(keep(&exists));
        self.logins.retain(keep(&exists));
        self.flow_drift.retain(keep(&exists));
    }
}

#[cfg(test)]
mod tests;
