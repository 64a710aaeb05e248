//! Moving in and out at the command line: `auth-server users import` and `users export`.

use std::{fmt::Write as _, fs, path::Path};

use auth_migration::{each_database, test_util::TestDatabase};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, Statement};
use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};
use tokio::time::timeout;

use crate::support::{Ended, KEY, PATIENCE, Program};

/// Made by passlib 1.7.4 from this password.
const BCRYPT: &str = "$2b$04$Q.UMGx667PrSCj77sTCpleVK2frbkKccsup6kY03LFvj9iEiiSUnG";
const ITS_PASSWORD: &str = "correct horse battery";

fn program(home: &Path, database: &TestDatabase) -> Program {
    Program::in_directory(home).env("SECRET_KEY", KEY).env("DATABASE_URL", database.url())
}

fn home_with(name: &str, text: impl AsRef<[u8]>) -> TempDir {
    let home = tempdir().unwrap();
    fs::write(home.path().join(name), text).unwrap();
    home
}

async fn import(home: &TempDir, database: &TestDatabase, arguments: &[&str]) -> Ended {
    program(home.path(), database).args(&[&["users", "import"], arguments].concat()).run().await
}

async fn export(database: &TestDatabase, arguments: &[&str]) -> String {
    let home = tempdir().unwrap();
    let ended = program(home.path(), database).args(&[&["users", "export"], arguments].concat()).run().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // That data left the database is an event, which is all that there is to say.
    assert!(ended.stderr.lines().all(|line| line.contains("users_exported")), "{}", ended.stderr);
    ended.stdout
}

async fn one(db: &DatabaseConnection, sql: &str) -> i64 {
    let statement = Statement::from_string(db.get_database_backend(), sql);
    db.query_one_raw(statement).await.unwrap().unwrap().try_get("", "n").unwrap()
}

/// Accounts with ids, so that two databases can be compared.
fn large(rows: u32) -> String {
    let mut csv = "id,email,email_verified,roles,created_at,hash\n".to_owned();
    for n in 0..rows {
        let (id, month) = (format!("018f0000-0000-7000-8000-{n:012x}"), n % 12 + 1);
        writeln!(csv, "{id},user{n}@example.com,true,editor,2023-{month:02}-02T03:04:05Z,{BCRYPT}").unwrap();
    }
    csv
}

