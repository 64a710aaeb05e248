//! One JSON object a line: `time`, `level`, `message`, then the fields of the event and of the spans around it, flat, as log
//! collectors like them, and `target`.

use std::{
    fmt::{Debug, Write as _},
    io::Write as _,
};

use serde::Serialize;
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

/// Fields as they will stand in a line, kept with a span until it ends: written out once, however many lines there are.
#[derive(Default)]
struct Fields {
    /// `"status":200` after `"path":"/login"`, without anything between.
    text: Vec<u8>,
    /// The names, and where each ends.
    ends: Vec<(&'static str, usize)>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: impl Serialize) {
        // As in source code: nothing in a name has to be escaped.
        for piece in ["\"", field.name(), "\":"] {
            self.text.extend_from_slice(piece.as_bytes());
        }
        put_json(&mut self.text, value);
        self.ends.push((field.name(), self.text.len()));
    }

    fn iter(&self) -> impl Iterator<Item = (&'static str, &[u8])> {
        let mut begin = 0;
        self.ends.iter().map(move |&(name, end)| {
            let field = self.text.get(begin..end).unwrap_or_default();
            begin = end;
            (name, field)
        })
    }
}

/// The value at the end of the text.
fn put_json(text: &mut Vec<u8>, value: impl Serialize) {
    // It takes all, and of numbers, texts and booleans each can be written.
    let _ = serde_json::to_writer(text, &value);
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
        // In front what people look for first.
        let mut line = format!("{{\"time\":\"{}\",\"level\":\"{}\",", now(), metadata.level()).into_bytes();
        let message = own.iter().find_map(|(name, field)| (name == "message").then_some(field));
        line.extend_from_slice(message.unwrap_or(b"\"message\":null"));
        // Then each name once: the event's own wins over that of a span, an inner span over an outer one, and what was told last.
        let mut written = vec!["time", "level", "message", "target"];
        let mut add = |fields: &Fields, line: &mut Vec<u8>| {
            let told: Vec<_> = fields.iter().collect();
            for (index, (name, field)) in told.iter().enumerate() {
                let again = told.iter().skip(index + 1).any(|(later, _)| later == name);
                if !again && !written.contains(name) {
                    line.push(b',');
                    line.extend_from_slice(field);
                    written.push(name);
                }
            }
        };
        add(&own, &mut line);
        if let Some(scope) = context.event_scope(event) {
            for span in scope {
                if let Some(fields) = span.extensions().get::<Fields>() {
                    add(fields, &mut line);
                }
            }
        }
        line.extend_from_slice(b",\"target\":");
        put_json(&mut line, metadata.target());
        line.extend_from_slice(b"}\n");
        // There is nobody to tell that the log cannot be written.
        let _ = self.writer.make_writer_for(metadata).write_all(&line);
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Kept {
        fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(line)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_has_each_name_once_as_it_was_told_last_and_nearest() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber =
            tracing_subscriber::registry().with(JsonLines::new(BoxMakeWriter::new(move || writer.clone())));
        tracing::subscriber::with_default(subscriber, || {
            let outer = tracing::info_span!(
                "outer",
                request_id = "a\"b\n",
                route = "/x",
                late = tracing::field::Empty
            );
            outer.record("late", 1);
            outer.record("late", 2);
            let _outer = outer.enter();
            let _inner = tracing::info_span!("inner", route = "/y", time = 0, status = 1).entered();
            tracing::info!(status = 200_u16, ok = true, share = 0.5, "answered");
        });
        let line: Value = serde_json::from_slice(&kept.0.lock().unwrap()).unwrap();
        assert!(line["time"].is_string());
        let mut line = line;
        line["time"] = Value::Null;
        let expected = json!({"time": null, "level": "INFO", "message": "answered", "status": 200, "ok": true, "share": 0.5,
            "route": "/y", "late": 2, "request_id": "a\"b\n", "target": module_path!()});
        assert_eq!(line, expected);
        let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.matches("\"route\"").count(), 1, "{text}");
    }
}
