//! Who runs a command: what stands in the audit where nobody is signed in.

/// `cli:` and the name of the account of the system, or its number where the system knows no name in its own file; elsewhere than on
/// Unix only `cli`.
pub(crate) fn name() -> String {
    ["cli", &account()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(":")
}

/// By the id of the process, which nobody can set as they like, and not by the environment.
#[cfg(unix)]
fn account() -> String {
    let id = rustix::process::getuid().as_raw();
    let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    name_of(id, &accounts).map_or_else(|| id.to_string(), str::to_owned)
}

#[cfg(not(unix))]
fn account() -> String {
    String::new()
}

/// Lines of `name:password:id:…`.
#[cfg(unix)]
fn name_of(id: u32, accounts: &str) -> Option<&str> {
    let mut lines = accounts.lines().map(|line| line.split(':').collect::<Vec<_>>());
    lines.find_map(|fields| (fields.get(2)?.parse() == Ok(id)).then(|| fields.first().copied()).flatten())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn an_account_of_the_system_is_found_by_its_number() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\n# 1000\n\nada:x:1000:1000:Ada,,,:/home/ada:/bin/sh\n";
        assert_eq!((name_of(0, accounts), name_of(1000, accounts)), (Some("root"), Some("ada")));
        assert_eq!((name_of(100, accounts), name_of(0, "")), (None, None));
        assert!(name().len() > "cli:".len());
    }
}
