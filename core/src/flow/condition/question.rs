//! The questions of a condition to the page, and the page's answers.

use std::{collections::BTreeMap, fmt};

use crate::flow::selector::Chain;

/// A question that only the page can answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PageQuestion {
    /// `exists(sel)`: whether there is a displayed element.
    Exists(Chain),
    /// `text(sel)`: the text of the first displayed element; empty without one.
    Text(Chain),
    /// `count(sel)`: the number of displayed elements.
    Count(Chain),
}

impl fmt::Display for PageQuestion {
    /// Writes the question as it is in the condition.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exists(chain) => write!(f, "exists('{chain}')"),
            Self::Text(chain) => write!(f, "text('{chain}')"),
            Self::Count(chain) => write!(f, "count('{chain}')"),
        }
    }
}

/// The page's answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    exists: BTreeMap<String, bool>,
    texts: BTreeMap<String, String>,
    counts: BTreeMap<String, i64>,
}

impl Answers {
    /// Stores the answer to [`PageQuestion::Exists`].
    pub fn exists(&mut self, selector: &Chain, answer: bool) {
        self.exists.insert(selector.to_string(), answer);
    }

    /// Stores the answer to [`PageQuestion::Text`].
    pub fn text(&mut self, selector: &Chain, answer: impl Into<String>) {
        self.texts.insert(selector.to_string(), answer.into());
    }

    /// Stores the answer to [`PageQuestion::Count`].
    pub fn count(&mut self, selector: &Chain, answer: usize) {
        self.counts.insert(selector.to_string(), i64::try_from(answer).unwrap_or(i64::MAX));
    }

    /// The answer to a question, if there is one.
    pub(super) fn json(&self, question: &PageQuestion) -> Option<serde_json::Value> {
        match question {
            PageQuestion::Exists(chain) => {
                self.exists.get(&chain.to_string()).map(|yes| (*yes).into())
            }
            PageQuestion::Text(chain) => {
                self.texts.get(&chain.to_string()).map(|text| text.as_str().into())
            }
            PageQuestion::Count(chain) => self.counts.get(&chain.to_string()).map(|n| (*n).into()),
        }
    }

    /// The value that replaces the question in the evaluated tree.
    pub(super) fn to(&self, question: &PageQuestion) -> Option<cel::Value> {
        match question {
            PageQuestion::Exists(chain) => {
                self.exists.get(&chain.to_string()).map(|yes| cel::Value::Bool(*yes))
            }
            PageQuestion::Text(chain) => {
                self.texts.get(&chain.to_string()).map(|text| text.as_str().into())
            }
            PageQuestion::Count(chain) => {
                self.counts.get(&chain.to_string()).map(|n| cel::Value::Int(*n))
            }
        }
    }
}
