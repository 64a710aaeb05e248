//! Accounts at the command line: `auth-server users`, beside a running server.

use std::path::Path;

use auth_migration::{each_database, test_util::TestDatabase};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{Client, Ended, KEY, PASSWORD, Program};

const ADA: &str = "ada@example.com";
const BOB: &str = "bob@example.com";

fn program(home: &Path, database: &TestDatabase) -> Program {
    Program::in_directory(home).env("SECRET_KEY", KEY).env("DATABASE_URL", database.url())
}

async fn users(program: Program, arguments: &[&str]) -> Ended {
    program.args(&[&["users"], arguments].concat()).run().await
}

/// The lines of a command that succeeds.
async fn lines(program: Program, arguments: &[&str]) -> Vec<String> {
    let ended = users(program, arguments).await;
    assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
    assert!(!ended.stderr.contains('@') && !ended.stderr.contains("token="), "{}", ended.stderr);
    ended.stdout.lines().map(str::to_owned).collect()
}

/// What a command that succeeds prints with `--json`.
async fn documents(program: Program, arguments: &[&str]) -> Vec<Value> {
    let lines = lines(program, &[arguments, &["--json"]].concat()).await;
    lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn refused(program: Program, arguments: &[&str], why: &str) {
    let ended = users(program, arguments).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{arguments:?}: {ended:?}");
    let last = ended.stderr.lines().last().unwrap();
    assert!(last.starts_with("auth-server: users: ") && last.contains(why), "{}", ended.stderr);
    assert!(!last.contains("example.com"), "{last}");
}

async fn reset(client: &Client, link: &str) -> u16 {
    let token = link.split_once("#token=").unwrap().1;
    let body = json!({ "token": token, "password": PASSWORD }).to_string();
    let json = [("content-type", "application/json")];
    client.send("POST", "/reset-password", &json, &body).await.status.as_u16()
}

/// Whose account of the system the tests run by.
async fn account() -> String {
    let name = tokio::process::Command::new("id").arg("-un").output().await.unwrap();
    String::from_utf8(name.stdout).unwrap().trim().to_owned()
}

async fn administers(client: &Client, access: &str) -> u16 {
    let bearer = format!("Bearer {access}");
    client.send("GET", "/users", &[("authorization", &bearer)], "").await.status.as_u16()
}

each_database! {
    async fn the_first_administrator_is_made_at_the_command_line(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let program = || program(home.path(), database);
        let server = program().start().await;
        let client = server.client();
        assert_eq!(lines(program(), &["list"]).await, [""; 0], "a new service has no account");

        let create = ["create", ADA, "--role", "admin", "--verified", "--password-stdin"];
        let made = lines(program().stdin(&format!("{PASSWORD}\r\n")), &create).await;
        assert!(made[0].ends_with(&format!("verified   enabled  user,admin {ADA}")), "{made:?}");
        let session = client.login(ADA).await.session();
        assert_eq!(administers(&client, &session.access_token).await, 200);

        let bearer = format!("Bearer {}", session.access_token);
        let bob = &documents(program(), &["create", BOB, "--print-link"]).await[0];
        let id = bob["user"]["id"].as_str().unwrap();
        lines(program(), &["disable", id]).await;
        let events = client.send("GET", &format!("/users/{id}/events"), &[("authorization", &bearer)], "").await;
        let events = events.body;
        let (last, by) = (&events["events"][0], format!("cli:{}", account().await));
        assert_eq!((&last["event"], &last["actor"], &last["operator"]), (&json!("disabled"), &Value::Null, &json!(by)));
        lines(program(), &["delete", id, "--yes"]).await;

        refused(program(), &["set-role", ADA, "user"], "the last administrator has to stay").await;
        refused(program(), &["disable", ADA], "the last administrator has to stay").await;
        refused(program(), &["delete", ADA, "--yes"], "the last administrator has to stay").await;
        assert_eq!(lines(program(), &["show", ADA]).await, made);
    }

    async fn an_invited_user_chooses_the_password_and_so_does_one_who_forgot_it(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let program = || program(home.path(), database).env("PUBLIC_URL", "http://localhost:8000");
        let server = program().start().await;
        let client = server.client();
        for command in [&["create", BOB][..], &["create", BOB, "--role", "editor"]] {
            refused(program(), command, "add --print-link").await;
        }
        assert_eq!(lines(program(), &["list"]).await.len(), 0, "nothing was made by halves");
        let made = lines(program(), &["create", BOB, "--print-link"]).await;
        assert!(made[0].ends_with(&format!("unverified enabled  user {BOB}")), "{made:?}");
        assert!(made[1].starts_with("http://localhost:8000/reset-password#token="), "{made:?}");
        assert_eq!(client.login(BOB).await.status, 401);
        assert_eq!(reset(&client, &made[1]).await, 204);
        assert_eq!(reset(&client, &made[1]).await, 422, "a link works once");
        let session = client.login(BOB).await.session();

        refused(program(), &["reset-password", BOB], "add --print-link").await;
        let again = documents(program(), &["reset-password", BOB, "--print-link"]).await;
        assert_eq!(again[0]["user"]["email"], BOB);
        assert!((3500..=3600).contains(&again[0]["expires_in"].as_u64().unwrap()), "{again:?}");
        assert_eq!(client.me(&session.access_token).await.status, 200, "nothing has happened yet");
        assert_eq!(reset(&client, again[0]["link"].as_str().unwrap()).await, 204);
        assert_eq!(client.me(&session.access_token).await.status, 401);
        lines(program(), &["disable", BOB]).await;
        refused(program(), &["reset-password", BOB, "--print-link"], "the account is disabled").await;
    }

    async fn profiles_are_written_found_and_signed_in_by_beside_a_running_server(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let program = || program(home.path(), database).env("USERNAMES", "on");
        let server = program().start().await;
        let client = server.client();
        let create = ["create", ADA, "--password-stdin", "--name", "Ada Lovelace", "--username", "Countess"];
        let made = &documents(program().stdin(PASSWORD), &create).await[0];
        assert_eq!((&made["name"], &made["username"], &made["locale"]), (&json!("Ada Lovelace"), &json!("Countess"), &Value::Null));
        assert_eq!(client.login("countess").await.status, 200);
        assert_eq!(documents(program(), &["show", "COUNTESS"]).await[0], *made);

        let change = ["set-profile", ADA, "--locale", "en-gb", "--name", "", "--app-data", r#"{"plan":"gold"}"#];
        let changed = &documents(program(), &change).await[0];
        assert_eq!((&changed["name"], &changed["locale"], &changed["username"]), (&Value::Null, &json!("en-GB"), &json!("Countess")));
        assert_eq!(changed["app_data"], json!({"plan": "gold"}));
        lines(program(), &["create", BOB, "--print-link"]).await;
        refused(program(), &["set-profile", BOB, "--username", "countess"], "has this user name").await;
        refused(program(), &["set-profile", BOB, "--username", "root"], "reserved").await;
        assert_eq!(users(program(), &["set-profile", BOB, "--data", "{"]).await.code, Some(2));
        for (begins, found) in [("coun", 1), ("ADA@", 1), ("b", 1), ("x", 0)] {
            assert_eq!(lines(program(), &["list", "--begins", begins]).await.len(), found, "{begins}");
        }
    }

    async fn accounts_are_changed_beside_a_running_server(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let program = || program(home.path(), database);
        let server = program().start().await;
        let client = server.client();
        let session = client.sign_up(BOB).await;
        let bob = documents(program(), &["show", BOB]).await.remove(0);
        let id = bob["id"].as_str().unwrap();
        let from_http = client.me(&session.access_token).await.body;
        assert!(from_http.as_object().unwrap().iter().all(|(name, value)| bob[name] == *value), "{bob}");
        assert_eq!(documents(program(), &["list", "--email", "BOB@example.com"]).await[0], bob);

        let changed = documents(program(), &["set-role", id, "editor", "author"]).await;
        assert_eq!(changed[0]["roles"], json!(["user", "author", "editor"]));
        assert_eq!(documents(program(), &["disable", id]).await[0]["disabled"], true);
        assert_eq!(client.me(&session.access_token).await.status, 401);
        assert_eq!(client.login(BOB).await.status, 401);
        assert_eq!(documents(program(), &["enable", BOB]).await[0]["disabled"], false);
        let session = client.login(BOB).await.session();
        assert_eq!(lines(program(), &["revoke-sessions", BOB]).await, [format!("{id} signed out everywhere")]);
        assert_eq!(client.refresh(&session.cookie).await.status, 401);
        assert_eq!(documents(program(), &["unlock", id]).await, [json!({ "id": id, "done": "unlocked" })]);

        let reset = documents(program(), &["reset-factors", BOB]).await;
        assert_eq!(reset, [json!({ "id": id, "done": "has no second factor any more" })]);

        let unsure = users(program(), &["delete", id]).await;
        assert_eq!(unsure.code, Some(2));
        assert!(unsure.stderr.contains("--yes"), "{}", unsure.stderr);
        assert_eq!(client.login(BOB).await.status, 200);
        assert_eq!(lines(program(), &["delete", id, "--yes"]).await, [format!("{id} deleted")]);
        refused(program(), &["show", id], "there is no such user").await;
        refused(program(), &["show", BOB], "there is no such user").await;
    }

    async fn the_list_has_everybody_however_many(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let program = || program(home.path(), database);
        let db = database.connect().await;
        let auth = auth_core::Auth::builder(db, auth_core::Keys::new(auth_core::SecretKey::new(KEY).unwrap()));
        let auth = auth.build().unwrap();
        for number in 0..205 {
            auth.create_user(auth_core::CreateUser::new(format!("user{number}@example.com"))).await.unwrap();
        }
        let listed = documents(program(), &["list"]).await;
        let addresses: std::collections::BTreeSet<_> = listed.iter().map(|user| user["email"].to_string()).collect();
        assert_eq!((listed.len(), addresses.len()), (205, 205));
    }
}

#[tokio::test]
async fn what_cannot_be_done_is_told_in_one_line_and_changes_nothing() {
    let home = tempdir().unwrap();
    let program = || Program::in_directory(home.path()).env("SECRET_KEY", KEY);
    let ended = users(program(), &["list"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""));
    assert!(ended.stderr.contains("run `auth-server migrate`"), "{}", ended.stderr);
    assert_eq!(program().args(&["migrate"]).run().await.code, Some(0));
    let stdin = ["create", ADA, "--password-stdin"];
    refused(program().stdin(""), &stdin, "standard input is empty").await;
    refused(program().stdin("short\n"), &stdin, "at least 8").await;
    refused(program(), &["create", "nonsense", "--print-link"], "has no @").await;
    refused(program(), &["create", ADA, "--role", "No Role", "--print-link"], "a role is").await;
    refused(program(), &["show", "no address"], "has no @").await;
    refused(program(), &["show", "nobody"], "there is no such user").await;
    assert_eq!(lines(program(), &["list"]).await, [""; 0]);
    lines(program(), &["create", ADA, "--print-link"]).await;
    refused(program(), &["create", "ADA@example.com", "--print-link"], "").await;
    for arguments in
        [&["create"][..], &["set-role", ADA], &["create", ADA, "--password-stdin", "--print-link"]]
    {
        assert_eq!(users(program(), arguments).await.code, Some(2), "{arguments:?}");
    }
    assert_eq!(lines(program(), &["list"]).await.len(), 1);
}

#[tokio::test]
async fn administration_over_http_can_be_switched_off() {
    let home = tempdir().unwrap();
    let program = || Program::in_directory(home.path()).env("SECRET_KEY", KEY).env("ADMIN_API", "off");
    let server = program().start().await;
    let create = ["create", ADA, "--role", "admin", "--password-stdin"];
    lines(program().stdin(PASSWORD), &create).await;
    let session = server.client().login(ADA).await.session();
    assert_eq!(administers(&server.client(), &session.access_token).await, 404);
    assert_eq!(server.client().me(&session.access_token).await.status, 200);
}

#[tokio::test]
async fn with_a_mail_server_the_link_waits_for_a_running_server() {
    let home = tempdir().unwrap();
    let program = || {
        let program = Program::in_directory(home.path()).env("SECRET_KEY", KEY);
        program.env("SMTP_URL", "smtp://127.0.0.1:9").env("MAIL_FROM", "auth@example.com")
    };
    assert_eq!(program().args(&["migrate"]).run().await.code, Some(0));
    let made = lines(program(), &["create", BOB]).await;
    assert_eq!(made.len(), 1);
    lines(program(), &["reset-password", BOB]).await;
    let db =
        auth_core::connect(&format!("sqlite://{}", home.path().join("auth.db").display())).await.unwrap();
    let count = |sql: &'static str| {
        let statement = sea_orm::Statement::from_string(sea_orm::DatabaseBackend::Sqlite, sql);
        let db = &db;
        async move {
            use sea_orm::ConnectionTrait as _;
            db.query_one_raw(statement).await.unwrap().unwrap().try_get::<i64>("", "n").unwrap()
        }
    };
    assert_eq!(count("SELECT COUNT(*) AS n FROM auth_mail WHERE kind = 'reset_password'").await, 2);
    assert_eq!(count("SELECT COUNT(*) AS n FROM auth_one_time_token").await, 0, "made when the mail leaves");
}
