//! Any flow is linted without a panic.

use fno_crds::{
    FnoProviderSpec,
    flow::{Flow, Step, StepType},
};
use proptest::prelude::*;
use serde_json::json;
use strum::IntoEnumIterator as _;

use super::{
    super::{MAX_CHARS, errors, lint},
    good,
};

fn any_step() -> impl Strategy<Value = Step> {
    let text = prop_oneof![
        Just("{{ params.x }}".to_owned()),
        Just("{{ totp }}".to_owned()),
        Just("{{ secret.password | date('%d') }}".to_owned()),
        Just("exists('#a') && fields.a.b == 'x'".to_owned()),
        Just("a".to_owned()),
        Just("/x".to_owned()),
        "\\PC{0,20}",
        "[a-z{}()'.| ]{0,20}",
    ];
    let types = prop::sample::select(StepType::iter().collect::<Vec<_>>());
    let field = prop::sample::select(vec![
        "name",
        "when",
        "value",
        "url",
        "key",
        "expression",
        "field",
        "regex",
        "match",
        "assert",
        "code",
        "message",
        "contains",
        "flow",
        "items",
        "label",
    ]);
    let fields = prop::collection::btree_map(field, text.clone(), 0..8);
    let enums = prop::sample::select(vec![
        json!({}),
        json!({"from": "Table", "columns": {"a": "A"}}),
        json!({"from": "Table", "cardinality": "Many"}),
        json!({"from": "List"}),
        json!({"group": 3}),
        json!({"retry": {"attempts": 2}}),
        json!({"optional": true}),
    ]);
    let commit = prop::option::weighted(0.2, (text.clone(), text.clone()));
    (types, fields, enums, prop::collection::vec(prop::collection::vec(text, 0..3), 0..3), commit)
        .prop_map(|(type_, fields, more, selectors, commit)| {
            let mut step = json!({"type": type_, "selectors": selectors});
            let map = step.as_object_mut().unwrap_or_else(|| unreachable!("an object"));
            map.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), json!(value))));
            map.extend(more.as_object().cloned().unwrap_or_default());
            if let Some((contains, when)) = commit {
                map.insert(
                    "commit".to_owned(),
                    json!({"identify": {"contains": contains}, "cancellableWhen": when}),
                );
            }
            serde_json::from_value(step).unwrap_or_else(|e| panic!("{e}"))
        })
}

fn any_flow() -> impl Strategy<Value = Flow> {
    prop::collection::vec(any_step(), 0..6).prop_map(|steps| Flow { steps, ..Flow::default() })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_flows_are_judged_without_a_panic(login in any_flow(), validation in any_flow(), cancellation in any_flow(), subflows in prop::collection::btree_map("[a-z]|a", any_flow(), 0..3)) {
        let mut spec: FnoProviderSpec = serde_json::from_value(good()).unwrap_or_else(|e| panic!("{e}"));
        spec.flows.login = login;
        spec.flows.validation = validation;
        spec.flows.cancellation = Some(cancellation);
        spec.flows.subflows = subflows;
        let findings = lint(&spec);
        prop_assert_eq!(&findings, &lint(&spec), "the same twice");
        prop_assert!(findings.iter().all(|finding| !finding.message.is_empty() && !finding.path.is_empty()));
        prop_assert!(errors(&findings).is_none_or(|text| text.chars().count() <= MAX_CHARS + 20));
    }
}
