//! What an operator reads when something fails on our side, and what a client does not.

use std::{
    io,
    sync::{Arc, Mutex},
};

use auth_migration::test_util::TestDatabase;
use sea_orm::ConnectionTrait;
use tracing::instrument::WithSubscriber;

use crate::support::{Answer, Req, World};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The answer to a request and the lines that were logged of it by this crate.
async fn send(world: &World, request: Req) -> (Answer, String) {
    heard(world.send(request)).await
}

/// What comes of something, and the lines that this crate logs meanwhile.
pub(crate) async fn heard<T>(work: impl Future<Output = T>) -> (T, String) {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || writer.clone())
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .finish();
    let answer = work.with_subscriber(subscriber).await;
    let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    (answer, lines.lines().filter(|line| line.contains("auth_tower")).collect::<Vec<_>>().join("\n"))
}

auth_migration::each_database! {
    async fn a_broken_installation_is_told_to_the_log_and_to_nobody_else(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, cookie) = world.ada_signs_in().await;
        world.db.execute_unprepared("DROP TABLE auth_session").await.unwrap();
        let token = cookie.split_once('=').unwrap().1;
        let login = r#"{"email":"ada@example.com","password":"correct horse battery"}"#;
        for request in [
            Req::post("/login").json(login),
            Req::post("/refresh-token").cookie(&cookie),
            Req::post("/logout").cookie(&cookie),
            Req::post("/logout").bearer(&access),
            Req::get("/users/me").bearer(&access),
        ] {
            let (answer, line) = send(&world, request.header("x-request-id", "the-request")).await;
            let answer = answer.expect_problem(500, "internal");
            assert_eq!(answer.header("set-cookie"), None);
            assert!(line.contains("ERROR") && line.contains("the-request") && line.contains("internal"), "{line}");
            for secret in ["auth_session", "ada@", "horse", token, &access] {
                assert!(!line.contains(secret), "{line}");
                assert!(!answer.body.contains(secret), "{answer:?}");
            }
            assert!(!answer.body.to_lowercase().contains("sql"), "{answer:?}");
        }
    }

    async fn a_database_that_is_away_is_a_warning_and_a_bad_request_is_nothing(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        let (access, cookie) = world.ada_signs_in().await;
        for request in [
            Req::post("/login").json(r#"{"email":"ada@example.com","password":"wrong"}"#),
            Req::post("/refresh-token").cookie("__Host-refresh_token=x"),
            Req::post("/register").json("{"),
            Req::get("/users/me").bearer("x"),
        ] {
            let (answer, line) = send(&world, request).await;
            assert!(answer.status.is_client_error());
            assert_eq!(line, "", "the security events of the rules tell this");
        }
        world.db.close_by_ref().await.unwrap();
        for request in [Req::post("/refresh-token").cookie(&cookie), Req::get("/users/me").bearer(&access)] {
            let (answer, line) = send(&world, request.header("x-request-id", "the-request")).await;
            answer.expect_problem(503, "unavailable");
            assert!(line.contains("WARN") && line.contains("the-request"), "{line}");
        }
    }
}
