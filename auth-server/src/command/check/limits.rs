//! What the system lets this process have.

use auth_core::Finding;

use crate::{config::Config, hash_budget};

/// Beside connections: standard streams, the log, the listeners, the files of the runtime.
const OTHER_FILES: u64 = 16;

pub(super) fn check(config: &Config) -> Vec<Finding> {
    let mut found = hash_budget::findings(&config.auth);
    found.extend(open_files(config));
    found
}

#[cfg(unix)]
fn open_files(config: &Config) -> Option<Finding> {
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current?;
    let connections = config.http.limits.connections as u64;
    let needed = connections + u64::from(config.database.max_connections) + OTHER_FILES;
    (most < needed).then(|| {
        Finding::warning(
            "open_files",
            format!(
                "MAX_CONNECTIONS is {connections}, and this process may have {most} files open: with {needed} needed, clients \
                 would wait though there is a place for them"
            ),
            format!("raise the limit (LimitNOFILE, ulimit -n) to {needed}, or lower MAX_CONNECTIONS"),
        )
    })
}

#[cfg(not(unix))]
fn open_files(_: &Config) -> Option<Finding> {
    None
}
