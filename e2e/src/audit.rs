//! Writes through the API server, counted in its audit log.

use std::{
    env,
    fs::File,
    io::{BufRead as _, BufReader, Seek as _, SeekFrom},
    path::PathBuf,
};

use anyhow::{Context, Result};
use serde::Deserialize;

/// A position in the audit log to count from.
pub struct Mark {
    path: PathBuf,
    offset: u64,
}

/// One successful request that changed an object.
#[derive(Debug, Clone)]
pub struct Write {
    /// Verb of the request: `create`, `patch`, `update`, `delete`.
    pub verb: String,
    /// Resource and subresource: `fnojobs/status`, `pods`, …
    pub resource: String,
    /// User that sent the request.
    pub user: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    stage: String,
    verb: String,
    user: User,
    object_ref: Option<ObjectRef>,
    response_status: Option<Status>,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
struct ObjectRef {
    resource: Option<String>,
    subresource: Option<String>,
    namespace: Option<String>,
}

#[derive(Deserialize)]
struct Status {
    code: Option<u16>,
}

impl Mark {
    /// The current end of the log.
    ///
    /// # Errors
    /// `FNO_AUDIT_LOG` is not set (a cluster of your own), or the file does not exist.
    pub fn now() -> Result<Self> {
        let path = PathBuf::from(env::var_os("FNO_AUDIT_LOG").context(
            "FNO_AUDIT_LOG is not set: only the project's own cluster keeps an audit log",
        )?);
        let offset = path.metadata().with_context(|| path.display().to_string())?.len();
        Ok(Self { path, offset })
    }

    /// Successful writes in `namespace` since the mark.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn writes(&self, namespace: &str) -> Result<Vec<Write>> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut writes = Vec::new();
        for line in BufReader::new(file).lines() {
            // The last line may be incomplete.
            let Ok(event) = serde_json::from_str::<Event>(&line?) else { continue };
            let changes = matches!(
                event.verb.as_str(),
                "create" | "patch" | "update" | "delete" | "deletecollection"
            );
            let succeeded =
                event.response_status.and_then(|s| s.code).is_some_and(|code| code < 300);
            let Some(object) = event.object_ref else { continue };
            if event.stage == "ResponseComplete"
                && changes
                && succeeded
                && object.namespace.as_deref() == Some(namespace)
            {
                let resource = object.resource.unwrap_or_default();
                let resource = object
                    .subresource
                    .map_or_else(|| resource.clone(), |sub| format!("{resource}/{sub}"));
                writes.push(Write { verb: event.verb, resource, user: event.user.username });
            }
        }
        Ok(writes)
    }
}
