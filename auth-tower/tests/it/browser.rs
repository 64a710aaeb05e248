//! `/verify/browser`: who is signed in, for a proxy in front of applications that know nothing of users.

use std::time::Duration;

use auth_core::{AuthBuilder, ClientInfo, Principal, ProfileChange, SecondFactor};
use auth_migration::test_util::TestDatabase;
use auth_tower::{BrowserDoor, TrustedProxy};
use serde_json::json;

use crate::{
    pages::walker::Walker,
    support::{ADA, Answer, PASSWORD, Req, World},
};

const COOKIE: &str = "__Host-auth_browser";
const SIGN_IN: &str = "https://auth.example.com/account/sign-in";

/// Ada at a service with such a door.
async fn world(database: &TestDatabase) -> World {
    made(database, |builder| builder, |door| door).await
}

async fn made(
    database: &TestDatabase,
    rules: impl FnOnce(AuthBuilder) -> AuthBuilder,
    door: impl FnOnce(BrowserDoor) -> BrowserDoor,
) -> World {
    let world = World::make(database, |keys| keys, rules).await;
    let door = door(BrowserDoor::new("/account/sign-in").step_up("/account/confirm"));
    let world = world.with(|service| {
        let service = service.public_url("https://auth.example.com").browser_door(door);
        service.trusted_origin("https://wiki.example.com").trusted_origin("https://app.example.org")
    });
    world.with_ada().await
}

/// As `name=value` for a request.
fn cookie_of(answer: &Answer) -> String {
    answer.set_cookie("auth_browser").unwrap().split(';').next().unwrap().to_owned()
}

async fn signed_in(world: &World) -> String {
    cookie_of(&world.login(ADA, PASSWORD).await.expect(200))
}

/// What a proxy asks about a request.
fn asks(method: &str, page: &str) -> Req {
    let request = Req::get("/verify/browser").extension(TrustedProxy);
    request.header("x-forwarded-method", method).header("x-forwarded-uri", page)
}

fn navigation(page: &str) -> Req {
    asks("GET", page).header("sec-fetch-mode", "navigate")
}

