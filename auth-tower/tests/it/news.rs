//! Who is told of events, over HTTP, and what a host's own rule says.

use std::{sync::Arc, time::Duration};

use auth_core::{
    Asking, AuthBuilder, BeforeRegister, ClientInfo, Hooks, Verdict, test_util::Outbox, webhooks,
};
use auth_migration::test_util::TestDatabase;
use serde_json::{Value, json};

use crate::support::{ADA, Answer, PASSWORD, Req, World};

const URL: &str = "https://hooks.example.com/auth";
const NOBODY: &str = "7d444840-9dc0-11d1-b245-5ffdce74fad2";

fn telling(builder: AuthBuilder) -> AuthBuilder {
    builder
        .configure(|config| config.audit_retention = Some(Duration::from_hours(24)))
        .webhooks(webhooks::Config::new())
}

/// Somebody who administers, and has just signed in.
struct Office {
    world: World,
    access: String,
    _outbox: Outbox,
}

impl Office {
    async fn open(database: &TestDatabase) -> Self {
        let (world, outbox) = World::with_mail(database, telling).await;
        let world = world.with_ada().await;
        let ada = world.auth.find_user(ADA).await.unwrap().id;
        world.auth.set_roles(ada, &["admin"], ClientInfo::default()).await.unwrap();
        let access = world.login(ADA, PASSWORD).await.expect(200).member("access_token");
        Self { world, access, _outbox: outbox }
    }

