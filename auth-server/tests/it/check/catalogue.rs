//! Settings that are wrong, and what exactly is found.

use std::{
    fs,
    time::{Duration, SystemTime},
};

use auth_core::{Clock as _, SystemClock};
use rcgen::{CertificateParams, KeyPair};

use super::{Installation, codes, mail_server::MailServer, mode};
use crate::{
    support::{KEY, Program},
    tls::pem,
};

type Settings = &'static [(&'static str, &'static str)];

/// A secret for webhooks, of the right form.
const SIGNS: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const CATALOGUE: &[(Settings, &str)] = &[
    (&[("PORT", "x")], "setting"),
    (&[("SECRET_KEY", "hush")], "setting"),
    (&[("SMTP_URL", "mail.example.com")], "setting"),
    (&[("MAIL_FROM", "")], "setting"),
    (&[("VERIFY_EMAIL_URL", "javascript:x")], "setting"),
    (&[("COOKIE_SECURE", "false")], "setting"),
    (&[("DATABASE_URL", "postgres://u:hush@127.0.0.1/d?pool=x"), ("SECRET_KEY", KEY)], "setting"),
    (&[("OAUTH_X_SCOPE", "email")], "setting_unknown"),
    (&[("REFRESH_TOKEN_EXPIRE_DAYS", "60")], "session_raised"),
    (&[("SESSION_EXPIRE_DAYS", "100")], "session_long"),
    (&[("ACCESS_TOKEN_EXPIRE_MINUTES", "1441")], "access_token_long"),
    (&[("REFRESH_GRACE_SECONDS", "0")], "refresh_grace"),
    (&[("REFRESH_GRACE_SECONDS", "61")], "refresh_grace"),
    (&[("THROTTLE", "off")], "throttle_off"),
    (&[("AUDIT_RETENTION_DAYS", "0")], "audit_off"),
    (&[("PUBLIC_URL", ""), ("HOST", "0.0.0.0")], "public_url_missing"),
    (&[("PUBLIC_URL", "http://auth.example.com")], "public_url_http"),
    (&[("PUBLIC_URL", "https://auth.example.com/auth")], "public_url_path"),
    (
        &[("PROXY_PROTOCOL", "v2"), ("PUBLIC_URL", "http://localhost:8000"), ("TRUSTED_PROXIES", "")],
        "proxy_protocol_unused",
    ),
    (&[("HOST", "0.0.0.0"), ("PUBLIC_URL", "http://localhost:8000"), ("TRUSTED_PROXIES", "")], "plain_http"),
    (&[("HOST", "0.0.0.0"), ("TRUSTED_PROXIES", "")], "plain_http"),
    (&[("TLS_CERT_FILE", "missing.pem")], "setting"),
    (&[("UNIX_SOCKET", "auth.sock"), ("PUBLIC_URL", "")], "setting"),
    (&[("UNIX_SOCKET", "auth.sock")], "socket_clients"),
    (&[("PUBLIC_URL", "http://localhost:8000"), ("COOKIE_SECURE", "false")], "cookie_insecure"),
    (&[("TRUSTED_PROXIES", "")], "proxies_missing"),
    (&[("TRUSTED_PROXIES", "10.0.0.0/8,0.0.0.0/0")], "proxies_too_wide"),
    (&[("TRUSTED_PROXIES", "::/0")], "proxies_too_wide"),
    (&[("TRUSTED_PROXIES", "13.0.0.0/8")], "proxies_too_wide"),
    (&[("TRUSTED_ORIGINS", "https://app.example.com,http://app.example.com")], "trusted_origin_http"),
    (&[("TRUSTED_ORIGINS", "https://app.example.org")], "trusted_origin_other_site"),
    (&[("BROWSER_DOOR", "on"), ("BROWSER_COOKIE_DOMAIN", "example.com")], "browser_cookie_domain"),
    (
        &[("BROWSER_DOOR", "on"), ("PUBLIC_URL", "http://localhost:8000"), ("TRUSTED_PROXIES", "")],
        "browser_door_proxy",
    ),
    (&[("BROWSER_DOOR", "on"), ("ACCOUNT_PAGES", "off")], "setting"),
    (&[("BROWSER_DOOR", "on"), ("BROWSER_COOKIE_DOMAIN", "example.org")], "setting"),
    (&[("BROWSER_COOKIE_DOMAIN", "example.com")], "setting"),
    (&[("METRICS_ADDR", "0.0.0.0:9464")], "metrics_public"),
    (&[("PUBLIC_URL", "https://192.0.2.1")], "passkeys_off"),
    (&[("PASSKEY_RP_ID", "co.uk")], "passkeys_off"),
    (&[("PASSKEY_RP_ID", "example.org")], "setting"),
    (&[("PASSKEY_ORIGINS", "https://app.example.org")], "setting"),
    (&[("PASSKEY_COUNTER", "off")], "setting"),
    (&[("LOG_LEVEL", "off")], "log_off"),
    (&[("LOG_LEVEL", "debug")], "log_verbose"),
    (&[("LOG_LEVEL", "trace")], "log_verbose"),
    (&[("HASH_SLOTS", "1024")], "hash_slots_above_cores"),
    (&[("MAX_CONNECTIONS", "1000000")], "open_files"),
    (&[("SMTP_URL", ""), ("MAIL_FROM", "")], "mail_in_log"),
    (
        &[("PUBLIC_URL", ""), ("SMTP_URL", ""), ("MAIL_FROM", ""), ("EMAIL_VERIFICATION", "required")],
        "mail_in_log",
    ),
    (
        &[
            ("PUBLIC_URL", ""),
            ("TRUSTED_PROXIES", ""),
            ("SMTP_URL", ""),
            ("MAIL_FROM", ""),
            ("EMAIL_SIGN_IN", "on"),
        ],
        "email_sign_in_without_mail",
    ),
    (&[("EMAIL_VERIFICATION", "on")], "registration_tells"),
    (&[("MAIL_FROM", "Tea Shop <tea@localhost>")], "mail_from_domain"),
    (&[("VERIFY_EMAIL_URL", "http://app.example.com/verify")], "mail_link_http"),
    (&[("RESET_PASSWORD_URL", "http://app.example.com/reset")], "mail_link_http"),
    (&[("STOP_EMAIL_CHANGE_URL", "http://app.example.com/stop")], "mail_link_http"),
    (&[("EMAIL_SIGN_IN_URL", "http://app.example.com/sign-in")], "mail_link_http"),
    // A port of this machine at which nobody listens.
    (&[("SMTP_URL", "smtp://127.0.0.1:1")], "mail_server_unreachable"),
    (
        &[
            ("OAUTH_AWAY_ISSUER", "http://127.0.0.1:1"),
            ("OAUTH_AWAY_CLIENT_ID", "x"),
            ("OAUTH_AWAY_CLIENT_SECRET", "hush"),
        ],
        "provider_unreachable",
    ),
    (&[("WEBHOOK_URL", "http://crm.example.com/hook"), ("WEBHOOK_SECRET", SIGNS)], "webhook_plain_http"),
    (&[("WEBHOOK_URL", "https://crm.example.com/hook")], "setting"),
    (&[("WEBHOOK_URL", "https://crm.example.com/hook"), ("WEBHOOK_SECRET", "hush")], "setting"),
    (&[("LOGOUT_URLS", "https://app.example.com/logout"), ("AUDIT_RETENTION_DAYS", "0")], "setting"),
    (&[("HOOK_URL", "http://127.0.0.1:1"), ("HOOK_SECRET", SIGNS)], "hook_away"),
    (&[("HOOK_SECRET", SIGNS)], "setting"),
    (&[("DATABASE_URL", "sqlite://missing/auth.db")], "database_directory"),
    (&[("DATABASE_URL", "sqlite://other.db")], "first_start"),
    (&[("DATABASE_URL", "postgres://u:hush@127.0.0.1:1/d"), ("SECRET_KEY", KEY)], "database_unreachable"),
    (&[("DATABASE_URL", "mysql://u:hush@127.0.0.1:1/d"), ("SECRET_KEY", KEY)], "database_unreachable"),
    (&[("DATABASE_URL", "sqlite://auth.key"), ("SECRET_KEY", KEY)], "database_unreachable"),
    (&[("ALGORITHM", "EdDSA")], "key_ring_empty"),
    (&[("SECRET_KEY_PREVIOUS", KEY)], "other_keys"),
];

