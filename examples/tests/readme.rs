//! Does what the README and the manual say: shell blocks run against the program, the table of settings is held against the
//! program's own list, the SQL moves real accounts in. The Rust blocks are doctests of this crate.
//!
//! Needs bash and curl, and psql where it needs PostgreSQL.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "everything here is test code: what fails must stop the test"
)]

mod tables;

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
    thread,
};

use auth_core::{Auth, Keys, Login, SecretKey, SignIn};
use auth_migration::test_util::TestDatabase;
use tables::{ASPNET, DEVISE, DJANGO, DJANGO_GROUPS, FASTAPI, FASTAPI_USERS, SUPABASE};
use tempfile::TempDir;

/// Where the README says that the server listens.
const ADDRESS: &str = "http://localhost:8000";

static README: LazyLock<String> =
    LazyLock::new(|| fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap());

/// The manual's pages: name and text.
static MANUAL: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../auth-core/src/manual")).unwrap();
    let pages = folder.map(|file| file.unwrap().path()).filter(|path| path.extension().unwrap() == "md");
    let name = |path: &Path| path.file_stem().unwrap().to_str().unwrap().to_owned();
    pages.map(|path| (name(&path), fs::read_to_string(path).unwrap())).collect()
});

/// The program, built as the README says.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let build = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "-p", "auth-server", "--message-format", "json-render-diagnostics"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(build.status.success());
    let messages = String::from_utf8(build.stdout).unwrap();
    let path = messages.lines().find_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).unwrap();
        message["executable"].as_str().map(PathBuf::from)
    });
    path.expect("an executable")
});

/// The part of the README, or of a page of the manual, between a marker and the next `<!-- end -->`.
fn section(marker: &str) -> &'static str {
    let text = format!("<!-- {marker} -->");
    let pages = MANUAL.iter().map(|(_, page)| page).chain([&*README]);
    let [rest] = pages.filter_map(|page| Some(page.split_once(&text)?.1)).collect::<Vec<_>>()[..] else {
        panic!("{marker} is on one page");
    };
    rest.split_once("<!-- end -->").expect("the end").0
}

/// The fenced blocks of a section: language and text.
fn blocks(section: &str) -> Vec<(&str, &str)> {
    section.split("```").skip(1).step_by(2).map(|block| block.split_once('\n').unwrap()).collect()
}

/// The program in an empty directory, with nothing in its environment.
fn program(home: &TempDir) -> Command {
    let mut command = Command::new(&*PROGRAM);
    command.env_clear().current_dir(home).stdin(Stdio::null());
    command
}

/// A running server without any setting but a free port; killed when dropped.
struct Server {
    child: Child,
    url: String,
    home: TempDir,
}

