//! Logs: for people on a terminal, else one JSON object a line.

mod backlog;
mod human;
mod json;

use std::io::{self, IsTerminal as _, Write as _};

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
pub(crate) struct Logging {
    backlog: Option<Backlog>,
    /// Whether somebody looks on who has just started the program.
    pub(crate) is_for_people: bool,
}

impl Logging {
    /// Says something that is no line of the log, in its turn.
    pub(crate) fn write(&self, text: &str) {
        if let Some(backlog) = &self.backlog {
            // It takes all, or counts what is lost.
            let _ = backlog.clone().write_all(text.as_bytes());
        }
    }
}

impl Drop for Logging {
    fn drop(&mut self) {
        if let Some(backlog) = &self.backlog {
            backlog.flush();
        }
    }
}

/// Of what people are told at a start in other words.
pub(crate) const STARTING: &str = "auth_server::starting";

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
        LogFormat::Human if is_terminal => human::layer().with_writer(writer).boxed(),
        // Whoever keeps the lines wants to know the day, and the whole of an id.
        LogFormat::Human => fmt::layer().with_ansi(false).with_target(false).with_writer(writer).boxed(),
        LogFormat::Json => JsonLines::new(writer).boxed(),
    };
    let is_for_people = is_terminal && backlog.is_some() && format == LogFormat::Human;
    let mut filter = filter(config.level);
    if is_for_people && config.level == LevelFilter::INFO {
        filter = filter.with_target(STARTING, LevelFilter::WARN);
    }
    // Only a second call fails, and then logging is on already.
    let _ = tracing_subscriber::registry().with(layer.with_filter(filter)).try_init();
    log_panics();
    Ok(Logging { backlog, is_for_people })
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
