//! Extracted fields as the flat map of `FnoJob.status.result`.

use std::collections::BTreeMap;

use fno_crds::fields::dotted;
use serde_json::{Map, Value};

use super::text::shorten;

/// Maximum number of entries in `status.result` (the API's bound), including [`MORE`].
pub const MAX_ENTRIES: usize = 64;
/// Maximum length of a value in characters (the API's bound), including the ellipsis.
pub const MAX_CHARS: usize = 4096;
/// Name of the entry that counts what was left out. A field cannot have this name.
pub const MORE: &str = "_more";

/// Flattens nested objects and lists to dotted names: `service.status`, `orders.0.number`. A value that is too long ends in `…`. Entries
/// beyond the maximum are left out and counted under [`MORE`]. The manifest of the evidence holds everything.
#[must_use]
pub fn flatten(fields: &Map<String, Value>) -> BTreeMap<String, String> {
    let mut all = dotted(fields);
    let left_out = all.len().saturating_sub(MAX_ENTRIES);
    if left_out > 0 {
        let (left_out, first) = (left_out + 1, all.keys().nth(MAX_ENTRIES - 1).cloned());
        if let Some(first) = first {
            all.split_off(&first);
        }
        all.insert(MORE.to_owned(), format!("{left_out} more values are in the evidence"));
    }
    all.into_iter().map(|(name, value)| (name, shorten(&value, MAX_CHARS))).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn map(value: &Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap_or_default()
    }

    #[test]
    fn nested_fields_get_dotted_names() {
        let fields = json!({"service": {"status": "Active", "days": 3}, "orders": [{"number": "7"}, {"number": "8"}], "names": ["a"], "open": true, "none": null, "empty": {}});
        let expected = [
            ("names.0", "a"),
            ("open", "true"),
            ("orders.0.number", "7"),
            ("orders.1.number", "8"),
            ("service.days", "3"),
            ("service.status", "Active"),
        ];
        assert_eq!(
            flatten(&map(&fields)),
            expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
        );
    }

    #[test]
    fn long_values_are_cut_with_a_mark() {
        let flat =
            flatten(&map(&json!({"a": "é".repeat(MAX_CHARS), "b": "é".repeat(MAX_CHARS + 1)})));
        assert_eq!(flat["a"].chars().count(), MAX_CHARS);
        assert!(!flat["a"].ends_with('…') && flat["b"].ends_with('…'));
        assert_eq!(flat["b"].chars().count(), MAX_CHARS);
    }

    #[test]
    fn surplus_entries_are_left_out_and_counted() {
        let fields = |n: usize| (0..n).map(|i| (format!("f{i:03}"), json!("x"))).collect();
        assert!(flatten(&fields(MAX_ENTRIES)).keys().all(|name| name != MORE));
        let flat = flatten(&fields(MAX_ENTRIES + 3));
        assert_eq!(flat.len(), MAX_ENTRIES);
        assert_eq!(flat[MORE], "4 more values are in the evidence");
        assert!(flat.contains_key("f062") && !flat.contains_key("f063"));
    }

    proptest! {
        #[test]
        fn the_bounds_of_the_api_always_hold(rows in prop::collection::vec(prop::collection::vec(0..5000_usize, 0..6), 0..30)) {
            let rows: Vec<Vec<String>> = rows.into_iter().map(|row| row.into_iter().map(|length| "é".repeat(length)).collect()).collect();
            let flat = flatten(&map(&json!({"rows": rows})));
            prop_assert!(flat.len() <= MAX_ENTRIES);
            prop_assert!(flat.values().all(|value| value.chars().count() <= MAX_CHARS));
        }
    }
}
