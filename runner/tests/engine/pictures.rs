//! Pictures and printed pages.

use fno_runner::engine::File;
use serde_json::json;

use crate::support::{Bench, Walked, click};

/// Red boxes where text would be black on white: a field shows if there is red.
const PAGE: &str = "<style>body { margin: 0; background: white } input, textarea { all: unset; display: block; width: 300px; height: 40px; background: red; transition: all 5s }
        input::selection { background: lime }</style>
    <input id=plain><input id=pass type=password><input id=circuit><input name=otp id=x>";

struct Picture {
    width: u32,
    height: u32,
    rgb: Vec<[u8; 3]>,
}

impl Picture {
    fn of(file: &File) -> Self {
        assert_eq!(file.media_type, "image/png");
        let mut decoder = png::Decoder::new(std::io::Cursor::new(&file.bytes));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().expect("a PNG");
        let mut bytes = vec![0; reader.output_buffer_size().expect("it fits")];
        let info = reader.next_frame(&mut bytes).expect("a whole PNG");
        let rgb = bytes[..info.buffer_size()]
            .chunks(info.color_type.samples())
            .map(|p| [p[0], p[1], p[2]])
            .collect();
        Self { width: info.width, height: info.height, rgb }
    }

    fn at(&self, x: u32, y: u32) -> [u8; 3] {
        self.rgb[(y * self.width + x) as usize]
    }
}

const RED: [u8; 3] = [255, 0, 0];
const WHITE: [u8; 3] = [255, 255, 255];

#[track_caller]
fn only(walked: &Walked) -> Picture {
    assert_eq!(
        walked.trace.files.len(),
        1,
        "{:?}",
        walked.trace.files.iter().map(|file| &file.name).collect::<Vec<_>>()
    );
    Picture::of(&walked.trace.files[0])
}

#[tokio::test]
async fn secret_and_sensitive_fields_are_empty_places_in_a_picture() {
    let mut bench = Bench::with(&[("/", PAGE)]).await;
    let walked = bench
        .walk(json!([
            {"type": "change", "selectors": [["#circuit"]], "value": "B53001", "sensitive": true},
            {"type": "change", "selectors": [["#pass"]], "value": "{{ secret.password }}"},
            {"type": "screenshot", "name": "shot"},
        ]))
        .await;
    walked.finished();
    let picture = only(&walked);
    let rows: Vec<[u8; 3]> = [20, 60, 100, 140].map(|y| picture.at(290, y)).to_vec();
    assert_eq!(rows, [RED, WHITE, WHITE, WHITE], "plain, password, sensitive, code");
    assert!((0..300).all(|x| (45..155).all(|y| picture.at(x, y) == WHITE)), "not a pixel of them");
    assert_eq!(walked.entry("shot").files, [walked.trace.files[0].name.clone()]);
    // Afterwards the page is as it was.
    let walked = bench.walk_on(json!([{"type": "waitForElement", "selectors": [["input"]], "count": 4, "attributes": {}, "timeout": 7000}])).await;
    walked.finished();
    bench.rules.allow_scripts = true;
    bench
        .walk_on(json!([{"type": "waitForExpression", "expression": "[...document.querySelectorAll('input')].every((field) => !field.hasAttribute('style'))"}]))
        .await
        .finished();
}

#[tokio::test]
async fn a_sensitive_field_that_is_drawn_anew_stays_covered() {
    let page = format!(
        "<div id=root>{PAGE}</div><button id=draw onclick=\"const value = circuit.value; root.innerHTML = root.innerHTML; circuit.value = value\">Draw</button>"
    );
    let mut bench = Bench::with(&[("/", &page)]).await;
    let walked = bench
        .walk(json!([{"type": "change", "selectors": [["#circuit"]], "value": "B53001", "sensitive": true}, click("#draw"), {"type": "screenshot"}]))
        .await;
    walked.finished();
    assert_eq!(only(&walked).at(290, 100), WHITE);
}

#[tokio::test]
async fn fields_in_frames_are_covered_too() {
    let inner = crate::support::Site::of(&[("/", PAGE)]).await;
    for (origin, covered) in [("same", [RED, WHITE]), ("other", [WHITE, WHITE])] {
        let src = if origin == "same" { "/inner".to_owned() } else { inner.other_origin() };
        let page = format!(
            "<style>body {{ margin: 0 }} iframe {{ border: 0; display: block; width: 400px; height: 200px }}</style><iframe id=f src='{src}'></iframe>"
        );
        let mut bench = Bench::with(&[("/", &page), ("/inner", PAGE)]).await;
        bench.rules.allowed_origins.push(inner.other_origin());
        let walked = bench
            .walk(json!([
                {"type": "switchTo", "to": "Frame", "selectors": [["#f"]]},
                {"type": "change", "selectors": [["#circuit"]], "value": "{{ secret.password }}"},
                {"type": "screenshot"},
            ]))
            .await;
        walked.finished();
        let picture = only(&walked);
        assert_eq!([picture.at(290, 20), picture.at(290, 100)], covered, "{origin}");
    }
}

#[tokio::test]
async fn a_failure_has_its_picture_unless_it_must_not() {
    let mut bench = Bench::with(&[("/", PAGE)]).await;
    let step = |policy: &str| json!([{"type": "click", "name": "press", "selectors": [["#none"]], "timeout": 60, "screenshot": policy}]);
    for (policy, files) in [("OnFailure", 1), ("After", 1), ("Never", 0)] {
        let walked = bench.walk(step(policy)).await;
        walked.failure();
        assert_eq!(walked.trace.files.len(), files, "{policy}");
    }
    let walked = bench.walk(json!([{"type": "click", "name": "press", "selectors": [["#plain"]], "screenshot": "After"}])).await;
    assert_eq!(walked.trace.files.len(), 1);
    assert_eq!(walked.entry("press").files[0], "001-press.png");
}

#[tokio::test]
async fn a_whole_page_is_taller_than_the_window_and_a_print_is_a_pdf() {
    let mut bench = Bench::with(&[("/", "<div style='height:3000px'>long</div>")]).await;
    let walked = bench.walk(json!([{"type": "screenshot", "fullPage": true}, {"type": "screenshot"}, {"type": "print", "name": "confirmation"}])).await;
    walked.finished();
    let (whole, part) = (Picture::of(&walked.trace.files[0]), Picture::of(&walked.trace.files[1]));
    assert!(whole.height > 3000 && part.height < 1500, "{} and {}", whole.height, part.height);
    let pdf = &walked.trace.files[2];
    assert_eq!((pdf.name.as_str(), pdf.media_type), ("003-confirmation.pdf", "application/pdf"));
    assert!(pdf.bytes.starts_with(b"%PDF-"));
}
