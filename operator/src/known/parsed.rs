//! An object as a watch delivers it: read as its kind, or kept as far as it can be read. Only this place tells the two apart.

use std::{borrow::Cow, sync::Arc};

use fno_core::unreadable::{self, Unreadable};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};

/// An object that can be read or not.
#[derive(Clone, Debug)]
pub enum Parsed<K> {
    /// Read as its kind.
    Readable(Arc<K>),
    /// The object was written by a newer version, or is not valid.
    Unreadable(Arc<Unreadable>),
}

impl<K> Parsed<K> {
    /// The object, if it can be read.
    #[must_use]
    pub const fn readable(&self) -> Option<&Arc<K>> {
        match self {
            Self::Readable(object) => Some(object),
            Self::Unreadable(_) => None,
        }
    }

    /// What is known about the object, if it cannot be read.
    #[must_use]
    pub const fn unreadable(&self) -> Option<&Arc<Unreadable>> {
        match self {
            Self::Readable(_) => None,
            Self::Unreadable(unreadable) => Some(unreadable),
        }
    }
}

impl<'de, K: DeserializeOwned + Resource> Deserialize<'de> for Parsed<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut raw = serde_json::Value::deserialize(deserializer)?;
        // The managed fields are half of an object, and nothing here needs them.
        if let Some(metadata) =
            raw.get_mut("metadata").and_then(|metadata| metadata.as_object_mut())
        {
            metadata.remove("managedFields");
        }
        Ok(match unreadable::read::<K>(raw).map_err(serde::de::Error::custom)? {
            Ok(object) => Self::Readable(Arc::new(object)),
            Err(unreadable) => Self::Unreadable(Arc::new(unreadable)),
        })
    }
}

impl<K: Resource + Clone> Resource for Parsed<K> {
    type DynamicType = K::DynamicType;
    type Scope = K::Scope;

    fn kind(of: &Self::DynamicType) -> Cow<'_, str> {
        K::kind(of)
    }

    fn group(of: &Self::DynamicType) -> Cow<'_, str> {
        K::group(of)
    }

    fn version(of: &Self::DynamicType) -> Cow<'_, str> {
        K::version(of)
    }

    fn plural(of: &Self::DynamicType) -> Cow<'_, str> {
        K::plural(of)
    }

    fn meta(&self) -> &ObjectMeta {
        match self {
            Self::Readable(object) => object.meta(),
            Self::Unreadable(unreadable) => &unreadable.metadata,
        }
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        match self {
            Self::Readable(object) => Arc::make_mut(object).meta_mut(),
            Self::Unreadable(unreadable) => &mut Arc::make_mut(unreadable).metadata,
        }
    }
}

#[cfg(test)]
mod tests {
    use fno_crds::FnoJob;
    use serde_json::json;

    use super::*;

    #[test]
    fn one_object_that_cannot_be_read_does_not_fail_the_whole_list() {
        let job = |reason: &str| {
            json!({"apiVersion": "fno.dev/v1alpha1", "kind": "FnoJob",
                "metadata": {"name": reason, "namespace": "n", "managedFields": [{"manager": "m"}]},
                "spec": {"provider": "p", "action": "Validation", "circuitNumber": "C1"},
                "status": {"phase": "Pending", "attempts": if reason == "bad" { json!("many") } else { json!(1) }}})
        };
        let list: Vec<Parsed<FnoJob>> =
            serde_json::from_value(json!([job("good"), job("bad")])).expect("a list");
        assert!(list[0].readable().is_some() && list[0].meta().managed_fields.is_none());
        assert_eq!(list[1].meta().name.as_deref(), Some("bad"));
        assert!(list[1].unreadable().expect("unreadable").error.starts_with("status.attempts"));
    }
}
