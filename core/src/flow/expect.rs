//! Whether the portal shows the line that the submitter expects: compares `spec.expect` with the extracted fields.

use std::{collections::BTreeMap, fmt};

use fno_crds::fields::dotted;
use serde_json::{Map, Value};

use super::text::{same, shorten};

/// A field that differs from what the job expects. The job's reason is `ExpectMismatch`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Dotted name: `service.address`.
    pub field: String,
    /// The value in `spec.expect`.
    pub expected: String,
    /// The value on the portal. None if the flow did not extract the field.
    pub found: Option<String>,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let expected = shorten(&self.expected, 200);
        match &self.found {
            Some(found) => write!(
                f,
                "{}: expected {expected:?}, the portal shows {:?}",
                self.field,
                shorten(found, 200)
            ),
            None => {
                write!(f, "{}: expected {expected:?}, the portal shows no such field", self.field)
            }
        }
    }
}

/// The fields that differ. If there are none, the portal shows the expected line. White space and case do not count; a missing field
/// differs.
///
/// Fields have the names of `status.result`: `service.address`, `orders.0.number`.
#[must_use]
pub fn mismatches(expect: &BTreeMap<String, String>, fields: &Map<String, Value>) -> Vec<Mismatch> {
    let found = dotted(fields);
    expect
        .iter()
        .filter(|(field, expected)| found.get(*field).is_none_or(|found| !same(found, expected)))
        .map(|(field, expected)| Mismatch {
            field: field.clone(),
            expected: expected.clone(),
            found: found.get(field).cloned(),
        })
        .collect()
}

/// All mismatches as one sentence for `status.message`.
#[must_use]
pub fn sentence(mismatches: &[Mismatch]) -> String {
    mismatches.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(expect: &[(&str, &str)]) -> String {
        let fields = json!({"service": {"address": "12  Main ROAD"}, "orders": [{"number": "7"}], "days": 3, "none": null});
        let expect = expect.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        sentence(&mismatches(&expect, &fields.as_object().cloned().unwrap_or_default()))
    }

    #[test]
    fn texts_that_are_the_same_to_a_person_are_no_mismatch() {
        assert_eq!(
            check(&[("service.address", " 12 main road"), ("orders.0.number", "7"), ("days", "3")]),
            ""
        );
        assert_eq!(check(&[]), "");
    }

    #[test]
    fn each_difference_names_field_expected_and_found() {
        assert_eq!(
            check(&[("service.address", "12 Main Street")]),
            "service.address: expected \"12 Main Street\", the portal shows \"12  Main ROAD\""
        );
        assert_eq!(
            check(&[("customer", "Anna"), ("days", "4")]),
            "customer: expected \"Anna\", the portal shows no such field; days: expected \"4\", the portal shows \"3\""
        );
    }

    #[test]
    fn a_missing_field_is_a_mismatch_even_if_nothing_is_expected() {
        assert_eq!(check(&[("none", "")]), "none: expected \"\", the portal shows no such field");
        assert_eq!(
            check(&[("service", "x")]),
            "service: expected \"x\", the portal shows no such field"
        );
    }
}
