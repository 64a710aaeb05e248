//! `auth-server check`: what is wrong with the installation, how bad that is, and what to do. Looks at everything that a start
//! would use, and makes and changes nothing.

mod database;
mod files;
mod http;
mod keys;
mod limits;
mod mail;
mod settings;

use std::{cmp::Reverse, path::Path, process::ExitCode};

use auth_core::{Finding, Severity};
use serde_json::json;

use super::{output::print, run::BLOCKING_DEADLINE};
use crate::{
    config::{Config, Given},
    error::Error,
};

/// Examines, prints, and tells by its exit code how bad the worst of it is.
///
/// # Errors
/// [`Error::System`] when there is nothing to examine or print with.
pub(crate) fn command(given: &[Given], json: bool) -> Result<ExitCode, Error> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|source| Error::System { what: "the runtime cannot be started", source })?;
    let found = runtime.block_on(examine(given, Path::new("")));
    runtime.shutdown_timeout(BLOCKING_DEADLINE);
    if json {
        print([json!(found.iter().map(document).collect::<Vec<_>>()).to_string()])?;
    } else if found.is_empty() {
        print(["nothing was found".to_owned()])?;
    } else {
        print(found.iter().flat_map(lines))?;
    }
    Ok(match found.iter().map(|finding| finding.severity).max() {
        Some(Severity::Error) => ExitCode::from(2),
        Some(Severity::Warning) => ExitCode::from(1),
        _ => ExitCode::SUCCESS,
    })
}

/// What the settings alone tell: a start says it too.
pub(crate) fn of_settings(config: &Config) -> Vec<Finding> {
    let found = [http::check(config), mail::check(config), settings::check(config)];
    config.warnings.iter().cloned().chain(found.into_iter().flatten()).collect()
}

fn document(finding: &Finding) -> serde_json::Value {
    json!({
        "code": finding.code,
        "severity": finding.severity.name(),
        "problem": finding.problem,
        "fix": finding.fix,
    })
}

fn lines(finding: &Finding) -> [String; 2] {
    let Finding { code, severity, problem, fix, .. } = finding;
    [format!("{:7} {code}: {problem}", severity.name()), format!("  fix: {fix}")]
}

/// The worst first. Where a setting cannot be used, the others are not judged against each other, and what hangs on that one
/// is not looked at.
async fn examine(given: &[Given], directory: &Path) -> Vec<Finding> {
    let (config, unusable) = settings::read(given, directory);
    let mut found: Vec<Finding> = unusable.iter().map(settings::finding).collect();
    if let Some(config) = config {
        if unusable.is_empty() {
            found.extend(of_settings(&config));
        }
        found.extend(limits::check(&config));
        found.extend(files::check(&config));
        if !unusable.iter().any(settings::is_about_the_world) {
            let rest = database::check(&config).await;
            // What was said in the words of the program's settings need not be said in those of the library's.
            let known: Vec<_> = found.iter().map(|finding| finding.code).collect();
            // Each setting that cannot be used has this code.
            let is_new = |finding: &Finding| finding.code == "setting" || !known.contains(&finding.code);
            found.extend(rest.into_iter().filter(is_new));
        }
    }
    found.sort_by_key(|finding| Reverse(finding.severity));
    found
}
