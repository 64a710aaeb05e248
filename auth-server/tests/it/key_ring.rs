//! The key ring in the database: `auth-server keys` beside running servers.

use std::{collections::HashSet, fs, path::Path};

use auth_core::TokenVerifier;
use auth_migration::{each_database, test_util::TestDatabase};
use tempfile::tempdir;

use crate::{
    keys::header,
    support::{KEY, PATIENCE, Program, Session},
};

const US: &str = "http://localhost:8000";
const OTHER_KEY: &str = "xR7pLm2KvQ9tZc4WnY6uJh1GfDsAe3Bi-oU8wTkNqM5rXyVbC0";

/// On this database, with the ring.
fn program(home: &Path, database: &TestDatabase) -> Program {
    let program = Program::in_directory(home).env("PUBLIC_URL", US).env("SECRET_KEY", KEY);
    program.env("DATABASE_URL", database.url()).env("ALGORITHM", "EdDSA").env("REVOCATION_POLL_MS", "100")
}

/// The lines that `auth-server keys …` prints.
async fn keys(program: Program, arguments: &[&str]) -> Vec<String> {
    let ended = program.args(&[&["keys"], arguments].concat()).run().await;
    assert_eq!(ended.code, Some(0), "{arguments:?}: {ended:?}");
    ended.stdout.lines().map(str::to_owned).collect()
}

fn kid(session: &Session) -> String {
    header(session)["kid"].as_str().unwrap().to_owned()
}

/// The word after this one.
fn word_after<'a>(line: &'a str, word: &str) -> &'a str {
    line.split(word).nth(1).unwrap().split([' ', ':']).next().unwrap()
}

each_database! {
    async fn without_a_private_key_the_ring_signs_for_all_instances_and_after_a_restart(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let program = || program(home.path(), database);
        let servers = [program().start().await, program().start().await];
        let [one, other] = [servers[0].client(), servers[1].client()];
        let session = one.sign_up("ada@example.com").await;
        assert_eq!(header(&session)["alg"], "EdDSA");
        let again = other.login("ada@example.com").await.session();
        assert_eq!(kid(&session), kid(&again));
        for client in [&one, &other] {
            assert_eq!(client.me(&session.access_token).await.status, 200);
            let set = client.get("/.well-known/jwks.json").await;
            assert_eq!(set.headers["cache-control"], "public, max-age=300");
            let verifier = TokenVerifier::from_jwks(&set.body.to_string(), US, US).unwrap();
            verifier.verify(&again.access_token).unwrap();
        }
        for server in servers {
            server.kill().await;
        }
        let server = program().start().await;
        assert_eq!(server.client().me(&session.access_token).await.status, 200);
        assert_eq!(kid(&server.client().login("ada@example.com").await.session()), kid(&session));
    }

    async fn the_command_line_adds_lists_and_revokes_keys_beside_running_servers(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let program = || program(home.path(), database).env("KEY_PUBLISH_AHEAD_SECONDS", "1");
        let server = program().start().await;
        let client = server.client();
        let mut session = client.sign_up("ada@example.com").await;
        let first = kid(&session);
        let listed = keys(program(), &["list"]).await;
        assert!(listed[0].starts_with(&format!("{first} active  EdDSA since 20")), "{listed:?}");
        assert_eq!(listed.len(), 1);

        let added = keys(program(), &["rotate", "--algorithm", "ES256"]).await;
        assert!(added[0].contains("(ES256): published from now on, signs from 20"), "{added:?}");
        let second = word_after(&added[0], "added ").to_owned();
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while kid(&session) != second {
            assert!(tokio::time::Instant::now() < deadline, "its turn never comes");
            session = client.login("ada@example.com").await.session();
            assert_eq!(client.me(&session.access_token).await.status, 200);
        }
        let listed = keys(program(), &["list"]).await;
        assert!(listed[0].starts_with(&format!("{first} retired EdDSA accepted until 20")), "{listed:?}");
        assert!(listed[1].starts_with(&format!("{second} active  ES256 since 20")), "{listed:?}");

        let revoked = keys(program(), &["revoke", "--", &first, &second]).await;
        let bound = "refused by instances within 100 ms, by services that keep the JWK set within";
        assert!(revoked[0].starts_with(&format!("revoked {first}: {bound}")), "{revoked:?}");
        assert!(revoked[1].starts_with(&format!("revoked {second}: {bound}")), "{revoked:?}");
        assert!(revoked[2].ends_with(" (EdDSA) signs for whoever signs with the ring"), "{revoked:?}");
        while client.me(&session.access_token).await.status != 401 {
            assert!(tokio::time::Instant::now() < deadline, "the server never asks");
        }
        // Until the server knows of the new key, it has none.
        let renewed = loop {
            let answer = client.refresh(&session.cookie).await;
            if answer.status != 503 {
                break answer.session();
            }
            assert!(tokio::time::Instant::now() < deadline, "it never signs again");
        };
        assert_eq!(kid(&renewed), revoked[2].split(' ').next().unwrap());
        let listed = keys(program(), &["list"]).await;
        let states: Vec<_> = listed.iter().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
        assert_eq!(states, ["active", "revoked", "revoked"]);
    }

    async fn without_the_secret_of_the_ring_the_start_is_refused_and_names_the_way_out(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let server = program(home.path(), database).start().await;
        let first = kid(&server.client().sign_up("ada@example.com").await);
        server.kill().await;
        let other = || program(home.path(), database).env("SECRET_KEY", OTHER_KEY);
        let ended = other().run().await;
        assert_eq!((ended.code, ended.stderr.lines().count()), (Some(2), 1), "{}", ended.stderr);
        let expected = format!("auth-server: SECRET_KEY does not decrypt the key {first} of the key ring");
        assert!(ended.stderr.starts_with(&expected), "{}", ended.stderr);
        assert!(ended.stderr.contains("SECRET_KEY_PREVIOUS") && ended.stderr.contains("keys revoke"));

        other().env("SECRET_KEY_PREVIOUS", KEY).start().await.kill().await;
        keys(other(), &["revoke", "--", &first]).await;
        let server = other().start().await;
        assert_ne!(kid(&server.client().login("ada@example.com").await.session()), first);
    }

    async fn eight_first_starts_at_once_share_one_key(database: &TestDatabase) {
        let home = tempdir().unwrap();
        let mut starts = tokio::task::JoinSet::new();
        for _ in 0..8 {
            starts.spawn(program(home.path(), database).env("DATABASE_MAX_CONNECTIONS", "2").start());
        }
        let servers = starts.join_all().await;
        let session = servers[0].client().sign_up("ada@example.com").await;
        let mut signing = HashSet::new();
        for server in &servers {
            assert_eq!(server.client().me(&session.access_token).await.status, 200);
            signing.insert(kid(&server.client().login("ada@example.com").await.session()));
        }
        assert_eq!(signing, HashSet::from([kid(&session)]));
    }
}

