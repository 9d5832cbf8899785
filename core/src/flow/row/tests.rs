use fno_crds::flow::StepType;
use serde_json::json;

use super::*;

fn table() -> Table {
    let rows = [
        ["B-10", "Active", "12  Main Rd"],
        ["B-100", " Pending\nCancellation", "1 Long St"],
        ["B-1000", "Active", "2 Long St"],
        ["B-100", "Cancelled", "1 Long St"],
    ];
    Table {
        headers: ["Line\n Reference", "STATUS ", "Address", "Address"].map(str::to_owned).to_vec(),
        rows: rows
            .iter()
            .map(|row| row.iter().map(|&cell| cell.to_owned()).collect())
            .chain([vec!["4 results".to_owned()]])
            .collect(),
    }
}

fn rule(match_: Option<&str>, cardinality: Option<Cardinality>) -> RowRule {
    let columns = [("reference", "line reference"), ("status", "Status")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    let step = Step {
        columns,
        match_: match_.map(str::to_owned),
        cardinality,
        ..Step::of(StepType::Extract)
    };
    RowRule::of(&step).unwrap_or_else(|e| panic!("{e}"))
}

fn scope(circuit: &str) -> Scope {
    Scope { params: [("circuitNumber".to_owned(), circuit.to_owned())].into(), ..Scope::default() }
}

const BY_CIRCUIT: Option<&str> = Some("row.reference == params.circuitNumber");

#[test]
fn a_row_is_chosen_by_its_content() {
    assert_eq!(
        rule(BY_CIRCUIT, None).extract(&table(), &scope("B-10")),
        Ok(Some(json!({"reference": "B-10", "status": "Active"})))
    );
    assert_eq!(
        rule(BY_CIRCUIT, Some(Cardinality::One))
            .choose(&table(), &scope("B-1000"))
            .map(|rows| rows[0].index),
        Ok(2)
    );
    let pending =
        Some("row.reference == params.circuitNumber && row.status == 'Pending Cancellation'");
    assert_eq!(
        rule(pending, None).choose(&table(), &scope("B-100")).map(|rows| rows[0].index),
        Ok(1)
    );
}

#[test]
fn cardinality_says_how_many_rows_may_match() {
    use Cardinality::{Many, One, ZeroOrOne};
    for (circuit, cardinality, expected) in [
        ("B-1", None, Ok(0)),
        ("B-1", Some(ZeroOrOne), Ok(0)),
        ("B-1", Some(Many), Ok(0)),
        ("B-1", Some(One), Err(RowError::None(5))),
        ("B-100", None, Err(RowError::Ambiguous(2))),
        ("B-100", Some(One), Err(RowError::Ambiguous(2))),
        ("B-100", Some(Many), Ok(2)),
    ] {
        assert_eq!(
            rule(BY_CIRCUIT, cardinality).choose(&table(), &scope(circuit)).map(|rows| rows.len()),
            expected,
            "{circuit} {cardinality:?}"
        );
    }
    assert_eq!(RowError::Ambiguous(2).reason(), Reason::AmbiguousMatch);
    assert_eq!(RowError::None(5).reason(), Reason::StepFailed);
}

#[test]
fn without_a_row_the_field_is_omitted_and_many_gives_a_list() {
    assert_eq!(rule(BY_CIRCUIT, None).extract(&table(), &scope("B-1")), Ok(None));
    assert_eq!(
        rule(BY_CIRCUIT, Some(Cardinality::Many)).extract(&table(), &scope("B-1")),
        Ok(Some(json!([])))
    );
    assert_eq!(
        rule(None, Some(Cardinality::Many))
            .extract(&table(), &scope(""))
            .map(|v| v.and_then(|v| v.as_array().map(Vec::len))),
        Ok(Some(4))
    );
}

#[test]
fn without_a_match_every_row_matches_and_the_first_one_is_not_preferred() {
    assert_eq!(rule(None, None).extract(&table(), &scope("B-10")), Err(RowError::Ambiguous(4)));
}

#[test]
fn the_error_of_a_missing_column_names_the_existing_ones() {
    let mut table = table();
    table.headers[1] = "State".to_owned();
    let error = rule(BY_CIRCUIT, None).extract(&table, &scope("B-10")).map_err(|e| e.to_string());
    assert_eq!(error, Err("the table has no column \"Status\"; its columns are \"Line Reference\", \"State\", \"Address\", \"Address\"".to_owned()));
    table.headers[2] = "status".to_owned();
    table.headers[3] = "Status".to_owned();
    assert_eq!(
        rule(BY_CIRCUIT, None).extract(&table, &scope("B-10")),
        Err(RowError::AmbiguousColumn("Status".to_owned()))
    );
    table.headers.clear();
    assert_eq!(
        rule(BY_CIRCUIT, None).extract(&table, &scope("B-10")).map_err(|e| e.to_string()),
        Err("the table has no column \"line reference\"; it has no columns".to_owned())
    );
}

#[test]
fn a_match_that_fails_is_reported() {
    let error = rule(Some("row.refernce == 'x'"), None)
        .extract(&table(), &scope("B-10"))
        .map_err(|e| e.to_string());
    assert_eq!(
        error,
        Err("match: row.refernce is not defined; row has reference, status".to_owned())
    );
    assert!(
        RowRule::of(&Step { match_: Some("row ==".to_owned()), ..Step::of(StepType::Extract) })
            .is_err()
    );
}

#[test]
fn an_empty_table_has_no_row() {
    let empty = Table { rows: Vec::new(), ..table() };
    assert_eq!(rule(BY_CIRCUIT, None).extract(&empty, &scope("B-10")), Ok(None));
    assert_eq!(
        rule(BY_CIRCUIT, Some(Cardinality::One)).extract(&empty, &scope("B-10")),
        Err(RowError::None(0))
    );
}
