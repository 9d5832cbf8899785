//! A bucket that answers the S3 requests in use: PUT (also with If-None-Match) and GET of an
//! object, path-style.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::put,
};
use fno_store::{Archived, Folder, Place, S3, Settings, Store};
use tempfile::{TempDir, tempdir};

use crate::samples::{job, manifest, picture};

#[derive(Clone, Default)]
struct Bucket(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    objects: BTreeMap<String, (Bytes, String)>,
    /// IDs of the keys that signed requests, in order.
    signed_by: Vec<String>,
    away: bool,
}

fn signer(headers: &HeaderMap) -> String {
    let text = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    text.split("Credential=")
        .nth(1)
        .and_then(|rest| rest.split('/').next())
        .unwrap_or_default()
        .to_owned()
}

async fn write(
    State(bucket): State<Bucket>,
    Path(key): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut content = bucket.0.lock().expect("no panic");
    content.signed_by.push(signer(&headers));
    if content.away {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if headers.contains_key(header::IF_NONE_MATCH) && content.objects.contains_key(&key) {
        return StatusCode::PRECONDITION_FAILED.into_response();
    }
    let media_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    content.objects.insert(key, (body, media_type));
    [(header::ETAG, "\"1\"")].into_response()
}

async fn read(State(bucket): State<Bucket>, Path(key): Path<String>) -> Response {
    let content = bucket.0.lock().expect("no panic");
    match content.objects.get(&key) {
        Some((bytes, _)) => (
            [(header::ETAG, "\"1\""), (header::LAST_MODIFIED, "Sun, 01 Mar 2026 08:00:00 GMT")],
            bytes.clone(),
        )
            .into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The bucket `evidence`, a store with the prefix `fno/prod` in that bucket, and the folder with
/// its keys.
async fn bucket() -> (Bucket, Store, TempDir) {
    let bucket = Bucket::default();
    let app =
        Router::new().route("/evidence/{*key}", put(write).get(read)).with_state(bucket.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, app).await });
    let keys = tempdir().expect("a folder");
    let store = open(&keys, &format!("http://{address}"));
    (bucket, store, keys)
}

fn open(keys: &TempDir, endpoint: &str) -> Store {
    std::fs::write(keys.path().join("access_key_id"), "first-key\n").expect("written");
    std::fs::write(keys.path().join("secret_access_key"), "the-secret\n").expect("written");
    let s3 = S3 {
        endpoint: Some(endpoint.to_owned()),
        region: None,
        credentials_dir: keys.path().to_owned(),
    };
    Store::open(&Settings { url: "s3://evidence/fno/prod/".to_owned(), s3 })
        .unwrap_or_else(|e| panic!("{e}"))
}

#[tokio::test]
async fn evidence_lies_below_the_prefix_with_media_types() {
    let (bucket, store, _keys) = bucket().await;
    let spool = tempdir().expect("a folder");
    let folder =
        Folder::write(&spool.path().join("x"), manifest(), vec![picture("001-after.png", b"png")])
            .expect("written");
    let place =
        Place::Job { namespace: "isp", provider: "octotel", uid: "u-1", attempt: 1, pod: "b-1-a1" };
    let evidence = store.put_evidence(&place, &folder).await.expect("stored");
    assert_eq!(
        (evidence.uri.as_str(), evidence.files),
        ("s3://evidence/fno/prod/isp/octotel/u-1/1/b-1-a1", 3)
    );

    let content = bucket.0.lock().expect("no panic");
    let found: Vec<_> = content
        .objects
        .iter()
        .map(|(key, (_, media_type))| (key.as_str(), media_type.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            ("fno/prod/isp/octotel/u-1/1/b-1-a1/001-after.png", "image/png"),
            ("fno/prod/isp/octotel/u-1/1/b-1-a1/manifest.json", "application/json"),
            ("fno/prod/isp/octotel/u-1/1/b-1-a1/report.html", "text/html; charset=utf-8"),
        ]
    );
}

#[tokio::test]
async fn a_record_is_put_only_if_absent() {
    let (_bucket, store, _keys) = bucket().await;
    assert_eq!(store.archived("isp", "u-1").await.expect("an answer"), None);
    assert_eq!(store.archive(&job("first")).await.expect("stored"), Archived::Stored);
    assert_eq!(store.archive(&job("second")).await.expect("an answer"), Archived::AlreadyThere);
    assert_eq!(store.archived("isp", "u-1").await.expect("an answer"), Some(job("first")));
}

#[tokio::test]
async fn rotated_keys_are_used_at_once_and_a_removed_one_is_named() {
    let (bucket, store, keys) = bucket().await;
    store.put_log("isp", "octotel", "b", Vec::new()).await.expect("stored");
    std::fs::write(keys.path().join("access_key_id"), "second-key").expect("written");
    store.put_log("isp", "octotel", "b", Vec::new()).await.expect("stored");
    assert_eq!(bucket.0.lock().expect("no panic").signed_by, ["first-key", "second-key"]);
    std::fs::remove_file(keys.path().join("secret_access_key")).expect("removed");
    let error = store.put_log("isp", "octotel", "b", Vec::new()).await.expect_err("no key");
    assert!(chain(&error).contains("secret_access_key cannot be read"), "{}", chain(&error));
}

#[tokio::test]
async fn a_store_that_is_away_is_an_error_without_the_key_and_works_once_it_is_back() {
    let (bucket, store, keys) = bucket().await;
    bucket.0.lock().expect("no panic").away = true;
    let error = store.put_log("isp", "octotel", "b", Vec::new()).await.expect_err("away");
    assert!(
        error.to_string().starts_with(
            "s3://evidence/fno/prod/isp/octotel/batches/b/runner.log cannot be written"
        ),
        "{error}"
    );
    assert!(!format!("{error:?}{}", chain(&error)).contains("the-secret"));
    bucket.0.lock().expect("no panic").away = false;
    store.put_log("isp", "octotel", "b", Vec::new()).await.expect("stored");

    // The listener of this port is closed.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    open(&keys, &format!("http://{address}"))
        .put_log("isp", "octotel", "b", Vec::new())
        .await
        .expect_err("the store is down");
}

fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
