//! Log lines as JSON: one object a line, no key twice.

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
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

/// `timestamp`, `level`, `target` and the event's fields beside them, `spans` from the outermost on, each with its
/// `name` and its fields. A field that is called like one of ours gets an underscore.
pub(super) struct Json;

const OURS: [&str; 4] = ["timestamp", "level", "target", "spans"];

impl<S> FormatEvent<S, JsonFields> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut record = Fields(Map::new());
        event.record(&mut record);
        let mut record: Map<String, Value> =
            record.0.into_iter().map(|(name, value)| (apart(name, &OURS), value)).collect();
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        record.insert("timestamp".to_owned(), time.into());
        record.insert("level".to_owned(), event.metadata().level().as_str().into());
        record.insert("target".to_owned(), event.metadata().target().into());
        let spans: Vec<Value> = context
            .event_scope()
            .into_iter()
            .flat_map(|scope| scope.from_root())
            .map(|span| {
                let extensions = span.extensions();
                let text = extensions
                    .get::<FormattedFields<JsonFields>>()
                    .map_or("", |fields| fields.fields.as_str());
                // Parsing leaves the last of a field that was recorded twice.
                let fields: Map<String, Value> = serde_json::from_str(text).unwrap_or_default();
                let mut fields: Map<String, Value> =
                    fields.into_iter().map(|(name, value)| (apart(name, &["name"]), value)).collect();
                fields.insert("name".to_owned(), span.name().into());
                Value::Object(fields)
            })
            .collect();
        if !spans.is_empty() {
            record.insert("spans".to_owned(), spans.into());
        }
        writeln!(writer, "{}", Value::Object(record))
    }
}

/// A field's name, apart from those of ours.
fn apart(name: String, ours: &[&str]) -> String {
    if ours.contains(&name.as_str()) { name + "_" } else { name }
}

/// An event's fields; of one that was given twice the last.
struct Fields(Map<String, Value>);

impl Fields {
    fn set(&mut self, field: &Field, value: impl Into<Value>) {
        // What `log` records carry for tracing alone.
        if !field.name().starts_with("log.") {
            self.0.insert(field.name().trim_start_matches("r#").to_owned(), value.into());
        }
    }
}

impl Visit for Fields {
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
