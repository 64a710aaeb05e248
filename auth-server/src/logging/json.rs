//! One JSON object a line: `time`, `level`, `message`, `target`, then the fields of the event and of the spans
//! around it, flat, as log collectors like them.

use std::{
    fmt::{Debug, Write as _},
    io::Write as _,
};

use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    fmt::{
        MakeWriter,
        format::Writer,
        time::{FormatTime as _, SystemTime},
        writer::BoxMakeWriter,
    },
    layer::Context,
    registry::LookupSpan,
};

/// The layer that writes the lines.
pub(super) struct JsonLines {
    writer: BoxMakeWriter,
}

impl JsonLines {
    pub(super) fn new(writer: BoxMakeWriter) -> Self {
        Self { writer }
    }
}

/// Fields, kept with a span until it ends. Most spans end without a line, so nothing is sorted before there is one.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.push((field.name(), value.into()));
    }

    fn add_to(&self, line: &mut Map<String, Value>) {
        line.extend(self.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JsonLines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let mut own = Fields::default();
        event.record(&mut own);
        let mut line = Map::new();
        // The event's own fields win over those of a span.
        if let Some(scope) = context.event_scope(event) {
            for span in scope.from_root() {
                if let Some(fields) = span.extensions().get::<Fields>() {
                    fields.add_to(&mut line);
                }
            }
        }
        own.add_to(&mut line);
        line.insert("target".to_owned(), metadata.target().into());
        let message = line.remove("message").unwrap_or_default();
        // In front what people look for first; the rest in the order of names.
        let rest = Value::Object(line).to_string();
        let (level, rest) = (metadata.level(), rest.trim_start_matches('{'));
        let text = format!("{{\"time\":\"{}\",\"level\":\"{level}\",\"message\":{message},{rest}\n", now());
        // There is nobody to tell that the log cannot be written.
        let _ = self.writer.make_writer_for(metadata).write_all(text.as_bytes());
    }
}

/// UTC, RFC 3339.
fn now() -> String {
    let mut text = String::new();
    if SystemTime.format_time(&mut Writer::new(&mut text)).is_err() {
        text.clear();
        let _ = text.write_str("unknown");
    }
    text
}
