//! The fingerprint of a provider's flows, which shows whether the current flows are those that opened a flow breaker.

use std::fmt::Write as _;

use data_encoding::HEXLOWER;
use fno_crds::provider::Flows;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// SHA-256, in lower-case hex, of the flows as JSON with sorted keys, so that the order of the keys in the manifest does not count.
#[must_use]
pub fn flows_digest(flows: &Flows) -> String {
    let json = serde_json::to_value(flows)
        .unwrap_or_else(|_| unreachable!("flows came from JSON and go back to it"));
    let mut canonical = String::new();
    write_sorted(&json, &mut canonical);
    HEXLOWER.encode(&Sha256::digest(canonical))
}

/// Writes JSON with sorted keys. Sorts them itself, because whether serde_json's maps are sorted depends on a feature that any crate of
/// the build may enable.
fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (i, (key, value)) in entries.into_iter().enumerate() {
                _ = write!(out, "{}{}:", if i == 0 { "" } else { "," }, Value::from(key.as_str()));
                write_sorted(value, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_sorted(item, out);
            }
            out.push(']');
        }
        scalar => _ = write!(out, "{scalar}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str) -> String {
        flows_digest(&serde_yaml::from_str(text).unwrap_or_else(|e| panic!("{e}")))
    }

    const FLOWS: &str = "
login: {steps: [{type: navigate, url: /}]}
validation: {steps: [{type: customStep, parameters: {b: 1, a: {d: 1, c: 2}}}]}
subflows: {b: {steps: [{type: close}]}, a: {steps: [{type: close}]}}
";

    #[test]
    fn the_order_of_keys_does_not_count() {
        let other = "
subflows: {a: {steps: [{type: close}]}, b: {steps: [{type: close}]}}
validation: {steps: [{parameters: {a: {c: 2, d: 1}, b: 1}, type: customStep}]}
login: {steps: [{url: /, type: navigate}]}
";
        assert_eq!(digest(FLOWS), digest(other));
    }

    #[test]
    fn a_changed_step_changes_it() {
        assert_ne!(digest(FLOWS), digest(&FLOWS.replace("c: 2", "c: 3")));
        assert_ne!(digest(FLOWS), digest(&FLOWS.replace("url: /", "url: /x")));
    }

    /// Breakers outlive an upgrade of the operator, so the fingerprint of unchanged flows must not change either.
    #[test]
    fn it_is_the_sha256_of_sorted_json() {
        // printf '%s' '{"login":{"steps":[{"type":"close"}]},"validation":{"steps":[{"type":"close"}]}}' | sha256sum
        let flows = "{login: {steps: [{type: close}]}, validation: {steps: [{type: close}]}}";
        assert_eq!(
            digest(flows),
            "bb55f9322c77789bcd58fa15df7eca8afe59bf6603d3cd4004edaeb0e59af5bc"
        );
    }
}
