use std::fs;

use auth_migration::test_util::TestDatabase;
use tempfile::tempdir;
use tokio::net::TcpListener;

use crate::support::{KEY, Program};

/// The example of RFC 8410 section 10.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=
-----END PUBLIC KEY-----
";

/// Each wrong value: what is set, and what the line must say.
const WRONG: &[(&[(&str, &str)], &str)] = &[
    (&[("THROTTLE", "maybe")], "THROTTLE (environment) is neither on nor off"),
    (
        &[("THROTTLE_ACCOUNT_LIMIT", "101")],
        "THROTTLE_ACCOUNT_LIMIT (environment) is not a whole number from 1 to 100",
    ),
    (
        &[("THROTTLE_ACCOUNT_LIMIT", "5"), ("THROTTLE_ACCOUNT_FAILURES", "6")],
        "THROTTLE_ACCOUNT_FAILURES (environment) is not a whole number from 1 to 5",
    ),
    (&[("THROTTLE_NETWORK_FAILURES", "0")], "THROTTLE_NETWORK_FAILURES (environment) is not a whole number"),
    (&[("SECRET_KEY", "")], "SECRET_KEY (environment) is empty"),
    (
        &[("SECRET_KEY", "0f1e2d3c4b5a6978")],
        "SECRET_KEY (environment) has 16 bytes, HS256 needs at least 32; make one with: openssl",
    ),
    (
        &[("SECRET_KEY", "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7")],
        "SECRET_KEY (environment) is a placeholder",
    ),
    (
        &[("SECRET_KEY", "changethis-changethis-changethis-changethis")],
        "SECRET_KEY (environment) is a placeholder",
    ),
    (&[("SECRET_KEY", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")], "SECRET_KEY (environment) repeats"),
    (
        &[("SECRET_KEY", KEY), ("ALGORITHM", "HS512")],
        "SECRET_KEY (environment) has 49 bytes, HS512 needs at least 64",
    ),
    (&[("SECRET_KEY", KEY), ("SECRET_KEY_FILE", "key")], "SECRET_KEY and SECRET_KEY_FILE are both given"),
    (&[("SECRET_KEY_FILE", "missing")], "SECRET_KEY_FILE (environment) names a file that cannot be read"),
    (&[("SECRET_KEY_FILE", "large")], "SECRET_KEY_FILE (environment) names a file of more than 64 KiB"),
    (&[("SECRET_KEY_FILE", "empty")], "SECRET_KEY_FILE (environment) names an empty file"),
    (&[("SECRET_KEY_PREVIOUS", "a,b")], "SECRET_KEY_PREVIOUS (environment) has a key that has 1 bytes"),
    (
        &[("ALGORITHM", "none")],
        "ALGORITHM (environment) is unknown; use one of HS256, HS384, HS512, RS256, ES256, EdDSA",
    ),
    (&[("ALGORITHM", "hs256")], "ALGORITHM (environment) is unknown"),
    (&[("ALGORITHM", "PS256")], "ALGORITHM (environment) is unknown"),
    (
        &[("KEY_PUBLISH_AHEAD_SECONDS", "5")],
        "KEY_PUBLISH_AHEAD_SECONDS is less than six times REVOCATION_POLL_MS",
    ),
    (
        &[("KEY_PUBLISH_AHEAD_SECONDS", "0")],
        "KEY_PUBLISH_AHEAD_SECONDS (environment) is not a whole number from 1 to 604800; the default is 360",
    ),
    (
        &[("ALGORITHM", "RS256"), ("PRIVATE_KEY_FILE", "private.pem")],
        "PRIVATE_KEY (file, by PRIVATE_KEY_FILE from environment) is a key for EdDSA, and ALGORITHM is RS256",
    ),
    (
        &[("PRIVATE_KEY_FILE", "private.pem")],
        "PRIVATE_KEY (file, by PRIVATE_KEY_FILE from environment) has no use with ALGORITHM=HS256; set ALGORITHM=EdDSA",
    ),
    (
        &[("ALGORITHM", "EdDSA"), ("PRIVATE_KEY_FILE", "key")],
        "PRIVATE_KEY (file, by PRIVATE_KEY_FILE from environment) holds no key in PEM form",
    ),
    (
        &[("ALGORITHM", "EdDSA"), ("PRIVATE_KEY_FILE", "public.pem")],
        "PRIVATE_KEY (file, by PRIVATE_KEY_FILE from environment) is a public key; the private one is needed",
    ),
    (
        &[("ALGORITHM", "EdDSA"), ("PRIVATE_KEY_FILE", "missing")],
        "PRIVATE_KEY_FILE (environment) names a file that cannot be read",
    ),
    (&[("ALGORITHM", "EdDSA"), ("PRIVATE_KEY", "")], "PRIVATE_KEY (environment) is empty"),
    (
        &[("PRIVATE_KEY_PREVIOUS_FILE", "key")],
        "PRIVATE_KEY_PREVIOUS (file, by PRIVATE_KEY_PREVIOUS_FILE from environment) has a key that cannot be used: ",
    ),
    (&[("ALGORITHM_PREVIOUS", "RS256")], "ALGORITHM_PREVIOUS (environment) is for HS256, HS384 and HS512"),
    (
        &[("SECRET_KEY", KEY), ("ALGORITHM_PREVIOUS", "HS512")],
        "SECRET_KEY (environment) has 49 bytes, HS512 needs at least 64",
    ),
    (
        &[("ACCESS_TOKEN_EXPIRE_MINUTES", "0")],
        "ACCESS_TOKEN_EXPIRE_MINUTES (environment) is not a whole number from 1",
    ),
    (
        &[("ACCESS_TOKEN_EXPIRE_MINUTES", "15m")],
        "ACCESS_TOKEN_EXPIRE_MINUTES (environment) is not a whole number",
    ),
    (
        &[("ACCESS_TOKEN_EXPIRE_MINUTES", "99999999999999999999")],
        "ACCESS_TOKEN_EXPIRE_MINUTES (environment) is not",
    ),
    (
        &[("ACCESS_TOKEN_EXPIRE_MINUTES", "50000")],
        "ACCESS_TOKEN_EXPIRE_MINUTES is more than SESSION_EXPIRE_DAYS",
    ),
    (&[("REFRESH_TOKEN_EXPIRE_DAYS", "-1")], "REFRESH_TOKEN_EXPIRE_DAYS (environment) is not a whole number"),
    (
        &[("REFRESH_TOKEN_EXPIRE_DAYS", "60"), ("SESSION_EXPIRE_DAYS", "30")],
        "REFRESH_TOKEN_EXPIRE_DAYS is more than SESSION_EXPIRE_DAYS",
    ),
    (&[("SESSION_EXPIRE_DAYS", "0.5")], "SESSION_EXPIRE_DAYS (environment) is not a whole number"),
    (
        &[("REFRESH_GRACE_SECONDS", "301")],
        "REFRESH_GRACE_SECONDS (environment) is not a whole number from 0 to 300",
    ),
    (
        &[("REVOCATION_POLL_MS", "0")],
        "REVOCATION_POLL_MS (environment) is not a whole number from 100 to 60000",
    ),
    (&[("DATABASE_URL", "")], "DATABASE_URL (environment) is empty"),
    (&[("DATABASE_URL", "oracle://u:hush@h/d")], "DATABASE_URL (environment) must begin with postgres://"),
    (&[("DATABASE_URL", "postgres://u:hush@127.0.0.1/d")], "SECRET_KEY is needed with this database"),
    (&[("DATABASE_URL", "postgres://u:hush@127.0.0.1")], "DATABASE_URL (environment) names no database"),
    (
        &[("DATABASE_URL", "mysql+aiomysql://u:hush@h/d?ssl=true")],
        "DATABASE_URL (environment) has the option ssl",
    ),
    (&[("DATABASE_URL", "sqlite::memory:")], "DATABASE_URL (environment) is in memory only"),
    (
        &[("DATABASE_MAX_CONNECTIONS", "0")],
        "DATABASE_MAX_CONNECTIONS (environment) is not a whole number from 1",
    ),
    (&[("DATABASE_TIMEOUT_MS", "3s")], "DATABASE_TIMEOUT_MS (environment) is not a whole number"),
    (&[("HOST", "http://127.0.0.1")], "HOST (environment) is no address or host name"),
    (&[("PORT", "65536")], "PORT (environment) is not a whole number from 0 to 65535"),
    (&[("PORT", "http")], "PORT (environment) is not a whole number"),
    (&[("PUBLIC_URL", "auth.example.com")], "PUBLIC_URL (environment) is no origin"),
    (&[("PUBLIC_URL", "https://example.com/auth?x=1")], "PUBLIC_URL (environment) must have no query"),
    (&[("PUBLIC_URL", "https://example.com/a b")], "PUBLIC_URL (environment) has a path that cannot be used"),
    (
        &[("PUBLIC_URL", "https://example.com//auth")],
        "PUBLIC_URL (environment) has a path that cannot be used",
    ),
    (
        &[("PUBLIC_URL", "https://example.com/../auth")],
        "PUBLIC_URL (environment) has a path that cannot be used",
    ),
    (
        &[("TRUSTED_ORIGINS", "https://example.com/auth")],
        "TRUSTED_ORIGINS (environment) has an entry that must be an",
    ),
    (&[("HSTS", "on")], "HSTS (environment) is neither off nor like max-age"),
    (&[("PROXY_PROTOCOL", "v1")], "PROXY_PROTOCOL (environment) is neither off nor v2"),
    (&[("PUBLIC_URL", "https://u:hush@example.com/auth")], "PUBLIC_URL (environment) must not name a user"),
    (&[("TRUSTED_ORIGINS", "*")], "TRUSTED_ORIGINS (environment) has an entry that"),
    (&[("TRUSTED_ORIGINS", "https://a.example,null")], "TRUSTED_ORIGINS (environment) has an entry that"),
    (&[("TRUSTED_PROXIES", "10.0.0.0/33")], "TRUSTED_PROXIES (environment) is not a comma list of networks"),
    (&[("TRUSTED_PROXIES", "*")], "TRUSTED_PROXIES (environment) is not a comma list of networks"),
    (&[("ISSUER", "a\nb")], "ISSUER (environment) is no short line of text"),
    (&[("AUDIENCE", "a\tb")], "AUDIENCE (environment) is no short line of text"),
    (&[("COOKIE_SECURE", "maybe")], "COOKIE_SECURE (environment) is neither true nor false"),
    (
        &[("COOKIE_SECURE", "false"), ("PUBLIC_URL", "https://a.example")],
        "COOKIE_SECURE cannot be false while PUBLIC_URL is https",
    ),
    (&[("PASSWORD_MIN_LENGTH", "7")], "PASSWORD_MIN_LENGTH (environment) is not a whole number from 8 to 64"),
    (
        &[("BREACHED_PASSWORDS", "missing")],
        "BREACHED_PASSWORDS (environment) cannot be read: entity not found; name the file or folder that",
    ),
    (
        &[("BREACHED_PASSWORDS", "large")],
        "BREACHED_PASSWORDS (environment) is no list of lines HASH:COUNT with SHA-1",
    ),
    (&[("BREACHED_PASSWORDS", ".")], "BREACHED_PASSWORDS (environment) is a folder without the range file"),
    (&[("BREACHED_PASSWORDS_REQUIRED", "true")], "BREACHED_PASSWORDS_REQUIRED is true without a list"),
    (&[("HASH_SLOTS", "0")], "HASH_SLOTS (environment) is not a whole number from 1"),
    (&[("HASH_QUEUE", "many")], "HASH_QUEUE (environment) is not a whole number"),
    (&[("HASH_WAIT_MS", "0")], "HASH_WAIT_MS (environment) is not a whole number from 1"),
    (
        &[("SECOND_FACTOR", "on")],
        "SECOND_FACTOR (environment) is none of off, optional, required and required:role,role",
    ),
    (
        &[("SECOND_FACTOR", "off:admin")],
        "SECOND_FACTOR (environment) names roles for something else than required",
    ),
    (&[("SECOND_FACTOR", "required:")], "SECOND_FACTOR (environment) names a role that is not 1 to 64 of"),
    (
        &[("SECOND_FACTOR", "required:Admin")],
        "SECOND_FACTOR (environment) names a role that is not 1 to 64 of",
    ),
    (&[("TOTP_ISSUER", "a\nb")], "TOTP_ISSUER (environment) is no short line of text"),
    (&[("STEP_UP_MINUTES", "1441")], "STEP_UP_MINUTES (environment) is not a whole number from 0 to 1440"),
    (
        &[("REMEMBER_DEVICE_DAYS", "366")],
        "REMEMBER_DEVICE_DAYS (environment) is not a whole number from 0 to 365",
    ),
    (
        &[("FACTOR_MAX_FAILURES", "101")],
        "FACTOR_MAX_FAILURES (environment) is not a whole number from 1 to 100",
    ),
    (&[("REGISTRATION", "invite")], "REGISTRATION (environment) is neither open nor closed"),
    (&[("LOG_LEVEL", "loud")], "LOG_LEVEL (environment) is no level"),
    (&[("LOG_FORMAT", "xml")], "LOG_FORMAT (environment) is neither human nor json"),
];

#[tokio::test]
async fn each_wrong_value_stops_the_start_with_one_line_that_names_the_setting() {
    for (settings, expected) in WRONG {
        let home = tempdir().unwrap();
        fs::write(home.path().join("key"), KEY).unwrap();
        fs::write(home.path().join("private.pem"), PRIVATE).unwrap();
        fs::write(home.path().join("public.pem"), PUBLIC).unwrap();
        fs::write(home.path().join("empty"), "\n").unwrap();
        fs::write(home.path().join("large"), KEY.repeat(2000)).unwrap();
        let program =
            settings.iter().fold(Program::in_directory(home.path()), |p, (name, value)| p.env(name, value));
        let ended = program.run().await;
        assert_eq!(ended.code, Some(2), "{settings:?}: {ended:?}");
        assert!(
            ended.stderr.starts_with(&format!("auth-server: {expected}")),
            "{settings:?}: {}",
            ended.stderr
        );
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(!ended.stderr.contains("hush") && !ended.stderr.contains(KEY), "{}", ended.stderr);
        assert!(
            !home.path().join("auth.db").exists() && !home.path().join("auth.key").exists(),
            "{settings:?}"
        );
    }
}

#[tokio::test]
async fn a_wrong_flag_and_a_malformed_dotenv_are_one_line_too() {
    let home = tempdir().unwrap();
    for (arguments, expected) in [
        (&["--port", "x"][..], "PORT (flag) is not"),
        (&["--prot", "1"], "unexpected argument '--prot' found; tip: a similar argument exists: '--port'"),
        (&["migrate", "sideways"], "unrecognized subcommand 'sideways'"),
    ] {
        let ended = Program::in_directory(home.path()).args(arguments).run().await;
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(2), 1), "{}", ended.stderr);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
    fs::write(home.path().join(".env"), "# mine\nPORT=1\nSECRET_KEY=hush hush\n").unwrap();
    let ended = Program::in_directory(home.path()).run().await;
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(2), 1));
    assert!(
        ended.stderr.starts_with("auth-server: SECRET_KEY (.env, line 3) is not NAME=value"),
        "{}",
        ended.stderr
    );
    assert!(!ended.stderr.contains("hush"));
}

