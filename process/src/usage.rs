//! The resources that the process uses, under the names that every Prometheus client library uses: `process_*`.
//!
//! Six numbers are parsed from the files in `/proc/self` without a crate: the crates for this cover all of `/proc`, or bring another version
//! of the metrics library.

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

/// Clock ticks per second in `/proc`, which the kernel's interface fixes on every supported architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// Reads the numbers at each scrape. Numbers that cannot be read are omitted.
#[derive(Debug)]
pub struct Usage;

/// The numbers that were read.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Numbers {
    cpu_seconds: Option<f64>,
    started_at_seconds: Option<f64>,
    threads: Option<i64>,
    resident_bytes: Option<i64>,
    virtual_bytes: Option<i64>,
    open_files: Option<i64>,
    most_open_files: Option<i64>,
}

impl Collector for Usage {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let numbers = Numbers::read();
        if let Some(seconds) = numbers.cpu_seconds {
            let metric = ConstCounter::new(seconds);
            let name = "process_cpu";
            let help = "CPU time of the process";
            let encoder = encoder.encode_descriptor(
                name,
                help,
                Some(&Unit::Seconds),
                metric.metric_type(),
            )?;
            metric.encode(encoder)?;
        }
        if let Some(seconds) = numbers.started_at_seconds {
            let metric = ConstGauge::new(seconds);
            let (name, help) = ("process_start_time", "When the process started, in Unix time");
            let encoder = encoder.encode_descriptor(
                name,
                help,
                Some(&Unit::Seconds),
                metric.metric_type(),
            )?;
            metric.encode(encoder)?;
        }
        for (name, help, unit, value) in [
            ("process_resident_memory", "Memory in RAM", Some(Unit::Bytes), numbers.resident_bytes),
            ("process_virtual_memory", "Address space", Some(Unit::Bytes), numbers.virtual_bytes),
            ("process_threads", "Threads", None, numbers.threads),
            ("process_open_fds", "Open file descriptors", None, numbers.open_files),
            ("process_max_fds", "Limit of file descriptors", None, numbers.most_open_files),
        ] {
            let Some(value) = value else { continue };
            let metric = ConstGauge::new(value);
            metric.encode(encoder.encode_descriptor(
                name,
                help,
                unit.as_ref(),
                metric.metric_type(),
            )?)?;
        }
        Ok(())
    }
}

impl Numbers {
    fn read() -> Self {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let open = std::fs::read_dir("/proc/self/fd").ok().map(Iterator::count);
        Self {
            open_files: open.and_then(|count| i64::try_from(count).ok()),
            ..Self::of(
                &text("/proc/self/stat"),
                &text("/proc/self/status"),
                &text("/proc/self/limits"),
                &text("/proc/stat"),
            )
        }
    }

    /// Parses the contents of the files; see proc(5).
    fn of(stat: &str, status: &str, limits: &str, system: &str) -> Self {
        // The second field is the name in parentheses, which may contain spaces; fields 3 and up follow it.
        let fields: Vec<&str> = stat
            .rsplit_once(')')
            .map(|(_, rest)| rest.split_whitespace().collect())
            .unwrap_or_default();
        let ticks = |field: usize| {
            fields.get(field - 3)?.parse::<f64>().ok().map(|ticks| ticks / TICKS_PER_SECOND)
        };
        let after = |text: &str, label: &str, column: usize| {
            let line = text.lines().find_map(|line| line.strip_prefix(label))?;
            line.split_whitespace().nth(column)?.parse::<i64>().ok()
        };
        let booted = after(system, "btime", 0).and_then(|at| i32::try_from(at).ok());
        Self {
            cpu_seconds: ticks(14).zip(ticks(15)).map(|(user, system)| user + system),
            started_at_seconds: booted.zip(ticks(22)).map(|(boot, after)| f64::from(boot) + after),
            threads: after(status, "Threads:", 0),
            resident_bytes: after(status, "VmRSS:", 0).map(|kilobytes| kilobytes * 1024),
            virtual_bytes: after(status, "VmSize:", 0).map(|kilobytes| kilobytes * 1024),
            open_files: None,
            most_open_files: after(limits, "Max open files", 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_read_from_the_texts_of_proc() {
        let stat = "7 (fno operator) S 1 7 7 0 -1 4194560 2345 0 12 0 150 50 0 0 20 0 9 0 1000 1234 567 18446744073709551615";
        let status = "Name:\tfno\nVmSize:\t  20000 kB\nVmRSS:\t   10000 kB\nThreads:\t9\n";
        let limits = "Limit                     Soft Limit           Hard Limit           Units\nMax open files            1024                 4096                 files\n";
        let numbers = Numbers::of(stat, status, limits, "cpu 1 2\nbtime 1700000000\n");
        assert_eq!(
            numbers,
            Numbers {
                cpu_seconds: Some(2.0),
                started_at_seconds: Some(1_700_000_010.0),
                threads: Some(9),
                resident_bytes: Some(10_240_000),
                virtual_bytes: Some(20_480_000),
                open_files: None,
                most_open_files: Some(1024),
            }
        );
        assert_eq!(Numbers::of("", "", "", ""), Numbers::default());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_all_of_them() {
        let mut registry = prometheus_client::registry::Registry::default();
        registry.register_collector(Box::new(Usage));
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
        for name in [
            "process_cpu_seconds_total",
            "process_start_time_seconds",
            "process_resident_memory_bytes",
            "process_virtual_memory_bytes",
            "process_threads",
            "process_open_fds",
            "process_max_fds",
        ] {
            assert!(text.contains(&format!("\n{name} ")), "{name} is missing:\n{text}");
        }
    }
}