auth_migration::each_database! {
    async fn every_sign_in_sets_its_cookie_and_a_sign_out_takes_it_away(database: &TestDatabase) {
        let world = world(database).await;
        let login = world.login(ADA, PASSWORD).await.expect(200);
        let set = login.set_cookie("auth_browser").unwrap();
        assert!(set.starts_with("__Host-auth_browser=") && set.contains("; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=2592000"), "{set}");
        assert!(!set.contains("Domain"), "{set}");
        // A refresh keeps it.
        world.clock.advance(Duration::from_mins(1));
        let refreshed = world.refresh(&login.cookie().unwrap()).await.expect(200);
        assert_eq!(cookie_of(&refreshed), cookie_of(&login));
        let out = world.send(Req::post("/logout").cookie(&refreshed.cookie().unwrap())).await.expect(204);
        let set = out.set_cookie("auth_browser").unwrap();
        assert!(set.starts_with("__Host-auth_browser=;") && set.contains("Max-Age=0"), "{set}");
    }

    async fn there_is_no_door_and_no_cookie_unless_it_is_asked_for(database: &TestDatabase) {
        let world = World::new(database).await.with_ada().await;
        assert_eq!(world.login(ADA, PASSWORD).await.expect(200).set_cookie("auth_browser"), None);
        world.send(navigation("/wiki")).await.expect_problem(404, "not_found");
    }

    async fn an_application_is_told_who_is_signed_in(database: &TestDatabase) {
        let world = made(database, |builder| builder.configure(|config| config.profile.enabled = true), |door| door).await;
        let login = world.login(ADA, PASSWORD).await.expect(200);
        let caller: Principal = world.auth.verifier().verify(&login.member("access_token")).unwrap();
        let asked = || navigation("/wiki").cookie(&cookie_of(&login));
        let told = world.send(asked()).await.expect(204);
        assert_eq!(told.header("x-auth-user"), Some(&*caller.user_id().to_string()));
        assert_eq!((told.header("x-auth-email"), told.header("x-auth-name")), (Some(""), Some("")), "not proved");
        assert_eq!(told.header("x-auth-roles"), Some("user"));
        assert_eq!(told.header("cache-control"), Some("no-store"));

        world.execute("UPDATE auth_user SET email_verified_at = 1").await;
        let name = "Ada Löve, \"Countess\"";
        world.auth.change_profile(&caller, ProfileChange::default().name(name), ClientInfo::default()).await.unwrap();
        world.auth.set_roles(caller.user_id(), &["editor"], ClientInfo::default()).await.unwrap();
        world.clock.advance(Duration::from_secs(1));
        let told = world.send(asked()).await.expect(204);
        assert_eq!(told.header("x-auth-email"), Some(ADA));
        assert_eq!(told.header("x-auth-name"), Some("Ada%20L%C3%B6ve%2C%20%22Countess%22"));
        assert_eq!(told.header("x-auth-roles"), Some("user,editor"));
    }

    async fn whoever_goes_to_a_page_is_sent_to_sign_in_and_a_script_is_told_where(database: &TestDatabase) {
        let world = world(database).await;
        let back = format!("{SIGN_IN}?redirect_to=%2Fwiki%2Fa%3Fb%3D1");
        let page = "/wiki/a?b=1";
        assert_eq!(world.send(navigation(page)).await.expect(302).header("location"), Some(&*back));
        // An older browser says what it wants to see.
        let older = asks("GET", page).header("accept", "text/html,application/xhtml+xml");
        assert_eq!(world.send(older).await.expect(302).header("location"), Some(&*back));
        for other in [
            asks("GET", page).header("sec-fetch-mode", "cors").header("accept", "text/html"),
            asks("GET", page).header("accept", "application/json"),
            asks("GET", page),
        ] {
            let answer = world.send(other).await.expect_problem(401, "invalid_token");
            assert_eq!((answer.header("x-auth-redirect"), answer.header("location")), (Some(&*back), None));
            assert_eq!(answer.header("x-auth-user"), None);
        }
        let nginx = Req::get("/verify/browser?status=401").extension(TrustedProxy);
        let nginx = nginx.header("x-forwarded-uri", page).header("x-forwarded-method", "GET").header("sec-fetch-mode", "navigate");
        let answer = world.send(nginx).await.expect_problem(401, "invalid_token");
        assert_eq!(answer.header("x-auth-redirect"), Some(&*back));
    }

    async fn nobody_is_sent_to_another_site_by_way_of_the_sign_in_page(database: &TestDatabase) {
        let world = world(database).await;
        for page in ["//evil.example/", "/\\evil.example", "https://evil.example/", "evil", "/a b", "/\u{e9}", ""] {
            assert_eq!(world.send(navigation(page)).await.expect(302).header("location"), Some(SIGN_IN), "{page}");
        }
        let long = format!("/{}", "a".repeat(2000));
        assert_eq!(world.send(navigation(&long)).await.expect(302).header("location"), Some(SIGN_IN));
        // Nor does anybody but a trusted proxy say which page it is.
        let told = Req::get("/verify/browser").header("x-forwarded-uri", "/wiki").header("sec-fetch-mode", "navigate");
        assert_eq!(world.send(told).await.expect(302).header("location"), Some(SIGN_IN));
        for (header, host) in [
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-host", "wiki.example.com"),
            ("x-forwarded-host", ""),
            ("x-forwarded-host", "auth.example.com, evil.example"),
            ("x-original-url", "https://evil.example/wiki"),
        ] {
            let asked = navigation("/wiki").header(header, host).cookie(&signed_in(&world).await);
            world.send(asked).await.expect_problem(403, "host_not_kept");
        }
        for host in ["auth.example.com", "AUTH.example.com:443", "auth.example.com:8443"] {
            let answer = world.send(navigation("/wiki").header("x-forwarded-host", host)).await.expect(302);
            assert_eq!(answer.header("location"), Some(&*format!("{SIGN_IN}?redirect_to=%2Fwiki")));
        }
        let original = Req::get("/verify/browser").extension(TrustedProxy).header("x-original-method", "GET");
        let original = original.header("x-original-url", "https://auth.example.com/wiki").header("accept", "text/html");
        assert_eq!(world.send(original).await.expect(302).header("location"), Some(&*format!("{SIGN_IN}?redirect_to=%2Fwiki")));
    }

    async fn what_another_site_begins_is_refused_and_a_link_is_followed(database: &TestDatabase) {
        let world = world(database).await;
        let cookie = signed_in(&world).await;
        let from = |method: &str, site: &str, origin: &str| {
            let request = asks(method, "/wiki").cookie(&cookie).header("sec-fetch-site", site);
            if origin.is_empty() { request } else { request.header("origin", origin) }
        };
        for (method, site, origin) in [
            ("GET", "cross-site", ""),
            ("HEAD", "cross-site", ""),
            ("POST", "same-origin", "https://auth.example.com"),
            ("POST", "none", ""),
            ("DELETE", "same-site", "https://wiki.example.com"),
        ] {
            world.send(from(method, site, origin)).await.expect(204);
        }
        for (method, site, origin) in [
            ("POST", "cross-site", "https://evil.example"),
            ("POST", "same-site", "https://other.example.com"),
            ("DELETE", "cross-site", ""),
            ("CONNECT", "cross-site", "https://evil.example"),
            ("WRONG METHOD", "cross-site", ""),
        ] {
            world.send(from(method, site, origin)).await.expect_problem(403, "cross_origin");
        }
        // A WebSocket begins with a GET.
        for header in ["sec-websocket-key", "upgrade"] {
            let socket = |site, origin| from("GET", site, origin).header(header, "websocket");
            world.send(socket("same-origin", "https://auth.example.com")).await.expect(204);
            world.send(socket("cross-site", "https://evil.example")).await.expect_problem(403, "cross_origin");
        }
        // What is asked about and not told may be anything, and so is what the client says besides.
        let untold = Req::get("/verify/browser").cookie(&cookie).header("sec-fetch-site", "cross-site");
        world.send(untold).await.expect_problem(403, "cross_origin");
        let by_client = Req::get("/verify/browser").cookie(&cookie).header("sec-fetch-site", "cross-site").header("x-forwarded-method", "GET");
        world.send(by_client).await.expect_problem(403, "cross_origin");
        let both = from("POST", "cross-site", "").header("x-original-method", "GET");
        world.send(both).await.expect_problem(403, "cross_origin");
        // A question before a request of another origin comes without a cookie.
        let before = asks("OPTIONS", "/wiki").header("origin", "https://wiki.example.com").header("access-control-request-method", "PUT");
        world.send(before).await.expect_problem(401, "invalid_token");
    }

    async fn after_a_sign_out_a_copy_of_the_cookie_is_no_good(database: &TestDatabase) {
        let world = world(database).await;
        world.auth.poll_revocations().await.unwrap();
        let login = world.login(ADA, PASSWORD).await.expect(200);
        let cookie = cookie_of(&login);
        let asked = || navigation("/wiki").cookie(&cookie);
        world.send(asked()).await.expect(204);
        world.send(Req::post("/logout").cookie(&login.cookie().unwrap())).await.expect(204);
        world.send(asked()).await.expect(302);

        // Where only applications were used for long the jar has no other cookie any more.
        let cookie = signed_in(&world).await;
        world.send(navigation("/wiki").cookie(&cookie)).await.expect(204);
        world.send(Req::post("/logout").cookie(&cookie)).await.expect(204);
        world.send(navigation("/wiki").cookie(&cookie)).await.expect(302);
    }

    async fn of_two_cookies_none_is_taken(database: &TestDatabase) {
        let world = world(database).await;
        let (one, other) = (signed_in(&world).await, signed_in(&world).await);
        world.send(navigation("/wiki").cookie(&format!("{one}; {other}"))).await.expect(302);
        world.send(navigation("/wiki").cookie(&format!("{one}; {one}"))).await.expect(204);
    }

    async fn the_cookie_opens_nothing_else(database: &TestDatabase) {
        let world = made(database, |builder| builder.configure(|config| config.profile.enabled = true), |door| door).await;
        let token = signed_in(&world).await.split_once('=').unwrap().1.to_owned();
        let description = world.service().openapi();
        let id = world.auth.list_users(auth_core::UserQuery::default()).await.unwrap().users[0].id.to_string();
        let mut asked = 0;
        for (path, operations) in description["paths"].as_object().unwrap() {
            for method in operations.as_object().unwrap().keys().filter(|key| *key != "parameters") {
                // The door itself, and the one that only ends what the cookie is of.
                if ["/verify/browser", "/logout"].contains(&&**path) {
                    continue;
                }
                let address = path.replace("{id}", &id);
                let request = || Req::new(&method.to_uppercase(), &address).json("{}");
                let as_nobody = world.send(request()).await;
                world.forget_failures().await;
                for stolen in [
                    request().cookie(&format!("{COOKIE}={token}")),
                    request().cookie(&format!("__Host-refresh_token={token}; __Host-auth_device={token}; __Host-auth_flow={token}")),
                    request().bearer(&token),
                ] {
                    let answer = world.send(stolen).await;
                    world.forget_failures().await;
                    assert_eq!(answer.status, as_nobody.status, "{method} {path}: {answer:?}");
                    assert_eq!(answer.cookie(), None, "{method} {path}: {answer:?}");
                    asked += 1;
                }
            }
        }
        assert!(asked > 100, "{asked}");
    }

    async fn a_role_that_is_missing_is_told_on_a_page(database: &TestDatabase) {
        let world = world(database).await;
        let cookie = signed_in(&world).await;
        let asked = |query: &str, mode: &str| {
            let request = Req::get(&format!("/verify/browser{query}")).extension(TrustedProxy).cookie(&cookie);
            request.header("x-forwarded-method", "GET").header("x-forwarded-uri", "/wiki").header("sec-fetch-mode", mode)
        };
        world.send(asked("?role=user", "navigate")).await.expect(204);
        let page = world.send(asked("?role=editor", "navigate")).await.expect(403);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert!(page.body.contains("<h1>No access</h1>"), "{page:?}");
        world.send(asked("?role=editor", "cors")).await.expect_problem(403, "forbidden");
        for wrong in ["?rol=editor", "?role=", "?status=302", "?acr=aal3", "?max_age=-1", "?role=a&role=b", "?scope=x"] {
            world.send(asked(wrong, "navigate")).await.expect_problem(400, "malformed_request");
        }
    }

    async fn who_has_to_show_more_is_sent_to_do_so_and_is_let_in_at_once_afterwards(database: &TestDatabase) {
        let world = world(database).await;
        let login = world.login(ADA, PASSWORD).await.expect(200);
        let cookie = cookie_of(&login);
        let asked = |query: &str| {
            let request = Req::get(&format!("/verify/browser{query}")).extension(TrustedProxy).cookie(&cookie);
            request.header("x-forwarded-method", "GET").header("x-forwarded-uri", "/wiki").header("sec-fetch-mode", "navigate")
        };
        let step_up = "https://auth.example.com/account/confirm?redirect_to=%2Fwiki";
        world.send(asked("?max_age=60")).await.expect(204);
        world.clock.advance(Duration::from_secs(61));
        assert_eq!(world.send(asked("?max_age=60")).await.expect(302).header("location"), Some(step_up));
        assert_eq!(world.send(asked("?acr=aal2")).await.expect(302).header("location"), Some(step_up));
        let told = world.send(asked("?max_age=60&status=401")).await.expect_problem(401, "insufficient_user_authentication");
        assert_eq!(told.header("x-auth-redirect"), Some(step_up));
        let shown = json!({"method": "password", "password": PASSWORD}).to_string();
        world.send(Req::post("/step-up").bearer(&login.member("access_token")).json(shown)).await.expect(200);
        world.send(asked("?max_age=60")).await.expect(204);
    }

    async fn a_session_whose_second_factor_has_become_due_is_sent_to_sign_in(database: &TestDatabase) {
        let of_admins = SecondFactor::RequiredFor(vec!["admin".to_owned()]);
        let world = made(database, |builder| builder.configure(|config| config.factors.policy = of_admins), |door| door).await;
        let login = world.login(ADA, PASSWORD).await.expect(200);
        let asked = || navigation("/wiki").cookie(&cookie_of(&login));
        world.send(asked()).await.expect(204);
        let ada = world.auth.verifier().verify(&login.member("access_token")).unwrap().user_id();
        world.auth.set_roles(ada, &["admin"], ClientInfo::default()).await.unwrap();
        world.clock.advance(Duration::from_secs(1));
        world.send(asked()).await.expect(302);
        world.execute("UPDATE auth_session SET methods = 'pwd otp mfa'").await;
        world.send(asked()).await.expect(204);
    }

    async fn who_is_signed_in_already_comes_back_with_the_cookie_and_not_in_circles(database: &TestDatabase) {
        let without = World::new(database).await.with_ada().await;
        let mut walker = Walker::new(&without);
        walker.go("/sign-in").await;
        walker.submit("/sign-in", &[("email", ADA), ("password", PASSWORD)]).await;
        assert!(!walker.jar.contains_key(COOKIE));
        // Then the door is opened.
        let world = without.with(|service| service.browser_door(BrowserDoor::new("/account/sign-in")));
        let sent = world.send(navigation("/wiki")).await.expect(302);
        let mut walker = walker.at(&world);
        walker.send(Req::get(sent.header("location").unwrap().split_once("/account").unwrap().1).header("sec-fetch-site", "same-origin")).await;
        assert_eq!(walker.answer.header("location"), Some("/wiki"));
        let cookie = format!("{COOKIE}={}", walker.jar[COOKIE]);
        world.send(navigation("/wiki").cookie(&cookie)).await.expect(204);
        // It is set once.
        walker.go("/security").await;
        assert_eq!(walker.answer.set_cookie("auth_browser"), None);

        walker.submit("/sign-out", &[]).await;
        assert!(!walker.jar.contains_key(COOKIE));
    }

    async fn below_a_domain_other_hosts_that_are_trusted_are_kept_too(database: &TestDatabase) {
        let world = made(database, |builder| builder, |door| door.cookie_domain("example.com")).await;
        let login = world.login(ADA, PASSWORD).await.expect(200);
        let set = login.set_cookie("auth_browser").unwrap();
        assert!(set.starts_with("__Secure-auth_browser=") && set.contains("; Domain=example.com"), "{set}");
        let at = |host: &str| navigation("/a?b").header("x-forwarded-host", host);
        world.send(at("wiki.example.com").cookie(&cookie_of(&login))).await.expect(204);
        let answer = world.send(at("wiki.example.com")).await.expect(302);
        let back = format!("{SIGN_IN}?redirect_to=https%3A%2F%2Fwiki%2Eexample%2Ecom%2Fa%3Fb");
        assert_eq!(answer.header("location"), Some(&*back));
        for host in ["other.example.com", "app.example.org", "evil.example"] {
            world.send(at(host).cookie(&cookie_of(&login))).await.expect_problem(403, "host_not_kept");
        }
        let out = world.send(Req::post("/logout").cookie(&login.cookie().unwrap())).await.expect(204);
        assert!(out.set_cookie("auth_browser").unwrap().contains("; Domain=example.com"));
    }
}