/// Each file by itself; none of its lines may be as good as not written.
#[tokio::test]
async fn a_dotenv_is_understood_or_refused_by_name_and_line_and_lines_of_others_are_passed_over() {
    let home = tempdir().unwrap();
    for (text, expected) in [
        ("# mine\nISSUER=${MISSING}\n", Err("ISSUER (.env, line 2) refers to a variable that is not set")),
        (
            "SECRET_KEY=${MISSING}abcdefghijklmnopqrstuvwxyz0123456789ABCDEF\n",
            Err("SECRET_KEY (.env, line 1) refers to"),
        ),
        ("THROTTLE=${MISSING}\n", Err("THROTTLE (.env, line 1) refers to")),
        ("REGISTRATION: closed\n", Err("REGISTRATION (.env, line 1) is not NAME=value")),
        ("ISSUER=${APP_ISSUER:-mine}\n", Ok("ISSUER=mine  # .env")),
        ("PROJECT_NAME=FastAPI Project\nMOTD=it's \"open\nISSUER=mine\n", Ok("ISSUER=mine  # .env")),
    ] {
        fs::write(home.path().join(".env"), text).unwrap();
        let ended = Program::in_directory(home.path()).args(&["config"]).run().await;
        match expected {
            Ok(line) => {
                assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{text:?}");
                assert!(ended.stdout.lines().any(|shown| shown == line), "{text:?}: {}", ended.stdout);
            }
            Err(message) => {
                assert_eq!(ended.code, Some(2), "{text:?}: {}", ended.stdout);
                assert!(
                    ended.stderr.starts_with(&format!("auth-server: {message}")),
                    "{text:?}: {}",
                    ended.stderr
                );
            }
        }
    }
}

