//! Merge patches (RFC 7396): computes the smallest one between two states, and writes a status with it.

use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// The merge patch from `old` to `new`; `None` if they are equal. A field that `new` lacks becomes null; lists are replaced as a whole.
#[must_use]
pub fn difference(old: &Value, new: &Value) -> Option<Value> {
    if old == new {
        return None;
    }
    let (Value::Object(old), Value::Object(new)) = (old, new) else { return Some(new.clone()) };
    let gone =
        old.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let changed = new.iter().filter_map(|(key, value)| match old.get(key) {
        Some(before) => difference(before, value).map(|patch| (key.clone(), patch)),
        None => Some((key.clone(), value.clone())),
    });
    Some(Value::Object(gone.chain(changed).collect()))
}

/// The merge patch of a status, valid only for the resource version that it was computed from; `None` if nothing changes.
///
/// # Errors
/// Never for the types of the API, which can all be serialised.
pub fn status_patch<S: Serialize>(
    resource_version: Option<&str>,
    old: Option<&S>,
    new: &S,
) -> serde_json::Result<Option<Value>> {
    let old = old.map_or_else(|| Ok(Value::Object(Map::new())), serde_json::to_value)?;
    let Some(status) = difference(&old, &serde_json::to_value(new)?) else { return Ok(None) };
    let mut patch = json!({"status": status});
    if let Some(version) = resource_version {
        patch["metadata"] = json!({"resourceVersion": version});
    }
    Ok(Some(patch))
}

/// Writes a status by compare-and-set. A conflict means that the object has changed since it was read: read it again and decide again.
///
/// # Errors
/// Any error of the API server.
pub async fn write_status<K>(
    api: &Api<K>,
    name: &str,
    patch: &Value,
    manager: &str,
) -> kube::Result<K>
where
    K: Resource + Clone + DeserializeOwned,
{
    api.patch_status(name, &parameters(manager), &Patch::Merge(patch)).await
}

/// The parameters of a patch by that field manager. Merge patches do not support `force`.
#[must_use]
pub fn parameters(manager: &str) -> PatchParams {
    PatchParams { field_manager: Some(manager.to_owned()), ..PatchParams::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7396, section 2.
    fn merge(target: &Value, patch: &Value) -> Value {
        let Value::Object(changes) = patch else { return patch.clone() };
        let mut merged = target.as_object().cloned().unwrap_or_default();
        for (key, change) in changes {
            if change.is_null() {
                merged.remove(key);
            } else {
                let merged_value = merge(merged.get(key).unwrap_or(&Value::Null), change);
                merged.insert(key.clone(), merged_value);
            }
        }
        Value::Object(merged)
    }

    #[test]
    fn a_difference_applied_to_the_old_state_gives_the_new_one() {
        for (old, new, patch) in [
            (json!({}), json!({"a": 1}), json!({"a": 1})),
            (json!({"a": 1, "b": 2}), json!({"b": 3}), json!({"a": null, "b": 3})),
            (
                json!({"m": {"x": "1", "y": "2"}, "k": 1}),
                json!({"m": {"y": "2", "z": "3"}, "k": 1}),
                json!({"m": {"x": null, "z": "3"}}),
            ),
            (json!({"l": [1, 2]}), json!({"l": [2]}), json!({"l": [2]})),
            (json!({"m": {"x": 1}}), json!({"m": "text"}), json!({"m": "text"})),
        ] {
            assert_eq!(difference(&old, &new), Some(patch.clone()), "{old} -> {new}");
            assert_eq!(merge(&old, &patch), new, "{old} -> {new}");
        }
        assert_eq!(difference(&json!({"a": [1]}), &json!({"a": [1]})), None);
    }

    #[test]
    fn a_guarded_patch_names_the_version_it_was_made_from() {
        let patch = status_patch(Some("7"), Some(&json!({"a": 1})), &json!({"a": 2}))
            .expect("serialises")
            .expect("a change");
        assert_eq!(patch, json!({"metadata": {"resourceVersion": "7"}, "status": {"a": 2}}));
        assert_eq!(
            status_patch(Some("7"), Some(&json!({"a": 1})), &json!({"a": 1})).expect("serialises"),
            None
        );
    }
}
