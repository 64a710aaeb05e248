//! The certified server of the npm package `oidc-provider`, as a process of its own.

use std::process::Stdio;

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::support::{PATIENCE, installed};

/// Killed when dropped.
pub(crate) struct OidcProvider {
    process: Child,
    pub(crate) issuer: String,
}

pub(crate) const SECRET: &str = "a secret of the client";

impl OidcProvider {
    /// With the clients `rsa` and `ec`, whose callbacks are those of a service at this address.
    pub(crate) async fn start(service: &str, claims_in_id_token: bool) -> Self {
        let home = installed("oidc_provider").await;
        let callbacks = ["rsa", "ec"].map(|client| format!("{service}/oauth/{client}/callback"));
        let mut process = Command::new("node")
            .arg("provider.mjs")
            .args(callbacks)
            .env("CLAIMS_IN_ID_TOKEN", if claims_in_id_token { "1" } else { "0" })
            .current_dir(home)
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