#[tokio::test]
async fn a_taken_port_stops_the_start_before_anything_is_made() {
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let home = tempdir().unwrap();
    let ended = Program::in_directory(home.path()).env("PORT", &port).run().await;
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("PORT") && ended.stderr.contains("another program has it"),
        "{}",
        ended.stderr
    );
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_unreachable_database_stops_the_start() {
    let home = tempdir().unwrap();
    // A port that was free a moment ago: nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    for scheme in ["postgres", "mysql"] {
        let ended = Program::in_directory(home.path())
            .env("DATABASE_URL", &format!("{scheme}://app:hush@127.0.0.1:{port}/app"))
            .env("SECRET_KEY", KEY)
            .env("DATABASE_TIMEOUT_MS", "500")
            .run()
            .await;
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{}", ended.stderr);
        assert!(ended.stderr.starts_with("auth-server: DATABASE_URL: cannot connect"), "{}", ended.stderr);
        assert!(ended.stderr.contains("nobody answered there in time"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("hush"));
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs AUTH_TEST_POSTGRES_URL and AUTH_TEST_MYSQL_URL"]
async fn a_database_that_does_not_let_us_in_is_told_in_words() {
    let home = tempdir().unwrap();
    for database in [TestDatabase::unmigrated_postgres().await, TestDatabase::mysql().await] {
        let url = database.url().to_owned();
        let (server, _) = url.rsplit_once('/').unwrap();
        let nowhere = format!("{server}/hush_nowhere");
        let program = Program::in_directory(home.path()).env("DATABASE_URL", &nowhere).env("SECRET_KEY", KEY);
        let ended = program.run().await;
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{}", ended.stderr);
        assert!(ended.stderr.contains("there is no database of this name"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("hush"), "{}", ended.stderr);
        assert!(!ended.stderr.contains("is the database running"), "{}", ended.stderr);
        database.drop_database().await;
    }
}

#[tokio::test]
async fn a_directory_that_cannot_hold_the_key_or_the_database_is_told() {
    let home = tempdir().unwrap();
    for (settings, expected) in [
        (
            &[("DATABASE_URL", "sqlite:///proc/self/auth.db")][..],
            "auth-server: auth.key: cannot be made beside the SQLite file",
        ),
        (
            &[("DATABASE_URL", "sqlite://missing/auth.db")],
            "auth-server: auth.key: cannot be made beside the SQLite file",
        ),
        (
            &[("DATABASE_URL", "sqlite://missing/auth.db"), ("SECRET_KEY", KEY)],
            "auth-server: DATABASE_URL: the SQLite file cannot be made",
        ),
    ] {
        let program =
            settings.iter().fold(Program::in_directory(home.path()), |p, (name, value)| p.env(name, value));
        let ended = program.run().await;
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{}", ended.stderr);
        assert!(ended.stderr.starts_with(expected), "{}", ended.stderr);
    }
}

#[tokio::test]
async fn a_damaged_key_file_stops_the_start_and_is_kept() {
    let home = tempdir().unwrap();
    fs::write(home.path().join("auth.key"), "half a k").unwrap();
    let ended = Program::in_directory(home.path()).run().await;
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{}", ended.stderr);
    assert!(ended.stderr.starts_with("auth-server: auth.key: is empty or damaged"), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(home.path().join("auth.key")).unwrap(), "half a k");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs AUTH_TEST_POSTGRES_URL"]
async fn a_schema_that_may_not_be_changed_stops_the_start_with_the_code_of_the_database() {
    let home = tempdir().unwrap();
    let database = TestDatabase::unmigrated_postgres().await;
    let read_only = format!("{}?options=-c%20default_transaction_read_only%3Don", database.url());
    let ended =
        Program::in_directory(home.path()).env("DATABASE_URL", &read_only).env("SECRET_KEY", KEY).run().await;
    database.drop_database().await;
    assert_eq!((ended.code, ended.stderr.lines().count()), (Some(1), 1), "{}", ended.stderr);
    assert!(
        ended.stderr.starts_with("auth-server: migration: ") && ended.stderr.contains("25006"),
        "{}",
        ended.stderr
    );
}
