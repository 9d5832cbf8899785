//! The names that templates and conditions may use, with their values.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use fno_crds::job::Action;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::work::{JobWork, Work};

/// The values that templates and conditions see. Secrets are separate: see [`super::template::SecretValues`].
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// `params.circuitNumber` and the job's `spec.parameters`. Empty in login, probe and logout.
    pub params: BTreeMap<String, String>,
    /// The values that `extract` steps have read so far.
    pub fields: Map<String, Value>,
    /// The portal.
    pub provider: Provider,
    /// The job that the flow runs for; absent in login, probe and logout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
    /// The page at the time when the text is rendered or the condition is evaluated.
    pub page: Page,
    /// The current item of a `forEach`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<Value>,
}

/// The portal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    /// `metadata.name`.
    pub name: String,
    /// `spec.baseUrl`.
    pub base_url: String,
}

/// The job that the flow runs for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// `metadata.name`.
    pub name: String,
    /// `spec.action`.
    pub action: Action,
    /// Number of this try, from 1.
    pub attempt: i32,
}

/// The page that the browser shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page {
    /// Address of the page.
    pub url: String,
    /// Title of the page.
    pub title: String,
}

impl Scope {
    /// The scope of login, probe and logout, which do not run for a job.
    #[must_use]
    pub fn of_session(work: &Work) -> Self {
        Self {
            provider: Provider { name: work.provider.clone(), base_url: work.base_url.clone() },
            ..Self::default()
        }
    }

    /// The scope of a job's flow. A parameter named `circuitNumber` does not hide the job's circuit.
    #[must_use]
    pub fn of_job(work: &Work, job: &JobWork) -> Self {
        let mut params = job.parameters.clone();
        params.insert("circuitNumber".to_owned(), job.circuit_number.clone());
        Self {
            params,
            job: Some(Job { name: job.name.clone(), action: job.action, attempt: job.attempt }),
            ..Self::of_session(work)
        }
    }

    /// All names with their values, as JSON.
    #[must_use]
    pub fn variables(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => unreachable!("a scope holds only what JSON can say, and its keys are strings"),
        }
    }
}

/// A name that is used but not defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The name up to the first part that is not defined: `fields.servce`.
    pub name: String,
    /// The names that are defined where the last part was expected.
    pub known: Vec<String>,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not defined", self.name)?;
        match (self.name.rsplit_once('.'), self.known.as_slice()) {
            (Some((parent, _)), []) => write!(f, "; {parent} has no parts"),
            (Some((parent, _)), known) => write!(f, "; {parent} has {}", known.join(", ")),
            (None, []) => Ok(()),
            (None, known) => write!(f, "; there are {}", known.join(", ")),
        }
    }
}

/// The value of a dotted name.
///
/// # Errors
/// [`Missing`] holds the part that is not defined, and the names that are.
pub fn find<'a>(variables: &'a Map<String, Value>, name: &str) -> Result<&'a Value, Missing> {
    let mut parts = name.split('.');
    let root = parts.next().unwrap_or_default();
    let mut path = root.to_owned();
    let missing = |path: &str, map: Option<&Map<String, Value>>| Missing {
        name: path.to_owned(),
        // Sorted here: whether serde_json's maps are sorted depends on a feature that any crate of the build may enable.
        known: map
            .into_iter()
            .flat_map(Map::keys)
            .cloned()
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
    };
    let mut value = variables.get(root).ok_or_else(|| missing(&path, Some(variables)))?;
    for part in parts {
        path.push('.');
        path.push_str(part);
        value = value.get(part).ok_or_else(|| missing(&path, value.as_object()))?;
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_are_followed_as_far_as_they_go() {
        let variables =
            json!({"fields": {"service": {"status": "Active"}, "list": ["a"]}, "params": {}});
        let variables = variables.as_object().cloned().unwrap_or_default();
        for (name, expected) in [
            ("fields.service.status", Ok(json!("Active"))),
            ("params", Ok(json!({}))),
            ("fields.servce.status", Err("fields.servce is not defined; fields has list, service")),
            (
                "fields.service.state",
                Err("fields.service.state is not defined; fields.service has status"),
            ),
            (
                "fields.service.status.x",
                Err("fields.service.status.x is not defined; fields.service.status has no parts"),
            ),
            ("params.x", Err("params.x is not defined; params has no parts")),
            ("field", Err("field is not defined; there are fields, params")),
        ] {
            assert_eq!(
                find(&variables, name).cloned().map_err(|e| e.to_string()),
                expected.map_err(str::to_owned),
                "{name}"
            );
        }
    }

    #[test]
    fn a_scope_has_exactly_the_names_that_are_set() {
        let names = |scope: &Scope| scope.variables().keys().cloned().collect::<BTreeSet<_>>();
        let session = Scope::default();
        assert_eq!(
            names(&session),
            ["fields", "page", "params", "provider"].map(str::to_owned).into()
        );
        let job = Scope {
            job: Some(Job { name: "j".to_owned(), action: Action::Validation, attempt: 2 }),
            item: Some(json!({"id": 1})),
            ..session
        };
        assert_eq!(
            job.variables()["job"],
            json!({"name": "j", "action": "Validation", "attempt": 2})
        );
        assert_eq!(job.variables()["item"], json!({"id": 1}));
        assert_eq!(job.variables()["provider"], json!({"name": "", "baseUrl": ""}));
    }

    #[test]
    fn a_parameter_does_not_hide_the_circuit() {
        let steps = json!({"steps": [{"type": "navigate", "url": "/"}]});
        let work: Work = serde_json::from_value(json!({
            "namespace": "n", "batch": "b", "provider": "octotel", "account": "a", "totp": false, "baseUrl": "https://portal.example.net",
            "allowedOrigins": [], "flows": {"login": steps, "validation": steps}, "session": {}, "limits": {}, "browser": {},
            "jobs": [{"name": "j", "uid": "u", "action": "Validation", "circuitNumber": "B-1", "parameters": {"circuitNumber": "B-2", "date": "x"}, "expect": {}, "attempt": 1}],
        }))
        .unwrap_or_else(|e| panic!("{e}"));
        let scope = Scope::of_job(&work, &work.jobs[0]);
        assert_eq!(
            scope.params,
            [("circuitNumber", "B-1"), ("date", "x")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into()
        );
        assert_eq!(
            (scope.provider.name.as_str(), scope.provider.base_url.as_str()),
            ("octotel", "https://portal.example.net")
        );
        assert!(
            Scope::of_session(&work).params.is_empty() && Scope::of_session(&work).job.is_none()
        );
    }
}
