//! The smallest merge patch that brings `status.run` from what the API server has to what is to be said.

use fno_crds::batch::Run;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use serde_json::{Map, Value, json};

/// The report as JSON, with a sign of life.
pub(super) fn json_of(run: Run, now: Timestamp) -> serde_json::Result<Map<String, Value>> {
    match serde_json::to_value(Run { heartbeat: Some(MicroTime(now)), ..run })? {
        Value::Object(run) => Ok(run),
        _ => unreachable!("a struct is an object"),
    }
}

/// The merge patch (RFC 7396). Fields that have not changed are left out, a field that went away is null. Lists go whole.
pub(super) fn patch(known: &Map<String, Value>, new: &Map<String, Value>) -> Value {
    let gone =
        known.keys().filter(|key| !new.contains_key(*key)).map(|key| (key.clone(), Value::Null));
    let changed = new
        .iter()
        .filter(|(key, value)| known.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()));
    json!({"status": {"run": Value::Object(gone.chain(changed).collect())}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_of_life_is_all_that_is_sent_when_nothing_else_changed() {
        let run =
            Run { pod_uid: Some("p".to_owned()), job: Some("j".to_owned()), ..Run::default() };
        let first = json_of(run.clone(), Timestamp::UNIX_EPOCH).expect("JSON");
        assert_eq!(
            patch(&Map::new(), &first),
            json!({"status": {"run": {"podUid": "p", "job": "j", "heartbeat": "1970-01-01T00:00:00.000000Z"}}})
        );
        let later =
            json_of(run.clone(), Timestamp::from_second(30).expect("a time")).expect("JSON");
        assert_eq!(
            patch(&first, &later),
            json!({"status": {"run": {"heartbeat": "1970-01-01T00:00:30.000000Z"}}})
        );
        let done = json_of(Run { job: None, ..run }, Timestamp::UNIX_EPOCH).expect("JSON");
        assert_eq!(patch(&first, &done), json!({"status": {"run": {"job": null}}}));
    }
}
