use std::time::Duration;

use auth_migration::test_util::TestDatabase;
use auth_tower::{AuthService, AuthServiceBuilder};

use crate::support::World;

#[tokio::test]
async fn a_setting_that_cannot_be_used_stops_the_start_and_is_named() {
    type Change = fn(AuthServiceBuilder) -> AuthServiceBuilder;
    let cases: &[(&str, Change)] = &[
        ("public_url", |service| service.public_url("")),
        ("public_url", |service| service.public_url("https://auth.example.com/")),
        ("public_url", |service| service.public_url("https://auth.example.com/auth")),
        ("public_url", |service| service.public_url("https://user@auth.example.com")),
        ("public_url", |service| service.public_url("ftp://auth.example.com")),
        ("trusted_origin", |service| service.trusted_origin("null")),
        ("trusted_origin", |service| service.trusted_origin("*")),
        ("trusted_origin", |service| service.trusted_origin("https://*.example.com")),
        ("trusted_origin", |service| service.trusted_origin("https://good.example").trusted_origin("bad")),
        ("insecure_cookie", |service| service.public_url("https://auth.example.com").insecure_cookie()),
        ("mounted_at", |service| service.mounted_at("auth")),
        ("mounted_at", |service| service.mounted_at("/auth/")),
        ("mounted_at", |service| service.mounted_at("//evil.example")),
        ("mounted_at", |service| service.mounted_at("/a\r\nb")),
        ("body_limit", |service| service.body_limit(0)),
        ("body_timeout", |service| service.body_timeout(Duration::ZERO)),
    ];
    let database = TestDatabase::sqlite().await;
    let auth = World::new(&database).await.auth;
    for (setting, change) in cases {
        let error = change(AuthService::builder(auth.clone())).build().expect_err(setting);
        assert_eq!(error.setting(), *setting);
        assert!(error.to_string().starts_with(&format!("{setting} ")), "{error}");
    }
    let builder = AuthService::builder(auth)
        .public_url("https://auth.example.com")
        .trusted_origin("https://app.example.com:443")
        .mounted_at("/api/v1/auth");
    builder.build().unwrap();
}