impl Server {
    fn start() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut child = program(&home).args(["--port", "0"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let listening = log.find(|line| line.contains("listening on http://")).expect("the server listens");
        let url = listening.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        // Read on, or the server would wait for somebody who does.
        thread::spawn(move || log.for_each(drop));
        Self { child, url, home }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself, which the test has told already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs all shell blocks of a section in one bash, and holds what each writes against the text block below it.
fn run(marker: &str) {
    const MARK: &str = "(end of block)\n";
    const PROGRAM_BY_NAME: &str = r#"auth-server() { env -i "$PROGRAM" "$@"; }"#;
    let server = Server::start();
    let blocks = blocks(section(marker));
    let shell: Vec<&str> = blocks.iter().filter(|block| block.0 == "sh").map(|block| block.1).collect();
    let script = shell.join(&format!("\nprintf %s '{MARK}'\n"));
    let bash = Command::new("bash")
        .args([
            "-c",
            &format!("set -euo pipefail\n{PROGRAM_BY_NAME}\n{}", script.replace(ADDRESS, &server.url)),
        ])
        .env("PROGRAM", &*PROGRAM)
        .current_dir(server.home.path())
        // Neither a proxy nor a user's own curl settings come in between, and temporary files go with the server.
        .env("no_proxy", "*")
        .env("HOME", server.home.path())
        .env("TMPDIR", server.home.path())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("bash");
    let written = String::from_utf8(bash.stdout).unwrap();
    assert!(bash.status.success(), "{written}");

    let mut written = written.split(MARK);
    let mut last = "";
    for (language, text) in blocks {
        match language {
            "sh" => last = written.next().expect("what a block wrote"),
            "text" => assert!(is_like(text, last), "the page shows\n{text}\nand bash wrote\n{last}"),
            other => panic!("a block of {other}"),
        }
    }
}

/// Whether a text is what the README shows, where `…` stands for anything within a line.
fn is_like(shown: &str, written: &str) -> bool {
    shown.lines().count() == written.lines().count()
        && shown.lines().zip(written.lines()).all(|(shown, written)| is_line_like(shown, written))
}

fn is_line_like(shown: &str, written: &str) -> bool {
    let Some((shown, end)) = shown.rsplit_once('…') else { return shown == written };
    let mut parts = shown.split('…');
    let Some(mut rest) = written.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(end)
}

#[test]
fn the_dots_of_the_readme_stand_for_anything_and_nothing_else_does() {
    assert!(is_like("a…c\n…", "abc\nx\n"));
    assert!(is_like(r#"{"id":"…"} 201"#, r#"{"id":"7"} 201"#));
    assert!(!is_like(r#"{"id":"…"} 201"#, r#"{"id":"7"} 200"#));
    assert!(!is_like("a", "ab"));
    assert!(!is_like("a", "a\nb"));
}

#[test]
fn the_two_commands_at_the_beginning_end_in_a_login() {
    run("run: start");
}

#[test]
fn an_import_tells_what_is_shown_and_its_accounts_sign_in() {
    run("run: import");
}

#[test]
fn the_short_walk_of_the_readme_does_what_is_shown() {
    run("run: short walk");
}

#[test]
fn the_walk_through_the_endpoints_does_what_is_shown() {
    run("run: walk");
}

#[test]
fn the_first_administrator_is_made_and_gets_in_as_shown() {
    run("run: admin");
}

#[test]
fn a_check_finds_what_is_shown() {
    run("run: check");
}

/// Name and default of each row of the table of settings; secrets lose their mark.
fn table() -> Vec<(&'static str, &'static str)> {
    let rows = section("settings").lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let mut cells = row.split('|').map(str::trim).skip(1);
        (cells.next().unwrap().split('`').nth(1).unwrap(), cells.next().unwrap())
    })
    .collect()
}

fn output(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_table_of_settings_is_that_of_the_program() {
    let home = tempfile::tempdir().unwrap();
    let mut config = program(&home);
    config.arg("config");
    let config = output(config);
    let settings: Vec<(&str, &str)> = config
        .lines()
        .map(|line| {
            let (name, rest) = line.split_once('=').unwrap();
            (name, rest.split_once("  # ").unwrap().0)
        })
        .collect();
    let table = table();
    let names = |rows: &[(&str, &str)]| rows.iter().map(|row| row.0.to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&table), names(&settings));
    for ((name, shown), (_, actual)) in table.iter().zip(&settings) {
        // Other cells are words: the default depends on the machine, or is nothing.
        if let Some(literal) = shown.strip_prefix('`') {
            assert_eq!(literal.split('`').next(), Some(*actual), "{name}");
        }
    }
}

#[test]
fn the_settings_marked_as_secrets_are_those_that_a_file_can_give() {
    let home = tempfile::tempdir().unwrap();
    let mut help = program(&home);
    help.arg("--help");
    let help = output(help);
    let named: BTreeSet<&str> =
        help.split("[env: ").skip(1).filter_map(|rest| rest.split(']').next()).collect();
    // That of a certificate is no other way to say the same.
    let by_file = named.iter().filter_map(|name| name.strip_suffix("_FILE"));
    let by_file: BTreeSet<&str> = by_file.filter(|name| named.contains(name)).collect();
    let rows = section("settings").lines().filter(|line| line.contains(r"` \* |"));
    let marked: BTreeSet<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert_eq!(marked, by_file);
}

#[test]
fn the_table_of_examples_is_that_of_the_folder() {
    let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/examples")).unwrap();
    let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let files: BTreeSet<String> = folder.map(|file| name(file.unwrap().path())).collect();
    let (_, section) = README.split_once("### Examples").expect("the section");
    let rows =
        section.lines().take_while(|line| !line.starts_with("## ")).filter(|line| line.starts_with("| `"));
    let rows: Vec<&str> = rows.skip(1).filter_map(|row| row.split('`').nth(1)).collect();
    assert_eq!(files, rows.into_iter().map(str::to_owned).collect());
}

#[test]
fn the_rust_version_is_that_of_the_workspace() {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let manifest = fs::read_to_string(manifest).unwrap();
    let version = manifest.split("rust-version = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    assert!(README.contains(&format!("You need Rust {version} or newer")), "{version}");
}

#[test]
fn every_file_that_is_linked_is_there() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    for target in links(&README).filter(|target| !target.starts_with('#') && !target.contains("://")) {
        assert!(root.join(target).exists(), "{target}");
    }
}

/// Where the links of a page lead.
fn links(page: &str) -> impl Iterator<Item = &str> {
    // Every other part is between fences, where brackets mean something else.
    let prose = page.split("```").step_by(2).flat_map(|text| text.split("](").skip(1));
    prose.filter_map(|rest| rest.split(')').next())
}

#[test]
fn each_page_of_the_manual_is_named_in_the_readme_which_is_no_manual_itself() {
    let named: BTreeSet<&str> = links(&README).collect();
    for (name, _) in &*MANUAL {
        let path = format!("auth-core/src/manual/{name}.md");
        assert!(named.contains(path.as_str()), "{path}");
    }
    assert!(README.lines().count() <= 250, "move something to the manual");
}

#[test]
fn whoever_searches_by_the_words_of_the_field_finds_a_line() {
    let words = [
        "docker",
        "kubernetes",
        "background",
        "custom claim",
        "react",
        "locale",
        "opt-level",
        "social login",
        "webhook",
        "passkey",
        "api key",
    ];
    let readme = README.to_lowercase();
    for word in words {
        assert!(readme.contains(word), "{word}");
    }
}

#[test]
fn each_feature_of_the_crates_is_named_where_they_are_added() {
    let (_, added) = README.split_once("[dependencies]\n").expect("the section");
    let added = added.split("\n\n").next().unwrap();
    for crate_name in ["auth-core", "auth-tower"] {
        let manifest = format!("{}/../{crate_name}/Cargo.toml", env!("CARGO_MANIFEST_DIR"));
        let manifest = fs::read_to_string(manifest).unwrap();
        let (_, features) = manifest.split_once("[features]\n").unwrap();
        let features = features.split("\n[").next().unwrap();
        let line = added.lines().find(|line| line.starts_with(&format!("{crate_name} ="))).unwrap();
        let names = features.lines().filter_map(|line| line.split_once(" = [")).map(|(name, _)| name);
        for name in names.filter(|name| !["default", "test-util", "http-client"].contains(name)) {
            assert!(line.contains(&format!("\"{name}\"")), "{name} in {line}");
        }
    }
}

#[test]
fn no_change_log_says_a_thing_twice() {
    for name in ["auth-core", "auth-tower", "auth-server", "migration"] {
        let path = format!("{}/../{name}/CHANGELOG.md", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(path).unwrap();
        let parts = text.split(['\n', ';']).map(str::trim).filter(|part| part.len() > 30);
        let mut seen = BTreeSet::new();
        for part in parts {
            assert!(seen.insert(part), "{name}: {part}");
        }
    }
}

fn psql(database: &TestDatabase, sql: &str) -> String {
    let mut psql = Command::new("psql");
    psql.args(["-X", "-v", "ON_ERROR_STOP=1", "-qAt", "-d", database.url(), "-c", sql]);
    output(psql)
}

/// Moves the accounts of one framework in. Those called gone cannot sign in afterwards, all others can.
async fn move_in(database: &TestDatabase, marker: &str, tables: &str, people: &[&str], roles: &[&str]) {
    const KEY: &str = "0123456789abcdef0123456789abcdef";
    let home = tempfile::tempdir().unwrap();
    psql(database, tables);
    let [("sql", sql)] = blocks(section(&format!("copy: {marker}")))[..] else { panic!("one block of SQL") };
    fs::write(home.path().join("users.csv"), psql(database, sql)).unwrap();
    for arguments in [&["migrate"][..], &["users", "import", "users.csv"]] {
        let mut command = program(&home);
        command.env("SECRET_KEY", KEY).args(arguments);
        let told = output(command);
        let all = format!("{0} rows: {0} inserted, 0 already there, 0 refused\n", people.len());
        assert!(arguments.len() == 1 || told == all, "{told}");
    }
    let db =
        auth_core::connect(&format!("sqlite://{}", home.path().join("auth.db").display())).await.unwrap();
    let auth = Auth::builder(db, Keys::new(SecretKey::new(KEY).unwrap())).build().unwrap();
    for email in people {
        let user = auth.find_user(*email).await.unwrap();
        let age = auth.clock().now().duration_since(user.created_at).unwrap();
        assert!(age.as_secs() < 3600, "{email} was made {age:?} ago");
        let login = auth.login(Login::new(*email, "correct horse battery")).await;
        let can = matches!(login, Ok(SignIn::Granted(_)));
        assert_eq!(can, !email.starts_with("gone"), "{marker}: {email}");
    }
    assert_eq!(auth.find_user(people[0]).await.unwrap().roles, roles, "{marker}");
}

#[test]
#[ignore = "needs AUTH_TEST_POSTGRES_URL"]
fn the_sql_for_each_framework_makes_a_file_that_moves_its_accounts_in() {
    let of_fastapi =
        ["ada@example.com", "grace@example.com", "gone@example.com", "jösé@example.com", "old@example.com"];
    let two = ["ada@example.com", "gone@example.com"];
    let of_supabase = [
        "ada@example.com",
        "gone@example.com",
        "gone.to.google@example.com",
        "gone.from.firebase@example.com",
    ];
    let django_groups = format!("{DJANGO}{DJANGO_GROUPS}");
    for (marker, tables, people, roles) in [
        (
            "fastapi-users",
            FASTAPI_USERS,
            &["ada@example.com", "old@example.com", "gone@example.com"][..],
            &["user", "admin"][..],
        ),
        ("supabase", SUPABASE, &of_supabase, &["user"]),
        ("django-groups", &django_groups, &two, &["user", "admin", "chief-editors", "readers"]),
        ("fastapi", FASTAPI, &of_fastapi, &["user"]),
        ("django", DJANGO, &two, &["user", "admin"]),
        ("devise", DEVISE, &two, &["user"]),
        ("aspnet", ASPNET, &two, &["user", "admin", "editor"]),
    ] {
        auth_migration::test_util::run(TestDatabase::unmigrated_postgres, async |database: &TestDatabase| {
            move_in(database, marker, tables, people, roles).await;
        });
    }
}
