//! The documents keep up with the code: links lead somewhere, files they name exist, and every
//! reason has its place in the troubleshooting page.

use std::{
    fs,
    path::{Path, PathBuf},
};

use fno_crds::Reason;
use strum::IntoEnumIterator as _;

/// Folders of the checkout that a document may name a file in.
const FOLDERS: [&str; 12] = [
    "charts", "cluster", "config", "core", "crds", "docs", "e2e", "images", "operator", "process",
    "runner", "store",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// All pages, with their text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut files = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    for folder in ["docs", "docs/decisions", "e2e/portals", "charts/fno-operator"] {
        let entries = fs::read_dir(root().join(folder)).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        files.extend(paths.filter(|path| path.extension().is_some_and(|end| end == "md")));
    }
    files
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a page");
            (path, text)
        })
        .collect()
}

/// The page without its code blocks.
fn prose(text: &str) -> String {
    text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

/// Anchors of a page's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let slug = |heading: &str| {
        let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
        let text: String = heading.chars().filter(kept).collect();
        text.trim().to_lowercase().replace(' ', "-")
    };
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| slug(line.trim_start_matches('#'))).collect()
}

#[test]
fn every_link_leads_to_a_page_and_a_heading() {
    let mut broken = Vec::new();
    for (path, text) in pages() {
        // A pattern inside a code span is not a link.
        let words = prose(&text).split('`').step_by(2).collect::<Vec<_>>().join(" ");
        let links = words.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        for (target, _) in links {
            if target.starts_with("http") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let page = if file.is_empty() {
                path.clone()
            } else {
                path.parent().expect("a folder").join(file)
            };
            let text = fs::read_to_string(&page);
            let found = page.exists()
                && (anchor.is_empty()
                    || text.is_ok_and(|t| anchors(&t).iter().any(|a| a == anchor)));
            if !found {
                broken.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_file_that_a_page_names_exists() {
    let mut missing = Vec::new();
    for (path, text) in pages() {
        for name in prose(&text).split('`').skip(1).step_by(2) {
            let Some((folder, _)) = name.split_once('/') else { continue };
            let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
            if FOLDERS.contains(&folder) && name.chars().all(plain) && !root().join(name).exists() {
                missing.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_reason_has_its_place_in_the_troubleshooting_page() {
    let page = fs::read_to_string(root().join("docs/troubleshooting.md")).expect("the page");
    let missing: Vec<Reason> =
        Reason::iter().filter(|reason| !page.contains(&format!("`{reason}`"))).collect();
    assert!(missing.is_empty(), "not in docs/troubleshooting.md: {missing:?}");
}
