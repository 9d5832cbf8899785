use std::sync::{Arc, Mutex};

use prometheus_client::encoding::text::encode;

use super::*;

#[derive(Default)]
struct World(Mutex<Option<Now>>);

impl Source for World {
    fn read(&self) -> Option<Now> {
        self.0.lock().expect("no panic").clone()
    }
}

fn key(name: &str) -> Key {
    Key { namespace: "isp".to_owned(), name: name.to_owned() }
}

fn provider(name: &str) -> ProviderNow {
    ProviderNow {
        key: key(name),
        ready: true,
        accounts: vec![("bot".to_owned(), true)],
        flow_breaker: false,
        active: 3,
        pending: [("WaitingForLinger".to_owned(), 2)].into(),
        oldest_seconds: 12.5,
    }
}

fn setup() -> (Registry, Metrics, Arc<World>) {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let world = Arc::new(World::default());
    read_at_scrape(&mut registry, metrics.clone(), Arc::clone(&world) as Arc<dyn Source>);
    (registry, metrics, world)
}

fn scrape(registry: &Registry) -> String {
    let mut text = String::new();
    encode(&mut text, registry).expect("text");
    text
}

/// A registry with a series of every metric.
fn filled() -> Registry {
    let (registry, metrics, world) = setup();
    let of = Provider::of(&key("octotel"));
    let (action, phase, result) = (Word("Validation"), Word("Failed"), Word("Rejected"));
    let labels = || (of.namespace.clone(), of.provider.clone());
    let (namespace, provider_) = labels();
    let end = JobEnd { namespace, provider: provider_, action, phase };
    metrics.jobs.get_or_create(&end).inc();
    let (namespace, provider_) = labels();
    let kind = JobKind { namespace, provider: provider_, action };
    metrics.job_seconds.get_or_create(&kind).observe(1.0);
    let (namespace, provider_) = labels();
    let end = BatchEnd { namespace, provider: provider_, phase };
    metrics.batches_finished.get_or_create(&end).inc();
    let (namespace, provider_) = labels();
    let end = LoginEnd { namespace, provider: provider_, result };
    metrics.logins.get_or_create(&end).inc();
    metrics.batches_created.get_or_create(&of).inc();
    metrics.session_reuses.get_or_create(&of).inc();
    metrics.totp_minted.get_or_create(&of).inc();
    metrics.drifted(&key("octotel"), &[FlowDrift { step: "code".to_owned(), alternative: 1 }]);
    metrics.reconcile.get_or_create(&Task { task: Word("plan") }).observe(0.1);
    metrics.reconcile_errors.get_or_create(&Task { task: Word("plan") }).inc();
    *world.0.lock().expect("no panic") = Some(Now {
        providers: vec![provider("octotel")],
        runners: 1,
        valkey: true,
        namespaces: [("isp".to_owned(), true), ("gone".to_owned(), false)].into(),
    });
    registry
}

#[test]
fn the_metrics_have_these_names_and_labels() {
    let text = scrape(&filled());
    for line in [
        concat!(r#"fno_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#),
        r#"fno_jobs_total{namespace="isp",provider="octotel",action="Validation",phase="Failed"} 1"#,
        r#"fno_job_duration_seconds_count{namespace="isp",provider="octotel",action="Validation"} 1"#,
        r#"fno_batches_created_total{namespace="isp",provider="octotel"} 1"#,
        r#"fno_batches_finished_total{namespace="isp",provider="octotel",phase="Failed"} 1"#,
        r#"fno_logins_total{namespace="isp",provider="octotel",result="Rejected"} 1"#,
        r#"fno_reconcile_duration_seconds_count{task="plan"} 1"#,
        r#"fno_reconcile_errors_total{task="plan"} 1"#,
        r#"fno_provider_ready{namespace="isp",provider="octotel"} 1"#,
        r#"fno_flow_breaker_open{namespace="isp",provider="octotel"} 0"#,
        r#"fno_account_breaker_open{namespace="isp",provider="octotel",account="bot"} 1"#,
        r#"fno_jobs_active{namespace="isp",provider="octotel"} 3"#,
        r#"fno_jobs_pending{namespace="isp",provider="octotel",reason="WaitingForLinger"} 2"#,
        r#"fno_queue_age_seconds{namespace="isp",provider="octotel"} 12.5"#,
        "fno_runners_active 1",
        "fno_valkey_up 1",
        r#"fno_namespace_watched{namespace="gone"} 0"#,
        r#"fno_namespace_watched{namespace="isp"} 1"#,
    ] {
        let is_there =
            text.lines().any(|there| there == line || there.strip_suffix(".0") == Some(line));
        assert!(is_there, "{line} is missing in:\n{text}");
    }
}

#[test]
fn the_operations_document_has_a_row_for_every_metric() {
    let text = scrape(&filled());
    let document = include_str!("../../../docs/operations.md");
    let kinds = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    for (name, kind) in kinds {
        let end = match kind {
            "counter" => "_total",
            "info" => "_info",
            _ => "",
        };
        let row = format!("| `{name}{end}` |");
        assert!(document.contains(&row), "docs/operations.md has no row {row}");
    }
}

#[test]
fn the_series_of_a_deleted_provider_are_removed_after_one_more_scrape() {
    let (registry, metrics, world) = setup();
    for name in ["octotel", "evotel"] {
        metrics.batches_created.get_or_create(&Provider::of(&key(name))).inc();
    }
    let both = Now { providers: vec![provider("octotel"), provider("evotel")], ..Now::default() };
    *world.0.lock().expect("no panic") = Some(both);
    let counted = |name: &str| {
        scrape(&registry).contains(&format!(
            r#"fno_batches_created_total{{namespace="isp",provider="{name}"}} 1"#
        ))
    };
    assert!(counted("octotel") && counted("evotel"));
    let one = Now { providers: vec![provider("octotel")], ..Now::default() };
    *world.0.lock().expect("no panic") = Some(one);
    assert!(counted("evotel"), "the last counts are read once more");
    scrape(&registry);
    assert!(counted("octotel") && !counted("evotel"));
}

#[test]
fn nothing_is_forgotten_while_nothing_is_known() {
    let (registry, metrics, _) = setup();
    metrics.batches_created.get_or_create(&Provider::of(&key("octotel"))).inc();
    for _ in 0..3 {
        assert!(scrape(&registry).contains("fno_batches_created_total{"));
    }
}
