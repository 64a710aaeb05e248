//! What must not creep in: dependencies, and who may do what where. Read off the source and off `cargo tree`.

mod imports;
mod shared;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use self::imports::{Source, given_away, place_of};

pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Every Rust file in a folder.
pub(crate) fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every source file of a crate that is compiled into it, without its test modules.
fn sources(of: &str) -> Vec<(String, String)> {
    let root = workspace().join(of).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    assert!(!found.is_empty());
    found
        .into_iter()
        .filter(|path| !path.ends_with("tests.rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
            (path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/"), code)
        })
        .collect()
}

/// The files whose code, comments left out, contains `word`.
fn files_with(crate_name: &str, word: &str) -> Vec<String> {
    let mut files: Vec<String> = sources(crate_name)
        .into_iter()
        .filter(|(_, text)| {
            text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word))
        })
        .map(|(file, _)| file)
        .collect();
    files.sort();
    files
}

fn dependencies(of: &str, features: &str) -> Vec<String> {
    let text = tree(of, features, "{p}");
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// What is compiled into a crate, one line in this form for each.
fn tree(of: &str, features: &str, format: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", format, "-p", of])
        .args(["--features", features])
        .current_dir(workspace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn core_knows_no_http() {
    let tree = dependencies("auth-core", "sqlite,postgres,mysql");
    for banned in
        ["http", "http-body", "hyper", "tower", "tower-service", "axum", "axum-core", "auth-migration"]
    {
        assert!(!tree.iter().any(|name| name == banned), "auth-core depends on {banned}");
    }
}

#[test]
fn other_servers_are_asked_in_one_place() {
    for word in ["hyper_util", "hyper_rustls", "rustls::"] {
        for of in ["auth-core", "auth-tower"] {
            let askers = files_with(of, word);
            assert!(askers.iter().all(|file| file.starts_with("http_client/")), "{word} in {askers:?}");
        }
    }
    let askers = files_with("auth-core", "http::");
    let may = ["http_client/", "room/oidc/", "room/news/", "kernel/hook/"];
    assert!(
        askers.iter().all(|file| may.iter().any(|folder| file.starts_with(folder))),
        "http:: in {askers:?}"
    );
}

#[test]
fn tower_knows_no_sql_and_no_framework() {
    assert_eq!(files_with("auth-tower", "sea_orm"), [""; 0]);
    let tree = dependencies("auth-tower", "");
    for banned in ["axum", "axum-core", "hyper"] {
        assert!(!tree.iter().any(|name| name == banned), "auth-tower depends on {banned}");
    }
}

#[test]
fn the_schema_knows_nothing_of_ours() {
    let tree = dependencies("auth-migration", "sqlite,postgres,mysql");
    assert!(!tree.iter().any(|name| ["auth-core", "auth-tower", "auth-server"].contains(&name.as_str())));
}

#[test]
fn one_crypto_back_end_and_no_openssl() {
    for (crate_name, features) in [("auth-server", ""), ("auth-tower", "jwks")] {
        let tree = dependencies(crate_name, features);
        for banned in ["ring", "openssl", "openssl-sys", "native-tls", "rsa"] {
            assert!(!tree.iter().any(|name| name == banned), "{crate_name} depends on {banned}");
        }
    }
}

/// A crate that turns a feature of `tracing-subscriber` on turns it on for its host: with `env-filter` a host that calls `fmt::init()`
/// sees errors only. And whoever has SQLite needs no TLS.
#[test]
fn a_small_host_keeps_its_log_and_gets_no_tls() {
    for (crate_name, features) in
        [("auth-migration", "sqlite"), ("auth-core", "sqlite"), ("auth-tower", "axum,auth-core/sqlite")]
    {
        let tree = dependencies(crate_name, features);
        assert!(tree.iter().any(|name| name == "sqlx-sqlite"), "{crate_name}: {tree:?}");
        for banned in [
            "tracing-subscriber",
            "tracing-log",
            "env_logger",
            "sea-orm-migration",
            "rustls",
            "sqlx-postgres",
        ] {
            assert!(!tree.iter().any(|name| name == banned), "{crate_name} depends on {banned}");
        }
    }
}

#[test]
fn what_is_for_tests_is_not_in_the_program() {
    let tree = tree("auth-server", "", "{p} has {f}");
    let ours: Vec<_> = tree.lines().filter(|line| line.starts_with("auth-")).collect();
    assert!(ours.iter().any(|line| line.starts_with("auth-core ") && line.contains("sqlite")), "{ours:?}");
    assert!(ours.iter().all(|line| !line.contains("test-util")), "{ours:?}");
}

#[test]
fn sha1_is_for_what_others_have_made_only() {
    for word in ["SHA1", "Sha1", "sha1", "MD5", "md5"] {
        for crate_name in ["auth-core", "auth-tower", "auth-server", "migration"] {
            let mut users = files_with(crate_name, word);
            users.retain(|file| {
                !file.starts_with("password/stored/")
                    && file != "password/breach_list/mod.rs"
                    // Inside an HMAC, where it is sound: authenticator apps know nothing else, and their addresses name it.
                    && !file.starts_with("room/factor/totp/")
            });
            assert_eq!(users, [""; 0], "{word} in {crate_name}");
        }
    }
}

#[test]
fn statements_are_written_in_the_store_only() {
    let allowed = |file: &str| {
        file.starts_with("store/")
            || file.ends_with("/store.rs")
            || file.ends_with("/entity.rs")
            // Hand over a connection, begin the host's savepoint, classify an error.
            || ["room/mod.rs", "builder.rs", "connect.rs", "database_cause.rs", "db_code.rs", "error.rs", "flow/register.rs", "hook.rs", "read_only.rs", "test_util/kit.rs"]
                .contains(&file)
    };
    let strangers: Vec<_> =
        files_with("auth-core", "sea_orm").into_iter().filter(|file| !allowed(file)).collect();
    assert_eq!(strangers, [""; 0]);
    for statement in ["EntityTrait", "ColumnTrait", "Statement", "query_one", "query_all"] {
        let outside = files_with("auth-core", statement);
        assert!(
            outside.iter().all(|file| file.starts_with("store/") || file.ends_with("/store.rs")),
            "{statement} in {outside:?}"
        );
    }
}

#[test]
fn sessions_are_made_at_one_door() {
    let callers: Vec<_> = files_with("auth-core", "insert_session(")
        .into_iter()
        .filter(|file| file != "store/session.rs")
        .collect();
    assert_eq!(callers, ["flow/sign_in.rs"]);
    assert_eq!(files_with("auth-core", "session::Entity::insert"), ["store/session.rs"]);
}

#[test]
fn only_the_clock_reads_the_time_and_only_the_random_source_draws() {
    for word in ["SystemTime::now", "Instant::now", "now_v7"] {
        for crate_name in ["auth-core", "auth-tower"] {
            let readers: Vec<_> =
                files_with(crate_name, word).into_iter().filter(|file| file != "clock.rs").collect();
            // How long a database has been silent, or ago a line was written, is no time of day, and no test's clock moves it.
            let expected = match (crate_name, word) {
                ("auth-core", "Instant::now") => &["read_only.rs", "store/db.rs"][..],
                ("auth-tower", "Instant::now") => &["cross_origin/strangers.rs"],
                _ => &[],
            };
            assert_eq!(readers, expected, "{word} in {crate_name}");
        }
    }
    assert_eq!(files_with("auth-core", "aws_lc_rs::rand"), ["random.rs"]);
}

#[test]
fn only_the_server_reads_environment_and_files() {
    for crate_name in ["auth-core", "auth-tower"] {
        for word in ["std::env", "env::var", "std::fs", "fs::read", "File::open"] {
            let mut readers = files_with(crate_name, word);
            // A list of breached passwords is too large for anything but its file.
            readers.retain(|file| !file.starts_with("password/breach_list/"));
            assert_eq!(readers, [""; 0], "{word} in {crate_name}");
        }
    }
}

#[test]
fn only_the_pool_calls_a_hasher() {
    for call in ["hasher.hash(", "hasher.verify("] {
        let callers = files_with("auth-core", call);
        assert_eq!(callers, ["password/pool.rs"], "{call}");
    }
}

/// Every source file of auth-core with the paths that it names, those through the crate's root led back to where they come from.
fn core() -> Vec<Source> {
    let read = |(file, text): &(String, String)| Source::read(file, text);
    let mut all: Vec<Source> = sources("auth-core").iter().map(read).collect();
    let lib = all.iter().position(|source| source.file == "lib.rs").unwrap();
    let given_away = given_away(&all.swap_remove(lib));
    for source in &mut all {
        let home = |name: String| match given_away.get(name.split("::").next().unwrap_or_default()) {
            Some(home) => home.clone(),
            None => name,
        };
        source.names = std::mem::take(&mut source.names).into_iter().map(home).collect();
    }
    all
}

/// Each arrow between two storeys or rooms, with a file that draws it.
fn arrows() -> BTreeMap<(String, String), String> {
    let mut arrows = BTreeMap::new();
    for source in core() {
        let Some(from) = source.place() else { continue };
        for name in &source.names {
            let path: Vec<String> = name.split("::").map(str::to_owned).collect();
            match place_of(&path) {
                Some(to) if to != from => {
                    arrows.entry((from.clone(), to)).or_insert_with(|| format!("{}: {name}", source.file));
                }
                _ => {}
            }
        }
    }
    assert!(arrows.len() > 200, "too few arrows to be all of them: {arrows:?}");
    arrows
}

/// A storey stands on those below it and knows none above: whoever wants to understand one reads that and what is under it.
#[test]
fn storeys_stand_on_each_other_in_one_direction() {
    let mut left = arrows();
    // What is handed to hosts for their tests stands on everything, and the builder puts it in.
    left.retain(|(from, to), _| from != "test_util" && to != "test_util");
    loop {
        let standing: BTreeSet<String> = left.keys().map(|(from, _)| from.clone()).collect();
        let before = left.len();
        left.retain(|(_, to), _| standing.contains(to));
        if left.len() == before {
            break;
        }
    }
    assert!(left.is_empty(), "these go round in a circle: {left:#?}");
}

#[test]
fn the_kernel_imports_no_room() {
    let is_room = |place: &String| place.starts_with("room");
    let wrong: Vec<_> =
        arrows().into_iter().filter(|((from, to), _)| !is_room(from) && is_room(to)).collect();
    // What is handed to hosts for their tests stands on everything.
    let wrong: Vec<_> = wrong.into_iter().filter(|((from, _), _)| from != "test_util").collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn rooms_import_no_room() {
    let room = |place: &String| place.strip_prefix("room::").map(str::to_owned);
    let wrong: Vec<_> = arrows()
        .into_iter()
        .filter(|((from, to), _)| room(from).is_some() && room(to).is_some_and(|to| Some(to) != room(from)))
        .collect();
    // `room/mod.rs` is the list, and stands in none of them.
    let wrong: Vec<_> = wrong.into_iter().filter(|((from, _), _)| from != "room").collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_test_that_the_security_page_names_exists() {
    let page = fs::read_to_string(workspace().join("auth-core/src/manual/security.md")).unwrap();
    let mut code = String::new();
    for crate_name in ["auth-core", "auth-tower", "auth-server", "migration", "examples"] {
        for folder in ["src", "tests"] {
            let mut found = Vec::new();
            let folder = workspace().join(crate_name).join(folder);
            if folder.is_dir() {
                walk(&folder, &mut found);
            }
            code.extend(found.into_iter().map(|path| fs::read_to_string(path).unwrap()));
        }
    }
    let rows = page.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let shown_by = rows.filter_map(|row| row.split(" | ").nth(2));
    let named: Vec<_> = shown_by.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 40, "the page names tests");
    let missing: Vec<_> = named.iter().filter(|name| !code.contains(&format!("fn {name}("))).collect();
    assert!(missing.is_empty(), "named on the security page, but no such test: {missing:?}");
}
