use std::fs;

use tempfile::tempdir;

use crate::support::{KEY, Program, Server};

/// The line of a setting in the output of `config`.
async fn shown(program: Program, name: &str) -> String {
    let ended = program.args(&["config"]).run().await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let line = ended.stdout.lines().find(|line| line.starts_with(&format!("{name}=")));
    line.unwrap_or_else(|| panic!("no {name} in {}", ended.stdout)).to_owned()
}

#[tokio::test]
async fn flags_win_over_the_environment_and_that_over_dotenv() {
    let home = tempdir().unwrap();
    fs::write(home.path().join(".env"), "PORT=1\nISSUER='from file'\nHASH_QUEUE=\n").unwrap();
    let program = || Program::in_directory(home.path()).env("PORT", "");
    assert_eq!(shown(program(), "PORT").await, "PORT=1  # .env");
    assert_eq!(shown(program().env("PORT", "2"), "PORT").await, "PORT=2  # environment");
    assert_eq!(shown(program().env("PORT", "2").args(&["--port", "3"]), "PORT").await, "PORT=3  # flag");
    assert_eq!(shown(program(), "ISSUER").await, "ISSUER=from file  # .env");
    let default = shown(program().args(&["--hash-slots=3"]), "HASH_QUEUE").await;
    assert_eq!(default, "HASH_QUEUE=192  # default", "an empty value counts as none");
}

#[tokio::test]
async fn dotenv_is_read_from_the_working_directory_only() {
    let home = tempdir().unwrap();
    fs::write(home.path().join(".env"), "PORT=1\n").unwrap();
    let below = home.path().join("below");
    fs::create_dir(&below).unwrap();
    let program = Program::in_directory(&below).env("PORT", "");
    assert_eq!(shown(program, "PORT").await, "PORT=8000  # default");
}

#[tokio::test]
async fn config_shows_every_setting_and_no_secret() {
    let home = tempdir().unwrap();
    let previous = "xR7pLm2KvQ9tZc4WnY6uJh1GfDsAe3Bi-oU8wTkNqM5rXyVbC0";
    let ended = Program::in_directory(home.path())
        .env("SECRET_KEY", KEY)
        .env("SECRET_KEY_PREVIOUS", previous)
        .env("DATABASE_URL", "postgres://app:hush-hush@db.example/app?sslkey=hush-hush")
        .args(&["config"])
        .run()
        .await;
    assert_eq!(ended.code, Some(0));
    for secret in [KEY, previous, "hush-hush"] {
        assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret));
    }
    let names: Vec<_> = ended.stdout.lines().map(|line| line.split('=').next().unwrap()).collect();
    // That all are there is checked where the manual's table is.
    for name in ["SECRET_KEY", "SECRET_KEY_PREVIOUS", "DATABASE_URL", "LOG_FORMAT"] {
        assert_eq!(names.iter().filter(|shown| **shown == name).count(), 1, "{name}");
    }
    assert!(ended.stdout.contains("DATABASE_URL=postgres://app:(redacted)@db.example/app?(redacted)"));
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "nothing is made by looking");
}

#[tokio::test]
async fn secrets_may_be_files_and_the_nearer_source_wins() {
    let home = tempdir().unwrap();
    fs::write(home.path().join("key"), format!("{KEY}\n")).unwrap();
    fs::write(home.path().join("url"), "sqlite://other.db\r\n").unwrap();
    fs::write(home.path().join(".env"), "SECRET_KEY=too short, and not looked at\n".replace(' ', "-"))
        .unwrap();
    let program = || {
        let program = Program::in_directory(home.path());
        program.env("SECRET_KEY_FILE", "key").env("DATABASE_URL_FILE", "url")
    };
    let line = shown(program(), "SECRET_KEY").await;
    assert_eq!(line, "SECRET_KEY=(redacted)  # file, by SECRET_KEY_FILE from environment");
    let server = program().start().await;
    assert_eq!(server.client().register("ada@example.com").await.status, 201);
    assert!(home.path().join("other.db").exists());
    assert!(!home.path().join("auth.key").exists());
}

