//! Logs: for people on a terminal, else one JSON object a line.

mod backlog;
mod json;

use std::io::{self, IsTerminal as _};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer as _,
    filter::Targets,
    fmt::{self, writer::BoxMakeWriter},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use self::{backlog::Backlog, json::JsonLines};
use crate::config::{LogConfig, LogFormat};

/// Where the lines go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Output {
    /// Standard output, for `serve`.
    Stdout,
    /// Standard error, for commands whose standard output is their result.
    Stderr,
}

/// Keeps the program until its last lines are written; to be dropped at the end.
pub(crate) struct Logging(Option<Backlog>);

impl Drop for Logging {
    fn drop(&mut self) {
        if let Some(backlog) = &self.0 {
            backlog.flush();
        }
    }
}

/// Starts logging. Called once; a second call changes nothing.
///
/// # Errors
/// There is no thread to write the lines.
pub(crate) fn start(config: LogConfig, output: Output) -> io::Result<Logging> {
    let (is_terminal, backlog) = match output {
        Output::Stdout => (io::stdout().is_terminal(), Some(Backlog::start(io::stdout())?)),
        // Nothing else goes on while a command writes.
        Output::Stderr => (io::stderr().is_terminal(), None),
    };
    let writer = backlog.clone().map_or_else(|| BoxMakeWriter::new(io::stderr), BoxMakeWriter::new);
    let format = config.format.unwrap_or(if is_terminal { LogFormat::Human } else { LogFormat::Json });
    let layer = match format {
        LogFormat::Human => {
            fmt::layer().with_ansi(is_terminal).with_target(false).with_writer(writer).boxed()
        }
        LogFormat::Json => JsonLines::new(writer).boxed(),
    };
    // Only a second call fails, and then logging is on already.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter(config.level))).try_init();
    log_panics();
    Ok(Logging(backlog))
}

/// The level is for our own crates. Of others only warnings are taken, and of the database layers nothing: on
/// lower levels they write out statements with addresses and hashes, and headers with tokens.
fn filter(level: LevelFilter) -> Targets {
    Targets::new()
        .with_default(level.min(LevelFilter::WARN))
        .with_targets(["sqlx", "sea_orm", "sea_orm_migration"].map(|target| (target, LevelFilter::OFF)))
        .with_targets(
            ["auth_core", "auth_tower", "auth_server", "auth_migration"].map(|target| (target, level)),
        )
}

/// A panic's message may quote data (`unwrap` prints the error); the place is enough to find the bug.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(|place| format!("{}:{}", place.file(), place.line()));
        tracing::error!(place, "a panic: this is a bug");
    }));
}
