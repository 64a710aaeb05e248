use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use super::{
    super::{Config, oidc::FIELDS},
    *,
};

#[test]
fn a_slip_in_a_name_is_noticed_and_other_names_are_left_alone() {
    let cases = [
        ("SECERT_KEY", Some("SECRET_KEY")),
        ("DATABASE_URI", Some("DATABASE_URL")),
        ("secret_key", Some("SECRET_KEY")),
        ("ACCESS_TOKEN_EXPIRE_MINUTE", Some("ACCESS_TOKEN_EXPIRE_MINUTES")),
        ("SECRET_KEY", None),
        ("SECRET_KEY_FILE", None),
        ("POST", None),
        ("PGHOST", None),
        ("PROJECT_NAME", None),
        ("SMTP_PORT", None),
        ("POSTGRES_PASSWORD", None),
    ];
    for (name, expected) in cases {
        assert_eq!(near_miss(name).as_deref(), expected, "{name}");
    }
}

/// Other names in capitals that the program and the pages have.
const OTHERS: &[&str] = &[
    // Of systemd, of our tests, of Cargo, of a database.
    "LISTEN_FDS",
    "NOTIFY_SOCKET",
    "WATCHDOG_USEC",
    "AUTH_TEST_MYSQL_URL",
    "AUTH_TEST_POSTGRES_URL",
    "CARGO_PKG_VERSION",
    "VERIFY_IDENTITY",
    // Constants, codes of other systems, and what stands for any name.
    "ADMIN_ROLE",
    "REST_MIB",
    "LOGIN_BAD_CREDENTIALS",
    "REGISTER_USER_ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "NAME_FILE",
    "HMAC_SHA256",
    "ID_LENGTH",
];

/// Whether it is the beginning or a part of the name of an identity provider's setting, of which there are any number.
fn is_of_a_provider(name: &str) -> bool {
    FIELDS.iter().any(|field| {
        field.strip_prefix('_') == Some(name) || name.starts_with("OAUTH_") && name.ends_with(field)
    })
}

/// Whether it is the name of a refusal of the library, `pub const LAST_ADMIN: Refusal`.
fn is_refusal(name: &str) -> bool {
    static CORE: LazyLock<Vec<(PathBuf, String)>> =
        LazyLock::new(|| files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../auth-core/src")), ".rs"));
    let constant = format!("const {name}: Refusal");
    CORE.iter().any(|(_, text)| text.contains(&constant))
}

fn is_known(name: &str) -> bool {
    let base = name.strip_suffix("_FILE");
    setting(name).is_some()
        || base.and_then(setting).is_some_and(|setting| setting.secret)
        || is_of_a_provider(name)
        || OTHERS.contains(&name)
        || is_refusal(name)
}

/// The words in capitals with an underscore, as they stand between other characters.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| {
        word.contains('_')
            && word.starts_with(|c: char| c.is_ascii_uppercase())
            && word.ends_with(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit())
            && word.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
    })
}

fn files(directory: &Path, ending: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_str().unwrap().ends_with(ending) {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

#[test]
fn no_setting_is_read_or_named_in_a_message_that_is_not_in_the_table() {
    let (mut seen, mut unknown) = (0, BTreeSet::new());
    let sources = files(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")), ".rs");
    for (path, text) in sources.iter().filter(|(path, _)| !path.ends_with("tests.rs")) {
        let own = text.split("#[cfg(test)]\nmod tests").next().unwrap();
        // A reference in `.env` is to any name.
        let goes_round =
            !path.ends_with("dotenv.rs") && (own.contains("env::var(") || own.contains("env::var_os("));
        assert!(!goes_round, "{} goes round the table", path.display());
        // What is in quotes on one line.
        for line in own.lines().filter(|line| !line.trim_start().starts_with("//")) {
            for name in line.split('"').skip(1).step_by(2).flat_map(names) {
                if !is_known(name) {
                    unknown.insert(name.to_owned());
                }
                seen += 1;
            }
        }
    }
    assert_eq!(unknown, BTreeSet::new());
    assert!(seen > SETTINGS.len(), "nothing was looked at");
}

#[test]
fn no_setting_is_described_that_is_not_in_the_table_and_each_is_in_the_manual_with_its_default() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let table = fs::read_to_string(root.join("auth-core/src/manual/settings.md")).unwrap();
    let mut pages = files(&root.join("auth-core/src/manual"), ".md");
    pages.extend(files(&root.join("auth-server/systemd"), ""));
    pages.push((root.join("auth-server/src/lib.rs"), include_str!("../../lib.rs").to_owned()));
    pages.push((root.join("README.md"), fs::read_to_string(root.join("README.md")).unwrap()));
    let told = pages.iter().flat_map(|(_, text)| text.split('`').skip(1).step_by(2)).flat_map(names);
    let unknown: BTreeSet<&str> = told.filter(|name| !is_known(name)).collect();
    assert_eq!(unknown, BTreeSet::new());
    let mut rows: Vec<&str> = Vec::new();
    for setting in SETTINGS.iter() {
        let begin = format!("| `{}`{} | ", setting.name, if setting.secret { " \\*" } else { "" });
        let row = table.lines().find_map(|line| line.strip_prefix(&begin));
        let row = row.unwrap_or_else(|| panic!("the table has no row {begin}"));
        // Where the help says what the field has, the table says the same.
        if setting.help.contains("[default]") {
            let shown = setting.show(&mut Config::default());
            assert!(row.starts_with(&format!("`{shown}` | ")), "{}: {shown}", setting.name);
        }
        rows.push(setting.name);
    }
    let again: BTreeSet<_> = rows.iter().collect();
    assert_eq!(again.len(), rows.len(), "a name is there twice");
}
