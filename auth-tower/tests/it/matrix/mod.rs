//! Every kind of token at every door, in every place, and with everything that can be wrong with it: only the genuine
//! one in its own place at its own door is let in.

mod tokens;

use auth_core::{Algorithm, test_util::forge::Forge};
use auth_migration::test_util::TestDatabase;
use auth_tower::AuthLayer;
use tower::{Layer, service_fn};

use self::tokens::Named;
use crate::{
    layers::{send, whoami},
    support::{ADA, Answer, PASSWORD, Req, World},
};

const COOKIE: &str = "__Host-refresh_token";
/// What `whoami` says of a request without a principal.
const NOBODY: &str = "nobody";

/// What a door answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    /// Let in: this status.
    In(u16),
    /// Let in without a caller.
    Nobody,
    /// 401, and the challenge says that the token is no good (RFC 6750 section 3.1).
    BadToken,
    /// 401, and the challenge says no more than that one is needed.
    NoToken,
    /// 401 in the words of OAuth (RFC 6749 section 5.2); the cookie stays.
    BadGrant,
    /// 204 with the cookie cleared, and no session ended.
    NothingToEnd,
}

impl Expected {
    #[track_caller]
    fn check(self, case: &str, answer: &Answer) {
        let shown = format!("{case}: {answer:?}");
        let challenge = answer.header("www-authenticate").unwrap_or_default();
        let plain = r#"Bearer realm="auth""#;
        let status = match self {
            Self::In(status) => status,
            Self::Nobody => 200,
            Self::NothingToEnd => 204,
            Self::BadToken | Self::NoToken | Self::BadGrant => 401,
        };
        assert_eq!(answer.status, status, "{shown}");
        match self {
            Self::In(_) => assert_ne!(answer.body, NOBODY, "{shown}"),
            Self::Nobody => assert_eq!(answer.body, NOBODY, "{shown}"),
            Self::NothingToEnd => assert!(answer.clears_cookie(), "{shown}"),
            Self::BadToken => {
                let named = format!(r#"{plain}, error="invalid_token""#);
                assert!(challenge.starts_with(&named), "{shown}");
            }
            Self::NoToken => assert_eq!(challenge, plain, "{shown}"),
            Self::BadGrant => {
                assert_eq!((challenge, &*answer.member("error")), (plain, "invalid_grant"), "{shown}");
            }
        }
        if status == 401 {
            answer.clone().expect_problem(401, "invalid_token");
        } else {
            assert_eq!(challenge, "", "{shown}");
        }
        if self != Self::NothingToEnd {
            assert_eq!(answer.header("set-cookie"), None, "{shown}");
        }
    }
}

/// A door that takes an access token.
struct BearerDoor {
    name: String,
    method: &'static str,
    path: String,
    layer: Option<AuthLayer>,
    /// What it answers to a good token, and to none.
    good: Expected,
    none: Expected,
}

impl BearerDoor {
    fn all(world: &World, other_session: &str) -> Vec<Self> {
        let endpoint = |method, path: &str, status| Self {
            name: format!("{method} {path}"),
            method,
            path: path.to_owned(),
            layer: None,
            good: Expected::In(status),
            none: Expected::NoToken,
        };
        let layer = |name: &str, layer, none| Self {
            name: name.to_owned(),
            method: "GET",
            path: "/".to_owned(),
            layer: Some(layer),
            good: Expected::In(200),
            none,
        };
        let (auth, verifier) = (&world.auth, || world.auth.verifier());
        let bounded = || verifier().bounded(auth.revocations());
        let (required, optional) = (Expected::NoToken, Expected::Nobody);
        vec![
            endpoint("GET", "/users/me", 200),
            endpoint("GET", "/users/me/sessions", 200),
            endpoint("GET", "/verify", 204),
            layer("a layer", AuthLayer::required(verifier()), required),
            layer("a bounded layer", AuthLayer::required(bounded()), required),
            layer("a strict layer", AuthLayer::required(verifier()).strict(auth.clone()), required),
            layer("an optional layer", AuthLayer::optional(verifier()), optional),
            layer("an optional bounded layer", AuthLayer::optional(bounded()), optional),
            layer("an optional strict layer", AuthLayer::optional(verifier()).strict(auth.clone()), optional),
            // Last, as these end something when they are opened.
            endpoint("DELETE", &format!("/users/me/sessions/{other_session}"), 204),
            endpoint("DELETE", "/users/me/sessions", 204),
        ]
    }

    fn request(&self) -> Req {
        Req::new(self.method, &self.path)
    }

