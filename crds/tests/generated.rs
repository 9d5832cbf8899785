//! The generated files are what the types say.

#[test]
fn the_generated_files_are_up_to_date() {
    for (path, expected) in fno_crds::generated().expect("CRDs serialise") {
        let found = std::fs::read_to_string(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR")))
            .unwrap_or_default();
        assert!(
            found == expected,
            "{path} differs from the types: run `make crds` and commit the result"
        );
    }
}