#[tokio::test]
async fn a_longer_idle_lifetime_raises_the_session_lifetime_unless_that_was_given() {
    let home = tempdir().unwrap();
    let program = || Program::in_directory(home.path()).env("REFRESH_TOKEN_EXPIRE_DAYS", "60");
    let ended = program().args(&["config"]).run().await;
    assert!(ended.stdout.contains("SESSION_EXPIRE_DAYS=60  # default, raised"), "{}", ended.stdout);
    assert!(ended.stderr.contains("SESSION_EXPIRE_DAYS is raised to 60"), "{}", ended.stderr);
    let line = shown(program().env("SESSION_EXPIRE_DAYS", "90"), "SESSION_EXPIRE_DAYS").await;
    assert_eq!(line, "SESSION_EXPIRE_DAYS=90  # environment");
}

#[tokio::test]
async fn a_misspelt_name_and_a_strange_combination_are_warned_of_and_other_names_ignored() {
    let home = tempdir().unwrap();
    fs::write(home.path().join(".env"), "SECERT_KEY=x\nPROJECT_NAME='An app'\nSMTP_HOST=x\n").unwrap();
    let program = || Program::in_directory(home.path()).env("SMTP_HOST", "nonsense");
    let ended = program().args(&["config"]).run().await;
    assert_eq!(ended.code, Some(0));
    assert!(ended.stderr.contains(".env, line 1: SECERT_KEY is no setting; is SECRET_KEY meant?"));
    assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);

    let cases = [
        (&[("HOST", "0.0.0.0")][..], "HOST is not this machine only"),
        (
            &[("HOST", "0.0.0.0"), ("PUBLIC_URL", "https://auth.example.com")],
            "HOST is not this machine only, and nothing says that TLS is spoken",
        ),
        (&[("PUBLIC_URL", "http://auth.example.com")], "PUBLIC_URL is http"),
        (&[("ACCESS_TOKEN_EXPIRE_MINUTES", "11520")], "ACCESS_TOKEN_EXPIRE_MINUTES is more than a day"),
        (&[("THROTTLE", "off")], "THROTTLE is off"),
    ];
    for (settings, warning) in cases {
        let program = settings.iter().fold(program(), |program, (name, value)| program.env(name, value));
        let ended = program.args(&["config"]).run().await;
        assert!(ended.stderr.contains(warning), "{settings:?}: {}", ended.stderr);
    }
    let behind_a_proxy = program().env("HOST", "::").env("PUBLIC_URL", "https://auth.example.com");
    let ended = behind_a_proxy.env("TRUSTED_PROXIES", "10.0.0.1").args(&["config"]).run().await;
    assert!(!ended.stderr.contains("HOST"), "{}", ended.stderr);
}

