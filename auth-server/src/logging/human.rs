//! Short lines for somebody who looks on: the time of day, and of a request what tells it from others.

use std::{
    fmt::{self, Debug},
    time::UNIX_EPOCH,
};

use auth_core::{Clock as _, SystemClock};
use tracing::field::Field;
use tracing_subscriber::fmt::{
    Layer,
    format::{Compact, FieldFn, Format, Writer, debug_fn},
    time::FormatTime,
};

/// Of a request's id; enough to find it among a day's.
const ID_LENGTH: usize = 8;

type Write = fn(&mut Writer<'_>, &Field, &dyn Debug) -> fmt::Result;

pub(super) fn layer<S>() -> Layer<S, FieldFn<Write>, Format<Compact, TimeOfDay>> {
    let write: Write = write;
    Layer::default().compact().with_target(false).with_timer(TimeOfDay).fmt_fields(debug_fn(write))
}

/// What is left out is in every line of JSON.
fn write(line: &mut Writer<'_>, field: &Field, value: &dyn Debug) -> fmt::Result {
    match field.name() {
        "message" => write!(line, "{value:?}"),
        "route" | "trace_id" | "parent_id" => Ok(()),
        "http_method" | "path" => write!(line, " {}", bare(value)),
        "request_id" => write!(line, " id={:.ID_LENGTH$}", bare(value)),
        name => write!(line, " {name}={value:?}"),
    }
}

fn bare(value: &dyn Debug) -> String {
    format!("{value:?}").trim_matches('"').to_owned()
}

/// UTC to the second: `14:05:09Z`.
pub(super) struct TimeOfDay;

impl FormatTime for TimeOfDay {
    fn format_time(&self, line: &mut Writer<'_>) -> fmt::Result {
        let since = SystemClock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (hour, minute, second) = (since / 3600 % 24, since / 60 % 60, since % 60);
        write!(line, "{hour:02}:{minute:02}:{second:02}Z")
    }
}
