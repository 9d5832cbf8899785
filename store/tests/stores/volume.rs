//! A folder of a volume.

use data_encoding::HEXLOWER;
use fno_store::{Archived, Folder, Manifest, Place, Store};
use sha2::{Digest as _, Sha256};
use tempfile::tempdir;

use crate::samples::{job, job_as_of, manifest, picture, settings, volume};

const PLACE: Place<'_> =
    Place::Job { namespace: "isp", provider: "octotel", uid: "u-1", attempt: 2, pod: "b-1-a1" };

fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

#[tokio::test]
async fn a_folder_is_stored_whole_and_every_digest_is_that_of_the_file() {
    let (store, spool) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let folder = Folder::write(
        &spool.path().join("u-1"),
        manifest(),
        vec![picture("001-before.png", b"one"), picture("002-after.png", b"two")],
    )
    .expect("written");
    let evidence = volume(&store).put_evidence(&PLACE, &folder).await.expect("stored");

    let place = store.path().join("isp/octotel/u-1/2/b-1-a1");
    assert_eq!(evidence.uri, format!("file://{}", place.display()));
    let text = std::fs::read(place.join("manifest.json")).expect("manifest");
    assert_eq!(evidence.sha256, sha256(&text));
    let stored: Manifest = serde_json::from_slice(&text).expect("a manifest");
    let names: Vec<_> = stored.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["001-before.png", "002-after.png", "report.html"]);
    assert_eq!(evidence.files, 4, "the three and the manifest");
    for file in &stored.files {
        let bytes = std::fs::read(place.join(&file.name)).expect("the file");
        assert_eq!((file.size, &file.sha256), (bytes.len(), &sha256(&bytes)), "{}", file.name);
    }
    assert_eq!(stored.files[0].step.as_deref(), Some("after"));
    assert_eq!((&stored.fields, &stored.verdict), (&manifest().fields, &manifest().verdict));

    let again = volume(&store).put_evidence(&PLACE, &folder).await.expect("stored again");
    assert_eq!(again, evidence);
    folder.remove().await.expect("removed");
    assert!(!spool.path().join("u-1").exists());
}

/// A free retry has the same number of the try; the runner of the first batch may still write when the second one has.
#[tokio::test]
async fn a_late_runner_does_not_overwrite_the_evidence_of_the_next_one() {
    let (store, spool) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let put = async |pod, bytes: &[u8]| {
        let folder =
            Folder::write(&spool.path().join(pod), manifest(), vec![picture("001.png", bytes)])
                .expect("written");
        let Place::Job { namespace, provider, uid, attempt, .. } = PLACE else { unreachable!() };
        let place = Place::Job { namespace, provider, uid, attempt, pod };
        volume(&store).put_evidence(&place, &folder).await.expect("stored")
    };
    let second = put("b-2-a1", b"right").await;
    let late = put("b-1-a1", b"late").await;
    assert_ne!(late.uri, second.uri);
    let folder = second.uri.trim_start_matches("file://");
    assert_eq!(std::fs::read(format!("{folder}/001.png")).expect("the picture"), b"right");
    let stored = std::fs::read(format!("{folder}/manifest.json")).expect("the manifest");
    assert_eq!(sha256(&stored), second.sha256);
}

#[tokio::test]
async fn without_all_files_there_is_no_manifest() {
    let (store, spool) = (tempdir().expect("a folder"), tempdir().expect("a folder"));
    let folder = Folder::write(
        &spool.path().join("u-1"),
        manifest(),
        vec![picture("001-before.png", b"one"), picture("002-after.png", b"two")],
    )
    .expect("written");
    std::fs::remove_file(spool.path().join("u-1/002-after.png")).expect("removed");
    let error = volume(&store).put_evidence(&PLACE, &folder).await.expect_err("a file is missing");
    assert!(error.to_string().contains("002-after.png"), "{error}");
    assert!(store.path().join("isp/octotel/u-1/2/b-1-a1/001-before.png").exists());
    assert!(!store.path().join("isp/octotel/u-1/2/b-1-a1/manifest.json").exists());
}

#[test]
fn a_file_stays_in_its_folder_and_does_not_pose_as_ours() {
    let spool = tempdir().expect("a folder");
    for name in
        ["../escape.png", "a/b.png", "", ".hidden", "manifest.json", "report.html", "grün.png"]
    {
        let refused =
            Folder::write(&spool.path().join("u-1"), manifest(), vec![picture(name, b"x")])
                .expect_err(name);
        assert!(refused.to_string().contains("is not allowed as the name"), "{refused}");
    }
}