#[tokio::test]
async fn settings_reach_what_they_set() {
    let home = tempdir().unwrap();
    let server = Program::in_directory(home.path())
        .env("COOKIE_SECURE", "false")
        .env("ACCESS_TOKEN_EXPIRE_MINUTES", "5")
        .env("REFRESH_TOKEN_EXPIRE_DAYS", "2")
        .env("PASSWORD_MIN_LENGTH", "12")
        .env("ALGORITHM", "HS512")
        .env("ISSUER", "me")
        .env("AUDIENCE", "you")
        .env("TRUSTED_ORIGINS", "https://app.example.com, http://localhost:3000/")
        .start()
        .await;
    let client = server.client();
    let json = [("content-type", "application/json")];
    let short =
        client.send("POST", "/register", &json, r#"{"email":"a@example.com","password":"orchid-blu"}"#).await;
    assert_eq!(short.status, 422);
    assert_eq!(client.register("ada@example.com").await.status, 201);
    let login = client.login("ada@example.com").await;
    let cookies: Vec<_> =
        login.headers.get_all("set-cookie").iter().map(|set| set.to_str().unwrap()).collect();
    let cookie = cookies.iter().find(|set| set.starts_with("refresh_token=")).unwrap();
    assert!(cookies.iter().all(|set| !set.contains("Secure")), "{cookies:?}");
    assert!(cookie.contains("Max-Age=172800"), "{cookie}");
    assert_eq!(login.body["expires_in"], 300);
    let parts: Vec<_> =
        login.body["access_token"].as_str().unwrap().split('.').take(2).map(decoded).collect();
    assert_eq!(parts[0]["alg"], "HS512");
    assert_eq!((&parts[1]["iss"], &parts[1]["aud"]), (&"me".into(), &"you".into()));
    for (origin, allowed) in [("http://localhost:3000", true), ("https://evil.example", false)] {
        let answer = client.send("POST", "/logout", &[("origin", origin)], "").await;
        assert_eq!(answer.headers.contains_key("access-control-allow-origin"), allowed, "{origin}");
        assert_eq!(answer.status, if allowed { 204 } else { 403 });
    }
    drop(server);

    let closed: Server = Program::in_directory(home.path()).env("REGISTRATION", "closed").start().await;
    assert_eq!(closed.client().register("eve@example.com").await.status, 403);
}

fn decoded(part: &str) -> serde_json::Value {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn a_previous_key_still_verifies_and_makes_nothing() {
    let home = tempdir().unwrap();
    let old = "xR7pLm2KvQ9tZc4WnY6uJh1GfDsAe3Bi-oU8wTkNqM5rXyVbC0";
    let program = || Program::in_directory(home.path()).env("PUBLIC_URL", "http://localhost:8000");
    let server = program().env("SECRET_KEY", old).start().await;
    let session = server.client().sign_up("ada@example.com").await;
    server.kill().await;

    let server = program().env("SECRET_KEY", KEY).env("SECRET_KEY_PREVIOUS", old).start().await;
    assert_eq!(server.client().me(&session.access_token).await.status, 200);
    let renewed = server.client().refresh(&session.cookie).await.session();
    server.kill().await;

    let server = program().env("SECRET_KEY", KEY).start().await;
    assert_eq!(server.client().me(&session.access_token).await.status, 401);
    assert_eq!(server.client().me(&renewed.access_token).await.status, 200);
    assert_eq!(server.client().refresh(&renewed.cookie).await.status, 200);
}

#[tokio::test]
async fn names_of_the_service_and_breached_passwords_are_refused_at_registration() {
    let home = tempdir().unwrap();
    // SHA-1 of "hunter2 hunter2".
    fs::write(home.path().join("list"), "59F82E9E7C06A040FD3664C3E4BE5BB2653EB008:17\n").unwrap();
    let program = || {
        Program::in_directory(home.path())
            .env("PUBLIC_URL", "http://login.acme.localhost")
            .env("PASSWORD_CONTEXT_WORDS", "Rocket Shop, Blimp")
            .env("BREACHED_PASSWORDS", "list")
    };
    let line = shown(program(), "BREACHED_PASSWORDS").await;
    assert_eq!(line, "BREACHED_PASSWORDS=list  # environment");
    let line = shown(program(), "PASSWORD_CONTEXT_WORDS").await;
    assert_eq!(line, "PASSWORD_CONTEXT_WORDS=Rocket Shop,Blimp  # environment");
    let server = program().start().await;
    for (password, code) in [
        ("rocketshop2026", "context_word"),
        ("blimp-blimp", "context_word"),
        ("Acme12345", "context_word"),
        ("login.acme.localhost", "context_word"),
        ("hunter2 hunter2", "breached"),
    ] {
        let body = format!(r#"{{"email":"ada@example.com","password":"{password}"}}"#);
        let json = [("content-type", "application/json")];
        let answer = server.client().send("POST", "/register", &json, &body).await;
        assert_eq!(
            (answer.status.as_u16(), answer.body["errors"][0]["code"].as_str()),
            (422, Some(code)),
            "{password}"
        );
    }
    assert_eq!(server.client().register("ada@example.com").await.status, 201);
}

#[tokio::test]
async fn values_are_taken_as_other_tools_write_them() {
    let home = tempdir().unwrap();
    fs::write(home.path().join("key"), format!("\u{feff}{KEY}\r\n")).unwrap();
    fs::write(home.path().join("url"), "\u{feff}sqlite://marked.db\n").unwrap();
    let program = || Program::in_directory(home.path());
    let with_mark = || program().env("SECRET_KEY_FILE", "key").env("DATABASE_URL_FILE", "url");
    assert_eq!(
        shown(with_mark(), "DATABASE_URL").await,
        "DATABASE_URL=sqlite://marked.db?mode=rwc  # file, by DATABASE_URL_FILE from environment"
    );
    let without_mark = "-----BEGIN PRIVATE KEY-----\\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\\n-----END PRIVATE KEY-----\\n";
    let line =
        shown(program().env("ALGORITHM", "EdDSA").env("PRIVATE_KEY", without_mark), "PRIVATE_KEY").await;
    assert_eq!(line, "PRIVATE_KEY=(redacted)  # environment");
    let ended = program().env("PUBLIC_URL", "HTTPS://Auth.Example.com/").args(&["config"]).run().await;
    assert!(ended.stdout.contains("PUBLIC_URL=https://auth.example.com  # environment"), "{}", ended.stdout);
    for (written, taken) in [
        ("HTTPS://Auth.Example.com/Auth", "https://auth.example.com/Auth"),
        ("https://auth.example.com:8443/a/b_c~d.e/", "https://auth.example.com:8443/a/b_c~d.e"),
        ("http://[::1]:8000/auth", "http://[::1]:8000/auth"),
    ] {
        let ended = program().env("PUBLIC_URL", written).args(&["config"]).run().await;
        for name in ["PUBLIC_URL", "ISSUER", "AUDIENCE"] {
            assert!(ended.stdout.contains(&format!("{name}={taken}  # ")), "{}", ended.stdout);
        }
    }
    let origins = "capacitor://localhost,https://App.example.com";
    let server = program().env("TRUSTED_ORIGINS", origins).start().await;
    let status = async |origin| {
        let headers =
            [("origin", origin), ("content-type", "application/json"), ("sec-fetch-site", "cross-site")];
        server.client().send("POST", "/login", &headers, "{}").await.status.as_u16()
    };
    assert_eq!(status("capacitor://localhost").await, 400, "let through to what is wrong with it");
    assert_eq!(status("https://app.example.com").await, 400);
    for other in ["null", "capacitor://localhost2", "capacitor://localhost:1", "ionic://localhost"] {
        assert_eq!(status(other).await, 403, "{other}");
    }
}

#[tokio::test]
async fn a_start_says_what_a_check_finds_in_the_settings() {
    let home = tempdir().unwrap();
    let program = Program::in_directory(home.path())
        .env("COOKIE_SECURE", "false")
        .env("TRUSTED_ORIGINS", "http://app.example.com,http://127.0.0.1:5173")
        .env("METRICS_ADDR", "0.0.0.0:0");
    let server = program.start().await;
    for (level, told) in [
        ("WARN", "COOKIE_SECURE is false"),
        ("WARN", "TRUSTED_ORIGINS has http://app.example.com: whoever is on the way"),
        ("WARN", "TRUSTED_ORIGINS has http://127.0.0.1:5173, which is another site than http://localhost:0"),
        ("INFO", "METRICS_ADDR is open to more than this machine"),
    ] {
        let line: serde_json::Value = serde_json::from_str(&server.log().wait_for(told).await).unwrap();
        assert_eq!(line["level"], level, "{line}");
    }
}