each_database! {
    async fn a_profile_comes_and_goes_in_both_kinds_of_file(database: &TestDatabase) {
        let csv = "email,name,username,locale,data,app_data\n\
            ada@example.com,\"Lovelace, Ada\",-ada-,en-gb,\"{\"\"a\"\":[1,null]}\",\n\
            root@example.com,,root,,,\nbob@example.com,,,,5,\n";
        let home = home_with("users.csv", csv);
        let server = program(home.path(), database).start().await;
        let ended = import(&home, database, &["users.csv"]).await;
        assert_eq!(ended.code, Some(1));
        assert!(ended.stdout.contains("line 3: the user name is reserved") && ended.stdout.contains("line 4: data is no JSON object"), "{ended:?}");
        server.kill().await;
        let jsonl = export(database, &["--format", "jsonl"]).await;
        let row: Value = serde_json::from_str(jsonl.trim_end()).unwrap();
        assert_eq!((&row["name"], &row["username"], &row["locale"]), (&json!("Lovelace, Ada"), &json!("-ada-"), &json!("en-GB")));
        assert_eq!((&row["data"], row.get("app_data")), (&json!({"a": [1, null]}), None));
        let csv = export(database, &["--format", "csv"]).await;
        assert!(csv.contains("name,username,locale,data,app_data\n") && csv.contains("'-ada-"), "{csv}");
        let empty = TestDatabase::sqlite().await;
        for (name, text) in [("users.csv", &csv), ("users.jsonl", &jsonl)] {
            let home = home_with(name, text);
            program(home.path(), &empty).start().await.kill().await;
            let ended = import(&home, &empty, &[name]).await;
            assert_eq!(ended.code, Some(0), "{ended:?}");
            assert_eq!(export(&empty, &["--format", "jsonl"]).await, jsonl);
        }
        empty.drop_database().await;
    }

    async fn a_row_of_passlib_signs_in_and_is_argon2id_from_then_on(database: &TestDatabase) {
        let home = home_with("users.csv", format!("email,roles,hash\nada@example.com,admin,{BCRYPT}\n"));
        let server = program(home.path(), database).start().await;
        let ended = import(&home, database, &["users.csv"]).await;
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
        assert_eq!(ended.stdout, "1 rows: 1 inserted, 0 already there, 0 refused\n");
        let client = server.client();
        let login = json!({ "email": "ADA@example.com", "password": ITS_PASSWORD }).to_string();
        let json = [("content-type", "application/json")];
        let first = client.send("POST", "/login", &json, &login).await.session();
        assert!(export(database, &["--with-hashes"]).await.contains("$argon2id$"));
        client.send("POST", "/login", &json, &login).await.session();
        let me = client.me(&first.access_token).await;
        assert_eq!((me.status.as_u16(), &me.body["roles"]), (200, &json!(["user", "admin"])), "no session ended");
    }

    async fn what_was_exported_and_imported_is_exported_the_same(database: &TestDatabase) {
        let file = format!(
            "\u{feff}email,Roles,created_at,email_verified,disabled,id,hash,totp_secret\r\n\
             ada@example.com,\"support;admin editor\",2017-07-14 04:40:00.123456+02:00,t,f,018f0000-0000-7000-8000-000000000001,{BCRYPT},48656c6c6f21deadbeef48656c6c6f21deadbeef\r\n\
             =1+1@example.com,,,0,1,,,\r\n\r\n\
             \"jösé@bücher.example\",,2030-01-01T00:00:00Z,,,,,\r\n"
        );
        let home = home_with("users.csv", file);
        assert_eq!(import(&home, database, &["users.csv"]).await.code, Some(0));
        for format in ["csv", "jsonl"] {
            let arguments = ["--format", format, "--with-hashes"];
            let exported = export(database, &arguments).await;
            let empty = TestDatabase::sqlite().await;
            let home = home_with("users", &exported);
            let ended = import(&home, &empty, &["users", "--format", format]).await;
            assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
            assert_eq!(export(&empty, &arguments).await, exported);
            empty.drop_database().await;
        }
        let shown = export(database, &[]).await;
        assert!(shown.starts_with("id,email,email_verified,disabled,roles,created_at,name,username,locale,data,app_data\n"));
        let ada = "018f0000-0000-7000-8000-000000000001,ada@example.com,true,false,admin editor support,2017-07-14T02:40:00.123Z,,,,,\n";
        assert!(shown.contains(ada) && shown.contains(",'=1+1@example.com,false,true,,"), "{shown}");
        let secret = format!(",{BCRYPT},JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\n");
        assert!(export(database, &["--with-hashes"]).await.contains(&secret));
        assert!(!shown.contains("JBSWY3DP") && !shown.contains('$') && !export(database, &["--format", "jsonl"]).await.contains("hash"));
    }

    async fn an_export_tells_whose_app_cannot_be_taken_along_and_what_helps(database: &TestDatabase) {
        let csv = "id,email,totp_secret\n018f0000-0000-7000-8000-000000000001,ada@example.com,JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\n";
        let home = home_with("users.csv", csv);
        assert_eq!(import(&home, database, &["users.csv"]).await.code, Some(0));
        let other = program(home.path(), database).env("SECRET_KEY", "another-secret-key-of-more-than-32-bytes-0");
        let ended = other.args(&["users", "export", "--with-hashes"]).run().await;
        assert_eq!((ended.code, ended.stdout.contains("ada@example.com")), (Some(1), false));
        let told = ended.stderr.lines().last().unwrap();
        assert!(told.contains("018f0000-0000-7000-8000-000000000001") && told.contains("SECRET_KEY_PREVIOUS"), "{told}");
    }

    async fn an_import_that_was_killed_is_finished_by_the_next(database: &TestDatabase) {
        const ROWS: u32 = 20_000;
        let home = home_with("users.csv", large(ROWS));
        let db = database.connect_with(1).await;
        let tables = ["auth_user", "auth_password", "auth_user_role", "auth_event"];
        let counts = async || {
            let mut counts = Vec::new();
            for table in tables {
                counts.push(one(&db, &format!("SELECT COUNT(*) AS n FROM {table}")).await);
            }
            counts
        };
        let mut before = 0;
        for part in [1, 7000] {
            let mut child = program(home.path(), database).args(&["users", "import", "users.csv"]).spawn();
            let killed = timeout(PATIENCE, async {
                while one(&db, "SELECT COUNT(*) AS n FROM auth_user").await < part {
                    tokio::task::yield_now().await;
                }
                child.kill().await.unwrap();
            });
            killed.await.unwrap();
            let there = counts().await;
            assert!(before < there[0] && there[0] < i64::from(ROWS), "in the middle: {there:?}");
            assert!(there.iter().all(|count| *count == there[0]), "no account is there in part: {there:?}");
            before = there[0];
        }
        let ended = import(&home, database, &["users.csv"]).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stdout.ends_with(&format!("{before} already there, 0 refused\n")), "{}", ended.stdout);
        assert_eq!(counts().await, [i64::from(ROWS); 4]);
        let exported = export(database, &["--with-hashes"]).await;
        let expected = large(ROWS).lines().skip(1).map(|line| line.replace(",true,", ",true,false,").replace("Z,", "Z,,,,,,") + ",").collect::<Vec<_>>().join("\n");
        assert!(exported.trim_end().split_once('\n').unwrap().1 == expected, "the end is as if nothing had happened");
    }
}

