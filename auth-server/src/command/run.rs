//! From the command line to the exit code.

use std::{
    ffi::OsString,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use auth_core::Severity;

use super::{
    check, health,
    keys::{self, generate_key},
    machines,
    migrate::migrate,
    output::{complain, print, write},
    serve::serve,
    users,
};
use crate::{
    cli::{self, Command, Keys, Migrate, Stop},
    config::{Config, Given, Row},
    error::Error,
    logging::{self, Output},
    systemd::Passed,
};

/// How long work on the runtime's threads for blocking calls that nobody waits for any more may keep the process. A
/// hash does not: its thread ends with the process.
pub(crate) const BLOCKING_DEADLINE: Duration = Duration::from_secs(1);

/// Runs the program with these arguments, the first of which is its name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let passed = Passed::from_env();
    let cli = match cli::parse(arguments) {
        Ok(cli) => cli,
        Err(Stop::Show(text)) => {
            let _ = io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(Stop::Usage(line)) => {
            complain(&line);
            return ExitCode::from(2);
        }
        Err(Stop::Incomplete(help)) => {
            let _ = io::stderr().write_all(help.as_bytes());
            return ExitCode::from(2);
        }
    };
    let outcome = match cli.command.unwrap_or(Command::Serve) {
        // Before the settings are read: they may be waiting for this very key.
        Command::Keys { action: Keys::Generate { out } } => generate_key(&cli.settings.0, out.as_deref()),
        Command::Completions { shell } => write(&cli::completions(shell)),
        Command::Man => cli::man()
            .map_err(|source| Error::System { what: "the page for man", source })
            .and_then(|page| write(&page)),
        // They are a part of what is examined.
        Command::Check { json } => match check::command(&cli.settings.0, json) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        command => Config::load(cli.settings.0.clone(), Path::new(""))
            .map_err(Error::from)
            .and_then(|config| execute(&command, cli.settings.0, config, passed)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error.to_string());
            error.exit_code()
        }
    }
}

fn execute(command: &Command, given: Vec<Given>, config: Config, passed: Passed) -> Result<(), Error> {
    let output = if matches!(command, Command::Serve) { Output::Stdout } else { Output::Stderr };
    let logging = logging::start(config.log, output)
        .map_err(|source| Error::System { what: "logging cannot be started", source })?;
    let found = match command {
        Command::Serve => check::of_settings(&config),
        _ => config.warnings.clone(),
    };
    for finding in found {
        if finding.severity == Severity::Note {
            tracing::info!("{finding}");
        } else {
            tracing::warn!("{finding}");
        }
    }
    if let Command::Config = command {
        let line = |row: &Row| format!("{}={}  # {}", row.name, row.value, row.origin);
        return print(config.rows.iter().map(line));
    }
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|source| Error::System { what: "the runtime cannot be started", source })?;
    let outcome = match command {
        Command::Migrate { action } => {
            runtime.block_on(migrate(&config.database, action.unwrap_or(Migrate::Up)))
        }
        Command::Keys { action } => runtime.block_on(keys::look_after(&config, action)),
        Command::Users { json, action } => runtime.block_on(users::look_after(&config, action, *json)),
        Command::Services { json, action } => {
            runtime.block_on(machines::look_after_services(&config, action, *json))
        }
        Command::ApiKeys { json, action } => {
            runtime.block_on(machines::look_after_keys(&config, action, *json))
        }
        Command::Health => runtime.block_on(health::ask(&config.http)),
        Command::Serve => runtime.block_on(serve(given, config, passed, &logging)),
        // They have ended before.
        Command::Config | Command::Check { .. } | Command::Completions { .. } | Command::Man => Ok(()),
    };
    runtime.shutdown_timeout(BLOCKING_DEADLINE);
    outcome
}
