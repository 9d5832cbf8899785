//! The manifest as one page for people. The page opens anywhere, loads nothing and runs no script.

use data_encoding::BASE64;
use fno_crds::fields::dotted;
use jiff::{Timestamp, Unit};
use minijinja::{Environment, Value, context, value::Serde};

use crate::{manifest::Manifest, new_file::NewFile};

const TEMPLATE: &str = include_str!("report.html");

pub(crate) fn page(manifest: &Manifest, files: &[NewFile]) -> Result<String, minijinja::Error> {
    let mut engine = Environment::new();
    // The engine escapes all values because the template's name ends in .html.
    engine.add_template("report.html", TEMPLATE)?;
    engine.add_filter("time", time);
    let fields: Vec<(String, String)> = dotted(&manifest.fields).into_iter().collect();
    let files: Vec<Value> = files
        .iter()
        .map(|file| {
            context! {
                name => file.name.as_str(), step => file.step.as_str(), url => file.url.as_deref(), taken_at => file.taken_at.to_string(),
                picture => file.media_type.starts_with("image/"),
                data => format!("data:{};base64,{}", file.media_type, BASE64.encode(&file.bytes)),
            }
        })
        .collect();
    engine
        .get_template("report.html")?
        .render(context! { title => manifest.title(), good => manifest.is_good(), m => Value::from(Serde(manifest)), fields, files })
}

/// A time in UTC, to the millisecond.
fn time(text: &str) -> String {
    text.parse::<Timestamp>().ok().and_then(|time| time.round(Unit::Millisecond).ok()).map_or_else(
        || text.to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S%.3f UTC").to_string(),
    )
}