/// An address and a hash that no output may repeat are in each bad line.
#[tokio::test]
async fn what_is_refused_is_told_by_its_line_and_nothing_of_it_is_repeated() {
    let database = TestDatabase::sqlite().await;
    let long = "canary".repeat(20_000);
    let mut file = format!(
        "id,email,created_at,bio,hash\n\
         ,one@example.com,,,{BCRYPT}\n\
         7,canary1@example.com,,,\n\
         ,canary2,,,\n\
         ,canary3@example.com,,\"canary\ncanary\",extra,\n\
         ,canary4@example.com,,,md5$canary\n\
         ,canary5@example.com,,,{}\n\
         ,canary6@example.com,canary,,\n\
         ,ONE@example.com,,,\n\
         ,{long}@example.com,,,\n\
         ,two@example.com,,,\n",
        BCRYPT.replace("$04$", "$31$")
    )
    .into_bytes();
    file.extend(b",canary\xff@example.com,,,\n");
    let home = home_with("users.csv", &file);
    let told = "line 3: the id is no UUID; with --ignore-ids each account gets a new one\n\
        line 4: the address has no @\n\
        line 5: the line has 6 fields, and the header has 5\n\
        line 7: the hash is in no known format\n\
        line 8: the hash asks for more work than the ceiling of its format\n\
        line 9: the time is none of RFC 3339, like 2024-05-06T07:08:09Z\n\
        line 10: line 2 has the same address\n\
        line 11: the line is longer than 64 KiB\n\
        line 13: the line is not in UTF-8\n";
    for (arguments, sum) in [
        (&["users.csv", "--dry-run"][..], "11 rows: 2 would be inserted, 0 already there, 9 refused\n"),
        (&["users.csv"], "11 rows: 2 inserted, 0 already there, 9 refused\n"),
        (&["users.csv"], "11 rows: 0 inserted, 2 already there, 9 refused\n"),
    ] {
        let ended = import(&home, &database, arguments).await;
        assert_eq!((ended.code, ended.stdout), (Some(1), format!("{told}{sum}")));
        assert!(ended.stderr.contains("not taken over: bio"), "{}", ended.stderr);
        assert!(
            !ended.stderr.contains("canary") && !ended.stderr.contains("example.com"),
            "{}",
            ended.stderr
        );
        assert_eq!(export(&database, &[]).await.lines().count(), if arguments.len() > 1 { 1 } else { 3 });
    }
    let ended = import(&home, &database, &["users.csv", "--json", "--ignore-ids"]).await;
    let lines: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["code"], "invalid_email", "ids are not looked at");
    assert_eq!(
        (&lines[8]["rows"], &lines[8]["refused"], &lines[8]["inserted"]),
        (&json!(11), &json!(8), &json!(1))
    );
    database.drop_database().await;
}

