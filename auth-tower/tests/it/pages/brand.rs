//! What a host makes of the pages.

use auth_migration::test_util::TestDatabase;
use auth_tower::{AccountPages, AccountPagesBuilder, Logo, PageTexts};

use super::walker::{Walker, ask};
use crate::support::{Answer, Req, World};

/// It would tell, if it ran.
const PICTURE: &str = "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 4 1'><script>alert(1)</script><style>rect { fill: red }</style></svg>";

fn dressed(world: &World, by: impl FnOnce(AccountPagesBuilder) -> AccountPagesBuilder) -> AccountPages {
    by(AccountPages::builder(&world.service())).build().unwrap()
}

/// The file that a page loads whose address has this in it.
async fn file(pages: &AccountPages, part: &str) -> Answer {
    let page = ask(pages, Req::get("/sign-in").header("sec-fetch-site", "none")).await.expect(200);
    let address = page.body.split('"').find(|address| address.contains(part) && address.contains("?v="));
    let below =
        address.unwrap_or_else(|| panic!("no {part}: {}", page.body)).strip_prefix("/account").unwrap();
    ask(pages, Req::get(below)).await.expect(200)
}

#[tokio::test]
async fn a_colour_and_a_style_of_the_host_come_after_ours_and_the_policy_stays() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await;
    let by = |builder: AccountPagesBuilder| {
        builder.accent("#6b21a8".parse().unwrap()).style("main { max-inline-size: 40rem }")
    };
    let (plain, pages) = (dressed(&world, |builder| builder), dressed(&world, by));
    let (ours, theirs) = (file(&plain, "style.css").await, file(&pages, "style.css").await);
    assert_eq!(theirs.header("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(theirs.header("cache-control"), Some("public, max-age=31536000, immutable"));
    let added = theirs.body.strip_prefix(&ours.body).unwrap();
    assert!(
        added.starts_with(
            ":root { --accent: #6b21a8; --accent-ink: #ffffff }\n@media (prefers-color-scheme: dark)"
        ),
        "{added}"
    );
    assert!(added.ends_with("main { max-inline-size: 40rem }"), "{added}");
    let page = ask(&pages, Req::get("/sign-in").header("sec-fetch-site", "none")).await.expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("style-src 'self';") && !page.body.contains("6b21a8"), "{policy}");
    let large = AccountPages::builder(&world.service()).style(&" ".repeat(AccountPagesBuilder::FILE_MAX + 1));
    assert_eq!(large.build().unwrap_err().to_string(), "style is larger than 65536 bytes");
}

#[tokio::test]
async fn a_picture_of_the_host_takes_the_place_of_ours_and_nothing_in_it_runs() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await;
    let pages = dressed(&world, |builder| builder.logo(Logo::new(PICTURE).unwrap()));
    let page = ask(&pages, Req::get("/sign-in").header("sec-fetch-site", "none")).await.expect(200);
    assert!(
        !page.body.contains("icon.svg") && page.body.matches("\"/account/logo?v=").count() == 2,
        "{}",
        page.body
    );
    let picture = file(&pages, "/logo").await;
    assert_eq!((picture.body.as_str(), picture.header("content-type")), (PICTURE, Some("image/svg+xml")));
    assert_eq!(picture.header("x-content-type-options"), Some("nosniff"));
    let policy = picture.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';") && policy.ends_with("; sandbox"), "{policy}");
    ask(&pages, Req::get("/icon.svg")).await.expect(404);
    let ours = file(&dressed(&world, |builder| builder), "/icon.svg").await;
    assert_eq!(ours.header("content-security-policy"), Some(policy));
}

#[tokio::test]
async fn texts_of_the_host_are_shown_as_texts_and_another_language_is_in_the_menu() {
    let database = TestDatabase::sqlite().await;
    let world = World::new(&database).await.with_ada().await;
    let texts = |language: &str, pairs: &[(&str, &str)]| {
        pairs
            .iter()
            .fold(PageTexts::of(language).unwrap(), |texts, (key, text)| texts.text(key, *text).unwrap())
    };
    let pages = AccountPages::builder(&world.service())
        .texts(texts("de", &[("sign_in_title", "Tee & <b>Kekse</b>"), ("sign_up", "erst so")]))
        .texts(texts("de", &[("sign_up", "Mitmachen")]))
        .texts(texts("he", &[("language_name", "עברית"), ("sign_in_title", "כניסה")]))
        .build()
        .unwrap();
    let mut visitor = Walker::through(pages).saying("accept-language", "de");
    visitor.go("/sign-in").await;
    visitor.sees(200, "<h1>Tee &#38; &#60;b&#62;Kekse&#60;/b&#62;</h1>");
    visitor.sees(200, ">Mitmachen</a>");
    visitor.sees(200, "E-Mail-Adresse");
    visitor.submit("/language", &[("language", "he")]).await;
    visitor.sees(200, "<html lang=\"he\" dir=\"rtl\">");
    visitor.sees(200, "<h1>כניסה</h1>");
    visitor.sees(200, "Create an account");
    let lacking = AccountPages::builder(&world.service()).texts(texts("it", &[("sign_in", "Accedi")]));
    let error = lacking.build().unwrap_err();
    assert_eq!(error.to_string(), "texts it: language_name is missing, by which the menu calls it");
}