    async fn check(&self, world: &World, case: &str, request: Req, expected: Expected) {
        let answer = match &self.layer {
            None => world.send(request).await,
            Some(layer) => send(layer.layer(service_fn(whoami)), request).await,
        };
        expected.check(&format!("{case}, at {}", self.name), &answer);
    }
}

/// A good access token everywhere but where it belongs.
fn misplaced(door: &BearerDoor, access: &str) -> Vec<(String, Req)> {
    let mut all: Vec<_> = ["Basic", "DPoP", "Token", "BearerBearer", "JWT", "OAuth"]
        .map(|scheme| {
            let request = door.request().header("authorization", format!("{scheme} {access}"));
            (format!("an access token of the scheme {scheme}"), request)
        })
        .into();
    for (what, request) in [
        ("without a scheme", door.request().header("authorization", access)),
        ("in another header", door.request().header("x-access-token", access)),
        ("in a proxy's header", door.request().header("proxy-authorization", format!("Bearer {access}"))),
        ("in a cookie", door.request().cookie(&format!("access_token={access}"))),
        ("in the refresh cookie", door.request().cookie(&format!("{COOKIE}={access}"))),
        ("in the address", Req::new(door.method, &format!("{}?access_token={access}", door.path))),
        ("in a form", door.request().form(format!("access_token={access}"))),
        ("in a JSON body", door.request().json(format!(r#"{{"access_token":"{access}"}}"#))),
    ] {
        all.push((format!("an access token {what}"), request));
    }
    all
}

/// A server, Ada's tokens there, and all that is no genuine token of hers.
struct Case {
    /// Goes when it is dropped.
    _database: TestDatabase,
    world: World,
    algorithm: Algorithm,
    access: String,
    refresh: String,
    /// An access token of another session.
    other: String,
    forged_access: Vec<Named>,
    forged_refresh: Vec<Named>,
}

impl Case {
    /// With a server of each algorithm.
    async fn each() -> Vec<Self> {
        let mut cases = Vec::new();
        for signing in tokens::servers() {
            let database = TestDatabase::sqlite().await;
            let world = World::with_keys(&database, |_| signing.keys.clone()).await.with_ada().await;
            let (access, cookie) = world.ada_signs_in().await;
            let (other, other_cookie) = world.ada_signs_in().await;
            let [refresh, other_refresh] =
                [&cookie, &other_cookie].map(|cookie| cookie.split_once('=').unwrap().1.to_owned());
            let forge = Forge::of(&access, signing);
            cases.push(Self {
                algorithm: forge.signing.algorithm,
                forged_access: tokens::access(&forge, &world.auth.jwks()),
                forged_refresh: tokens::refresh(&refresh, &other_refresh),
                _database: database,
                world,
                access,
                refresh,
                other,
            });
        }
        cases
    }

    /// The sessions of Ada that live, as the one of this token sees them, and how much has happened.
    async fn state(&self, access: &str) -> (Vec<String>, usize) {
        let answer = self.world.send(Req::get("/users/me/sessions").bearer(access)).await.expect(200);
        let sessions = answer.json()["sessions"].as_array().unwrap().clone();
        let mut ids: Vec<_> =
            sessions.iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect();
        ids.sort();
        (ids, self.world.events.events().len())
    }

    fn session_of(&self, access: &str) -> String {
        self.world.auth.verifier().verify(access).unwrap().session_id().unwrap().to_string()
    }
}

#[tokio::test]
async fn a_bearer_door_opens_to_the_genuine_access_token_in_its_place_and_to_nothing_else() {
    for case in Case::each().await {
        let Case { world, algorithm, access, refresh, .. } = &case;
        let doors = BearerDoor::all(world, &case.session_of(&case.other));
        let before = case.state(access).await;
        for door in &doors {
            for (what, text) in &case.forged_access {
                let what = format!("{algorithm}: an access token {what}");
                door.check(world, &what, door.request().bearer(text), Expected::BadToken).await;
            }
            for (what, text) in &case.forged_refresh {
                let what = format!("{algorithm}: a refresh token {what}");
                door.check(world, &what, door.request().bearer(text), Expected::BadToken).await;
            }
            for (what, request) in [
                ("a refresh token", door.request().bearer(refresh)),
                ("an access token twice", door.request().bearer(access).bearer(access)),
            ] {
                door.check(world, what, request, Expected::BadToken).await;
            }
            for (what, request) in misplaced(door, access) {
                door.check(world, &what, request, door.none).await;
            }
            let cookie = door.request().cookie(&format!("{COOKIE}={refresh}"));
            door.check(world, "a refresh token in its cookie", cookie, door.none).await;
            door.check(world, "nothing", door.request(), door.none).await;
        }
        assert_eq!(case.state(access).await, before, "nothing has happened");
        for door in &doors {
            door.check(world, "the access token", door.request().bearer(access), door.good).await;
        }
        assert_eq!(case.state(access).await.0, [case.session_of(access)], "the others were ended");
    }
}

#[tokio::test]
async fn a_refresh_succeeds_with_the_genuine_token_in_the_cookie_and_with_nothing_else() {
    for case in Case::each().await {
        let Case { world, algorithm, access, refresh, .. } = &case;
        let before = case.state(access).await;
        let post = || Req::post("/refresh-token");
        let mut requests: Vec<(String, Req)> = [
            ("nothing", post()),
            ("an access token", post().cookie(&format!("{COOKIE}={access}"))),
            ("a refresh token under the other name", post().cookie(&format!("refresh_token={refresh}"))),
            ("a refresh token under a longer name", post().cookie(&format!("x{COOKIE}={refresh}"))),
            ("a refresh token in the address", Req::post(&format!("/refresh-token?refresh_token={refresh}"))),
            ("a refresh token in the body", post().json(format!(r#"{{"refresh_token":"{refresh}"}}"#))),
            ("a refresh token as a bearer token", post().bearer(refresh)),
            ("an access token as a bearer token", post().bearer(access)),
            ("two refresh tokens", post().cookie(&format!("{COOKIE}={refresh}; {COOKIE}=x{refresh}"))),
        ]
        .map(|(what, request)| (what.to_owned(), request))
        .into();
        for (kind, forged) in [("access", &case.forged_access), ("refresh", &case.forged_refresh)] {
            for (what, text) in forged {
                requests
                    .push((format!("a token ({kind}) {what}"), post().cookie(&format!("{COOKIE}={text}"))));
            }
        }
        for (what, request) in requests {
            let answer = world.send(request).await;
            Expected::BadGrant.check(&format!("{algorithm}: {what}, at the refresh"), &answer);
        }
        let unknown = world.refresh(&format!("{COOKIE}={}", tokens::of_no_session(refresh))).await;
        assert!(
            unknown.expect_problem(401, "invalid_token").clears_cookie(),
            "as of a session that was swept"
        );
        assert_eq!(case.state(access).await, before, "nothing has happened");
        world.refresh(&format!("{COOKIE}={refresh}")).await.expect(200).cookie().unwrap();
    }
}

#[tokio::test]
async fn a_logout_ends_the_session_of_a_genuine_token_in_its_place_and_no_other() {
    for case in Case::each().await {
        let Case { world, algorithm, access, refresh, other, .. } = &case;
        let (kept, _) = world.ada_signs_in().await;
        let before = case.state(&kept).await;
        let post = || Req::post("/logout");
        let of_no_session = tokens::of_no_session(refresh);
        let mut requests: Vec<(String, Req)> = [
            ("nothing", post()),
            ("a refresh token as a bearer token", post().bearer(refresh)),
            ("a refresh token under the other name", post().cookie(&format!("refresh_token={refresh}"))),
            ("a refresh token in the address", Req::post(&format!("/logout?refresh_token={refresh}"))),
            ("a refresh token in the body", post().json(format!(r#"{{"refresh_token":"{refresh}"}}"#))),
            ("a refresh token of no session", post().cookie(&format!("{COOKIE}={of_no_session}"))),
            ("an access token in the refresh cookie", post().cookie(&format!("{COOKIE}={access}"))),
            ("an access token of another scheme", post().header("authorization", format!("Basic {access}"))),
            ("an access token in the address", Req::post(&format!("/logout?access_token={access}"))),
        ]
        .map(|(what, request)| (what.to_owned(), request))
        .into();
        for (what, text) in &case.forged_access {
            requests.push((format!("an access token {what}"), post().bearer(text)));
        }
        for (what, text) in &case.forged_refresh {
            requests.push((format!("a refresh token {what}"), post().cookie(&format!("{COOKIE}={text}"))));
        }
        for (what, request) in requests {
            let answer = world.send(request).await;
            Expected::NothingToEnd.check(&format!("{algorithm}: {what}, at the logout"), &answer);
        }
        assert_eq!(case.state(&kept).await, before, "nothing has happened");

        for request in [post().cookie(&format!("{COOKIE}={refresh}")), post().bearer(other)] {
            assert!(world.send(request).await.expect(204).clears_cookie());
        }
        assert_eq!(case.state(&kept).await.0, [case.session_of(&kept)]);
    }
}

#[tokio::test]
async fn a_login_replaces_the_session_of_a_genuine_token_in_the_cookie_and_no_other() {
    for case in Case::each().await {
        let Case { world, access, refresh, .. } = &case;
        let login = |cookie: &str| {
            let body = serde_json::json!({ "email": ADA, "password": PASSWORD }).to_string();
            world.send(Req::post("/login").cookie(cookie).json(body))
        };
        // One forged access token for all: each login makes a session, and there is a limit.
        let forged = case.forged_refresh.iter().chain(&case.forged_access[..1]);
        let mut cookies = vec![format!("refresh_token={refresh}"), format!("{COOKIE}={access}")];
        cookies.extend(forged.map(|(_, text)| format!("{COOKIE}={text}")));
        for cookie in &cookies {
            let alive = case.state(access).await.0.len();
            login(cookie).await.expect(200);
            assert_eq!(case.state(access).await.0.len(), alive + 1, "{cookie}");
        }
        login(&format!("{COOKIE}={refresh}")).await.expect(200);
        world.me(access).await.expect_problem(401, "invalid_token");
    }
}
