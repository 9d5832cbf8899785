//! YAML whose values know their lines, for messages.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_yaml::Spanned;

/// A value of a document.
#[derive(Debug)]
pub(crate) struct Node {
    /// First line, from 1.
    pub line: u64,
    pub tree: Tree,
}

/// The content of a value.
#[derive(Debug)]
pub(crate) enum Tree {
    Scalar(Value),
    List(Vec<Node>),
    Map(Vec<(Spanned<String>, Node)>),
}

impl Node {
    /// The value without its lines.
    pub fn json(&self) -> Value {
        match &self.tree {
            Tree::Scalar(value) => value.clone(),
            Tree::List(items) => items.iter().map(Self::json).collect(),
            Tree::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.value.clone(), value.json()))
                .collect::<Map<_, _>>()
                .into(),
        }
    }

    /// The line of `spec.flows.login.steps[2].url`, or of the innermost part of that path which is there.
    pub fn line_of(&self, path: &str) -> u64 {
        let parts = path.split(['.', '[', ']']).filter(|part| !part.is_empty());
        let (mut node, mut line) = (self, self.line);
        for part in parts {
            let next = match &node.tree {
                Tree::Map(entries) => entries
                    .iter()
                    .find(|(key, _)| key.value == part)
                    .map(|(key, value)| (value, key.referenced.line())),
                Tree::List(items) => part
                    .parse::<usize>()
                    .ok()
                    .and_then(|at| items.get(at))
                    .map(|item| (item, item.line)),
                Tree::Scalar(_) => None,
            };
            let Some(next) = next else { break };
            (node, line) = next;
        }
        line
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Tree>::deserialize(deserializer)?;
        Ok(Self { line: spanned.referenced.line(), tree: spanned.value })
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_none<E: Error>(self) -> Result<Tree, E> {
        Ok(Tree::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Tree, E> {
        Ok(Tree::Scalar(Number::from_f64(value).map_or(Value::Null, Value::Number)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Tree, E> {
        Ok(Tree::Scalar(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Tree::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Tree::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# a comment
kind: A
spec:
  flows:
    login:
      steps:
      - {type: navigate, url: /}
      - type: click
        selectors: [['#a']]
---
kind: B
list: [1, 1.5, true, null, 'x']
";

    #[test]
    fn a_document_reads_as_before_and_knows_its_lines() {
        let documents: Vec<Node> = serde_yaml::from_multiple(TEXT).expect("YAML");
        let plain: Vec<Value> = serde_yaml::from_multiple(TEXT).expect("YAML");
        assert_eq!(documents.iter().map(Node::json).collect::<Vec<_>>(), plain);
        for (document, path, line) in [
            (0, "kind", 2),
            (0, "spec.flows", 4),
            (0, "spec.flows.login.steps[0].url", 7),
            (0, "spec.flows.login.steps[1]", 8),
            (0, "spec.flows.login.steps[1].selectors[0]", 9),
            (0, "spec.flows.login.steps[1].timeout", 8),
            (0, "spec.nothing.here", 3),
            (1, "list[3]", 12),
        ] {
            assert_eq!(documents[document].line_of(path), line, "{path}");
        }
    }
}