#[tokio::test]
async fn what_the_command_line_cannot_do_is_one_line() {
    let home = tempdir().unwrap();
    let run = async |arguments: &[&str], code, expected: &str| {
        let program = Program::in_directory(home.path()).env("PUBLIC_URL", US);
        let ended = program.args(&[&["keys"], arguments].concat()).run().await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), ""), "{arguments:?}: {}", ended.stderr);
        let line = ended.stderr.lines().find(|line| line.starts_with("auth-server: ")).unwrap();
        assert!(line.contains(expected), "{arguments:?}: {line}");
    };
    run(&["list"], 1, "the database is not up to date: run `auth-server migrate`").await;
    run(&["revoke"], 2, "<KID>").await;
    Program::in_directory(home.path()).start().await.kill().await;
    run(&["rotate"], 1, "key ring: HS256 signs with SECRET_KEY; to prepare a move").await;
    run(&["revoke", "nobody"], 1, "key ring: there is no key nobody").await;
    let listed = Program::in_directory(home.path()).args(&["keys", "list"]).run().await;
    assert_eq!((listed.stdout.as_str(), listed.stderr.as_str()), ("the key ring is empty\n", ""));
    // Another key would be of no use to the servers that there are, and the next start would take it.
    fs::remove_file(home.path().join("auth.key")).unwrap();
    run(&["rotate", "--algorithm", "EdDSA"], 1, "auth.key: is not there").await;
    assert!(!home.path().join("auth.key").exists());
}

#[tokio::test]
async fn the_ring_is_shown_among_the_settings() {
    let home = tempdir().unwrap();
    let program = Program::in_directory(home.path()).env("ALGORITHM", "ES256").args(&["config"]);
    let shown = program.run().await.stdout;
    assert!(shown.contains("PRIVATE_KEY=(key ring in the database)  # default\n"), "{shown}");
    assert!(shown.contains("KEY_PUBLISH_AHEAD_SECONDS=360  # default\n"), "{shown}");
}
