//! The page for people.

use data_encoding::BASE64;
use fno_crds::Reason;
use fno_store::Folder;
use serde_json::json;
use tempfile::tempdir;

use crate::samples::{manifest, picture};

fn page(manifest: fno_store::Manifest, files: Vec<fno_store::NewFile>) -> String {
    let spool = tempdir().expect("a folder");
    Folder::write(&spool.path().join("x"), manifest, files).expect("written");
    std::fs::read_to_string(spool.path().join("x/report.html")).expect("the page")
}

#[test]
fn the_page_of_a_look_up_looks_like_this() {
    insta::assert_snapshot!(page(manifest(), vec![picture("001-after.png", b"png")]));
}

#[test]
fn what_a_portal_says_stays_text() {
    let evil = "<script>alert('x')</script>\" onload=\"x";
    let mut hostile = manifest();
    hostile.verdict.outcome = Some(evil.to_owned());
    hostile.verdict.message = Some(evil.to_owned());
    hostile.verdict.reason = Reason::StepFailed;
    hostile.fields.insert(evil.to_owned(), json!(evil));
    hostile.timeline[0].message = Some(evil.to_owned());
    hostile.timeline[0].step = evil.to_owned();
    hostile.timeline[0].result = evil.to_owned();
    let mut shot = picture("001.png", b"png");
    shot.step = evil.to_owned();
    shot.url = Some(evil.to_owned());
    let page = page(hostile, vec![shot]);
    assert!(!page.contains("<script") && !page.contains("\" onload"), "{page}");
    assert!(page.contains("&lt;script&gt;"));
}

#[test]
fn pictures_are_inside_and_nothing_is_loaded_from_elsewhere() {
    let bytes: Vec<u8> = (0..=255).collect();
    let page = page(manifest(), vec![picture("001-after.png", &bytes)]);
    assert!(page.contains(&format!("src=\"data:image/png;base64,{}\"", BASE64.encode(&bytes))));
    assert!(page.contains("default-src 'none'"));
    for loading in ["src=\"http", "href=\"http", "url(", "@import", "<link"] {
        assert!(!page.contains(loading), "{loading}");
    }
}
