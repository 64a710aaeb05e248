//! What every page has around it, whatever it is about.

use auth_core::ClientInfo;
use auth_migration::test_util::TestDatabase;
use auth_tower::AccountPages;

use super::{
    CREDENTIALS,
    walker::{Walker, ask, pages_of},
    with_profiles,
};
use crate::support::{ADA, Answer, Req, World};

/// Every page that there is to see, each in the state in which it has the most to say.
async fn all(world: &World) -> Vec<(&'static str, Answer)> {
    let mut ada = Walker::new(world);
    let mut seen = vec![("sign-in", ada.go("/sign-in?redirect_to=%2Fapp").await.clone())];
    seen.push((
        "sign-in, wrong",
        ada.submit("/sign-in", &[("email", "<i>&\"'"), ("password", "wrong")]).await.clone(),
    ));
    seen.push(("sign-up", ada.go("/sign-up").await.clone()));
    let wrong = [("email", "no address"), ("password", "short"), ("name", "<b>")];
    seen.push(("sign-up, wrong", ada.submit("/sign-up", &wrong).await.clone()));
    seen.push(("sent", ada.go("/sign-up/sent").await.clone()));
    seen.push(("no mail, nothing to send", ada.go("/forgot").await.clone()));
    seen.push(("forgot, sent", ada.go("/forgot/sent").await.clone()));
    seen.push(("nothing", ada.go("/none").await.clone()));
    seen.push(("detour", ada.send(Req::get("/").header("sec-fetch-site", "cross-site")).await.clone()));
    ada.go("/sign-in").await;
    seen.push(("account", ada.submit("/sign-in", CREDENTIALS).await.clone()));
    let long = "x".repeat(201);
    seen.push(("account, wrong", ada.submit("", &[("name", &long), ("locale", "x")]).await.clone()));
    for (page, path) in [
        ("security", "/security"),
        ("password", "/password"),
        ("confirm", "/confirm"),
        ("email", "/email"),
        ("data", "/data"),
        ("delete", "/delete"),
        ("keys", "/keys"),
        ("reset", "/reset"),
        ("verify", "/verify"),
        ("stop", "/stop"),
    ] {
        seen.push((page, ada.go(path).await.clone()));
    }
    ada.go("/keys").await;
    seen.push(("keys, wrong", ada.submit("/keys", &[("name", "x"), ("days", "x")]).await.clone()));
    ada.go("/delete").await;
    seen.push(("delete, wrong", ada.submit("/delete", &[("password", "wrong")]).await.clone()));
    ada.go("/confirm").await;
    seen.push(("confirm, wrong", ada.submit("/confirm", &[("password", "wrong")]).await.clone()));
    // The same for who administers.
    let user = world.auth.find_user(ADA).await.unwrap().id;
    world.auth.set_roles(user, &["admin"], ClientInfo::default()).await.unwrap();
    let one = format!("/admin/users/{user}");
    for (page, path) in [("accounts", "/admin/users"), ("one account", &one), ("services", "/admin/services")]
    {
        seen.push((page, ada.go(path).await.clone()));
    }
    seen.push((
        "services, wrong",
        ada.submit("/admin/services", &[("label", ""), ("roles", "<b>")]).await.clone(),
    ));
    seen.push(("service", ada.submit("/admin/services", &[("label", "<i>&"), ("roles", "")]).await.clone()));
    let service = ada.path.clone();
    seen.push(("a key", ada.submit(&service, &[("do", "key"), ("key_name", "nightly")]).await.clone()));
    seen.push(("service, wrong", {
        ada.go(&service).await;
        ada.submit(&service, &[("do", "key"), ("expires_in_days", "many")]).await.clone()
    }));
    seen
}

