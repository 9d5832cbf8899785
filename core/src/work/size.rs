//! The size of work in bytes. The API server limits the work Secret and the batch's status. A batch that exceeds one of these limits
//! would fail as a whole, again and again, so batches are planned by bytes and results are cut to fit.

use std::io;

use fno_crds::{FnoJobSpec, FnoProviderSpec, batch::JobResult};
use serde::Serialize;

use crate::{
    flow::result::{MAX_ENTRIES, MORE},
    text::at_most,
};

const KIB: usize = 1024;
/// Maximum size of a work Secret: the API server limits the values of a Secret to 1 MiB; this leaves a margin.
pub const WORK_BYTES: usize = 960 * KIB;
/// Maximum size of the provider's part of a work Secret. It is fixed so that the limit for a job does not depend on its provider.
pub const PROVIDER_BYTES: usize = 512 * KIB;
/// Maximum size of one job in a work Secret.
pub const JOB_BYTES: usize = WORK_BYTES - PROVIDER_BYTES;
/// Maximum size of all results in a batch's status, without the URIs of their evidence. etcd refuses objects larger than 1.5 MiB, and
/// the invited jobs, the intents and the URIs need room, too.
const RESULTS_BYTES: usize = 768 * KIB;
/// Maximum size of one result, even in a batch of few jobs: the result is copied into the job, whose spec may be large, too.
const RESULT_BYTES: usize = 192 * KIB;
/// Maximum size of a job's names, UID, action and punctuation.
const JOB_FRAME: usize = 600;

/// Upper bound for the bytes of a job in the work Secret.
#[must_use]
pub fn of_job(spec: &FnoJobSpec) -> usize {
    JOB_FRAME + json(&(&spec.parameters, &spec.expect, &spec.circuit_number))
}

/// Bytes of the provider's part of the work Secret.
#[must_use]
pub fn of_provider(spec: &FnoProviderSpec) -> usize {
    2 * KIB
        + json(&(&spec.flows, &spec.session, &spec.limits, &spec.browser, &spec.allowed_origins))
        + json(&(&spec.base_url, &spec.runner.proxy))
}

/// Bytes that each result may take in a batch of `jobs` jobs.
#[must_use]
pub fn share(jobs: usize) -> usize {
    (RESULTS_BYTES / jobs.max(1)).min(RESULT_BYTES)
}

/// Cuts a result until it takes at most `bytes`: first the longest values, then all values, then the message. The result names what was
/// cut; the evidence holds the complete values.
pub fn fit(result: &mut JobResult, bytes: usize) {
    if json(result) <= bytes {
        return;
    }
    let all = std::mem::take(&mut result.fields);
    for limit in [2048, 1024, 512, 256, 128, 64] {
        result.fields =
            all.iter().map(|(name, value)| (name.clone(), at_most(value, limit))).collect();
        while result.fields.len() >= MAX_ENTRIES {
            result.fields.pop_last();
        }
        let remark =
            format!("Values were cut to {limit} bytes; the evidence holds the complete ones");
        result.fields.insert(MORE.to_owned(), remark);
        if json(result) <= bytes {
            return;
        }
    }
    let remark = format!("{} values did not fit; they are in the evidence", all.len());
    result.fields = [(MORE.to_owned(), remark)].into();
    if json(result) <= bytes {
        return;
    }
    result.drift.clear();
    result.message = result.message.as_deref().map(|message| at_most(message, 200));
}

/// Length of the value as JSON, in bytes.
fn json(value: &impl Serialize) -> usize {
    let mut counter = Counter(0);
    // A value that cannot be serialised fits into no batch.
    serde_json::to_writer(&mut counter, value).map_or(usize::MAX / 4, |()| counter.0)
}

struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::work::JobWork;

    fn result(fields: &[String], message: &str, drifts: usize) -> JobResult {
        let fields: serde_json::Map<_, _> =
            fields.iter().enumerate().map(|(i, v)| (format!("field{i:02}"), json!(v))).collect();
        let drift: Vec<_> =
            (0..drifts).map(|n| json!({"step": "é".repeat(200), "alternative": n})).collect();
        serde_json::from_value(json!({
            "job": "j".repeat(253), "uid": "u".repeat(63), "phase": "Succeeded", "reason": "Answered", "outcome": "é".repeat(63),
            "message": message, "fields": fields, "step": "é".repeat(200), "drift": drift,
            "startedAt": "2030-01-01T00:00:00.000000Z", "milliseconds": 1500,
        }))
        .expect("a result")
    }

    #[test]
    fn two_hundred_results_of_the_largest_size_fit_into_a_batch() {
        let values = vec!["é\"\n".repeat(1365); 64];
        let mut largest = result(&values, &"é".repeat(1000), 20);
        assert!(json(&largest) * 200 > 50_000_000);
        fit(&mut largest, share(200));
        assert!(json(&largest) <= share(200), "{}", json(&largest));
        assert!(json(&largest) * 200 <= RESULTS_BYTES);
        assert!(largest.fields[MORE].contains("evidence"), "what was cut is named");
        assert_eq!(largest.outcome.as_deref().map(|o| o.chars().count()), Some(63));
    }

    #[test]
    fn a_result_that_fits_is_not_touched() {
        let small = result(&["active".to_owned()], "fine", 1);
        let mut fitted = small.clone();
        fit(&mut fitted, share(200));
        assert_eq!(fitted, small);
    }

    #[test]
    fn a_large_result_keeps_the_start_of_its_values() {
        let mut large = result(&["x".repeat(4000), "active".to_owned()], "", 0);
        fit(&mut large, share(200));
        assert_eq!(large.fields["field01"], "active");
        assert!(
            large.fields["field00"].starts_with("xxxx") && large.fields["field00"].ends_with('…')
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn every_result_is_cut_to_fit(
            lengths in prop::collection::vec(prop_oneof![8 => 0..100_usize, 1 => 0..4096_usize], 0..=64), message in 0..2000_usize, drifts in 0..=20_usize, jobs in 1..=200_usize,
        ) {
            let values: Vec<_> = lengths.into_iter().map(|n| "\u{1}".repeat(n)).collect();
            let mut result = result(&values, &"m".repeat(message), drifts);
            fit(&mut result, share(jobs));
            prop_assert!(json(&result) <= share(jobs));
            prop_assert!(result.fields.len() <= MAX_ENTRIES);
        }

        #[test]
        fn a_job_takes_no_more_than_what_was_planned_for_it(texts in prop::collection::vec(".{0,60}", 0..20)) {
            let map: std::collections::BTreeMap<_, _> = texts.iter().enumerate().map(|(i, text)| (format!("p{i}"), text.clone())).collect();
            let spec: FnoJobSpec = serde_json::from_value(json!({
                "provider": "p", "action": "Cancellation", "circuitNumber": "C1", "parameters": map, "expect": map,
            })).expect("a spec");
            let work: JobWork = serde_json::from_value(json!({
                "name": "n".repeat(253), "uid": "u".repeat(63), "action": "Cancellation", "circuitNumber": "C1",
                "parameters": map, "expect": map, "attempt": i32::MAX,
            })).expect("work");
            prop_assert!(json(&work) <= of_job(&spec));
        }
    }
}
