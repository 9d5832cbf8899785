//! The YAML beside the types is what the types say.

#[test]
fn the_yaml_files_are_up_to_date() {
    for crd in fno_crds::crds() {
        let path = format!("{}/{}.yaml", env!("CARGO_MANIFEST_DIR"), crd.spec.names.plural);
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let expected = fno_crds::yaml(&crd).expect("CRDs serialise");
        assert!(found == expected, "{path} differs from the types: run `make crds` and commit the result");
    }
}