#[tokio::test]
async fn each_wrong_setting_has_exactly_its_code() {
    for (settings, code) in CATALOGUE {
        let installation = Installation::good().await.with(settings);
        let before = fs::read_dir(installation.path()).unwrap().count();
        assert_eq!(installation.check().await, [*code], "{settings:?}");
        assert_eq!(
            fs::read_dir(installation.path()).unwrap().count(),
            before,
            "{settings:?}: something was made"
        );
    }
}

#[tokio::test]
async fn what_is_well_set_has_none() {
    let sound: [Settings; 11] = [
        &[],
        &[("EMAIL_SIGN_IN", "signup")],
        &[("EMAIL_VERIFICATION", "required")],
        &[("EMAIL_VERIFICATION", "on"), ("REGISTRATION", "closed")],
        &[("TRUSTED_ORIGINS", "https://app.example.com,https://example.com")],
        &[
            ("PASSKEY_RP_ID", "example.com"),
            ("PASSKEY_ORIGINS", "https://www.example.com,android:apk-key-hash:AA"),
        ],
        &[("PASSKEYS", "off")],
        &[("TRUSTED_PROXIES", "10.0.0.0/8,fd00::/8,104.16.0.0/13,2606:4700::/32")],
        &[("METRICS_ADDR", "10.1.2.3:9464"), ("LOG_LEVEL", "warn")],
        &[("PUBLIC_URL", ""), ("TRUSTED_PROXIES", ""), ("SMTP_URL", ""), ("MAIL_FROM", "")],
        &[("VERIFY_EMAIL_URL", "https://app.example.com/verify"), ("REGISTRATION", "closed")],
    ];
    for settings in sound {
        assert_eq!(Installation::good().await.with(settings).check().await, [""; 0], "{settings:?}");
    }
}

