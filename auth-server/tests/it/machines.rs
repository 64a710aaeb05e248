//! Machines at the command line: `auth-server services` and `api-keys`, beside a running server.

use std::path::Path;

use auth_migration::{each_database, test_util::TestDatabase};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{Client, Ended, KEY, Program};

fn program(home: &Path, database: &TestDatabase) -> Program {
    Program::in_directory(home).env("SECRET_KEY", KEY).env("DATABASE_URL", database.url())
}

async fn run(program: Program, arguments: &[&str]) -> Ended {
    program.args(arguments).run().await
}

/// What a command that succeeds prints with `--json`.
async fn documents(program: Program, arguments: &[&str]) -> Vec<Value> {
    let ended = run(program, &[arguments, &["--json"]].concat()).await;
    assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
    ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn me(client: &Client, token: &str) -> (u16, Value) {
    let answer = client.me(token).await;
    (answer.status.as_u16(), answer.body)
}

each_database! {
    async fn a_service_account_and_its_key_are_made_at_the_command_line(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let program = || program(home.path(), database);
        let server = program().start().await;
        let client = server.client();
        client.sign_up("ada@example.com").await;

        let made = &documents(program(), &["services", "create", "billing", "--role", "editor", "--role", "author"]).await[0];
        let id = made["id"].as_str().unwrap();
        assert_eq!((&made["name"], &made["roles"]), (&json!("billing"), &json!(["author", "editor"])));
        let ended = run(program(), &["api-keys", "create", "--service", id, "--name", "nightly", "--scope", "introspect"]).await;
        let key = ended.stdout.strip_suffix('\n').unwrap();
        assert!(key.starts_with("ak_") && !key.contains(char::is_whitespace), "alone on its line: {ended:?}");
        assert!(!ended.stderr.contains(key), "{ended:?}");
        let (status, document) = me(&client, key).await;
        assert_eq!((status, &document["kind"], &document["id"]), (200, &json!("service"), &json!(id)));

        let own = documents(program(), &["api-keys", "create", "--user", "ada@example.com", "--name", "mine", "--days", "7"]).await;
        let own_key = own[0]["key"].as_str().unwrap();
        assert_eq!(me(&client, own_key).await.1["email"], "ada@example.com");
        let listed = documents(program(), &["api-keys", "list"]).await;
        assert_eq!(listed.len(), 2);
        assert!(listed.iter().all(|row| row.get("key").is_none() && row["last_used_at"].is_string()), "{listed:?}");
        let ended = run(program(), &["api-keys", "list"]).await;
        assert!(ended.stdout.contains("introspect nightly") && !ended.stdout.contains(key), "{ended:?}");

        let revoked = run(program(), &["api-keys", "revoke", own[0]["id"].as_str().unwrap()]).await;
        assert_eq!(revoked.code, Some(0), "{revoked:?}");
        let listed = documents(program(), &["services", "list"]).await;
        assert_eq!(listed[0]["id"], json!(id));
        documents(program(), &["services", "disable", id]).await;
        documents(program(), &["services", "enable", id]).await;
        documents(program(), &["services", "delete", id]).await;
        assert_eq!(documents(program(), &["api-keys", "list"]).await, [Value::Null; 0]);
        assert_eq!(documents(program(), &["services", "list"]).await, [Value::Null; 0]);
    }
}

#[tokio::test]
async fn what_cannot_be_is_said_in_a_line() {
    let database = TestDatabase::sqlite().await;
    let home = tempdir().unwrap();
    let program = || program(home.path(), &database);
    for (arguments, why) in [
        (&["api-keys", "create", "--user", "nobody@example.com", "--name", "x"][..], "no such user"),
        (&["api-keys", "create", "--service", "x", "--name", "x"], "that is no id"),
        (
            &["api-keys", "create", "--service", "0198c5d2-0000-7000-8000-000000000001", "--name", "x"],
            "no such service account",
        ),
        (&["api-keys", "revoke", "0198c5d2-0000-7000-8000-000000000001"], "no such key"),
        (&["services", "create", " "], "a name is 1 to 64"),
        (&["services", "create", "x", "--role", "Admin"], "a role is"),
        (&["services", "delete", "0198c5d2-0000-7000-8000-000000000001"], "no such service account"),
    ] {
        let ended = run(program(), arguments).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
        let line = ended.stderr.lines().last().unwrap();
        let begin = format!("auth-server: {}: ", arguments[0]);
        assert!(line.starts_with(&begin) && line.contains(why), "{ended:?}");
    }
    let neither = run(program(), &["api-keys", "create", "--name", "x"]).await;
    assert_eq!(neither.code, Some(2), "{neither:?}");
    let off = program().env("API_KEYS_ENABLED", "false");
    let ended = run(off, &["services", "list"]).await;
    assert!(ended.stderr.contains("API_KEYS_ENABLED"), "{ended:?}");
    for (name, value) in [("API_KEY_PREFIX", "Ak"), ("API_KEY_MAX_DAYS", "-1"), ("API_KEYS_ENABLED", "maybe")]
    {
        let ended = run(program().env(name, value), &["services", "list"]).await;
        assert!(ended.code == Some(2) && ended.stderr.contains(name), "{ended:?}");
    }
    database.drop_database().await;
}
