//! The program against a real OpenID Connect server, and in a real browser.

mod page;
mod provider;
mod settings;
mod walker;

use std::{net::TcpListener, path::Path};

use serde_json::json;
use url::Url;

use self::{
    provider::{OidcProvider, SECRET},
    walker::{Answer, Page, Walker},
};
use crate::support::{PASSWORD, Program, Server};

/// Program and provider, which know each other's address.
struct World {
    server: Server,
    provider: OidcProvider,
    /// As browsers see the service.
    url: String,
    _home: tempfile::TempDir,
}

/// A port that nobody has: the provider must know the callback before the service runs.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn with_provider(home: &Path, provider: &OidcProvider, port: u16, url: &str) -> Program {
    let program = Program::in_directory(home).env("PORT", &port.to_string()).env("PUBLIC_URL", url);
    ["RSA", "EC"].into_iter().fold(program.env("LOG_FORMAT", "json"), |program, name| {
        program
            .env(&format!("OAUTH_{name}_ISSUER"), &provider.issuer)
            .env(&format!("OAUTH_{name}_CLIENT_ID"), &name.to_ascii_lowercase())
            .env(&format!("OAUTH_{name}_CLIENT_SECRET"), SECRET)
    })
}

impl World {
    async fn start(settings: &[(&str, &str)]) -> Self {
        Self::with(settings, false).await
    }

    async fn with(settings: &[(&str, &str)], claims_in_id_token: bool) -> Self {
        let home = tempfile::tempdir().unwrap();
        let port = free_port();
        // Another site than the provider's, which is at the number.
        let url = format!("http://localhost:{port}");
        let provider = OidcProvider::start(&url, claims_in_id_token).await;
        let program = with_provider(home.path(), &provider, port, &url);
        let program = settings.iter().fold(program, |program, (name, value)| program.env(name, value));
        Self { server: program.start().await, provider, url, _home: home }
    }

    fn at(&self, path: &str) -> Url {
        Url::parse(&format!("{}{path}", self.url)).unwrap()
    }

    /// Up to the callback, which is not called yet.
    async fn approve(&self, walker: &mut Walker, client: &str, name: &str, says: Answer) -> Url {
        let from = self.at(&format!("/oauth/{client}/authorize?redirect_to=/app"));
        walker.walk(&from, &self.url, name, says).await
    }

    async fn sign_in(&self, walker: &mut Walker, client: &str, name: &str) -> Page {
        let callback = self.approve(walker, client, name, Answer::Yes).await;
        walker.get(&callback).await
    }

    /// The access token that a page gets after it.
    async fn refresh(&self, walker: &mut Walker) -> String {
        let page = walker.ask("POST", &self.at("/refresh-token"), &[], "").await;
        assert_eq!(page.status, 200, "{}", page.body);
        page.json()["access_token"].as_str().unwrap().to_owned()
    }

    async fn me(&self, walker: &mut Walker) -> serde_json::Value {
        let bearer = format!("Bearer {}", self.refresh(walker).await);
        walker.ask("GET", &self.at("/users/me"), &[("authorization", &bearer)], "").await.json()
    }
}

#[tokio::test]
#[ignore = "needs node and npm"]
async fn a_certified_provider_signs_in_by_rs256_and_es256_and_the_same_person_is_the_same_account() {
    for claims_in_id_token in [false, true] {
        let world = World::with(&[], claims_in_id_token).await;
        let mut walker = Walker::new();
        assert_eq!(world.sign_in(&mut walker, "rsa", "ada").await.leads_to(), "/app");
        let me = world.me(&mut walker).await;
        assert_eq!((&me["email"], &me["email_verified"]), (&json!("ada@example.com"), &json!(true)));
        for client in ["rsa", "ec"] {
            let mut again = Walker::new();
            assert_eq!(world.sign_in(&mut again, client, "ada").await.leads_to(), "/app");
            assert_eq!(world.me(&mut again).await["id"], me["id"], "{client}");
        }
        let mut other = Walker::new();
        world.sign_in(&mut other, "rsa", "bob").await;
        assert_ne!(world.me(&mut other).await["id"], me["id"]);
    }
}

#[tokio::test]
#[ignore = "needs node and npm"]
async fn whoever_says_no_or_has_no_verified_address_is_told_so_at_the_page() {
    let world = World::start(&[]).await;
    let callback = world.approve(&mut Walker::new(), "rsa", "ada", Answer::No).await;
    assert!(callback.as_str().contains("error=access_denied"), "{callback}");
    for (name, says, expected) in [
        ("ada", Answer::No, "access_denied"),
        ("unverified", Answer::Yes, "email_unverified"),
        ("mailless", Answer::Yes, "email_missing"),
    ] {
        let mut walker = Walker::new();
        let callback = world.approve(&mut walker, "rsa", name, says).await;
        let page = walker.ask("GET", &callback, &[("x-request-id", name)], "").await;
        assert_eq!(page.leads_to(), format!("/app?error={expected}"));
        assert!(
            page.headers
                .get_all("set-cookie")
                .iter()
                .all(|set| !set.to_str().unwrap().contains("refresh_token"))
        );
        let line = world.server.log().wait_for(&format!("\"reason\":\"{expected}\"")).await;
        assert!(line.contains("\"request_id\":"), "{line}");
        // Nothing of the way there and back, and nobody's address.
        let log = world.server.log().lines().join("\n");
        for (key, value) in callback.query_pairs() {
            assert!(!["code", "state"].contains(&&*key) || !log.contains(&*value), "{key} is in the log");
        }
        assert!(!log.contains("@example.com"));
    }
}