/// An installation that speaks TLS itself, with a certificate until then and a key for its owner only.
async fn with_certificate(until: SystemTime) -> Installation {
    let mut params = CertificateParams::new(["auth.example.com".to_owned()]).unwrap();
    params.not_after = until.into();
    let key = KeyPair::generate().unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let installation = Installation::good().await.with(&[
        ("HOST", "0.0.0.0"),
        ("TRUSTED_PROXIES", ""),
        ("TLS_CERT_FILE", "cert.pem"),
        ("TLS_KEY_FILE", "key.pem"),
    ]);
    fs::write(installation.path().join("cert.pem"), pem("CERTIFICATE", certificate.der())).unwrap();
    fs::write(installation.path().join("key.pem"), pem("PRIVATE KEY", &key.serialize_der())).unwrap();
    mode(&installation.path().join("key.pem"), 0o600);
    installation
}

#[tokio::test]
async fn a_certificate_that_is_over_or_ends_soon_and_a_key_that_others_can_read_are_found() {
    const DAY: Duration = Duration::from_hours(24);
    let now = SystemClock.now();
    assert_eq!(with_certificate(now - DAY).await.check().await, ["certificate_over"]);
    assert_eq!(with_certificate(now + 10 * DAY).await.check().await, ["certificate_ends_soon"]);
    let installation = with_certificate(now + 90 * DAY).await;
    assert_eq!(installation.check().await, [""; 0]);
    mode(&installation.path().join("key.pem"), 0o644);
    assert_eq!(installation.check().await, ["secret_file_readable"]);
}