/// Of each file only these addresses become accounts, and none of them an administrator.
#[tokio::test]
async fn text_of_a_field_is_never_a_row() {
    let mallory = format!("mallory@example.net,true,admin,{BCRYPT},x");
    let database = TestDatabase::sqlite().await;
    let header = "email,email_verified,roles,hash,bio";
    for (number, end) in ["\n", "\r\n", "\r"].into_iter().enumerate() {
        let file = format!(
            "{header}{end}ada{number}@example.com,true,,,\"hi{end}{mallory}{end}\"\"bye\"\"{end}\"{end},,,,{end}\
             grace{number}@example.com,true,,,ok{end}"
        );
        let home = home_with("users.csv", file);
        let ended = import(&home, &database, &["users.csv"]).await;
        let sum = "2 rows: 2 inserted, 0 already there, 0 refused\n";
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), sum), "{end:?}: {}", ended.stderr);
    }
    let before = export(&database, &[]).await;
    assert!(!before.contains("mallory") && !before.contains("admin"), "{before}");
    for row in [
        format!("eve@example.com,true,,,\"hi\n{mallory}\nbye\n"),
        format!("eve@example.com,true,,,say \"hi\n{mallory}\nbye\"\n"),
        format!("eve@example.com,true,,,\"hi\" \n{mallory}\n"),
        format!("eve@example.com,true,,,hi\r{mallory}\n"),
    ] {
        let home = home_with("users.csv", format!("{header}\nfirst@example.com,,,,\n{row}"));
        let ended = import(&home, &database, &["users.csv"]).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{row:?}");
        assert!(
            ended.stderr.contains("users import: line 3 ") && !ended.stderr.contains("example"),
            "{}",
            ended.stderr
        );
        assert_eq!(export(&database, &[]).await, before, "nothing was written");
    }
    database.drop_database().await;
}

#[tokio::test]
async fn a_file_that_is_not_understood_is_never_success() {
    let database = TestDatabase::sqlite().await;
    for (file, code, sum) in [
        (&b"email,hash\rb1@example.com,\rb2@example.com,\r"[..], 0, "2 rows: 2 inserted"),
        (b"email\r\nb3@example.com\rb4@example.com\r\n", 2, ""),
        (b"\xff\xfee\0m\0a\0i\0l\0\n\0", 2, ""),
        (b"e\0m\0a\0i\0l\0\n\0", 2, ""),
        (b"email;hash\nb5@example.com;\n", 2, ""),
        (b"", 2, ""),
        (b"email,email\nb6@example.com,b7@example.com\n", 2, ""),
        (b"\"email\",\"hash\"\r\n\"b8@example.com\",\"\"\r\n", 0, "1 rows: 1 inserted"),
        (b"email,hash\n", 0, "0 rows"),
    ] {
        let home = home_with("users.csv", file);
        let ended = import(&home, &database, &["users.csv"]).await;
        assert_eq!(ended.code, Some(code), "{file:?}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stdout.starts_with(sum), "{file:?}: {}", ended.stdout);
    }
    database.drop_database().await;
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_wrong_usage() {
    let database = TestDatabase::sqlite().await;
    let home = home_with("headless.csv", format!("canary@example.com,{BCRYPT}\n"));
    fs::write(home.path().join("users.txt"), "email\na@example.com\n").unwrap();
    for (arguments, why) in [
        (&["missing.csv"][..], "the file cannot be read: entity not found"),
        (&["headless.csv"], "the first line has no column `email`; the columns are id, email,"),
        (&["users.txt"], "the name does not end in .csv or .jsonl: add --format"),
        (&["-"], "the name does not end in .csv or .jsonl: add --format"),
    ] {
        let ended = import(&home, &database, arguments).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(ended.stderr.contains(why) && !ended.stderr.contains("canary"), "{}", ended.stderr);
    }
    let ended = program(home.path(), &database)
        .input("users.txt")
        .args(&["users", "import", "-", "--format", "csv"])
        .run()
        .await;
    assert_eq!(ended.stdout, "1 rows: 1 inserted, 0 already there, 0 refused\n", "from standard input");
    database.drop_database().await;
}
