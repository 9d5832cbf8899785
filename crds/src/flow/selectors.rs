//! Selector alternatives as recordings hold them: each a chain of selectors, or one selector by itself.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, SeqAccess, Visitor},
};

/// Reads alternatives. The API server takes chains only; a file that is read here may hold bare selectors too.
pub(super) fn alternatives<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Vec<String>>, D::Error> {
    let chains = Vec::<Chain>::deserialize(deserializer)?;
    Ok(chains.into_iter().map(|Chain(selectors)| selectors).collect())
}

struct Chain(Vec<String>);

impl<'de> Deserialize<'de> for Chain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ChainVisitor)
    }
}

struct ChainVisitor;

impl<'de> Visitor<'de> for ChainVisitor {
    type Value = Chain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of selectors, or one selector")
    }

    fn visit_str<E: Error>(self, selector: &str) -> Result<Chain, E> {
        Ok(Chain(vec![selector.to_owned()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Chain, A::Error> {
        let mut selectors = Vec::new();
        while let Some(selector) = list.next_element()? {
            selectors.push(selector);
        }
        Ok(Chain(selectors))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::flow::Step;

    #[test]
    fn a_selector_by_itself_is_a_chain_of_one() {
        let step = json!({"type": "click", "selectors": ["aria/Log in", ["#host", "button"]]});
        let step: Step = serde_json::from_value(step).expect("a step");
        assert_eq!(step.selectors, [vec!["aria/Log in"], vec!["#host", "button"]]);
        let wrong = json!({"type": "click", "selectors": [7]});
        let error = serde_json::from_value::<Step>(wrong).expect_err("a number");
        assert!(error.to_string().contains("a list of selectors, or one selector"), "{error}");
    }
}
