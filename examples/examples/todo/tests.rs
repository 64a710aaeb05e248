//! The application as it is, without a socket, and a kit in the place of everything else.

use std::net::SocketAddr;

use auth_core::{ADMIN_ROLE, ClientInfo, CreateUser, User, test_util::Kit};
use axum::{Router, body::Body, extract::connect_info::MockConnectInfo, response::Response};
use http::{
    Request, StatusCode,
    header::{AUTHORIZATION, CONTENT_TYPE, SET_COOKIE},
};
use sea_orm::{ConnectionTrait as _, DatabaseConnection};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::{app::app, store};

struct World {
    kit: Kit,
    app: Router,
    db: DatabaseConnection,
}

async fn world() -> World {
    let db = auth_core::connect("sqlite::memory:").await.unwrap();
    auth_migration::up(&db).await.unwrap();
    store::migrate(&db).await.unwrap();
    let kit = Kit::new(db.clone());
    let app = app(&kit.auth, db.clone(), "https://todo.example.com").unwrap();
    // There is no connection here to tell an address.
    let app = app.layer(MockConnectInfo(SocketAddr::from(([192, 0, 2, 1], 49152))));
    World { kit, app, db }
}

impl World {
    async fn send(&self, method: &str, path: &str, who: &str, body: &Value) -> Response {
        let request = Request::builder().method(method).uri(path).header(AUTHORIZATION, who);
        let request = request.header(CONTENT_TYPE, "application/json").body(Body::from(body.to_string()));
        self.app.clone().oneshot(request.unwrap()).await.unwrap()
    }

    async fn status(&self, method: &str, path: &str, who: &str, body: Value) -> StatusCode {
        self.send(method, path, who, &body).await.status()
    }

    async fn json(&self, path: &str, who: &str) -> Value {
        let answer = self.send("GET", path, who, &Value::Null).await;
        assert_eq!(answer.status(), 200);
        body(answer).await
    }

    async fn sign_up(&self, email: &str) -> Response {
        let new = json!({"email": email, "password": "correct horse battery", "name": "Ada"});
        self.send("POST", "/sign-up", "", &new).await
    }

    async fn rows(&self, table: &str) -> u64 {
        self.db
            .execute_unprepared(&format!("UPDATE {table} SET user_id = user_id"))
            .await
            .unwrap()
            .rows_affected()
    }
}

async fn body(answer: Response) -> Value {
    let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    serde_json::from_slice(&body).unwrap()
}

#[tokio::test]
async fn who_signs_up_is_signed_in_with_a_name() {
    let world = world().await;
    let answer = world.sign_up("ada@example.com").await;
    assert_eq!(answer.status(), 200);
    let cookies: Vec<_> = answer.headers().get_all(SET_COOKIE).iter().collect();
    assert!(cookies.iter().any(|cookie| cookie.to_str().unwrap().starts_with("__Host-refresh_token=")));
    let bearer = format!("Bearer {}", body(answer).await["access_token"].as_str().unwrap());
    let me = world.json("/me", &bearer).await;
    assert_eq!((&me["email"], &me["name"]), (&json!("ada@example.com"), &json!("Ada")));
}

#[tokio::test]
async fn a_taken_address_leaves_one_account_and_its_owner_is_told() {
    let world = world().await;
    world.sign_up("ada@example.com").await;
    let taken = world.sign_up("Ada@example.com").await;
    assert_eq!(taken.status(), 409);
    assert_eq!(taken.headers().get(SET_COOKIE), None);
    assert_eq!(body(taken).await["code"], "email_taken");
    assert_eq!(world.rows("person").await, 1);
    let [(mail, _)] = &world.kit.mails().await[..] else { panic!("one mail") };
    assert_eq!(mail.to.to_lowercase(), "ada@example.com");
}

#[tokio::test]
async fn a_sign_up_that_breaks_a_rule_names_the_field_and_writes_nothing() {
    let world = world().await;
    for (field, new) in [
        ("name", json!({"email": "ada@example.com", "password": "correct horse battery", "name": " "})),
        ("password", json!({"email": "ada@example.com", "password": "short", "name": "Ada"})),
        ("email", json!({"email": "ada", "password": "correct horse battery", "name": "Ada"})),
    ] {
        let answer = world.send("POST", "/sign-up", "", &new).await;
        assert_eq!(answer.status(), 422);
        assert_eq!(body(answer).await["errors"][0]["field"], field);
    }
    assert_eq!(world.rows("person").await, 0);
}

#[tokio::test]
async fn a_page_of_another_origin_signs_nobody_up() {
    let world = world().await;
    let new = json!({"email": "eve@example.com", "password": "correct horse battery", "name": "Eve"});
    let request = Request::post("/sign-up")
        .header("origin", "https://evil.example")
        .header(CONTENT_TYPE, "application/json")
        .body(Body::from(new.to_string()));
    assert_eq!(world.app.clone().oneshot(request.unwrap()).await.unwrap().status(), 403);
    assert_eq!(world.rows("person").await, 0);
}

#[tokio::test]
async fn everybody_has_a_list_of_their_own() {
    let world = world().await;
    let (ada, bob) = (bearer(&world, "ada@example.com").await, bearer(&world, "bob@example.com").await);
    assert_eq!(world.status("POST", "/todos", &ada, json!({"text": "write tests"})).await, 201);
    assert_eq!(world.json("/todos", &bob).await, json!([]));
    let id = world.json("/todos", &ada).await[0]["id"].clone();
    assert_eq!(world.status("POST", &format!("/todos/{id}/done"), &bob, Value::Null).await, 404);
    assert_eq!(world.status("POST", &format!("/todos/{id}/done"), &ada, Value::Null).await, 204);
    assert_eq!(world.json("/todos", &ada).await, json!([{"id": id, "text": "write tests", "done": true}]));
    assert_eq!(world.status("GET", "/todos", "", Value::Null).await, 401);
}

async fn bearer(world: &World, email: &str) -> String {
    world.kit.bearer(&world.kit.user(email).await).await
}

#[tokio::test]
async fn what_is_for_administrators_closes_the_moment_that_the_role_is_gone() {
    let world = world().await;
    let admin = |email| world.kit.create(CreateUser::new(email).role(ADMIN_ROLE));
    let (grace, _other): (User, User) = (admin("grace@example.com").await, admin("joan@example.com").await);
    let bearer = world.kit.bearer(&grace).await;
    assert_eq!(world.json("/admin/people", &bearer).await, json!([]));
    world.kit.auth.set_roles(grace.id, &[], ClientInfo::default()).await.unwrap();
    assert_eq!(world.status("GET", "/admin/people", &bearer, Value::Null).await, 403);
}

#[tokio::test]
async fn the_lists_of_an_account_go_with_it_and_its_token_adds_nothing_afterwards() {
    let world = world().await;
    let answer = body(world.sign_up("ada@example.com").await).await;
    let bearer = format!("Bearer {}", answer["access_token"].as_str().unwrap());
    world.status("POST", "/todos", &bearer, json!({"text": "leave"})).await;
    let password = json!({"password": "correct horse battery"});
    assert_eq!(world.status("DELETE", "/auth/users/me", &bearer, password).await, 204);
    assert_eq!((world.rows("person").await, world.rows("todo").await), (0, 0));
    assert_eq!(world.status("POST", "/todos", &bearer, json!({"text": "stay"})).await, 401);
}