#[tokio::test]
async fn a_page_loads_nothing_from_elsewhere_has_nothing_inline_and_says_so() {
    let database = TestDatabase::sqlite().await;
    let world = with_profiles(&database).await.with_ada().await;
    for (page, answer) in all(&world).await {
        let header = |name: &str| answer.header(name).unwrap_or_else(|| panic!("{page} has no {name}"));
        let policy = header("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
            "{page}: {policy}"
        );
        for part in ["form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(part), "{page}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{page}: {policy}");
        assert_eq!(header("cache-control"), "no-store", "{page}");
        assert_eq!(header("content-type"), "text/html; charset=utf-8", "{page}");
        assert_eq!(header("x-content-type-options"), "nosniff", "{page}");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin", "{page}");
        // By `no-referrer` browsers would send the form with `Origin: null`.
        assert_eq!(header("referrer-policy"), "same-origin", "{page}");
        let html = &answer.body;
        for bad in
            ["style=", "<style", "onclick", "onload", "javascript:", "://", "<i>&", "<b>", "access_token"]
        {
            assert!(!html.contains(bad), "{page} has {bad}: {html}");
        }
        assert_eq!(
            html.matches("<script").count(),
            html.matches("<script src=\"/account/").count(),
            "{page}"
        );
        assert!(!html.contains("eyJ"), "{page} has a token");
    }
}

#[tokio::test]
async fn a_page_can_be_used_without_seeing_it() {
    let database = TestDatabase::sqlite().await;
    let world = with_profiles(&database).await.with_ada().await;
    for (page, answer) in all(&world).await {
        let html = &answer.body;
        for part in [
            "<html lang=\"en\" dir=\"ltr\">",
            "<main id=\"main\"",
            "<header>",
            "<footer>",
            "<a class=\"skip\" href=\"#main\">",
        ] {
            assert!(html.contains(part), "{page} has no {part}: {html}");
        }
        assert_eq!((html.matches("<h1>").count(), html.matches("<title>").count()), (1, 1), "{page}");
        // Each field has its label, and what is said of it is there.
        for input in html.split("<input").skip(1).map(|rest| rest.split('>').next().unwrap()) {
            if input.contains("type=\"hidden\"") {
                continue;
            }
            if input.contains("type=\"checkbox\"") {
                assert!(html.contains(&format!("<label class=\"check\"><input{input}> ")), "{page}: {input}");
                continue;
            }
            let part = |name: &str| {
                let (_, rest) = input.split_once(&format!(" {name}=\""))?;
                rest.split('"').next()
            };
            let id = part("id").unwrap();
            assert!(html.contains(&format!("<label for=\"{id}\"")), "{page}: {input}");
            assert!(part("autocomplete").is_some_and(|token| !token.is_empty()), "{page}: {input}");
            for described in part("aria-describedby").unwrap_or_default().split_whitespace() {
                assert!(html.contains(&format!("id=\"{described}\"")), "{page}: {input}");
            }
            assert!(
                !input.contains("aria-invalid") || input.contains(&format!("{id}-error")),
                "{page}: {input}"
            );
        }
        let is_wrong = page.ends_with("wrong");
        assert_eq!(html.contains("role=\"alert\" tabindex=\"-1\" autofocus"), is_wrong, "{page}");
        assert!(html.matches(" autofocus").count() <= 1, "{page}: {html}");
        assert_eq!(html.contains("<title>Error: "), is_wrong, "{page}");
        // Each line of the list of errors leads to its field.
        for link in html.split("<li><a href=\"#").skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(html.contains(&format!("id=\"{link}\"")), "{page}: {link}");
        }
    }
}

#[tokio::test]
async fn a_page_with_all_its_files_is_less_than_thirty_kilobytes_before_it_is_compressed() {
    let database = TestDatabase::sqlite().await;
    let world = with_profiles(&database).await.with_ada().await;
    let pages = pages_of(&world);
    let mut files = 0;
    let page = Walker::new(&world).go("/sign-in").await.clone();
    for address in page
        .body
        .split('"')
        .filter_map(|part| part.strip_prefix("/account/"))
        .filter(|part| part.contains("?v="))
    {
        let file = ask(&pages, Req::get(&format!("/{address}"))).await.expect(200);
        assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"), "{address}");
        let stale =
            ask(&pages, Req::get(&format!("/{}?v=1", address.split('?').next().unwrap()))).await.expect(200);
        assert_eq!(stale.header("cache-control"), Some("no-cache"), "{address}");
        files += file.body.len();
    }
    assert!(files > 1000, "there are files: {}", page.body);
    for (page, answer) in all(&world).await {
        assert!(answer.body.len() + files < 30_000, "{page}: {} and {files}", answer.body.len());
    }
}

