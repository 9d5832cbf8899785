use super::page;

/// The line of the table that is about a field.
fn line(page: &str, field: &str) -> String {
    let start = format!("| `{field}` |");
    page.lines()
        .find(|line| line.starts_with(&start))
        .unwrap_or_else(|| panic!("no line about {field}"))
        .to_owned()
}

#[test]
fn a_field_is_shown_with_its_type_default_limits_and_text() {
    let page = page(&crate::crds());
    assert!(
        line(&page, "spec.batching.maxJobs")
            .starts_with("| `spec.batching.maxJobs` | integer | `50` | 1 to 200 |"),
        "{}",
        line(&page, "spec.batching.maxJobs")
    );
    assert!(
        line(&page, "spec.circuitNumber").contains("| string | required | 1 to 64 characters |")
    );
    assert!(line(&page, "spec.batching.linger").contains("| duration | `\"5s\"` |  |"));
    assert!(line(&page, "spec.accounts[].totp.digits").contains("| `6` `8`"));
    assert!(line(&page, "spec.action").contains("`Validation` `Cancellation`"));
    assert!(line(&page, "spec.notBefore").contains("| time |"));
    assert!(line(&page, "spec.parameters").contains("| map of string |"));
    assert!(line(&page, "spec.allowedOrigins").contains("| []string | required |"));
    for text in
        page.lines().filter(|line| line.starts_with("| `spec") || line.starts_with("| `status"))
    {
        let cells = text.replace("\\|", "").matches('|').count();
        assert!(cells == 6 || cells == 4, "{cells} bars: {text}");
    }
}

#[test]
fn every_rule_is_shown_with_its_sentence() {
    let page = page(&crate::crds());
    let text = serde_json::to_string(&crate::crds()).expect("CRDs serialise");
    let crds: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let mut rules = Vec::new();
    collect(&crds, &mut rules);
    assert!(rules.len() > 30, "{} rules", rules.len());
    for rule in rules {
        let sentence = super::flat(&rule);
        assert!(page.contains(&sentence), "{sentence} is missing");
    }
}

fn collect(value: &serde_json::Value, rules: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, field) in fields {
                match field {
                    serde_json::Value::Array(found) if name == "x-kubernetes-validations" => {
                        rules.extend(
                            found
                                .iter()
                                .filter_map(|rule| rule["message"].as_str())
                                .map(str::to_owned),
                        );
                    }
                    _ => collect(field, rules),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, rules)),
        _ => {}
    }
}

#[test]
fn an_object_used_in_several_places_is_described_once() {
    let page = page(&crate::crds());
    assert_eq!(page.matches("| `spec.flows.cancellation.steps[].selectors` |").count(), 1);
    assert!(!page.contains("| `spec.flows.validation.steps[].selectors` |"));
    assert!(line(&page, "spec.flows.validation").contains("as in `spec.flows.cancellation`"));
}
