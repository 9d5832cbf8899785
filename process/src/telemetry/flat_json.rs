//! One JSON object per line, with the fields of the event and of all spans around it side by side.
//!
//! `tracing-subscriber` nests the fields of a span under `span`, so `job` could be in two places. The crate that flattens them
//! (`json-subscriber`) writes a key twice if an event repeats a field of its span, which not every reader accepts.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    fmt::{
        FmtContext, FormatEvent, FormattedFields,
        format::{JsonFields, Writer},
        time::{FormatTime as _, SystemTime},
    },
    registry::LookupSpan,
};

/// The format of an event.
pub struct FlatJson;

/// The format in which spans store their fields until an event needs them.
pub fn fields() -> JsonFields {
    JsonFields::new()
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, JsonFields> for FlatJson {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Map::new();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let own = extensions.get::<FormattedFields<JsonFields>>();
            if let Some(Ok(Value::Object(own))) = own.map(|own| serde_json::from_str(&own.fields)) {
                fields.extend(own);
            }
        }
        event.record(&mut Fields(&mut fields));
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let metadata = event.metadata();
        // The fields that people look for first come first.
        let message = fields.remove("message");
        let first = [
            ("timestamp", Some(Value::from(time))),
            ("level", Some(Value::from(metadata.level().as_str()))),
            ("message", message),
        ];
        let last = [("target", Some(Value::from(metadata.target())))];
        let mut separator = '{';
        let first = first.iter().filter_map(|(key, value)| Some((*key, value.as_ref()?)));
        let last = last.iter().filter_map(|(key, value)| Some((*key, value.as_ref()?)));
        let middle = fields.iter().map(|(key, value)| (key.as_str(), value));
        for (key, value) in first.chain(middle).chain(last) {
            write!(writer, "{separator}{}:{value}", Value::from(key))?;
            separator = ',';
        }
        writeln!(writer, "}}")
    }
}

/// Collects the fields of an event. A field of the event replaces a field of a span with the same name.
struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        // The prefix of a name such as `r#type` is Rust syntax and does not belong into the log.
        let name = field.name().strip_prefix("r#").unwrap_or_else(|| field.name());
        self.0.insert(name.to_owned(), value.into());
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
    };

    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no panic").extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(log: impl FnOnce()) -> Vec<String> {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let layer = tracing_subscriber::fmt::layer()
            .fmt_fields(fields())
            .event_format(FlatJson)
            .with_writer(move || writer.clone());
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        let bytes = buffer.0.lock().expect("no panic").clone();
        String::from_utf8(bytes).expect("text").lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_fields_of_spans_and_event_are_side_by_side_and_none_occurs_twice() {
        let lines = logged(|| {
            let batch = tracing::info_span!("batch", batch = "b-1", provider = "octotel");
            let _in_batch = batch.enter();
            let job = tracing::info_span!("job", job = "j-1", batch = "b-1");
            let _in_job = job.enter();
            tracing::warn!(job = "j-1", seconds = 1.5, tries = 2_u8, "it \"failed\"");
        });
        let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
        let object: Map<String, Value> = serde_json::from_str(line).expect("JSON");
        for (key, value) in [
            ("level", Value::from("WARN")),
            ("message", Value::from("it \"failed\"")),
            ("batch", Value::from("b-1")),
            ("provider", Value::from("octotel")),
            ("job", Value::from("j-1")),
            ("seconds", Value::from(1.5)),
            ("tries", Value::from(2)),
        ] {
            assert_eq!(object.get(key), Some(&value), "{key}");
        }
        assert!(!object.contains_key("span") && object.contains_key("timestamp"), "{line}");
        assert_eq!(line.matches("\"batch\"").count(), 1, "{line}");
        assert_eq!(line.matches("\"job\"").count(), 1, "{line}");
        assert!(line.starts_with("{\"timestamp\":"), "{line}");
    }
}