#[tokio::test]
#[ignore = "needs node and npm"]
async fn a_callback_in_another_browser_or_a_second_time_signs_nobody_in() {
    let world = World::start(&[]).await;
    let mut walker = Walker::new();
    let callback = world.approve(&mut walker, "rsa", "ada", Answer::Yes).await;
    let mut other = Walker::new();
    assert_eq!(other.get(&callback).await.leads_to(), "/app?error=cookie_missing");
    assert_eq!(walker.get(&callback).await.leads_to(), "/app");
    assert_eq!(walker.get(&callback).await.leads_to(), "/app?error=state_used");
    // And the one who is signed in still is.
    world.refresh(&mut walker).await;
    let page = other.ask("POST", &world.at("/refresh-token"), &[], "").await;
    assert_eq!(page.status, 401);
}

#[tokio::test]
#[ignore = "needs node and npm"]
async fn a_provider_that_died_stops_nobody_with_a_password() {
    let mut world = World::start(&[]).await;
    world.provider.kill().await;
    let page = Walker::new().get(&world.at("/oauth/rsa/authorize?redirect_to=/app")).await;
    assert_eq!(page.leads_to(), "/app?error=provider_unavailable");
    world.server.client().sign_up("ada@example.com").await;
    assert_eq!(world.server.client().get("/health/ready").await.status, 200);
}

#[tokio::test]
#[ignore = "needs node and npm"]
async fn an_account_with_a_password_links_an_identity_and_one_without_keeps_its_last() {
    let world = World::start(&[]).await;
    let client = world.server.client();
    let session = client.sign_up("somebody@example.net").await;
    let bearer = format!("Bearer {}", session.access_token);
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let body = json!({"provider": "rsa", "redirect_to": "/settings", "password": PASSWORD}).to_string();
    let mut walker = Walker::new();
    let page = walker.ask("POST", &world.at("/users/me/identities"), &headers, &body).await;
    let to = Url::parse(page.json()["authorization_url"].as_str().unwrap()).unwrap();
    let callback = walker.walk(&to, &world.url, "unverified", Answer::Yes).await;
    assert_eq!(walker.get(&callback).await.leads_to(), "/settings");
    assert_eq!(world.sign_in(&mut walker, "rsa", "unverified").await.leads_to(), "/app");
    assert_eq!(world.me(&mut walker).await["email"], "somebody@example.net");
    let identities = async |bearer: &str| {
        let page = Walker::new()
            .ask("GET", &world.at("/users/me/identities"), &[("authorization", bearer)], "")
            .await;
        page.json()["identities"][0]["id"].as_str().unwrap().to_owned()
    };
    let remove = async |bearer: &str, id: &str, body: &str| {
        let url = world.at(&format!("/users/me/identities/{id}"));
        let headers = [("authorization", bearer), ("content-type", "application/json")];
        Walker::new().ask("DELETE", &url, &headers, body).await.status.as_u16()
    };
    let id = identities(&bearer).await;
    assert_eq!(remove(&bearer, &id, "{}").await, 422);
    assert_eq!(remove(&bearer, &id, &json!({"password": PASSWORD}).to_string()).await, 204);

    let mut ada = Walker::new();
    world.sign_in(&mut ada, "rsa", "ada").await;
    let bearer = format!("Bearer {}", world.refresh(&mut ada).await);
    let id = identities(&bearer).await;
    assert_eq!(remove(&bearer, &id, "{}").await, 401, "the provider was not asked when the sign-in was");
    // Asked for a sign-in now, it has the person sign in again, and tells.
    let from = world.at("/oauth/rsa/authorize?redirect_to=/app&max_age=0");
    let callback = ada.walk(&from, &world.url, "ada", Answer::Yes).await;
    assert_eq!(ada.get(&callback).await.leads_to(), "/app");
    let bearer = format!("Bearer {}", world.refresh(&mut ada).await);
    assert_eq!(remove(&bearer, &id, "{}").await, 409);
}

#[tokio::test]
#[ignore = "needs node and npm"]
async fn sign_up_and_registration_are_closed_as_they_were_set() {
    for setting in [("OAUTH_SIGNUP", "off"), ("REGISTRATION", "closed")] {
        let world = World::start(&[setting]).await;
        let page = world.sign_in(&mut Walker::new(), "rsa", "ada").await;
        assert_eq!(page.leads_to(), "/app?error=sign_up_closed", "{setting:?}");
    }
}

#[tokio::test]
#[ignore = "needs node and npm"]
async fn browsers_are_sent_to_trusted_origins_and_to_no_other() {
    let world = World::start(&[
        ("TRUSTED_ORIGINS", "https://app.example.com"),
        ("OAUTH_REDIRECT_TO", "https://app.example.com/home"),
    ])
    .await;
    let mut walker = Walker::new();
    for (query, expected) in [
        ("?redirect_to=https://app.example.com/in", "https://app.example.com/in"),
        ("", "https://app.example.com/home"),
    ] {
        let from = world.at(&format!("/oauth/rsa/authorize{query}"));
        let callback = walker.walk(&from, &world.url, "ada", Answer::Yes).await;
        assert_eq!(walker.get(&callback).await.leads_to(), expected);
    }
    for page in ["//evil.example", "https://evil.example/", "/%5Cevil.example"] {
        let answer = walker.get(&world.at(&format!("/oauth/rsa/authorize?redirect_to={page}"))).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["code"]),
            (422, &json!("validation_failed")),
            "{page}"
        );
    }
}