    async fn ask(&self, method: &str, path: &str) -> Answer {
        self.world.send(Req::new(method, path).bearer(&self.access)).await
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> Answer {
        self.world.send(Req::new(method, path).bearer(&self.access).json(body.to_string())).await
    }
}

auth_migration::each_database! {
    async fn administrators_add_change_and_remove_webhooks(database: &TestDatabase) {
        let office = Office::open(database).await;
        let made = office.send("POST", "/webhooks", json!({"url": URL, "types": ["deleted"]})).await.expect(201).json();
        assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
        let id = made["id"].as_str().unwrap();
        let one = format!("/webhooks/{id}");
        let shown = office.ask("GET", &one).await.expect(200).json();
        assert_eq!((&shown["url"], &shown["types"], &shown["off"]), (&json!(URL), &json!(["deleted"]), &Value::Null));
        assert!(shown.get("secret").is_none(), "told once");
        assert_eq!(office.ask("GET", "/webhooks").await.expect(200).json(), json!({"webhooks": [shown]}));
        let off = office.send("PATCH", &one, json!({"on": false, "types": []})).await.expect(200).json();
        assert_eq!((&off["off"]["reason"], &off["types"]), (&json!("by_hand"), &json!([])));
        let other = office.ask("POST", &format!("{one}/rotate-secret")).await.expect(200).json();
        assert_ne!(other["secret"], made["secret"]);
        office.send("POST", &format!("{one}/replay"), json!({"after": 999})).await.expect_problem(410, "cursor_too_old");
        let again = office.send("POST", &format!("{one}/replay"), json!({"after": 0})).await.expect(200).json();
        assert_eq!(again["off"], Value::Null);
        assert_eq!(office.ask("GET", &format!("{one}/deliveries?limit=5")).await.expect(200).json(), json!({"deliveries": []}));
        office.ask("DELETE", &one).await.expect(204);
        for (method, path) in [("GET", one.clone()), ("DELETE", one.clone()), ("POST", format!("{one}/test")), ("GET", format!("{one}/deliveries"))] {
            office.ask(method, &path).await.expect_problem(404, "not_found");
        }
    }

    async fn what_cannot_be_a_webhook_is_refused_with_the_field(database: &TestDatabase) {
        let office = Office::open(database).await;
        for (body, field) in [
            (json!({}), "url"),
            (json!({"url": "http://hooks.example.com/"}), "url"),
            (json!({"url": "https://127.0.0.1/"}), "url"),
            (json!({"url": "https://169.254.169.254/latest/meta-data"}), "url"),
            (json!({"url": URL, "types": ["Not a code"]}), "types"),
            (json!({"url": URL, "types": "deleted"}), "types"),
            (json!({"url": URL, "types": ["deletd"]}), "types"),
            (json!({"url": URL, "secret": "short"}), "secret"),
        ] {
            let answer = office.send("POST", "/webhooks", body.clone()).await.expect_problem(422, "validation_failed");
            assert_eq!(answer.fields(), [field], "{body}");
        }
        let made = office.send("POST", "/webhooks", json!({"url": URL})).await.expect(201).json();
        let replay = format!("/webhooks/{}/replay", made["id"].as_str().unwrap());
        for body in [json!({}), json!({"after": -1}), json!({"after": "1"}), json!({"after": null})] {
            office.send("POST", &replay, body).await.expect_problem(422, "validation_failed");
        }
    }

    async fn nobody_else_sees_or_changes_them_and_changes_want_recent_proof(database: &TestDatabase) {
        let office = Office::open(database).await;
        office.world.register("bob@example.com", PASSWORD).await;
        let bob = office.world.auth.find_user("bob@example.com").await.unwrap();
        let token = office.world.login("bob@example.com", PASSWORD).await.expect(200).member("access_token");
        let one = format!("/webhooks/{NOBODY}");
        let all = [
            ("GET", "/webhooks".to_owned()),
            ("POST", "/webhooks".to_owned()),
            ("GET", one.clone()),
            ("PATCH", one.clone()),
            ("DELETE", one.clone()),
            ("GET", format!("{one}/deliveries")),
            ("POST", format!("{one}/test")),
            ("POST", format!("{one}/replay")),
            ("POST", format!("{one}/rotate-secret")),
        ];
        for (method, path) in &all {
            office.world.send(Req::new(method, path).bearer(&token)).await.expect_problem(403, "forbidden");
            office.world.send(Req::new(method, path)).await.expect_problem(401, "invalid_token");
        }
        assert!(!bob.roles.contains(&"admin".to_owned()));
        office.world.clock.advance(Duration::from_mins(6));
        for (method, path) in all.iter().filter(|(method, _)| *method != "GET") {
            office.ask(method, path).await.expect_problem(401, "insufficient_user_authentication");
        }
    }

    async fn a_service_account_reads_on_what_happens_and_nobody_else_does(database: &TestDatabase) {
        let office = Office::open(database).await;
        let service = office.send("POST", "/service-accounts", json!({"name": "crm", "roles": []})).await.expect(201).member("id");
        let keys = format!("/service-accounts/{service}/api-keys");
        let key = async |scopes: &[&str]| {
            office.send("POST", &keys, json!({"name": "nightly", "scopes": scopes})).await.expect(201).member("key")
        };
        let (reads, other) = (key(&["events"]).await, key(&["read:todos"]).await);
        let ask = async |token: &str, query: &str| office.world.send(Req::get(&format!("/events{query}")).bearer(token)).await;
        ask(&other, "").await.expect_problem(403, "forbidden");
        ask(&office.access, "").await.expect_problem(403, "forbidden");
        office.world.send(Req::get("/events")).await.expect_problem(401, "invalid_token");

        office.world.auth.place_events().await.unwrap();
        let begin = ask(&reads, "").await.expect(200).json();
        assert_eq!(begin["events"], json!([]));
        let next = begin["next"].as_i64().unwrap();
        office.world.register("bob@example.com", PASSWORD).await;
        office.world.auth.place_events().await.unwrap();
        let page = ask(&reads, &format!("?after={next}&types=registered,deleted&wait=0&limit=10")).await.expect(200).json();
        let bob = office.world.auth.find_user("bob@example.com").await.unwrap().id.to_string();
        assert_eq!((&page["events"][0]["type"], &page["events"][0]["user_id"]), (&json!("registered"), &json!(bob)));
        assert!(!page.to_string().contains('@'), "no address");
        assert!(page["next"].as_i64().unwrap() > next);
        ask(&reads, "?after=99999").await.expect_problem(410, "cursor_too_old");
        for bad in ["?after=-1", "?after=x", "?limit=0", "?limit=1001", "?wait=26", "?after=+1", "?after=1&types=registered,deletd", "?after=1&types=refreshed"] {
            ask(&reads, bad).await.expect_problem(422, "validation_failed");
        }
    }

    async fn a_key_that_ends_while_it_waits_reads_nothing_more(database: &TestDatabase) {
        let office = Office::open(database).await;
        let service = office.send("POST", "/service-accounts", json!({"name": "crm", "roles": []})).await.expect(201).member("id");
        let keys = format!("/service-accounts/{service}/api-keys");
        let made = office.send("POST", &keys, json!({"name": "nightly", "scopes": ["events"]})).await.expect(201).json();
        let (key, id) = (made["key"].as_str().unwrap(), made["id"].as_str().unwrap());
        office.world.auth.place_events().await.unwrap();
        let begin = office.world.send(Req::get("/events").bearer(key)).await.expect(200).json()["next"].as_i64().unwrap();
        office.world.statements();
        let waits = office.world.send(Req::get(&format!("/events?after={begin}&wait=25")).bearer(key));
        let ends = async {
            // Of what it reads before it waits, whether the key is good comes first.
            let mut read = 0;
            while read < 3 {
                tokio::task::yield_now().await;
                read += office.world.statements();
            }
            office.ask("DELETE", &format!("/api-keys/{id}")).await.expect(204);
            office.world.auth.place_events().await.unwrap();
        };
        let (answer, ()) = tokio::join!(waits, ends);
        answer.expect_problem(401, "invalid_token");
    }
}

#[tokio::test]
async fn where_webhooks_are_off_there_are_no_doors() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await;
    world.send(Req::get("/webhooks")).await.expect_problem(404, "not_found");
    database.drop_database().await;
}

/// Lets nobody in from elsewhere.
struct House;

impl Hooks for House {
    fn before_register<'a>(&'a self, _: &'a BeforeRegister) -> Asking<'a, Verdict> {
        Box::pin(async { Ok(Verdict::deny("wrong_house", "Sign up with the address of your company.")) })
    }
}

#[tokio::test]
async fn a_rule_of_the_host_is_told_with_its_own_code_and_text() {
    let database = TestDatabase::sqlite().await;
    let (world, _) = World::with_mail(&database, |builder| builder.hooks(Arc::new(House))).await;
    let problem = world.register(ADA, PASSWORD).await.expect_problem(403, "wrong_house");
    assert_eq!(problem.member("detail"), "Sign up with the address of your company.");
    database.drop_database().await;
}