#[tokio::test]
async fn a_job_is_archived_once_and_found_again() {
    let folder = tempdir().expect("a folder");
    let store = volume(&folder);
    assert_eq!(store.archived("isp", "u-1").await.expect("an answer"), None);
    assert_eq!(store.archive(&job("first")).await.expect("stored"), Archived::Stored);
    assert_eq!(store.archive(&job("second")).await.expect("an answer"), Archived::AlreadyThere);
    assert_eq!(store.archived("isp", "u-1").await.expect("an answer"), Some(job("first")));

    std::fs::write(folder.path().join("_archive/isp/u-1.json"), b"{").expect("written");
    let error = store.archived("isp", "u-1").await.expect_err("damaged");
    assert!(
        error.to_string().contains("_archive/isp/u-1.json is not a record of a job"),
        "{error}"
    );
    let mut nameless = job("j");
    nameless.metadata.uid = None;
    assert!(store.archive(&nameless).await.expect_err("no UID").to_string().contains("no UID"));
}

#[tokio::test]
async fn the_newest_version_of_a_job_is_the_one_that_is_archived() {
    let folder = tempdir().expect("a folder");
    let store = volume(&folder);
    let (older, newer) = (job_as_of(9, "j"), job_as_of(10, "j"));
    assert_eq!(store.archive(&older).await.expect("stored"), Archived::Stored);
    assert_eq!(store.archive(&newer).await.expect("stored"), Archived::Replaced);
    assert_eq!(store.archive(&older).await.expect("an answer"), Archived::AlreadyThere);
    assert_eq!(store.archived("isp", "u-1").await.expect("an answer"), Some(newer.clone()));

    std::fs::write(folder.path().join("_archive/isp/u-1.json"), b"{").expect("written");
    assert_eq!(store.archive(&older).await.expect("stored"), Archived::Replaced);
    assert_eq!(store.archived("isp", "u-1").await.expect("an answer"), Some(older));
}

#[tokio::test]
async fn the_log_lies_in_the_folder_of_its_batch_with_the_session_of_each_pod() {
    let folder = tempdir().expect("a folder");
    let store = volume(&folder);
    let spool = tempdir().expect("a folder");
    let session =
        Folder::write(&spool.path().join("b"), Manifest { job: None, ..manifest() }, Vec::new())
            .expect("written");
    let place =
        Place::Session { namespace: "isp", provider: "octotel", batch: "b-1", pod: "b-1-a1" };
    let evidence = store.put_evidence(&place, &session).await.expect("stored");
    let log = store.put_log("isp", "octotel", "b-1", b"{}\n".to_vec()).await.expect("stored");
    assert_eq!(evidence.uri, format!("{}/b-1-a1", log.uri.trim_end_matches("/runner.log")));
    assert_eq!((log.sha256.as_str(), log.files), (sha256(b"{}\n").as_str(), 1));
    assert_eq!(
        std::fs::read(folder.path().join("isp/octotel/batches/b-1/runner.log")).expect("the log"),
        b"{}\n"
    );
}

#[tokio::test]
async fn a_volume_that_does_not_take_it_says_which_file() {
    let folder = tempdir().expect("a folder");
    let store = volume(&folder);
    std::fs::write(folder.path().join("isp"), b"a file where a folder must be").expect("written");
    let error = store.put_log("isp", "octotel", "b-1", Vec::new()).await.expect_err("no folder");
    assert!(
        error.to_string().contains("/isp/octotel/batches/b-1/runner.log cannot be written"),
        "{error}"
    );
}

#[test]
fn wrong_settings_are_named_with_what_is_allowed() {
    for (url, said) in [
        ("", "not a URL"),
        ("/var/lib/fno", "not a URL"),
        ("file://host/path", "three slashes"),
        ("https://bucket/prefix", "https: is not supported"),
        ("s3://", "bucket is missing"),
        ("s3://key:secret@bucket/", "no user, no password"),
        ("s3://bucket/prefix", "/nowhere/access_key_id cannot be read"),
        ("file:///proc/nothing/here", "the folder cannot be created"),
    ] {
        let error = Store::open(&settings(url)).expect_err(url).to_string();
        assert!(error.contains(said), "{url}: {error}");
    }
}
