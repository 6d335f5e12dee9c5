//! Log lines as JSON: one object a line, no key twice.

use std::fmt;

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

/// `timestamp`, `level`, `target` and the event's fields beside them, `spans` from the outermost on, each with its
/// `name` and its fields. A field that is called like one of ours gets an underscore.
pub(super) struct Json;

const OURS: [&str; 4] = ["timestamp", "level", "target", "spans"];

impl<S> FormatEvent<S, Members> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, Members>,
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
                let text =
                    extensions.get::<FormattedFields<Members>>().map_or("", |fields| fields.fields.as_str());
                // Parsing leaves the last of a field that was recorded twice.
                let text = format!("{{{}}}", text.trim_end_matches([',', ' ']));
                let fields: Map<String, Value> = serde_json::from_str(&text).unwrap_or_default();
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

/// A span's fields as members of an object, each with a comma behind it. Most spans have no line, so that what is recorded later
/// is added to the text as it is: nothing of it is read before there is one.
pub(super) struct Members;

impl<'w> FormatFields<'w> for Members {
    fn format_fields<R: RecordFields>(&self, to: Writer<'w>, fields: R) -> fmt::Result {
        let mut member = Member { to, done: Ok(()) };
        fields.record(&mut member);
        member.done
    }
}

struct Member<'w> {
    to: Writer<'w>,
    done: fmt::Result,
}

impl Member<'_> {
    fn write(&mut self, field: &Field, value: impl fmt::Display) {
        // What only traces have a use for.
        if self.done.is_ok() && !field.name().starts_with("otel.") {
            self.done = write!(self.to, "{}:{value},", Quoted(field.name().trim_start_matches("r#")));
        }
    }
}

impl Visit for Member<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        match value.is_finite() {
            true => self.write(field, value),
            false => self.write(field, "null"),
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.write(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.write(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.write(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.write(field, Quoted(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.write(field, Quoted(&format!("{value:?}")));
    }
}

/// A text as JSON has it.
pub(super) struct Quoted<'t>(pub &'t str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("\"")?;
        let mut rest = self.0;
        // All of these are one byte long.
        while let Some(place) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
            let (plain, special) = rest.split_at(place);
            out.write_str(plain)?;
            write!(out, "\\u{:04x}", special.as_bytes().first().copied().unwrap_or_default())?;
            rest = special.get(1..).unwrap_or_default();
        }
        out.write_str(rest)?;
        out.write_str("\"")
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_a_text_is_it_reads_as_it_was(text in any::<String>()) {
            let quoted = Quoted(&text).to_string();
            prop_assert!(!quoted.contains('\n'), "a line stays one");
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
        }
    }
}
