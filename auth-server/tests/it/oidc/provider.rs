//! The certified server of the npm package `oidc-provider`, as a process of its own.

use std::{fs, path::Path, process::Stdio};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::OnceCell,
    time::timeout,
};

use crate::support::PATIENCE;

/// Where it is installed: once for a target directory.
const HOME: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/oidc_provider");
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oidc_provider");

/// Killed when dropped.
pub(crate) struct OidcProvider {
    process: Child,
    pub(crate) issuer: String,
}

pub(crate) const SECRET: &str = "a secret of the client";

impl OidcProvider {
    /// With the clients `rsa` and `ec`, whose callbacks are those of a service at this address.
    pub(crate) async fn start(service: &str, claims_in_id_token: bool) -> Self {
        install().await;
        let callbacks = ["rsa", "ec"].map(|client| format!("{service}/oauth/{client}/callback"));
        let mut process = Command::new("node")
            .arg("provider.mjs")
            .args(callbacks)
            .env("CLAIMS_IN_ID_TOKEN", if claims_in_id_token { "1" } else { "0" })
            .current_dir(HOME)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let issuer = loop {
            let line = timeout(PATIENCE, lines.next_line()).await.expect("the provider is silent").unwrap();
            let line = line.expect("the provider has ended");
            if line.starts_with("http://") {
                break line;
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self { process, issuer }
    }

    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }
}

async fn install() {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    INSTALLED
        .get_or_init(async || {
            let home = Path::new(HOME);
            let same = |name: &str| {
                fs::read(home.join(name))
                    .is_ok_and(|there| there == fs::read(format!("{SOURCE}/{name}")).unwrap())
            };
            let is_there = same("package-lock.json") && home.join("node_modules/.package-lock.json").exists();
            fs::create_dir_all(home).unwrap();
            fs::copy(format!("{SOURCE}/provider.mjs"), home.join("provider.mjs")).unwrap();
            if is_there {
                return;
            }
            for name in ["package.json", "package-lock.json"] {
                fs::copy(format!("{SOURCE}/{name}"), home.join(name)).unwrap();
            }
            let arguments = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"];
            let installed = Command::new("npm").args(arguments).current_dir(home).output().await.unwrap();
            assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        })
        .await;
}
