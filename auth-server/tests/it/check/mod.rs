//! `auth-server check`, on a good installation with one thing wrong at a time.

mod catalogue;
mod databases;
mod files;
mod mail_server;
mod output;

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

use auth_core::{Auth, CreateUser, Keys, SecretKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sea_orm::ConnectionTrait as _;
use serde_json::Value;
use tempfile::TempDir;

use self::mail_server::MailServer;
use crate::support::{Ended, KEY, PASSWORD, Program};

/// What hangs on the machine that the test runs on.
const OF_THE_MACHINE: [&str; 2] = ["memory_limit", "cpu_quota"];

/// A SQLite file with an administrator, its key, and the settings of a public service. Nothing is wrong with it.
struct Installation {
    home: TempDir,
    settings: Vec<(String, String)>,
    _mail: MailServer,
}

impl Installation {
    async fn good() -> Self {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("auth.db");
        let db = auth_core::connect(&format!("sqlite://{}?mode=rwc", file.display())).await.unwrap();
        auth_migration::up(&db).await.unwrap();
        let key = URL_SAFE_NO_PAD.encode((0..64).collect::<Vec<u8>>());
        let keys = Keys::new(SecretKey::new(key.as_str()).unwrap());
        let auth = Auth::builder(db.clone(), keys)
            .configure(|config| config.audit_retention = Some(Duration::from_hours(24)))
            .build()
            .unwrap();
        let admin = CreateUser::new("ada@example.com").role("admin").password(PASSWORD);
        auth.create_user(admin).await.unwrap();
        db.close().await.unwrap();
        fs::write(home.path().join("auth.key"), key).unwrap();
        for name in ["auth.db", "auth.key"] {
            mode(&home.path().join(name), 0o600);
        }
        let mail = MailServer::start().await;
        let settings = [
            ("HASH_SLOTS", "1".to_owned()),
            ("PUBLIC_URL", "https://auth.example.com".to_owned()),
            ("TRUSTED_PROXIES", "10.0.0.0/8".to_owned()),
            ("SMTP_URL", mail.url("")),
            ("MAIL_FROM", "auth@example.com".to_owned()),
        ];
        let settings = settings.map(|(name, value)| (name.to_owned(), value)).to_vec();
        Self { home, settings, _mail: mail }
    }

    fn path(&self) -> &Path {
        self.home.path()
    }

    /// With other settings; an empty value takes one away.
    fn with(mut self, settings: &[(&str, &str)]) -> Self {
        for (name, value) in settings {
            self.settings.retain(|(known, _)| known != name);
            if !value.is_empty() {
                self.settings.push(((*name).to_owned(), (*value).to_owned()));
            }
        }
        self
    }

    /// Does something to the database, and leaves no side file.
    async fn sql(&self, statements: &[&str]) {
        let url = format!("sqlite://{}", self.path().join("auth.db").display());
        let db = auth_core::ConnectOptions::new(url).max_connections(1).connect().await.unwrap();
        for statement in statements {
            db.execute_unprepared(statement).await.unwrap();
        }
        db.close().await.unwrap();
    }

    fn program(&self) -> Program {
        self.prepared(Program::in_directory(self.path()))
    }

    fn prepared(&self, program: Program) -> Program {
        self.settings.iter().fold(program, |program, (name, value)| program.env(name, value))
    }

    /// The codes, without those of the machine.
    async fn check(&self) -> Vec<String> {
        codes(&self.program().args(&["check", "--json"]).run().await)
    }
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn findings(ended: &Ended) -> Vec<Value> {
    assert_eq!(ended.stderr, "", "{ended:?}");
    for secret in [KEY, PASSWORD, "hush", "ada@example.com", "grace@example.com"] {
        assert!(!ended.stdout.contains(secret), "{secret} in {}", ended.stdout);
    }
    let mut found: Vec<Value> = serde_json::from_str(&ended.stdout).unwrap();
    let worst = found.iter().map(|finding| match finding["severity"].as_str().unwrap() {
        "note" => 0,
        "warning" => 1,
        "error" => 2,
        other => panic!("{other}"),
    });
    assert_eq!(ended.code, Some(worst.max().unwrap_or(0)), "{ended:?}");
    found.retain(|finding| !OF_THE_MACHINE.contains(&finding["code"].as_str().unwrap()));
    found
}

fn codes(ended: &Ended) -> Vec<String> {
    findings(ended).iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}
