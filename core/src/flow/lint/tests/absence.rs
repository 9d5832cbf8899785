//! Outcomes that are based on something missing.

use serde_json::{Value, json};

use super::{told, with_validation};

/// "No row" is an answer once the portal has named the circuit it answered about, and until the flow does something else.
#[test]
fn after_a_sign_of_the_portal_a_missing_row_is_an_answer() {
    const WAIT: &str =
        "{type: waitForElement, selectors: [['[data-query=\"{{ params.circuitNumber }}\"]']]}";
    const NOT_FOUND: &str = "{type: outcome, code: NotFound, when: \"!exists('tr')\"}";
    const WHEN: &str = "when: \"exists('.more')\"";
    let press = "{type: press, key: Enter}";
    let with_when = |step: &str| step.replacen("}", &format!(", {WHEN}}}"), 1);
    let wait_when = WAIT.replacen("]]}", &format!("]], {WHEN}}}"), 1);
    for (steps, is_sure) in [
        (format!("{press}, {WAIT}"), true),
        (format!("{WAIT}, {press}"), false),
        (format!("{press}, {}", WAIT.replace("waitForElement", "waitForElement, optional: true")), false),
        (format!("{press}, {}", WAIT.replace("waitForElement", "waitForElement, count: 0")), false),
        (format!("{press}, {}", WAIT.replace("waitForElement", "waitForElement, visible: false")), false),
        (format!("{press}, {}", WAIT.replace("]]}", "], ['.none']]}")), false),
        (format!("{press}, {WAIT}, {{type: extract, field: u, from: Url}}"), true),
        (format!("{press}, {wait_when}"), false),
        (format!("{press}, {WAIT}, {}", with_when(press)), false),
        (format!("{press}, {WAIT}, {}, {wait_when}", with_when(press)), true),
        (format!("{press}, {WAIT}, {{type: runFlow, flow: again, {WHEN}}}"), true),
        (
            "{type: press, key: Enter}, {type: assert, assert: \"text('h1') == 'Lines: ' + params.circuitNumber\"}".to_owned(),
            true,
        ),
        (
            "{type: press, key: Enter}, {type: assert, assert: \"text('h1') != params.circuitNumber\"}".to_owned(),
            false,
        ),
    ] {
        let mut spec = with_validation(&format!(
            "[{steps}, {NOT_FOUND}, {{type: runFlow, flow: close-news}}, {{type: outcome, code: A}}]"
        ));
        if steps.contains("again") {
            let again: Value = serde_yaml::from_str(&format!("[{press}, {WAIT}]"))
                .unwrap_or_else(|e| panic!("{e}"));
            spec["flows"]["subflows"]["again"] = json!({"steps": again});
        }
        let told = told(&spec);
        let warned = told.iter().any(|told| told.contains("NotFound rests on nothing"));
        assert_eq!(warned, !is_sure, "{steps}: {told:#?}");
        assert_eq!(told.len(), usize::from(warned), "{steps}: {told:#?}");
    }
}
