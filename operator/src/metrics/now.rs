//! The gauges that are read at the time of a scrape from what the operator knows.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use fno_core::key::Key;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _},
    metrics::{MetricType, gauge::ConstGauge},
    registry::{Registry, Unit},
};

use super::Metrics;

/// Where the gauges are read from.
pub trait Source: Send + Sync + 'static {
    /// The current state. `None` before the first lists are complete, and on an operator that does not lead.
    fn read(&self) -> Option<Now>;
}

/// Empty while the operator is still starting.
impl<S: Source> Source for OnceLock<Arc<S>> {
    fn read(&self) -> Option<Now> {
        self.get()?.read()
    }
}

/// The current state.
#[derive(Clone, Debug, Default)]
pub struct Now {
    /// One entry for each provider that exists.
    pub providers: Vec<ProviderNow>,
    /// Runner Pods that are not over.
    pub runners: usize,
    /// Whether Valkey answers.
    pub valkey: bool,
    /// Whether the operator can work in each listed namespace.
    pub namespaces: BTreeMap<String, bool>,
}

/// The current state of one provider.
#[derive(Clone, Debug)]
pub struct ProviderNow {
    /// Namespace and name of the provider.
    pub key: Key,
    /// Whether the condition `Ready` is true.
    pub ready: bool,
    /// Name of each account, and whether its breaker is open or half open.
    pub accounts: Vec<(String, bool)>,
    /// Whether the flow breaker is open or half open.
    pub flow_breaker: bool,
    /// Number of jobs in a batch.
    pub active: usize,
    /// Number of waiting jobs, by reason.
    pub pending: BTreeMap<String, i32>,
    /// Age in seconds of the oldest job that waits for the operator, that is, neither suspended nor delayed by `notBefore`.
    pub oldest_seconds: f64,
}

/// Registers the gauges that are read at each scrape. The series of a deleted provider are removed at the second scrape that does not find
/// it, so that its last counts are read once.
pub fn read_at_scrape(registry: &mut Registry, metrics: Metrics, source: Arc<dyn Source>) {
    let scrape = Scrape { source, metrics, gone: Mutex::default() };
    registry.sub_registry_with_prefix("fno").register_collector(Box::new(scrape));
}

struct Scrape {
    source: Arc<dyn Source>,
    metrics: Metrics,
    /// Providers that the last scrape did not find.
    gone: Mutex<BTreeSet<(String, String)>>,
}

impl fmt::Debug for Scrape {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Scrape").finish_non_exhaustive()
    }
}

type Row<L> = (L, f64);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(now) = self.source.read() else { return Ok(()) };
        self.forget_providers(&now);
        let mut gauge = Gauges(&mut encoder);
        per_provider(&mut gauge, &now.providers)?;
        gauge.one("runners_active", "Runner Pods that are not over", as_f64(now.runners))?;
        gauge.one("valkey_up", "1 while Valkey answers", flag(now.valkey))?;
        gauge.family(
            "namespace_watched",
            "1 while the operator can work in a listed namespace",
            None,
            now.namespaces.iter().map(|(of, up)| ([("namespace", of.as_str())], flag(*up))),
        )
    }
}

fn per_provider(gauge: &mut Gauges<'_, '_>, providers: &[ProviderNow]) -> Result<(), fmt::Error> {
    let labels = |of: &ProviderNow| {
        [("namespace", of.key.namespace.clone()), ("provider", of.key.name.clone())]
    };
    let all = |value: fn(&ProviderNow) -> f64| {
        providers.iter().map(move |of| (labels(of), value(of))).collect::<Vec<Row<_>>>()
    };
    gauge.family(
        "provider_ready",
        "1 while the provider is ready",
        None,
        all(|of| flag(of.ready)),
    )?;
    gauge.family(
        "flow_breaker_open",
        "1 while the provider's flow breaker is open or half open",
        None,
        all(|of| flag(of.flow_breaker)),
    )?;
    gauge.family("jobs_active", "Jobs in a batch", None, all(|of| as_f64(of.active)))?;
    gauge.family(
        "queue_age",
        "Age of the oldest job that waits and is neither suspended nor delayed by notBefore",
        Some(&Unit::Seconds),
        all(|of| of.oldest_seconds),
    )?;
    let with = |of: &ProviderNow, name: &'static str, value: &str| {
        let [namespace, provider] = labels(of);
        [namespace, provider, (name, value.to_owned())]
    };
    gauge.family(
        "account_breaker_open",
        "1 while the account's breaker is open or half open",
        None,
        providers.iter().flat_map(|of| {
            of.accounts.iter().map(move |(name, open)| (with(of, "account", name), flag(*open)))
        }),
    )?;
    gauge.family(
        "jobs_pending",
        "Jobs that wait, by reason",
        None,
        providers.iter().flat_map(|of| {
            of.pending
                .iter()
                .map(move |(reason, count)| (with(of, "reason", reason), f64::from(*count)))
        }),
    )
}

impl Scrape {
    fn forget_providers(&self, now: &Now) {
        let exist: BTreeSet<(&str, &str)> = now
            .providers
            .iter()
            .map(|of| (of.key.namespace.as_str(), of.key.name.as_str()))
            .collect();
        let mut gone = self.gone.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = RefCell::new(BTreeSet::new());
        self.metrics.retain_providers(|namespace, provider| {
            if exist.contains(&(namespace, provider)) {
                return true;
            }
            let of = (namespace.to_owned(), provider.to_owned());
            let is_kept = !gone.contains(&of);
            if is_kept {
                missing.borrow_mut().insert(of);
            }
            is_kept
        });
        *gone = missing.into_inner();
    }
}

/// Writes gauges.
struct Gauges<'a, 'b>(&'a mut DescriptorEncoder<'b>);

impl Gauges<'_, '_> {
    fn one(&mut self, name: &str, help: &str, value: f64) -> Result<(), fmt::Error> {
        let metric = ConstGauge::new(value);
        metric.encode(self.0.encode_descriptor(name, help, None, metric.metric_type())?)
    }

    fn family<L: EncodeLabelSet>(
        &mut self,
        name: &str,
        help: &str,
        unit: Option<&Unit>,
        rows: impl IntoIterator<Item = Row<L>>,
    ) -> Result<(), fmt::Error> {
        let mut family = self.0.encode_descriptor(name, help, unit, MetricType::Gauge)?;
        for (labels, value) in rows {
            ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
        }
        Ok(())
    }
}

const fn flag(is: bool) -> f64 {
    if is { 1.0 } else { 0.0 }
}

/// Converts a count. Counts here are far below 2^32, so the conversion is exact.
fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