#[tokio::test]
async fn the_language_is_that_of_the_account_then_of_the_menu_then_of_the_browser() {
    let database = TestDatabase::sqlite().await;
    let world = with_profiles(&database).await.with_ada().await;
    let mut ada = Walker::new(&world).saying("accept-language", "de-AT, en;q=0.5");
    ada.go("/sign-in?redirect_to=%2Fapp").await;
    ada.sees(200, "<html lang=\"de\" dir=\"ltr\">");
    ada.submit("/language", &[("language", "en")]).await;
    ada.sees(200, "<html lang=\"en\" dir=\"ltr\">");
    assert_eq!(ada.path, "/sign-in?redirect_to=%2Fapp", "the menu comes back to the page");
    ada.go("/sign-in").await;
    ada.submit("/sign-in", CREDENTIALS).await;
    ada.sees(200, "Your account");
    ada.submit("", &[("locale", "de")]).await;
    ada.sees(200, "Ihr Konto");
    // By the menu the language of the account changes, too.
    ada.submit("/language", &[("language", "en")]).await;
    ada.sees(200, "Your account");
    ada.sees(200, "<option value=\"en\" selected>");
    let body = "language=tlh&redirect_to=%2F%2Fevil.example";
    ada.send(ada.post("/language", body)).await;
    assert_eq!(ada.answer.header("location"), Some("/account"));
}

#[tokio::test]
async fn what_is_not_there_or_not_so_is_a_page_as_well() {
    let database = TestDatabase::sqlite().await;
    let world = with_profiles(&database).await;
    let pages = pages_of(&world);
    let get = Req::get("/none");
    assert!(ask(&pages, get).await.expect(404).body.contains("There is nothing here"));
    let answer = ask(&pages, Req::new("DELETE", "/sign-in")).await.expect(405);
    assert_eq!(answer.header("allow"), Some("GET, HEAD, POST"));
    let answer = ask(&pages, Req::get("/sign-out")).await.expect(405);
    assert_eq!(answer.header("allow"), Some("POST"));
    ask(&pages, Req::get("/sign-in?a=1&a=2")).await.expect(400);
    let long = format!("email={}", "a".repeat(20_000));
    ask(&pages, Req::post("/sign-in").form(long)).await.expect(413);
    ask(&pages, Req::post("/sign-in").form("email=%FF")).await.expect(400);
    let head = ask(&pages, Req::new("HEAD", "/sign-in").header("sec-fetch-site", "none")).await.expect(200);
    assert!(head.body.is_empty() && head.header("content-length").unwrap().parse::<usize>().unwrap() > 1000);
    let refused = AccountPages::builder(&world.service()).mounted_at("account/").build().unwrap_err();
    assert_eq!(refused.setting(), "mounted_at");
    assert_eq!(AccountPages::builder(&world.service()).name(" ").build().unwrap_err().setting(), "name");
}

#[tokio::test]
async fn in_axum_they_are_mounted_where_the_host_says() {
    let database = TestDatabase::sqlite().await;
    let world = with_profiles(&database).await.with_ada().await;
    let pages = AccountPages::builder(&world.service()).mounted_at("/me").build().unwrap();
    assert_eq!(pages.home(), "/me");
    let router = axum::Router::new().nest_service("/me", pages);
    for (path, status) in [("/me/sign-in", 200), ("/me", 200), ("/me/", 200), ("/me/none", 404)] {
        let request =
            Req::get(path).header("sec-fetch-site", "cross-site").build().map(axum::body::Body::from);
        let Ok(response) = tower::ServiceExt::oneshot(router.clone(), request).await;
        assert_eq!(response.status(), status, "{path}");
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let html = String::from_utf8(body.to_vec()).unwrap();
        assert!(html.contains("\"/me/style.css?v=") && !html.contains("\"/account"), "{path}: {html}");
    }
}