#[tokio::test]
async fn every_setting_that_cannot_be_used_is_told_and_the_rest_looked_at() {
    let settings =
        [("PORT", "x"), ("ISSUER", "a\nb"), ("HASH_SLOTS", "1024"), ("SMTP_URL", "smtp://127.0.0.1:1")];
    let installation = Installation::good().await.with(&settings);
    let mut found = installation.check().await;
    found.sort_unstable();
    assert_eq!(found, ["hash_slots_above_cores", "mail_server_unreachable", "setting", "setting"]);
    // A missing secret is found where the database is looked at, and told besides.
    let settings = [("DATABASE_URL", "postgres://u:hush@127.0.0.1:1/d"), ("TRUSTED_PROXIES", "x")];
    let found = Installation::good().await.with(&settings).check().await;
    assert_eq!(found, ["setting", "setting", "database_unreachable"]);
    // One half of a certificate makes the other no fault, and hides nothing else.
    let settings =
        [("TLS_CERT_FILE", "missing.pem"), ("TLS_KEY_FILE", "missing.pem"), ("HASH_SLOTS", "1024")];
    let found = Installation::good().await.with(&settings).check().await;
    assert_eq!(found, ["setting", "hash_slots_above_cores"]);
    // What hangs on a setting that cannot be used is not looked at.
    let installation =
        Installation::good().await.with(&[("SECRET_KEY", "hush"), ("SMTP_URL", "smtp://127.0.0.1:1")]);
    assert_eq!(installation.check().await, ["setting"]);
    let installation = Installation::good().await;
    fs::write(installation.path().join(".env"), "ISSUER=hush hush\n").unwrap();
    assert_eq!(installation.check().await, ["setting"]);
}

#[tokio::test]
async fn a_mail_server_that_refuses_the_login_is_told_from_one_that_is_away() {
    let mail = MailServer::start().await;
    let installation = Installation::good().await.with(&[("SMTP_URL", &mail.url("user:hush@"))]);
    assert_eq!(installation.check().await, ["mail_server_refuses"]);
    for (url, cause) in [
        (mail.url("user:hush@"), "code 535: user or password is wrong"),
        ("smtp://127.0.0.1:1".to_owned(), "nobody listens at this host and port"),
        ("smtp://hush.invalid".to_owned(), "the name of the host is not known here (DNS)"),
        // By its form it is of another machine, and leads to this one.
        (mail.url("").replace("127.0.0.1", "0.0.0.0"), "it offers no TLS (STARTTLS)"),
        (mail.url("").replace("smtp:", "smtps:"), "it does not begin with TLS: write smtp://"),
    ] {
        let installation = Installation::good().await.with(&[("SMTP_URL", &url)]);
        let ended = installation.program().args(&["check"]).run().await;
        assert!(ended.stdout.contains(cause) && !ended.stdout.contains("hush"), "{url}: {}", ended.stdout);
    }
}

#[tokio::test]
async fn secrets_in_the_list_of_processes_and_misspelt_names_are_found() {
    let installation = Installation::good().await;
    let ended = installation.program().args(&["check", "--json", "--secret-key", KEY]).run().await;
    assert_eq!(codes(&ended), ["secret_flag"]);
    let ended =
        installation.program().args(&["check", "--json", "--database-url", "sqlite://auth.db"]).run().await;
    assert_eq!(codes(&ended), [""; 0], "the path of a file is no secret");
    fs::write(installation.path().join(".env"), "SECERT_KEY=hush\n").unwrap();
    assert_eq!(installation.check().await, ["setting_misspelt"]);
}

#[tokio::test]
async fn too_few_open_files_are_found() {
    let installation = Installation::good().await;
    let program = Program::through(installation.path(), "prlimit", &["--nofile=1023"]);
    let ended = installation.prepared(program).args(&["check", "--json"]).run().await;
    assert_eq!(codes(&ended), ["open_files"]);
    let program = Program::through(installation.path(), "prlimit", &["--nofile=1024"]);
    let ended = installation.prepared(program).args(&["check", "--json"]).run().await;
    assert_eq!(codes(&ended), [""; 0], "the usual limit is enough for the usual number of connections");
}
