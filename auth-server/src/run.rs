//! From the command line to the exit code.

use std::{
    ffi::OsString,
    io::{self, Write as _},
    path::Path,
    process::ExitCode,
    time::Duration,
};

use auth_migration::MigrationStatus;
use tokio::time::timeout;

use crate::{
    check,
    cli::{self, Command, Keys, Migrate, Stop},
    config::{Config, DatabaseConfig, Given},
    error::Error,
    health::Health,
    keys::{self, generate_key},
    reload::Reload,
    serve,
    signals::{Hangups, Signals},
    stack,
    start::{Started, connect, start},
    systemd::{self, Passed},
    telemetry::{self, Output},
    users,
};

/// How long to wait for the pool to say goodbye to the database.
pub(crate) const CLOSE_DEADLINE: Duration = Duration::from_secs(2);

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
    };
    let outcome = match cli.command.unwrap_or(Command::Serve) {
        // Before the settings are read: they may be waiting for this very key.
        Command::Keys { action: Keys::Generate { out } } => generate_key(&cli.settings.0, out.as_deref()),
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

/// One line on standard error.
fn complain(problem: &str) {
    let line: Vec<&str> = problem.split_whitespace().collect();
    let _ = writeln!(io::stderr(), "auth-server: {}", line.join(" "));
}

fn execute(command: &Command, given: Vec<Given>, config: Config, passed: Passed) -> Result<(), Error> {
    let output = if matches!(command, Command::Serve) { Output::Stdout } else { Output::Stderr };
    let _logging = telemetry::start(config.log, output)
        .map_err(|source| Error::System { what: "logging cannot be started", source })?;
    for warning in &config.warnings {
        tracing::warn!("{warning}");
    }
    if let Command::Config = command {
        return show(&config);
    }
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|source| Error::System { what: "the runtime cannot be started", source })?;
    let outcome = match command {
        Command::Migrate { action } => {
            runtime.block_on(migrate(&config.database, action.unwrap_or(Migrate::Up)))
        }
        Command::Keys { action } => runtime.block_on(keys::look_after(&config, action)),
        Command::Users { json, action } => runtime.block_on(users::look_after(&config, action, *json)),
        Command::Serve | Command::Config | Command::Check { .. } => {
            runtime.block_on(start_and_serve(given, config, passed))
        }
    };
    runtime.shutdown_timeout(BLOCKING_DEADLINE);
    outcome
}

pub(crate) fn print(lines: impl IntoIterator<Item = String>) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    for line in lines {
        writeln!(out, "{line}").map_err(|source| Error::System { what: "standard output", source })?;
    }
    Ok(())
}

fn show(config: &Config) -> Result<(), Error> {
    print(config.rows.iter().map(|row| format!("{}={}  # {}", row.name, row.value, row.origin)))
}

async fn migrate(config: &DatabaseConfig, action: Migrate) -> Result<(), Error> {
    let db = connect(config).await?;
    let lines = match action {
        Migrate::Up => or_nothing(auth_migration::up(&db).await?, "applied", "nothing to apply"),
        Migrate::Down { steps } => {
            or_nothing(auth_migration::down(&db, steps).await?, "took back", "nothing to take back")
        }
        Migrate::Status => {
            let all = auth_migration::status(&db).await?.into_iter();
            let state = |one: &MigrationStatus| match (one.applied, one.known) {
                (false, _) => "pending",
                (true, true) => "applied",
                (true, false) => "newer",
            };
            all.map(|one| format!("{} {}", state(&one), one.name)).collect()
        }
        Migrate::Plan => auth_migration::plan(&db).await?.into_iter().map(|sql| format!("{sql};")).collect(),
    };
    let _ = timeout(CLOSE_DEADLINE, db.close()).await;
    print(lines)
}

fn or_nothing(names: Vec<String>, done: &str, nothing: &str) -> Vec<String> {
    if names.is_empty() {
        return vec![nothing.to_owned()];
    }
    names.into_iter().map(|name| format!("{done} {name}")).collect()
}

async fn start_and_serve(given: Vec<Given>, config: Config, passed: Passed) -> Result<(), Error> {
    let no_signals = |source| Error::System { what: "signals", source };
    let mut signals = Signals::new().map_err(no_signals)?;
    let hangups = Hangups::new().map_err(no_signals)?;
    // As the first process of a container the program would not be ended by a signal that nobody takes.
    let service = tokio::select! {
        started = start(&config, passed) => started?,
        () = signals.next() => return Ok(()),
    };
    let Started { listener, tls, db, auth, service, https } = service;
    let routes = stack::routes(service, Health::new(db.clone()), config.http.docs, https);
    let stack = stack::stack(routes, https);
    let (proxies, bounds) = (config.http.trusted_proxies.clone(), config.http.bounds);
    tokio::spawn(Reload::new(given, config, auth, tls).at(hangups));
    tokio::spawn(systemd::keep_watchdog_quiet());
    systemd::ready();
    let told_to_end = async || {
        signals.next().await;
        systemd::stopping();
    };
    serve::serve(listener, stack, proxies, bounds, told_to_end).await;
    let _ = timeout(CLOSE_DEADLINE, db.close()).await;
    tracing::info!("ended");
    Ok(())
}
